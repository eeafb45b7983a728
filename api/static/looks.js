// What an activation looks like, in every chart: as api/drawings.py draws it. The colours are page.css's --look-0 to 5.

import { catalog } from "./api.js";

const COLORS = 6;
const DASHES = ["solid", "dash", "dot", "dashdot"];
const SYMBOLS = ["circle", "square", "triangle-up", "diamond", "triangle-down", "cross"];

/** @typedef {{color: number, dash: string, symbol: string}} Look color is a number of page.css's --look- */

/** @returns {Look} */
export const look = (number) => ({
  color: number % COLORS,
  dash: DASHES[Math.floor(number / COLORS) % DASHES.length],
  symbol: SYMBOLS[number % COLORS],
});

/** By an activation's name: its place in the catalog decides. @returns {Promise<(name: string) => Look>} */
export async function looks() {
  const names = (await catalog()).map((activation) => activation.name);
  return (name) => look(Math.max(0, names.indexOf(name)));
}

/**
 * Each thing with its look: its activation's colour, and a dash more for each before it of the same activation.
 *
 * @template T
 * @param {T[]} things
 * @param {(thing: T) => string} activationOf
 * @param {(name: string) => Look} look
 * @returns {(T & {own: Look})[]}
 */
export function dressed(things, activationOf, look) {
  const seen = new Map();
  return things.map((thing) => {
    const name = activationOf(thing);
    const nth = seen.get(name) ?? 0;
    seen.set(name, nth + 1);
    return { ...thing, own: restyled(look(name), nth) };
  });
}

/** The same colour, with the nth dash after its own. */
const restyled = (own, n) => ({ ...own, dash: DASHES[(DASHES.indexOf(own.dash) + n) % DASHES.length] });
