// Server-sent events read with fetch, because an EventSource sends no Authorization header.

import { ApiError, request } from "./api.js";

const FIRST_PAUSE_MS = 500;
const LONGEST_PAUSE_MS = 15_000;

/**
 * Follows a stream to its end, and comes back by itself after the last event it has had.
 *
 * An event of kind `reset` says that the service no longer has that one: what was told is void, all comes again.
 *
 * @param {string} path
 * @param {object} how
 * @param {string} how.until the kind of the last event, after which the service closes the stream
 * @param {AbortSignal} how.signal
 * @param {(event: {kind: string, data: any}) => void} how.onEvent
 * @param {(state: "live"|"reconnecting"|"ended") => void} how.onState
 * @returns {Promise<void>} rejects with an ApiError where the service refuses, and never where it is merely away
 */
export async function follow(path, { until, signal, onEvent, onState }) {
  let last = null;
  let pause = FIRST_PAUSE_MS;
  while (!signal.aborted) {
    try {
      const response = await request(path, { signal, headers: last === null ? {} : { "Last-Event-ID": last } });
      if (response.status === 204) return onState("ended");
      onState("live");
      for await (const event of events(response.body)) {
        last = event.id ?? last;
        pause = FIRST_PAUSE_MS;
        onEvent(event);
        if (event.kind === until) return onState("ended");
      }
    } catch (error) {
      if (signal.aborted) return;
      if (error instanceof ApiError && error.status < 500) throw error;
    }
    if (signal.aborted) return;
    onState("reconnecting");
    await rest(pause * (0.75 + Math.random() / 2), signal);
    pause = Math.min(2 * pause, LONGEST_PAUSE_MS);
  }
}

/** The events of a body (HTML standard, 9.2.6), as they come. */
async function* events(body) {
  const reader = body.pipeThrough(new TextDecoderStream()).getReader();
  let waiting = "";
  for (;;) {
    const { value, done } = await reader.read();
    if (done) return;
    const blocks = (waiting + value).split(/\r?\n\r?\n/);
    waiting = blocks.pop();
    for (const block of blocks) {
      const event = parsed(block);
      if (event) yield event;
    }
  }
}

/** @returns {{kind: string, id: string|undefined, data: any}|null} null of a comment */
function parsed(block) {
  const fields = {};
  for (const line of block.split(/\r?\n/)) {
    const [, name, value] = /^([^:]*):? ?(.*)$/.exec(line);
    fields[name] = name === "data" && "data" in fields ? `${fields.data}\n${value}` : value;
  }
  return fields.data === undefined
    ? null
    : { kind: fields.event ?? "message", id: fields.id, data: JSON.parse(fields.data) };
}

/** Waits; shorter where the browser finds its network again. */
function rest(milliseconds, signal) {
  return new Promise((resolve) => {
    const timer = setTimeout(done, milliseconds);
    const over = [
      [signal, "abort"],
      [window, "online"],
    ];
    for (const [target, kind] of over) target.addEventListener(kind, done);
    function done() {
      clearTimeout(timer);
      for (const [target, kind] of over) target.removeEventListener(kind, done);
      resolve();
    }
  });
}
