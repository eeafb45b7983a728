// Templates by lit-html, with text escaped for display.

import { html as template, nothing, render } from "./vendor/lit-html/lit-html.js";
import { escapeInvisible } from "./format.js";

export { repeat } from "./vendor/lit-html/directives/repeat.js";
export { render };

/**
 * lit-html's `html`, except that null, undefined and false are omitted, and that strings which people read have
 * invisible characters escaped, whoever wrote them.
 */
export const html = (strings, ...values) => {
  const displayed = findDisplayed(strings);
  return template(strings, ...values.map((value, index) => prepare(value, displayed[index])));
};

function prepare(value, isDisplayed) {
  if (Array.isArray(value)) return value.map((item) => prepare(item, isDisplayed));
  if (value === null || value === undefined || value === false) return nothing;
  return isDisplayed && typeof value === "string" ? escapeInvisible(value) : value;
}

const DISPLAYED_ATTRIBUTE = /\b(?:title|aria-label|placeholder)="?[^"=]*$/;
const cache = new WeakMap();

/** Whether each value of a template is content or an attribute that people read. */
function findDisplayed(strings) {
  if (!cache.has(strings)) {
    const isDisplayed = (_, index) => {
      const before = strings.slice(0, index + 1).join("");
      const isInTag = before.lastIndexOf("<") > before.lastIndexOf(">");
      return !isInTag || DISPLAYED_ATTRIBUTE.test(before);
    };
    cache.set(strings, strings.map(isDisplayed));
  }
  return cache.get(strings);
}

/** Creates an element that keeps its own state, such as a form's input. @returns {HTMLElement} */
export function create(content) {
  const fragment = document.createDocumentFragment();
  render(content, fragment);
  return fragment.firstElementChild;
}

/** Announces a text to screen readers only. */
export function announce(text) {
  document.getElementById("said").textContent = text;
}
