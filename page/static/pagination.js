// Pages of a list, stored in the address, so that Back, Forward and Reload work.

import { html } from "./dom.js";
import { count } from "./format.js";

/**
 * @param {object} about
 * @param {URLSearchParams} about.query of the address, with `cursor` and `page`
 * @param {(how: {step: boolean, state: unknown}) => void} about.remember writes `toQuery()` into the address
 * @param {() => void} about.load loads the page at `cursor()`
 * @param {number} about.size rows per page
 */
export function createPagination({ query, remember, load, size }) {
  let cursor = query.get("cursor");
  let page = cursor === null ? 1 : Math.max(2, Math.floor(Number(query.get("page"))) || 2);
  let before = history.state?.before ?? []; // cursors of the previous pages; unknown after following a link
  if (before.length !== page - 1) before = [];

  function turnTo(to) {
    ({ cursor, page, before } = to);
    remember({ step: true, state: { before } });
    load();
  }
  const first = () => turnTo({ cursor: null, page: 1, before: [] });
  const back = () => turnTo({ cursor: before.at(-1), page: page - 1, before: before.slice(0, -1) });
  const button = (text, turn, isPossible = true) =>
    html`<button type="button" ?disabled=${!isPossible} @click=${turn}>${text}</button>`;

  return {
    cursor: () => cursor,
    toQuery: () => (cursor === null ? {} : { cursor, page }),
    first,
    restart() {
      [cursor, page, before] = [null, 1, []];
    },
    /**
     * The buttons below the list.
     *
     * @param {{next_cursor: string|null, total?: number}} answer `total` is the number of rows on all pages, if known
     */
    buttons({ next_cursor: next, total }) {
      const forth = () => turnTo({ cursor: next, page: page + 1, before: [...before, cursor] });
      const last = total === undefined ? null : Math.max(1, Math.ceil(total / size));
      const isLastKnown = last !== null && page <= last && (next !== null || page === last);
      const hasPages = page > 1 || next !== null;
      if (!hasPages && total === undefined) return null;
      return html`<div class="pages">
        ${total !== undefined && html`<span class="number total">${count(total)} in total</span>`}
        ${hasPages && page > 1 && before.length < 1 && button("First page", first)}
        ${hasPages && button("Previous", back, before.length > 0)}
        ${hasPages && html`<span class="number">${isLastKnown ? `Page ${page} of ${last}` : `Page ${page}`}</span>`}
        ${hasPages && button("Next", forth, next !== null)}
      </div>`;
    },
  };
}
