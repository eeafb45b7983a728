// Whether anybody is there to train and to answer.

import { get } from "./api.js";
import { fill, h, pause } from "./dom.js";

const EVERY_MS = 3000; // while nobody is there
const SELDOM_MS = 15_000;

/** Says at this place that no worker is connected, as long as that is so and the signal is not aborted. */
export async function tellOfWorkers(place, signal) {
  while (!signal.aborted) {
    if (!document.hidden) {
      const found = await get("v1/workers", signal).catch(() => null); // a service that is away says so elsewhere
      if (signal.aborted) return;
      if (found !== null) show(place, found.data.length === 0);
    }
    await pause(place.firstChild ? EVERY_MS : SELDOM_MS, signal);
  }
}

function show(place, nobody) {
  if (nobody === Boolean(place.firstChild)) return; // a screen reader hears it once
  fill(place, nobody && h("p", {}, h("strong", {}, "No worker is connected."), WAIT));
}

const WAIT = " Jobs will wait, and models will not answer, until one is.";
