// A notice while no worker is connected.

import { get } from "./api.js";
import { html, render } from "./dom.js";
import { pause } from "./timing.js";

const EVERY_MS = 3000; // while no worker is connected
const SELDOM_MS = 15_000;

/** Shows the notice at this place while no worker is connected, until the signal aborts. */
export async function watchWorkers(place, signal) {
  let isAlone = false;
  while (!signal.aborted) {
    if (!document.hidden) {
      const found = await get("v1/workers", signal).catch(() => null); // the view reports that the service is down
      if (signal.aborted) return;
      if (found !== null) isAlone = found.data.length === 0;
      render(isAlone ? NOTICE : null, place);
    }
    await pause(isAlone ? EVERY_MS : SELDOM_MS, signal);
  }
}

const NOTICE = html`<p><strong>No worker is connected.</strong> Jobs wait and models do not answer until one is.</p>`;
