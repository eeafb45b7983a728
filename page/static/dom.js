// Creating and updating elements.

import { escapeInvisible } from "./format.js";

/**
 * @param {string} name
 * @param {Record<string, unknown>} [properties] `onclick` and its like are listeners, `data` and `style` are objects;
 *   null, undefined and false are omitted, true is an empty attribute, anything else is the attribute's text
 * @param {...(Node|string|number|null|undefined|false|Array)} children
 * @returns {HTMLElement}
 */
export function h(name, properties = {}, ...children) {
  const made = document.createElement(name);
  for (const [key, value] of Object.entries(properties ?? {})) setProperty(made, key, value);
  made.append(...flattenChildren(children));
  return made;
}

function setProperty(element, key, value) {
  if (value === null || value === undefined || value === false) return;
  if (key.startsWith("on")) listen(element, key.slice(2), value);
  else if (key === "data") Object.assign(element.dataset, value);
  else if (key === "style") for (const [name, text] of Object.entries(value)) element.style.setProperty(name, text);
  else element.setAttribute(key, value === true ? "" : READ_OUT.has(key) ? escapeInvisible(value) : String(value));
}

/** Listeners by element and event type, so that `refill` can replace them. */
const listeners = new WeakMap();

function listen(element, type, listener) {
  if (!listeners.has(element)) listeners.set(element, {});
  const own = listeners.get(element);
  if (!(type in own)) element.addEventListener(type, dispatch);
  own[type] = listener;
}

function dispatch(event) {
  return listeners.get(event.currentTarget)[event.type]?.call(event.currentTarget, event);
}

const READ_OUT = new Set(["title", "aria-label", "placeholder"]);

/** Escapes characters that are invisible or change the writing direction, whoever wrote the text. */
const flattenChildren = (children) =>
  children
    .flat(Infinity)
    .filter((child) => child !== null && child !== undefined && child !== false)
    .map((child) => (typeof child === "string" ? escapeInvisible(child) : child));

/** Replaces all children. */
export function fill(element, ...children) {
  element.replaceChildren(...flattenChildren(children));
  return element;
}

/**
 * Like `fill`, but keeps existing elements and changes only what differs. Focus, selected text, an open `details`,
 * scroll positions and text being typed survive. Elements are matched by `data-key`, `id` or `data-place`, else by
 * name and order.
 *
 * Kept elements take over the listeners of the new ones, which must therefore use `event.currentTarget` and not a
 * variable that holds the new element.
 */
export function refill(element, ...children) {
  const selection = getSelection();
  const { anchorNode, anchorOffset, focusNode, focusOffset } = selection;
  const active = document.activeElement;
  arrangeChildren(element, flattenChildren(children));
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
const isSameElement = (a, b) => a.nodeName === b.nodeName && keyOf(a) === keyOf(b);

/** Updates a parent's children to match these nodes or texts. */
function arrangeChildren(parent, wanted) {
  const fresh = wanted.map((child) => (child instanceof Node ? child : document.createTextNode(String(child))));
  const left = [...parent.childNodes];
  const kept = fresh.map((node) => {
    const found = left.includes(node) ? node : left.find((old) => isSameElement(old, node));
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
  const own = old.nodeName === "DETAILS" ? ["open"] : []; // set by the visitor
  for (const { name } of [...old.attributes])
    if (!fresh.hasAttribute(name) && !own.includes(name)) old.removeAttribute(name);
  const before = old.getAttribute("value");
  for (const { name, value } of fresh.attributes)
    if (old.getAttribute(name) === value || own.includes(name)) continue;
    else if (name === "style")
      old.style.cssText = value; // the page's policy forbids the attribute
    else old.setAttribute(name, value);
  for (const type of Object.keys(listeners.get(old) ?? {})) listeners.get(old)[type] = undefined;
  for (const [type, listener] of Object.entries(listeners.get(fresh) ?? {})) listen(old, type, listener);
  if (old.nodeName === "SELECT") return patchSelect(old, fresh);
  arrangeChildren(old, [...fresh.childNodes]);
  if (old.nodeName !== "INPUT") return;
  old.checked = fresh.checked;
  if (before !== fresh.getAttribute("value") && old !== document.activeElement) old.value = fresh.value;
}

/** Updates the options and keeps the selected one if it still exists. */
function patchSelect(select, fresh) {
  const { value } = select;
  arrangeChildren(select, [...fresh.childNodes]);
  select.value = [...select.options].some((option) => option.value === value) ? value : fresh.value;
}

/** Announces a text to screen readers only. */
export function announce(text) {
  document.getElementById("said").textContent = text;
}

let count = 0;
export const createId = (stem) => `${stem}-${(count += 1)}`;
