// Samples of activations' line styles.

import { html } from "./dom.js";

/** A short sample of an activation's line. */
export function swatch({ color, dash = "solid", symbol }) {
  const look = color === null ? "" : `look-${color}`;
  return html`
    <svg class="swatch ${look}" width="26" height="12" viewBox="0 0 26 12" aria-hidden="true">
      <path d="M0 6H26" stroke-dasharray=${dash !== "solid" && dash.replaceAll("px", "")} />
      <path class="mark" d=${MARKS[symbol]} />
    </svg>`;
}

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

export const activationName = (own, ...content) => html`<span class="name">${swatch(own)}${content}</span>`;
