// Sorting of table rows by a chosen order.

/** @typedef {[title: string, by: ((row: object) => number|string|null)|null, sign?: number]} Order 1 is ascending */

/** Rows without a value come last. @param {Order} order */
export function sortRows(rows, [, by, sign]) {
  if (by === null) return rows;
  const compare = (a, b) => (typeof a === "string" ? a.localeCompare(b) : a - b);
  const known = rows.filter((row) => by(row) !== null);
  return [...known.sort((a, b) => sign * compare(by(a), by(b))), ...rows.filter((row) => by(row) === null)];
}
