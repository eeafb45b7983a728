// How an activation looks, in every chart: by the server's own table, which its drawings are made with.

import { once } from "./api.js";

const LINE_PX = 2.25;

/**
 * @typedef {object} Look
 * @property {number} color of looks.css's --look-
 * @property {string} dash as Plotly has it
 * @property {string} dotted the dash of a line that stands beside this one, of the same thing
 * @property {string} symbol Plotly's marker
 */

/**
 * By an activation's name, and the number of lines of the same activation before it.
 *
 * @returns {Promise<(name: string, variant?: number) => Look>}
 */
export async function looks() {
  const { activations, markers, dashes, dotted } = await once("static/looks.json");
  return (name, variant = 0) => {
    const number = Math.max(0, activations.indexOf(name));
    return {
      color: number,
      dash: inPixels(dashes[variant % dashes.length]),
      dotted: inPixels(dotted),
      symbol: markers[(number + variant) % markers.length],
    };
  };
}

/** A dash is given in widths of the line. */
const inPixels = (dash) => dash.map((length) => `${(length * LINE_PX).toFixed(1)}px`).join(",") || "solid";

/**
 * Each thing with its look: its activation's colour, and another dash and marker for each before it of the same.
 *
 * @template T
 * @param {T[]} things
 * @param {(thing: T) => string} activationOf
 * @param {(name: string, variant: number) => Look} look
 * @returns {(T & {own: Look})[]}
 */
export function dressed(things, activationOf, look) {
  const seen = new Map();
  return things.map((thing) => {
    const name = activationOf(thing);
    const nth = seen.get(name) ?? 0;
    seen.set(name, nth + 1);
    return { ...thing, own: look(name, nth) };
  });
}
