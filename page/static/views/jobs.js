// Jobs: a list of all jobs in pages.

import { go, setQuery } from "../address.js";
import { get, loadCatalog, MAX_COMPARED, post, queryString } from "../api.js";
import { badge, empty, heading, problem, progress, timestamp } from "../components.js";
import { labelField, select } from "../controls.js";
import { fill, h, refill } from "../dom.js";
import { formatValue, labelOf } from "../field_labels.js";
import { count, duration, number, percent, shortId } from "../format.js";
import { findDifferences, nameOf, noteOf } from "../labels.js";
import { loadLineStyles } from "../line_styles.js";
import { createPagination } from "../pagination.js";
import { swatch } from "../swatch.js";
import { abortPrevious } from "../timing.js";

const EVERY_MS = 2000;
const SIZE = 20;
const STATES = ["queued", "running", "succeeded", "failed", "cancelled"];
const SORTS = [
  ["-created_at", "Newest first"],
  ["created_at", "Oldest first"],
  ["best_val_loss", "Lowest validation loss"],
  ["-best_val_accuracy", "Highest validation accuracy"],
  ["epoch_seconds", "Fastest epochs"],
  ["-finished_at", "Last finished"],
];
/** Settings that have their own column. */
const SHOWN = ["seed", "optimizer.learning_rate", "train_samples", "epochs"];

/** Ids selected for comparison, kept while the page is open. */
const selected = new Set();

