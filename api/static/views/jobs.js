// Jobs: all of them, page by page, as they stand now.

import { go, setQuery } from "../address.js";
import { catalog, get, MOST_COMPARED, post, query as asQuery } from "../api.js";
import { labelled, select } from "../controls.js";
import { fill, h, refill, superseding } from "../dom.js";
import { duration, number, percent, short } from "../format.js";
import { looks } from "../looks.js";
import { pages } from "../pages.js";
import { badge, cells, empty, heading, named, problem, progress, table, time } from "../parts.js";

const EVERY_MS = 2000;
const STATES = ["queued", "running", "succeeded", "failed", "cancelled"];
const SORTS = [
  ["-created_at", "Newest first"],
  ["created_at", "Oldest first"],
  ["best_val_loss", "Lowest validation loss"],
  ["-best_val_accuracy", "Highest validation accuracy"],
  ["epoch_seconds", "Fastest epochs"],
  ["-finished_at", "Last finished"],
];
const COLUMNS = [
  { hidden: "Select" },
  ...["Activation", "State", "Progress", "Left"],
  ...["Best val. loss", "Accuracy", "Test"].map((figure) => ({ figure })),
  "Created",
  { hidden: "Actions" },
];

export async function view({ root, query, signal, title }) {
  title("Jobs");
  const [all, look] = await Promise.all([catalog(), looks()]);
  signal.throwIfAborted();
  const filter = Object.fromEntries(
    ["state", "activation", "sweep_id", "sort"].map((name) => [name, query.get(name) ?? ""]),
  );
  const selected = new Set();
  const turning = pages(load);
  const next = superseding(signal);
  let shown = null; // the answer that is on the page
  let timer;
  signal.addEventListener("abort", () => clearTimeout(timer));

  const [list, wrong] = [h("div"), h("div")];
  const compareChosen = () => go(`#/compare?jobs=${[...selected].join(",")}`);
  const compare = h("button", { type: "button", disabled: true, onclick: compareChosen }, "Compare");
  const choose = (name, label, options) => {
    const onchange = () => {
      filter[name] = control.value;
      restart();
    };
    const control = select({ name, onchange }, options, filter[name]);
    return labelled(label, control);
  };
  fill(
    root,
    heading("Jobs", compare, h("a", { class: "button primary", href: "#/train" }, "New job")),
    h(
      "section",
      { class: "panel stack", "aria-label": "All jobs" },
      h(
        "div",
        { class: "fields" },
        choose("state", "State", [["", "any"], ...STATES.map((name) => [name, name])]),
        choose("activation", "Activation", [["", "any"], ...all.map(({ name }) => [name, name])]),
        choose("sort", "Order", SORTS),
      ),
      filter.sweep_id && ofSweep(filter.sweep_id),
      wrong,
      list,
      turning.element,
    ),
  );

  function restart() {
    turning.restart();
    setQuery({ ...filter, sort: filter.sort === SORTS[0][0] ? "" : filter.sort });
    load();
  }

  async function load() {
    clearTimeout(timer);
    const mine = next();
    try {
      show(await get(`v1/jobs${asQuery({ ...filter, limit: 20, cursor: turning.cursor() })}`, mine));
      fill(wrong);
    } catch (error) {
      if (mine.aborted) return;
      if (shown === null) fill(list);
      fill(wrong, problem(error, load));
    }
    const unfinished = shown?.data.some((job) => job.finished_at === null);
    later(unfinished || wrong.firstChild ? EVERY_MS : 5 * EVERY_MS);
  }

  /** In a tab that nobody looks at, not before somebody does. */
  function later(milliseconds) {
    timer = setTimeout(() => (document.hidden ? later(EVERY_MS) : load()), milliseconds);
  }

  function show(page) {
    shown = page;
    refill(list, page.data.length ? table("Table of jobs", COLUMNS, page.data.map(row)) : none());
    limit();
    turning.show(page.next_cursor);
  }

  function none() {
    if (filter.state || filter.activation || filter.sweep_id) return empty(h("p", {}, "No job is like that."));
    return empty(
      h("p", {}, "No jobs yet."),
      h(
        "div",
        { class: "actions" },
        h("a", { class: "button primary", href: "#/train" }, "Train a network"),
        h("a", { class: "button", href: "#/train/sweep" }, "Train the article’s sweep"),
      ),
    );
  }

  function row(job) {
    const { id, spec } = job;
    const who = `${spec.activation} ${short(id)}`;
    const link = { href: `#/jobs/${id}`, data: { place: `open-${id}` } };
    const left = job.finished_at ? "" : duration(job.eta_seconds);
    return h(
      "tr",
      { data: { job: id, key: id } },
      cells.any(box(id, who)),
      cells.name(
        named(look(spec.activation), h("a", link, spec.activation, h("span", { class: "hidden" }, ` ${short(id)}`))),
      ),
      cells.any(badge(job.state)),
      cells.any(progress(job.progress, `Epochs of ${who}`)),
      cells.number(job.queue_position ? `number ${job.queue_position} in line` : left),
      cells.figure(number(job.best?.val_loss, 3)),
      cells.figure(percent(job.best?.val_accuracy)),
      cells.figure(percent(job.test?.accuracy)),
      cells.any(time(job.created_at)),
      cells.any(action(job, who)),
    );
  }

  function box(id, who) {
    const onchange = ({ currentTarget }) => {
      if (currentTarget.checked) selected.add(id);
      else selected.delete(id);
      limit();
    };
    const about = { type: "checkbox", checked: selected.has(id), "aria-label": `Select ${who}`, onchange };
    return h("input", { ...about, data: { place: `select-${id}` } });
  }

  /** As many as can be compared can be selected. */
  function limit() {
    const full = selected.size >= MOST_COMPARED;
    compare.disabled = selected.size === 0;
    compare.textContent = selected.size ? `Compare ${selected.size}${full ? ", the most" : ""}` : "Compare";
    for (const one of list.querySelectorAll("input")) one.disabled = full && !one.checked;
  }

  function action(job, who) {
    const [word, verb] = job.finished_at === null ? ["Cancel", "cancel"] : ["Retry", "retry"];
    const onclick = async () => {
      try {
        await post(`v1/jobs/${job.id}/${verb}`);
        await load();
      } catch (error) {
        fill(wrong, problem(error));
      }
    };
    const disabled = job.cancel_requested_at !== null && job.finished_at === null;
    const about = { type: "button", class: "small", disabled, "aria-label": `${word} ${who}`, onclick };
    return h("button", { ...about, data: { place: `act-${job.id}` } }, word);
  }

  fill(list, h("div", { class: "skeleton page-skeleton" }));
  await load();
}

const ofSweep = (id) =>
  h(
    "p",
    {},
    "Only jobs of the sweep ",
    h("a", { href: `#/sweeps/${id}` }, short(id)),
    ". ",
    h("a", { href: "#/jobs" }, "Show all"),
  );
