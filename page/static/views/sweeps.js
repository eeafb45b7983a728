// Sweeps: a list of all sweeps, newest first.

import { setQuery } from "../address.js";
import { get, queryString } from "../api.js";
import { badge, describeFailures, empty, heading, problem, progress, timestamp } from "../components.js";
import { fill, h, refill } from "../dom.js";
import { count, duration, shortId } from "../format.js";
import { describeSweep, nameOf, noteOf } from "../labels.js";
import { createPagination } from "../pagination.js";
import { cells, table } from "../table.js";
import { abortPrevious } from "../timing.js";

const EVERY_MS = 2500;
const SIZE = 20;
const COLUMNS = ["Sweep", "State", "Epochs", "Left", "Jobs", "Created"];

export async function view({ root, query, signal, title }) {
  title("Sweeps");
  const list = h("div", {}, h("div", { class: "skeleton page-skeleton" }));
  const wrong = h("div");
  const remember = (how) => setQuery(pagination.toQuery(), how);
  const pagination = createPagination({ query, load, remember, size: SIZE });
  const next = abortPrevious(signal);
  let timer;
  signal.addEventListener("abort", () => clearTimeout(timer));
  fill(
    root,
    heading("Sweeps", h("a", { class: "button primary", href: "#/train/sweep" }, "New sweep")),
    h("section", { class: "panel stack", "aria-label": "All sweeps" }, wrong, list, pagination.element),
  );

  async function load() {
    clearTimeout(timer);
    const mine = next();
    try {
      const page = await get(`v1/sweeps${queryString({ limit: SIZE, cursor: pagination.cursor() })}`, mine);
      fill(wrong);
      refill(list, page.data.length ? table("Table of sweeps", COLUMNS, page.data.map(row)) : emptyState());
      pagination.show(page.next_cursor, page.total);
      const unfinished = page.data.some((sweep) => sweep.finished_at === null);
      scheduleRefresh(unfinished ? EVERY_MS : 4 * EVERY_MS);
    } catch (error) {
      if (mine.aborted) return;
      fill(wrong, problem(error, load));
      scheduleRefresh(EVERY_MS);
    }
  }

  /** Not while the tab is hidden. */
  function scheduleRefresh(milliseconds) {
    timer = setTimeout(() => (document.hidden ? scheduleRefresh(EVERY_MS) : load()), milliseconds);
  }

  await load();
}

const emptyState = () =>
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
      h("a", { href: `#/sweeps/${id}`, data: { place: id } }, name ?? describeSweep(spec)),
      h("small", {}, name && ` ${describeSweep(spec)}`, h("span", { class: "id" }, ` ${shortId(id)}`)),
      note && h("small", { class: "note", title: note }, note),
    ),
    cells.any(badge(sweep.state)),
    cells.any(progress(sweep.progress, `Epochs of sweep ${shortId(id)}`)),
    cells.number(sweep.finished_at ? "" : duration(sweep.eta_seconds)),
    cells.number(
      `${count(jobs.succeeded + jobs.failed + jobs.cancelled)} of ${count(jobs.total)}`,
      describeFailures(jobs) && h("small", {}, describeFailures(jobs)),
    ),
    cells.any(timestamp(sweep.created_at)),
  );
}