export async function view({ root, query, signal, title }) {
  title("Jobs");
  const [all, look] = await Promise.all([loadCatalog(), loadLineStyles()]);
  signal.throwIfAborted();
  const filter = Object.fromEntries(
    ["state", "activation", "sweep_id", "sort"].map((name) => [name, query.get(name) ?? ""]),
  );
  const pagination = createPagination({ query, load, remember: rememberPage, size: SIZE });
  const next = abortPrevious(signal);
  let shown = null; // the response on display
  let timer;
  signal.addEventListener("abort", () => clearTimeout(timer));

  const [list, wrong] = [h("div"), h("div")];
  const compareChosen = () => go(`#/compare?jobs=${[...selected].join(",")}`);
  const compare = h("button", { type: "button", disabled: true, onclick: compareChosen }, "Compare");
  const unselect = () => {
    selected.clear();
    for (const one of list.querySelectorAll("input")) one.checked = false;
    enforceLimit();
  };
  const none = h("button", { type: "button", class: "quiet", hidden: true, onclick: unselect }, "Clear selection");
  const choose = (name, label, options) => {
    const onchange = () => {
      filter[name] = control.value;
      pagination.restart();
      rememberPage();
      load();
    };
    const control = select({ name, onchange }, options, filter[name]);
    return labelField(label, control);
  };
  fill(
    root,
    heading("Jobs", none, compare, h("a", { class: "button primary", href: "#/train" }, "New job")),
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
      filter.sweep_id && sweepNote(filter.sweep_id),
      wrong,
      list,
      pagination.element,
    ),
  );

  function rememberPage(how) {
    setQuery({ ...filter, sort: filter.sort === SORTS[0][0] ? "" : filter.sort, ...pagination.toQuery() }, how);
  }

  async function load() {
    clearTimeout(timer);
    const mine = next();
    try {
      show(await get(`v1/jobs${queryString({ ...filter, limit: SIZE, cursor: pagination.cursor() })}`, mine));
      fill(wrong);
    } catch (error) {
      if (mine.aborted) return;
      if (error.code === "invalid_cursor") return startOver(); // the address was edited
      if (shown === null) fill(list);
      fill(wrong, problem(error, load));
    }
    const unfinished = shown?.data.some((job) => job.finished_at === null);
    scheduleRefresh(unfinished || wrong.firstChild ? EVERY_MS : 5 * EVERY_MS);
  }

  function startOver() {
    pagination.restart();
    rememberPage();
    load();
  }

  /** Not while the tab is hidden. */
  function scheduleRefresh(milliseconds) {
    timer = setTimeout(() => (document.hidden ? scheduleRefresh(EVERY_MS) : load()), milliseconds);
  }

  function show(page) {
    shown = page;
    const apart = findDifferences(
      page.data.map(({ spec }) => spec),
      SHOWN,
    );
    const more = apart.some((found) => found.length > 0);
    const rows = page.data.map((job, index) => row(job, more ? apart[index] : null));
    refill(list, rows.length ? table(rows, more) : emptyState());
    enforceLimit();
    pagination.show(page.next_cursor, page.total);
  }

  function emptyState() {
    if (pagination.cursor() !== null)
      return empty(
        h("p", {}, "No jobs are left on this page."),
        h("button", { type: "button", onclick: pagination.first }, "Show the first page"),
      );
    if (filter.state || filter.activation || filter.sweep_id) return empty(h("p", {}, "No job matches the filter."));
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

  function row(job, apart) {
    const { id, spec } = job;
    const name = nameOf(spec.metadata);
    const who = `${name ?? spec.activation} ${shortId(id)}`;
    const link = { href: `#/jobs/${id}`, data: { place: `open-${id}` } };
    const left = job.queue_position
      ? `number ${job.queue_position} in the queue`
      : !job.finished_at && job.eta_seconds > 0 && `${duration(job.eta_seconds)} left`;
    const cell = (label, text, kind = "figure") => h("td", { role: "cell", class: kind, data: { label } }, text);
    return h(
      "tr",
      { role: "row", data: { job: id, key: id } },
      h("td", { role: "cell", class: "select" }, box(id, who)),
      h(
        "th",
        { scope: "row", role: "rowheader", class: "who" },
        h(
          "span",
          { class: "name" },
          swatch(look(spec.activation)),
          h("a", link, name ?? spec.activation, h("span", { class: "hidden" }, ` ${shortId(id)}`)),
        ),
        h("small", { "aria-hidden": "true" }, name && `${spec.activation} · `, h("span", { class: "id" }, shortId(id))),
        noteOf(spec.metadata) && h("small", { class: "note", title: noteOf(spec.metadata) }, noteOf(spec.metadata)),
      ),
      h("td", { role: "cell", class: "state" }, badge(job.state), h("small", {}, timestamp(job.created_at))),
      h(
        "td",
        { role: "cell", class: "done" },
        progress(job.progress, `Epochs of ${who}`),
        left && h("small", {}, left),
      ),
      cell("Accuracy", percent(job.best?.val_accuracy)),
      cell("Best val. loss", number(job.best?.val_loss, 3)),
      cell("Test", percent(job.test?.accuracy)),
      cell("Seed", String(spec.seed)),
      cell("Learning rate", formatValue("optimizer.learning_rate", spec.optimizer.learning_rate)),
      cell("Images", spec.train_samples === null ? "all" : count(spec.train_samples)),
      apart && cell("Differs in", apart.join(", "), "apart"),
      h("td", { role: "cell", class: "act" }, action(job, who)),
    );
  }

  function box(id, who) {
    const onchange = ({ currentTarget }) => {
      if (currentTarget.checked) selected.add(id);
      else selected.delete(id);
      enforceLimit();
    };
    const about = { type: "checkbox", checked: selected.has(id), "aria-label": `Select ${who}`, onchange };
    return h("input", { ...about, data: { place: `select-${id}` } });
  }

  /** At most as many jobs can be selected as can be compared. */
  function enforceLimit() {
    const full = selected.size >= MAX_COMPARED;
    compare.disabled = selected.size === 0;
    none.hidden = selected.size === 0;
    compare.textContent = selected.size ? `Compare ${selected.size}${full ? ", the maximum" : ""}` : "Compare";
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

const FIGURES = ["Accuracy", "Best val. loss", "Test", labelOf("seed"), labelOf("optimizer.learning_rate"), "Images"];
const HIDDEN = (text) => h("span", { class: "hidden" }, text);
const COLUMNS = [
  [HIDDEN, "Select"],
  ...["Job", "State, created", "Progress"].map((text) => [String, text]),
  ...FIGURES.map((text) => [String, text, "figure"]),
  [String, "Differs in"],
  [HIDDEN, "Actions"],
];

/** The roles are explicit, because narrow screens show rows as cards with a grid layout, which drops them. */
function table(rows, more) {
  return h(
    "div",
    { class: "scroll", tabindex: "0", role: "region", "aria-label": "Table of jobs" },
    h(
      "table",
      { role: "table", class: "cards-when-narrow" },
      h(
        "thead",
        { role: "rowgroup" },
        h(
          "tr",
          { role: "row" },
          COLUMNS.filter(([, text]) => more || text !== "Differs in").map(([made, text, kind]) =>
            h("th", { scope: "col", role: "columnheader", class: kind }, made(text)),
          ),
        ),
      ),
      h("tbody", { role: "rowgroup" }, rows),
    ),
  );
}

const sweepNote = (id) =>
  h(
    "p",
    {},
    "Only jobs of the sweep ",
    h("a", { href: `#/sweeps/${id}` }, shortId(id)),
    ". ",
    h("a", { href: "#/jobs" }, "Show all"),
  );
