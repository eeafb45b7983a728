// The frame around the views: address, navigation, theme, and the key where the service wants one.

import { address } from "./address.js";
import { key, onUnauthorized, Unreachable } from "./api.js";
import { fill, h, say } from "./dom.js";
import { heading, problem } from "./parts.js";
import { loadAll, NotLoaded, route } from "./router.js";
import { installTheme } from "./theme.js";
import { tellOfWorkers } from "./workers.js";

const NEED_WORKERS = ["Train", "Jobs", "Sweeps", "Draw"];

const main = document.getElementById("main");
const keyPlace = document.getElementById("key");
const notice = document.getElementById("notice");
let lifetime = new AbortController();
let first = true;

/**
 * @typedef {object} Place what a view is given
 * @property {HTMLElement} root where it draws
 * @property {string|undefined} id out of the address
 * @property {string} path
 * @property {URLSearchParams} query
 * @property {AbortSignal} signal aborted when the visitor leaves
 * @property {(name: string) => void} title
 */

async function show() {
  lifetime.abort();
  lifetime = new AbortController();
  const { signal } = lifetime;
  const { path, query } = address();
  const found = route(path);
  mark(found?.section);
  if (NEED_WORKERS.includes(found?.section)) tellOfWorkers(notice, signal);
  else fill(notice);
  const root = h("div", { class: "view" }, h("div", { class: "skeleton page-skeleton", "aria-hidden": true }));
  fill(main, root);
  try {
    if (found === null) return notFound(root);
    const { view } = await found.load();
    if (signal.aborted) return;
    await view({ root, id: found.id, path, query, signal, title: (name) => signal.aborted || title(name) });
  } catch (error) {
    if (signal.aborted || error.name === "AbortError") return;
    wrong(root, error);
  } finally {
    if (!signal.aborted) arrive(root);
  }
}

function wrong(root, error) {
  title("Something is wrong");
  const again = error instanceof NotLoaded ? () => reload(root) : show;
  fill(root, heading("Something is wrong"), problem(error, again));
}

/** A browser does not ask again for a module that it did not get, nor for those that this one needs. */
async function reload(root) {
  try {
    await fetch("healthz", { cache: "no-store" }); // before what is left of the page goes too
  } catch (error) {
    return wrong(root, new NotLoaded(new Unreachable(error)));
  }
  location.reload();
}

function title(name) {
  document.title = `${name} · Activation Lab`;
}

/** Where a visitor went, a screen reader follows. */
function arrive(root) {
  if (!first) {
    scrollTo(0, 0);
    root.querySelector("h1")?.focus({ preventScroll: true });
    say(document.title);
  }
  first = false;
}

function mark(section) {
  for (const link of document.querySelectorAll("nav[aria-label=Views] a")) {
    if (link.textContent === section) {
      link.setAttribute("aria-current", "page");
      link.scrollIntoView({ block: "nearest", inline: "center" });
    } else link.removeAttribute("aria-current");
  }
}

function notFound(root) {
  title("Not found");
  fill(
    root,
    heading("There is no such view"),
    h(
      "p",
      { class: "empty" },
      "The address may be mistyped. ",
      h("a", { href: "#/explore" }, "Explore activations"),
      " instead.",
    ),
  );
}

let asking = null;

/** One field for whoever waits; resolves once a key was given. */
function askForKey(refused) {
  asking ??= new Promise((resolve) => {
    const field = h("input", {
      type: "password",
      id: "api-key",
      name: "key",
      autocomplete: "off",
      required: true,
      spellcheck: "false",
    });
    const form = h(
      "form",
      {
        class: "key-form",
        onsubmit: (event) => {
          event.preventDefault();
          key.set(field.value.trim());
          fill(keyPlace);
          asking = null;
          resolve();
        },
      },
      h("label", { for: "api-key" }, "API key"),
      field,
      h("button", { class: "primary" }, "Use the key"),
      h(
        "p",
        { role: "alert" },
        refused
          ? "The service does not know that key."
          : "This service answers only with an API key. It is kept until you close this tab.",
      ),
    );
    fill(keyPlace, form);
    field.focus();
  });
  return asking;
}

onUnauthorized(askForKey);
installTheme(document.getElementById("theme"));
addEventListener("hashchange", show);
document.querySelector(".skip").addEventListener("click", (event) => {
  event.preventDefault(); // the hash is the view's
  main.focus();
});
await show();
(globalThis.requestIdleCallback ?? setTimeout)(loadAll);
