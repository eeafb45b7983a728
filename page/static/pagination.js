// Pages of a list, stored in the address, so that Back, Forward and Reload work.

import { h, refill } from "./dom.js";
import { count } from "./format.js";

/**
 * @param {object} about
 * @param {URLSearchParams} about.query of the address, with `cursor` and `page`
 * @param {(how: {step: boolean, state: unknown}) => void} about.remember writes `toQuery()` into the address
 * @param {() => void} about.load loads the page at `cursor()`
 * @param {number} about.size rows per page
 */
export function createPagination({ query, remember, load, size }) {
  const element = h("div", { class: "pages" });
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
  const button = (text, to) =>
    h("button", { type: "button", disabled: to === null, onclick: to, data: { place: `page-${text}` } }, text);

  return {
    element,
    cursor: () => cursor,
    toQuery: () => (cursor === null ? {} : { cursor, page }),
    first,
    restart() {
      [cursor, page, before] = [null, 1, []];
    },
    /**
     * @param {string|null} next the answer's `next_cursor`
     * @param {number} [total] number of rows on all pages, if known
     */
    show(next, total) {
      const forth = () => turnTo({ cursor: next, page: page + 1, before: [...before, cursor] });
      const last = total === undefined ? null : Math.max(1, Math.ceil(total / size));
      const known = last !== null && page <= last && (next !== null || page === last);
      const way = page > 1 || next !== null;
      refill(
        element,
        total !== undefined && h("span", { class: "number total" }, `${count(total)} in total`),
        way && page > 1 && before.length < 1 && button("First page", first),
        way && button("Previous", before.length ? back : null),
        way && h("span", { class: "number" }, known ? `Page ${page} of ${last}` : `Page ${page}`),
        way && button("Next", next === null ? null : forth),
      );
    },
  };
}
