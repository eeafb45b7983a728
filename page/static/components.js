// Elements that several views share.

import { h } from "./dom.js";
import { describeError } from "./error_messages.js";
import { formatAge, formatTime } from "./format.js";
import { parseMath } from "./mathml.js";

export const heading = (text, ...beside) =>
  h("div", { class: "heading" }, h("h1", { tabindex: "-1" }, text), h("div", { class: "actions" }, beside));

export const lede = (...text) => h("p", { class: "lede" }, text);
export const empty = (...content) => h("div", { class: "empty" }, content);

/** An error message with a button to retry. */
export function problem(error, again) {
  const retry = again && error.status !== 404 && h("button", { type: "button", onclick: again }, "Try again");
  return h("div", { class: "problem", role: "alert" }, h("p", {}, describeError(error)), retry);
}

/** Whether a job has a checkpoint: one is written after the last epoch and every `checkpoint_every` epochs. */
export const hasCheckpoint = ({ progress: { epoch, epochs }, spec }) =>
  epoch === epochs || epoch >= spec.checkpoint_every;

export const badge = (state) => h("span", { class: "badge", data: { state } }, state);
export const timestamp = (at) => (at ? h("time", { datetime: at, title: formatTime(at) }, formatAge(at)) : "–");

export function progress({ epoch, epochs, fraction }, label, { wide = false } = {}) {
  return h(
    "span",
    { class: wide ? "progress wide" : "progress" },
    h("progress", { value: fraction, max: 1, "aria-label": label }),
    h("span", { class: "number" }, `${epoch} / ${epochs}`),
  );
}

/** Figures side by side: [name, value, note]. */
export function tiles(figures) {
  return h(
    "dl",
    { class: "tiles" },
    figures.map(([name, value, more]) =>
      h("div", {}, h("dt", {}, name), h("dd", {}, value, more && h("small", {}, more))),
    ),
  );
}

/** "2 failed, 1 cancelled" for counts of jobs; "" if all succeeded. */
export const describeFailures = (jobs) =>
  ["failed", "cancelled"]
    .filter((state) => jobs[state] > 0)
    .map((state) => `${jobs[state]} ${state}`)
    .join(", ");

/** The state of a live connection. */
export function connectionBadge() {
  const mark = h("span", { class: "live", data: { live: "reconnecting" }, role: "status" }, "connecting");
  const WORDS = { live: "live", reconnecting: "reconnecting", ended: "ended" };
  return {
    element: mark,
    set: (state) => {
      mark.dataset.live = state;
      mark.textContent = WORDS[state];
    },
  };
}

export const formula = (label, mathml) =>
  h("div", { class: "formula", role: "group", "aria-label": label, tabindex: "0" }, parseMath(mathml));
