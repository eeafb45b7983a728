// A notice while no worker is connected.

import { get } from "./api.js";
import { fill, h } from "./dom.js";
import { pause } from "./timing.js";

const EVERY_MS = 3000; // while no worker is connected
const SELDOM_MS = 15_000;

/** Shows the notice at this place while no worker is connected, until the signal aborts. */
export async function watchWorkers(place, signal) {
  while (!signal.aborted) {
    if (!document.hidden) {
      const found = await get("v1/workers", signal).catch(() => null); // the view reports that the service is down
      if (signal.aborted) return;
      if (found !== null) show(place, found.data.length === 0);
    }
    await pause(place.firstChild ? EVERY_MS : SELDOM_MS, signal);
  }
}

function show(place, nobody) {
  if (nobody === Boolean(place.firstChild)) return; // screen readers announce it once
  fill(place, nobody && h("p", {}, h("strong", {}, "No worker is connected."), WAIT));
}

const WAIT = " Jobs wait and models do not answer until one is.";
