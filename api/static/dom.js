// Elements, made from a name, properties and children.

import { visible } from "./format.js";

/**
 * @param {string} name
 * @param {Record<string, unknown>} [properties] `onclick` and its like are listeners, `data` and `style` are objects;
 *   null, undefined and false are left out, true is an empty attribute, anything else is the attribute's text
 * @param {...(Node|string|number|null|undefined|false|Array)} children
 * @returns {HTMLElement}
 */
export function h(name, properties = {}, ...children) {
  const made = document.createElement(name);
  for (const [key, value] of Object.entries(properties ?? {})) set(made, key, value);
  made.append(...flat(children));
  return made;
}

function set(element, key, value) {
  if (value === null || value === undefined || value === false) return;
  if (key.startsWith("on")) element.addEventListener(key.slice(2), value);
  else if (key === "data") Object.assign(element.dataset, value);
  else if (key === "style") for (const [name, text] of Object.entries(value)) element.style.setProperty(name, text);
  else element.setAttribute(key, value === true ? "" : READ_OUT.has(key) ? visible(value) : String(value));
}

const READ_OUT = new Set(["title", "aria-label", "placeholder"]);

/** Text, whoever it is from, neither turns the writing around nor hides what it holds. */
const flat = (children) =>
  children
    .flat(Infinity)
    .filter((child) => child !== null && child !== undefined && child !== false)
    .map((child) => (typeof child === "string" ? visible(child) : child));

/** Puts other children in, and only then: what did not change keeps its focus and its place. */
export function fill(element, ...children) {
  element.replaceChildren(...flat(children));
  return element;
}

/** As `fill`, and the focus stays with whatever has the same `data-place` as what had it. */
export function refill(element, ...children) {
  const active = document.activeElement;
  const place = element.contains(active) ? active.dataset.place : undefined;
  fill(element, ...children);
  if (place) element.querySelector(`[data-place="${CSS.escape(place)}"]`)?.focus();
  return element;
}

/** Says something to a screen reader, and to nobody else. */
export function say(text) {
  document.getElementById("said").textContent = text;
}

/** A function that runs once nothing has called it for a while; the lifetime's end drops what waits. */
export function debounced(milliseconds, signal, run) {
  let timer;
  signal.addEventListener("abort", () => clearTimeout(timer));
  return (...given) => {
    clearTimeout(timer);
    timer = setTimeout(() => signal.aborted || run(...given), milliseconds);
  };
}

/** Runs at once, then at most every so often; a call in between is made up for at the end. */
export function throttled(milliseconds, signal, run) {
  let timer = null;
  let again = false;
  signal.addEventListener("abort", () => clearTimeout(timer));
  const go = () => {
    if (signal.aborted) return;
    again = false;
    timer = setTimeout(() => {
      timer = null;
      if (again) go();
    }, milliseconds);
    run();
  };
  return () => {
    if (timer === null) go();
    else again = true;
  };
}

/** An abort signal a call: the call before is aborted, and all are when the lifetime ends. */
export function superseding(signal) {
  let current = new AbortController();
  signal.addEventListener("abort", () => current.abort());
  return () => {
    current.abort();
    current = new AbortController();
    if (signal.aborted) current.abort();
    return current.signal;
  };
}

let count = 0;
export const uid = (stem) => `${stem}-${(count += 1)}`;
