// Sorting of table rows by a chosen order.

import { labelField, select } from "./controls.js";
import { h } from "./dom.js";

/**
 * @typedef {[title: string, by: ((row: object) => number|string|null)|null, sign?: number]} Order 1 is ascending
 * @param {Order[]} orders the first is chosen
 * @param {() => void} onchange
 */
export function orderSelect(orders, onchange) {
  const choices = orders.map(([title], index) => [String(index), title]);
  const choice = select({ name: "order", onchange }, choices, "0");
  return { element: h("div", {}, labelField("Sorted by", choice)), chosen: () => orders[Number(choice.value)] };
}

/** Rows without a value come last. */
export function sortRows(rows, [, by, sign]) {
  if (by === null) return rows;
  const compare = (a, b) => (typeof a === "string" ? a.localeCompare(b) : a - b);
  const known = rows.filter((row) => by(row) !== null);
  return [...known.sort((a, b) => sign * compare(by(a), by(b))), ...rows.filter((row) => by(row) === null)];
}
