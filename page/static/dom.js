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
  if (key.startsWith("on")) listen(element, key.slice(2), value);
  else if (key === "data") Object.assign(element.dataset, value);
  else if (key === "style") for (const [name, text] of Object.entries(value)) element.style.setProperty(name, text);
  else element.setAttribute(key, value === true ? "" : READ_OUT.has(key) ? visible(value) : String(value));
}

/** By element, what it does at an event of a type: so that `refill` can give it something else to do. */
const listeners = new WeakMap();

function listen(element, type, listener) {
  if (!listeners.has(element)) listeners.set(element, {});
  const own = listeners.get(element);
  if (!(type in own)) element.addEventListener(type, heard);
  own[type] = listener;
}

function heard(event) {
  return listeners.get(event.currentTarget)[event.type]?.call(event.currentTarget, event);
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

/**
 * As `fill`, in place: an element that was there stays, and is changed only where it differs. So focus, selected text,
 * an open `details`, what is scrolled and what somebody is typing all survive. Elements are matched by `data-key`,
 * `id` or `data-place`, and without these by their name and order.
 *
 * Listeners are taken over from the new elements: one must look at `event.currentTarget`, not at the element that it
 * was made for.
 */
export function refill(element, ...children) {
  const selection = getSelection();
  const { anchorNode, anchorOffset, focusNode, focusOffset } = selection;
  const active = document.activeElement;
  arrange(element, flat(children));
  if (anchorNode?.isConnected && focusNode.isConnected && element.contains(anchorNode)) {
    const moved = selection.anchorOffset !== anchorOffset || selection.focusOffset !== focusOffset;
    const within = (node, offset) => Math.min(offset, node.data?.length ?? node.childNodes.length);
    if (moved) {
      const from = within(anchorNode, anchorOffset);
      selection.setBaseAndExtent(anchorNode, from, focusNode, within(focusNode, focusOffset));
    }
  }
  if (active !== document.activeElement && element.contains(active)) active.focus({ preventScroll: true });
  return element;
}

const keyOf = (node) => node.dataset?.key ?? (node.id || node.dataset?.place);
const alike = (a, b) => a.nodeName === b.nodeName && keyOf(a) === keyOf(b);

/** Makes the children of a parent be like these nodes or texts. */
function arrange(parent, wanted) {
  const fresh = wanted.map((child) => (child instanceof Node ? child : document.createTextNode(String(child))));
  const left = [...parent.childNodes];
  const kept = fresh.map((node) => {
    const found = left.includes(node) ? node : left.find((old) => alike(old, node));
    if (found) left.splice(left.indexOf(found), 1);
    return found;
  });
  for (const old of left) old.remove();
  let next = parent.firstChild;
  fresh.forEach((node, index) => {
    const old = kept[index];
    if (old && old !== node) patch(old, node);
    const placed = old ?? node;
    if (placed === next) next = next.nextSibling;
    else if (old && parent.moveBefore) parent.moveBefore(placed, next);
    else parent.insertBefore(placed, next);
  });
}

function patch(old, fresh) {
  if (old.nodeType !== Node.ELEMENT_NODE) {
    if (old.data !== fresh.data) old.data = fresh.data;
    return;
  }
  const own = old.nodeName === "DETAILS" ? ["open"] : []; // the visitor's
  for (const { name } of [...old.attributes])
    if (!fresh.hasAttribute(name) && !own.includes(name)) old.removeAttribute(name);
  const before = old.getAttribute("value");
  for (const { name, value } of fresh.attributes)
    if (old.getAttribute(name) === value || own.includes(name)) continue;
    else if (name === "style") old.style.cssText = value; // as an attribute the page's policy forbids it
    else old.setAttribute(name, value);
  for (const type of Object.keys(listeners.get(old) ?? {})) listeners.get(old)[type] = undefined;
  for (const [type, listener] of Object.entries(listeners.get(fresh) ?? {})) listen(old, type, listener);
  if (old.nodeName === "SELECT") return choose(old, fresh);
  arrange(old, [...fresh.childNodes]);
  if (old.nodeName !== "INPUT") return;
  old.checked = fresh.checked;
  if (before !== fresh.getAttribute("value") && old !== document.activeElement) old.value = fresh.value;
}

/** Other options; what the visitor chose stays chosen while it is there. */
function choose(select, fresh) {
  const { value } = select;
  arrange(select, [...fresh.childNodes]);
  select.value = [...select.options].some((option) => option.value === value) ? value : fresh.value;
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

/**
 * Runs at once, then at most every so often, and never while a run before it is not done: what that began is not
 * overtaken. A call in between is made up for at the end.
 */
export function throttled(milliseconds, signal, run) {
  let busy = false;
  let again = false;
  const go = async () => {
    if (signal.aborted) return;
    busy = true;
    again = false;
    try {
      await Promise.all([run(), new Promise((resolve) => setTimeout(resolve, milliseconds))]);
    } finally {
      busy = false;
    }
    if (again) go();
  };
  return () => {
    if (busy) again = true;
    else go();
  };
}

/** Waits; not where the tab is looked at again or the lifetime ends. */
export function pause(milliseconds, signal) {
  return new Promise((resolve) => {
    const timer = setTimeout(done, milliseconds);
    signal.addEventListener("abort", done);
    document.addEventListener("visibilitychange", done);
    function done() {
      clearTimeout(timer);
      signal.removeEventListener("abort", done);
      document.removeEventListener("visibilitychange", done);
      resolve();
    }
  });
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
