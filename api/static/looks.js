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

/** The same colour, with the nth dash after its own: a second line of one activation. */
export const restyled = (own, n) => ({ ...own, dash: DASHES[(DASHES.indexOf(own.dash) + n) % DASHES.length] });
