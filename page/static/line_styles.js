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
  const [{ activations, dashes }, style] = await Promise.all([loadTable(), loadNumberedStyles()]);
  return (name, variant = 0) => {
    const number = activations.indexOf(name);
    if (number >= 0) return style(number, variant);
    const own = hashName(name, activations.length * (dashes.length - 1));
    return style(own % activations.length, 1 + Math.floor(own / activations.length) + variant);
  };
}

/** As api/plots/styles.py chooses a colour and a dash for an activation that is not of the catalog. */
const hashName = (name, count) =>
  new TextEncoder().encode(name).reduce((found, byte) => (31 * found + byte) % count, 0);

/** Styles of lines that are of no activation, such as a layer's. @returns {Promise<(number: number) => Look>} */
export async function loadNumberedStyles() {
  const { activations, markers, dashes, dotted } = await loadTable();
  return (number, variant = 0) => ({
    color: number % activations.length,
    dash: toPixels(dashes[variant % dashes.length]),
    dotted: toPixels(dotted),
    symbol: markers[(number + variant) % markers.length],
  });
}

const loadTable = () => getOnce("static/looks.json");

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
