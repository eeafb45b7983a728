// Controlling when functions run: delays, limits and cancellation.

/** Delays calls until there was none for a while; pending calls are dropped when the signal aborts. */
export function debounce(milliseconds, signal, run) {
  let timer;
  signal.addEventListener("abort", () => clearTimeout(timer));
  return (...given) => {
    clearTimeout(timer);
    timer = setTimeout(() => signal.aborted || run(...given), milliseconds);
  };
}

/**
 * Runs at once, then at most once per interval, and never before the previous run is done. A call in between causes one
 * more run at the end.
 */
export function throttle(milliseconds, signal, run) {
  let busy = false;
  let again = false;
  const go = async () => {
    if (signal.aborted) return;
    busy = true;
    again = false;
    try {
      await Promise.all([run(), new Promise((resolve) => setTimeout(resolve, milliseconds))]);
    } finally {
      busy = false;
    }
    if (again) go();
  };
  return () => {
    if (busy) again = true;
    else go();
  };
}

/** Waits; ends early if the tab's visibility changes or the signal aborts. */
export function pause(milliseconds, signal) {
  return new Promise((resolve) => {
    const timer = setTimeout(done, milliseconds);
    signal.addEventListener("abort", done);
    document.addEventListener("visibilitychange", done);
    function done() {
      clearTimeout(timer);
      signal.removeEventListener("abort", done);
      document.removeEventListener("visibilitychange", done);
      resolve();
    }
  });
}

/** Returns a function that aborts the signal of its previous call and returns a new one. */
export function abortPrevious(signal) {
  let current = new AbortController();
  signal.addEventListener("abort", () => current.abort());
  return () => {
    current.abort();
    current = new AbortController();
    if (signal.aborted) current.abort();
    return current.signal;
  };
}

/** A timer for one run at a time; it waits while the tab is hidden and stops when the signal aborts. */
export function createTimer(signal, run) {
  let timer;
  const stop = () => clearTimeout(timer);
  const start = (milliseconds) => {
    stop();
    if (signal.aborted) return;
    timer = setTimeout(() => (document.hidden ? start(milliseconds) : run()), milliseconds);
  };
  signal.addEventListener("abort", stop);
  return { start, stop };
}
