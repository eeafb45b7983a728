// Rows in an order that somebody chooses.

import { labelled, select } from "./controls.js";
import { h } from "./dom.js";

/**
 * @typedef {[title: string, by: ((row: object) => number|string|null)|null, sign?: number]} Order ascending with 1
 * @param {Order[]} orders the first is chosen
 * @param {() => void} onchange
 */
export function order(orders, onchange) {
  const named = orders.map(([title], index) => [String(index), title]);
  const choice = select({ name: "order", onchange }, named, "0");
  return { element: h("div", {}, labelled("Sorted by", choice)), chosen: () => orders[Number(choice.value)] };
}

/** What has no figure comes last. */
export function sorted(rows, [, by, sign]) {
  if (by === null) return rows;
  const compare = (a, b) => (typeof a === "string" ? a.localeCompare(b) : a - b);
  const known = rows.filter((row) => by(row) !== null);
  return [...known.sort((a, b) => sign * compare(by(a), by(b))), ...rows.filter((row) => by(row) === null)];
}
