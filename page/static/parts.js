// What several views are made of.

import { key, request } from "./api.js";
import { h, uid } from "./dom.js";
import { ago, clock } from "./format.js";
import { math } from "./mathml.js";
import { told } from "./refusals.js";

export const heading = (text, ...beside) =>
  h("div", { class: "heading" }, h("h1", { tabindex: "-1" }, text), h("div", { class: "actions" }, beside));

export const lede = (...text) => h("p", { class: "lede" }, text);
export const empty = (...content) => h("div", { class: "empty" }, content);

/** What went wrong, and a way to try again. */
export function problem(error, again) {
  const retry = again && error.status !== 404 && h("button", { type: "button", onclick: again }, "Try again");
  return h("div", { class: "problem", role: "alert" }, h("p", {}, told(error)), retry);
}

/** Whether a job has something to answer with: its last epoch leaves a checkpoint, and so do some before. */
export const hasCheckpoint = ({ progress: { epoch, epochs }, spec }) =>
  epoch === epochs || epoch >= spec.checkpoint_every;

export const badge = (state) => h("span", { class: "badge", data: { state } }, state);
export const time = (at) => (at ? h("time", { datetime: at, title: clock(at) }, ago(at)) : "–");

export function progress({ epoch, epochs, fraction }, label, { wide = false } = {}) {
  return h(
    "span",
    { class: wide ? "progress wide" : "progress" },
    h("progress", { value: fraction, max: 1, "aria-label": label }),
    h("span", { class: "number" }, `${epoch} / ${epochs}`),
  );
}

/** Figures side by side: [name, value, explanation]. */
export function tiles(figures) {
  return h(
    "dl",
    { class: "tiles" },
    figures.map(([name, value, more]) =>
      h("div", {}, h("dt", {}, name), h("dd", {}, value, more && h("small", {}, more))),
    ),
  );
}

/** "2 failed, 1 cancelled" of counted jobs; "" where all went well. */
export const unlucky = (jobs) =>
  ["failed", "cancelled"]
    .filter((state) => jobs[state] > 0)
    .map((state) => `${jobs[state]} ${state}`)
    .join(", ");

/** A link to a file of the API; with a key it is fetched here, because a link sends none. */
export function fileLink(path, text, { name = "" } = {}) {
  return h(
    "a",
    {
      href: path,
      class: "file",
      download: name || true,
      onclick: async (event) => {
        if (key.get() === null) return;
        event.preventDefault();
        const response = await request(path);
        const url = URL.createObjectURL(await response.blob());
        const named = /filename="([^"]+)"/.exec(response.headers.get("Content-Disposition") ?? "");
        h("a", { href: url, download: named?.[1] ?? name }).click();
        setTimeout(() => URL.revokeObjectURL(url), 60_000);
      },
    },
    text,
  );
}

/** "Name: CSV Parquet PNG". */
export const files = (label, links) => h("p", { class: "files" }, h("span", {}, label), links);

const TABLES = { csv: "CSV", ndjson: "NDJSON", parquet: "Parquet" };

/** Links to a table of the API in each of its formats. */
export const tableFiles = (label, path) =>
  files(
    label,
    Object.entries(TABLES).map(([format, text]) => fileLink(`${path}?format=${format}`, text)),
  );

/** @param {(format: "png"|"svg") => string} path */
export const drawingFiles = (label, path) =>
  files(
    label,
    ["png", "svg"].map((format) => fileLink(path(format), format.toUpperCase())),
  );

/** Asks before something that cannot be undone. @returns {Promise<boolean>} */
export function confirmed({ title, text, action }) {
  return new Promise((resolve) => {
    const id = uid("dialog");
    const dialog = h(
      "dialog",
      {
        "aria-labelledby": id,
        onclose: () => {
          dialog.remove();
          resolve(dialog.returnValue === "yes");
        },
      },
      h("h2", { id }, title),
      h("p", {}, text),
      h(
        "div",
        { class: "actions" },
        h("button", { type: "button", onclick: () => dialog.close("no") }, "Keep"),
        h("button", { type: "button", class: "danger", onclick: () => dialog.close("yes") }, action),
      ),
    );
    document.body.append(dialog);
    dialog.showModal();
  });
}

/** The state of a live view's connection. */
export function liveMark() {
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
  h("div", { class: "formula", role: "group", "aria-label": label, tabindex: "0" }, math(mathml));

const SVG = "http://www.w3.org/2000/svg";
const SWATCH_PX = 26;

/** A short piece of an activation's line. */
export function swatch({ color, dash = "solid", symbol }) {
  const own = color === null ? "swatch" : `swatch look-${color}`;
  const drawing = drawn("svg", { class: own, width: SWATCH_PX, height: 12, viewBox: "0 0 26 12", "aria-hidden": true });
  const stroked = dash === "solid" ? {} : { "stroke-dasharray": dash.replaceAll("px", "") };
  drawing.append(drawn("path", { d: "M0 6H26", ...stroked }));
  if (MARKS[symbol]) drawing.append(drawn("path", { class: "mark", d: MARKS[symbol] }));
  return drawing;
}

function drawn(name, attributes) {
  const made = document.createElementNS(SVG, name);
  for (const [key, value] of Object.entries(attributes)) made.setAttribute(key, String(value));
  return made;
}

/** Plotly's markers around (13, 6). */
const MARKS = {
  circle: "M9.8 6a3.2 3.2 0 1 0 6.4 0a3.2 3.2 0 1 0 -6.4 0z",
  square: "M10.2 3.2h5.6v5.6h-5.6z",
  "triangle-up": "M13 2.2l3.6 6.4h-7.2z",
  "triangle-down": "M13 9.8l-3.6 -6.4h7.2z",
  diamond: "M13 2l4 4l-4 4l-4 -4z",
  cross: "M11.8 2.2h2.4v2.6h2.6v2.4h-2.6v2.6h-2.4v-2.6h-2.6v-2.4h2.6z",
  x: "M10.9 2.2l2.1 2.1l2.1 -2.1l1.7 1.7l-2.1 2.1l2.1 2.1l-1.7 1.7l-2.1 -2.1l-2.1 2.1l-1.7 -1.7l2.1 -2.1l-2.1 -2.1z",
};

export const named = (own, ...what) => h("span", { class: "name" }, swatch(own), what);

/**
 * A table that may be wider than its place.
 *
 * @param {string} label
 * @param {(string|{figure?: string, hidden?: string})[]} columns a text; of figures, at the right; or for readers only
 * @param {HTMLElement[]} rows
 */
export function table(label, columns, rows) {
  const head = ({ figure, hidden }) =>
    h("th", { scope: "col", class: figure && "figure" }, figure ?? h("span", { class: "hidden" }, hidden));
  return h(
    "div",
    { class: "scroll", tabindex: "0", role: "region", "aria-label": label },
    h(
      "table",
      {},
      h(
        "thead",
        {},
        h(
          "tr",
          {},
          columns.map((column) => (typeof column === "string" ? h("th", { scope: "col" }, column) : head(column))),
        ),
      ),
      h("tbody", {}, rows),
    ),
  );
}

/** Cells of a row: its name, any content, a number as text, a figure to compare with those above and below. */
export const cells = {
  name: (...content) => h("th", { scope: "row" }, content),
  any: (...content) => h("td", {}, content),
  number: (...content) => h("td", { class: "number" }, content),
  figure: (...content) => h("td", { class: "figure" }, content),
};
