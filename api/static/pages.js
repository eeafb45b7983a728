// A list page by page: the API's cursors lead forward, and this remembers the way back.

import { fill, h } from "./dom.js";

/** @param {() => void} load asks for the page at `cursor()` */
export function pages(load) {
  const element = h("div", { class: "pages" });
  let before = [];
  let cursor = null;
  const button = (text, to) => h("button", { type: "button", disabled: to === null, onclick: to }, text);

  function back() {
    cursor = before.pop();
    load();
  }

  return {
    element,
    cursor: () => cursor,
    restart() {
      before = [];
      cursor = null;
    },
    /** @param {string|null} next the answer's `next_cursor` */
    show(next) {
      const forth = () => {
        before.push(cursor);
        cursor = next;
        load();
      };
      fill(
        element,
        (before.length > 0 || next !== null) && [
          button("Previous", before.length ? back : null),
          h("span", { class: "number" }, `Page ${before.length + 1}`),
          button("Next", next === null ? null : forth),
        ],
      );
    },
  };
}
