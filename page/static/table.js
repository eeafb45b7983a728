// Tables and their cells.

import { html } from "./dom.js";

/**
 * A table that scrolls sideways if it is wider than its container.
 *
 * @param {string} label
 * @param {(string|{figure?: string, hidden?: string})[]} columns a text; right-aligned; or for screen readers only
 * @param {unknown} rows templates
 */
export const table = (label, columns, rows) => html`
  <div class="scroll" tabindex="0" role="region" aria-label=${label}>
    <table>
      <thead><tr>${columns.map(columnHeader)}</tr></thead>
      <tbody>${rows}</tbody>
    </table>
  </div>`;

function columnHeader(column) {
  if (typeof column === "string") return html`<th scope="col">${column}</th>`;
  const { figure, hidden } = column;
  if (hidden) return html`<th scope="col"><span class="hidden">${hidden}</span></th>`;
  return html`<th scope="col" class="figure">${figure}</th>`;
}

/** Cells of a row: the row's header, any content, text with aligned digits, a right-aligned figure. */
export const cells = {
  name: (...content) => html`<th scope="row">${content}</th>`,
  any: (...content) => html`<td>${content}</td>`,
  number: (...content) => html`<td class="number">${content}</td>`,
  figure: (...content) => html`<td class="figure">${content}</td>`,
};
