// Tables and their cells.

import { h } from "./dom.js";

/**
 * A table that scrolls sideways if it is wider than its container.
 *
 * @param {string} label
 * @param {(string|{figure?: string, hidden?: string})[]} columns a text; right-aligned; or for screen readers only
 * @param {HTMLElement[]} rows
 */
export function table(label, columns, rows) {
  const head = ({ figure, hidden }) =>
    h("th", { scope: "col", class: figure && "figure" }, figure ?? h("span", { class: "hidden" }, hidden));
  return h(
    "div",
    { class: "scroll", tabindex: "0", role: "region", "aria-label": label },
    h(
      "table",
      {},
      h(
        "thead",
        {},
        h(
          "tr",
          {},
          columns.map((column) => (typeof column === "string" ? h("th", { scope: "col" }, column) : head(column))),
        ),
      ),
      h("tbody", {}, rows),
    ),
  );
}

/** Cells of a row: the row's header, any content, text with aligned digits, a right-aligned figure. */
export const cells = {
  name: (...content) => h("th", { scope: "row" }, content),
  any: (...content) => h("td", {}, content),
  number: (...content) => h("td", { class: "number" }, content),
  figure: (...content) => h("td", { class: "figure" }, content),
};
