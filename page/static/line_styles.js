// Line styles of activations, from the server's table, which its own drawings use too.

import { getOnce } from "./api.js";

const LINE_PX = 2.25;

/**
 * @typedef {object} Look
 * @property {number} color number of looks.css's --look-
 * @property {string} dash in Plotly's notation
 * @property {string} dotted the dash of a second line for the same item
 * @property {string} symbol Plotly's marker
 */

/**
 * Styles by activation and by the number of earlier lines of the same activation.
 *
 * @returns {Promise<(name: string, variant?: number) => Look>}
 */
export async function loadLineStyles() {
  const { activations, markers, dashes, dotted } = await getOnce("static/looks.json");
  return (name, variant = 0) => {
    const number = Math.max(0, activations.indexOf(name));
    return {
      color: number,
      dash: toPixels(dashes[variant % dashes.length]),
      dotted: toPixels(dotted),
      symbol: markers[(number + variant) % markers.length],
    };
  };
}

/** The server gives dashes in multiples of the line width. */
const toPixels = (dash) => dash.map((length) => `${(length * LINE_PX).toFixed(1)}px`).join(",") || "solid";

/**
 * Adds a style to each item: the activation's colour, and another dash and marker for each repeated activation.
 *
 * @template T
 * @param {T[]} things
 * @param {(thing: T) => string} activationOf
 * @param {(name: string, variant: number) => Look} look
 * @returns {(T & {own: Look})[]}
 */
export function assignStyles(things, activationOf, look) {
  const seen = new Map();
  return things.map((thing) => {
    const name = activationOf(thing);
    const nth = seen.get(name) ?? 0;
    seen.set(name, nth + 1);
    return { ...thing, own: look(name, nth) };
  });
}
