// The frame around the views: routing, navigation, theme and the API key.

import { readAddress } from "./address.js";
import { key, setKeyPrompt, Unreachable } from "./api.js";
import { heading, problem, skeleton } from "./components.js";
import { announce, create, html, render } from "./dom.js";
import { findRoute, loadAllViews, ViewNotLoaded } from "./router.js";
import { installTheme } from "./theme.js";
import { watchWorkers } from "./worker_notice.js";

const NEED_WORKERS = ["Train", "Jobs", "Sweeps", "Draw"];

const main = document.getElementById("main");
const keyPlace = document.getElementById("key");
const notice = document.getElementById("notice");
let lifetime = new AbortController();
let first = true;

/**
 * @typedef {object} Place what a view receives
 * @property {HTMLElement} root the element to render into
 * @property {string|undefined} id the id in the address
 * @property {string} path
 * @property {URLSearchParams} query
 * @property {AbortSignal} signal aborted when the visitor leaves
 * @property {(name: string) => void} title
 */

async function show() {
  lifetime.abort();
  lifetime = new AbortController();
  const { signal } = lifetime;
  const { path, query } = readAddress();
  const found = findRoute(path);
  markSection(found?.section);
  if (NEED_WORKERS.includes(found?.section)) watchWorkers(notice, signal);
  else render(null, notice);
  const root = create(html`<div class="view"></div>`);
  render(skeleton(), root);
  main.replaceChildren(root);
  try {
    if (found === null) return showNotFound(root);
    const { view } = await found.load();
    if (signal.aborted) return;
    await view({ root, id: found.id, path, query, signal, title: (name) => signal.aborted || setTitle(name) });
  } catch (error) {
    if (signal.aborted || error.name === "AbortError") return;
    showError(root, error);
  } finally {
    if (!signal.aborted) focusView(root);
  }
}

function showError(root, error) {
  setTitle("Something went wrong");
  const again = error instanceof ViewNotLoaded ? () => reload(root) : show;
  render(html`${heading("Something went wrong")}${problem(error, again)}`, root);
}

/** Reloads the page: a browser does not fetch a module again that failed to load, nor its imports. */
async function reload(root) {
  try {
    await fetch("healthz", { cache: "no-store" }); // do not lose the page while the service is down
  } catch (error) {
    return showError(root, new ViewNotLoaded(new Unreachable(error)));
  }
  location.reload();
}

function setTitle(name) {
  document.title = `${name} · Activation Lab`;
}

/** Moves the focus to the new view's heading, for screen readers. */
function focusView(root) {
  if (!first) {
    scrollTo(0, 0);
    root.querySelector("h1")?.focus({ preventScroll: true });
    announce(document.title);
  }
  first = false;
}

function markSection(section) {
  for (const link of document.querySelectorAll("nav[aria-label=Views] a")) {
    if (link.textContent === section) {
      link.setAttribute("aria-current", "page");
      scrollNavigation(link);
    } else link.removeAttribute("aria-current");
  }
}

/** Unlike `scrollIntoView`, this leaves the start of the Tab order where it is: at the link to skip to the content. */
function scrollNavigation(link) {
  const nav = link.parentElement;
  nav.scrollLeft = link.offsetLeft - nav.offsetLeft - (nav.clientWidth - link.offsetWidth) / 2;
}

function showNotFound(root) {
  setTitle("Not found");
  render(
    html`
      ${heading("No such view")}
      <p class="empty">Check the address, or go to <a href="#/explore">Explore</a>.</p>`,
    root,
  );
}

let prompt = null;
const KEY_PROBLEMS = {
  missing: "This service requires an API key. It is kept until you close this tab.",
  unknown: "The service does not know this key.",
  ended: "The service no longer accepts this key: it was revoked or has expired. Enter another to go on.",
};

/** Shows one form for all pending requests; resolves when a key was entered. */
function askForKey(reason) {
  prompt ??= new Promise((resolve) => {
    const use = (event) => {
      event.preventDefault();
      key.set(keyPlace.querySelector("input").value.trim());
      render(null, keyPlace);
      prompt = null;
      resolve();
    };
    render(
      html`
        <form class="key-form" @submit=${use}>
          <label for="api-key">API key</label>
          <input type="password" id="api-key" name="key" autocomplete="off" required spellcheck="false" />
          <button class="primary">Use the key</button>
          <p role="alert">${KEY_PROBLEMS[reason]}</p>
        </form>`,
      keyPlace,
    );
    keyPlace.querySelector("input").focus();
  });
  return prompt;
}

setKeyPrompt(askForKey);
installTheme(document.getElementById("theme"));
addEventListener("hashchange", show);
document.querySelector(".skip").addEventListener("click", (event) => {
  event.preventDefault(); // the hash holds the view's address
  main.focus();
});
await show();
(globalThis.requestIdleCallback ?? setTimeout)(loadAllViews);
