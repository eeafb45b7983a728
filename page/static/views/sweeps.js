// Sweeps: all of them, newest first.

import { setQuery } from "../address.js";
import { get, query as asQuery } from "../api.js";
import { fill, h, refill, superseding } from "../dom.js";
import { count, duration, short } from "../format.js";
import { described, nameOf, noteOf } from "../names.js";
import { pages } from "../pages.js";
import { badge, cells, empty, heading, problem, progress, table, time, unlucky } from "../parts.js";

const EVERY_MS = 2500;
const SIZE = 20;
const COLUMNS = ["Sweep", "State", "Epochs", "Left", "Jobs", "Created"];

export async function view({ root, query, signal, title }) {
  title("Sweeps");
  const list = h("div", {}, h("div", { class: "skeleton page-skeleton" }));
  const wrong = h("div");
  const remember = (how) => setQuery(turning.inAddress(), how);
  const turning = pages({ query, load, remember, size: SIZE });
  const next = superseding(signal);
  let timer;
  signal.addEventListener("abort", () => clearTimeout(timer));
  fill(
    root,
    heading("Sweeps", h("a", { class: "button primary", href: "#/train/sweep" }, "New sweep")),
    h("section", { class: "panel stack", "aria-label": "All sweeps" }, wrong, list, turning.element),
  );

  async function load() {
    clearTimeout(timer);
    const mine = next();
    try {
      const page = await get(`v1/sweeps${asQuery({ limit: SIZE, cursor: turning.cursor() })}`, mine);
      fill(wrong);
      refill(list, page.data.length ? table("Table of sweeps", COLUMNS, page.data.map(row)) : none());
      turning.show(page.next_cursor, page.total);
      const unfinished = page.data.some((sweep) => sweep.finished_at === null);
      later(unfinished ? EVERY_MS : 4 * EVERY_MS);
    } catch (error) {
      if (mine.aborted) return;
      fill(wrong, problem(error, load));
      later(EVERY_MS);
    }
  }

  /** In a tab that nobody looks at, not before somebody does. */
  function later(milliseconds) {
    timer = setTimeout(() => (document.hidden ? later(EVERY_MS) : load()), milliseconds);
  }

  await load();
}

const none = () =>
  empty(
    h("p", {}, "No sweeps yet. A sweep trains the same network once for each activation, and compares them."),
    h("a", { class: "button primary", href: "#/train/sweep" }, "Train the article’s sweep"),
  );

function row(sweep) {
  const { id, spec, jobs } = sweep;
  const { metadata } = spec.base;
  const [name, note] = [nameOf(metadata), noteOf(metadata)];
  return h(
    "tr",
    { data: { key: id } },
    cells.name(
      h("a", { href: `#/sweeps/${id}`, data: { place: id } }, name ?? described(spec)),
      h("small", {}, name && ` ${described(spec)}`, h("span", { class: "id" }, ` ${short(id)}`)),
      note && h("small", { class: "note", title: note }, note),
    ),
    cells.any(badge(sweep.state)),
    cells.any(progress(sweep.progress, `Epochs of sweep ${short(id)}`)),
    cells.number(sweep.finished_at ? "" : duration(sweep.eta_seconds)),
    cells.number(
      `${count(jobs.succeeded + jobs.failed + jobs.cancelled)} of ${count(jobs.total)}`,
      unlucky(jobs) && h("small", {}, unlucky(jobs)),
    ),
    cells.any(time(sweep.created_at)),
  );
}
