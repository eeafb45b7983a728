// Samples of activations' line styles.

import { h } from "./dom.js";

export const activationName = (own, ...what) => h("span", { class: "name" }, swatch(own), what);

/** A short sample of an activation's line. */
export function swatch({ color, dash = "solid", symbol }) {
  const own = color === null ? "swatch" : `swatch look-${color}`;
  const drawing = createSvg("svg", {
    class: own,
    width: SWATCH_PX,
    height: 12,
    viewBox: "0 0 26 12",
    "aria-hidden": true,
  });
  const stroked = dash === "solid" ? {} : { "stroke-dasharray": dash.replaceAll("px", "") };
  drawing.append(createSvg("path", { d: "M0 6H26", ...stroked }));
  if (MARKS[symbol]) drawing.append(createSvg("path", { class: "mark", d: MARKS[symbol] }));
  return drawing;
}

const SVG = "http://www.w3.org/2000/svg";

const SWATCH_PX = 26;

/** Plotly's markers, centred on (13, 6). */
const MARKS = {
  circle: "M9.8 6a3.2 3.2 0 1 0 6.4 0a3.2 3.2 0 1 0 -6.4 0z",
  square: "M10.2 3.2h5.6v5.6h-5.6z",
  "triangle-up": "M13 2.2l3.6 6.4h-7.2z",
  "triangle-down": "M13 9.8l-3.6 -6.4h7.2z",
  diamond: "M13 2l4 4l-4 4l-4 -4z",
  cross: "M11.8 2.2h2.4v2.6h2.6v2.4h-2.6v2.6h-2.4v-2.6h-2.6v-2.4h2.6z",
  x: "M10.9 2.2l2.1 2.1l2.1 -2.1l1.7 1.7l-2.1 2.1l2.1 2.1l-1.7 1.7l-2.1 -2.1l-2.1 2.1l-1.7 -1.7l2.1 -2.1l-2.1 -2.1z",
};

function createSvg(name, attributes) {
  const made = document.createElementNS(SVG, name);
  for (const [key, value] of Object.entries(attributes)) made.setAttribute(key, String(value));
  return made;
}
