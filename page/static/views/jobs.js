// Jobs: a list of all jobs in pages.

import { go, setQuery } from "../address.js";
import { get, loadCatalog, MAX_COMPARED, post, queryString } from "../api.js";
import { badge, empty, heading, problem, progress, skeleton, timestamp } from "../components.js";
import { selectField } from "../controls.js";
import { html, render, repeat } from "../dom.js";
import { formatValue, labelOf } from "../field_labels.js";
import { count, duration, number, percent, shortId } from "../format.js";
import { findDifferences, nameOf, noteOf } from "../labels.js";
import { loadLineStyles } from "../line_styles.js";
import { createPagination } from "../pagination.js";
import { swatch } from "../swatch.js";
import { abortPrevious, createTimer } from "../timing.js";

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
  const pagination = createPagination({ query, load, remember, size: SIZE });
  const next = abortPrevious(signal);
  const timer = createTimer(signal, load);
  let page = null; // the response on display
  let failure = null;

  function update() {
    render(
      html`
        ${heading(
          "Jobs",
          selected.size > 0 && html`<button type="button" class="quiet" @click=${unselect}>Clear selection</button>`,
          compareButton(),
          html`<a class="button primary" href="#/train">New job</a>`,
        )}
        <section class="panel stack" aria-label="All jobs">
          <div class="fields">
            ${filterField("state", "State", STATES)}
            ${filterField(
              "activation",
              "Activation",
              all.map(({ name }) => name),
            )}
            ${selectField({ ...sorting, value: filter.sort || SORTS[0][0] })}
          </div>
          ${filter.sweep_id && sweepNote(filter.sweep_id)}
          ${failure && problem(failure, load)}
          ${page ? rows(page.data) : !failure && skeleton()}
          ${page && pagination.buttons(page)}
        </section>`,
      root,
    );
  }

  function filterField(id, label, names) {
    const choices = [["", "any"], ...names.map((name) => [name, name])];
    return selectField({ id, label, choices, value: filter[id], onchange: choose(id) });
  }

  const choose = (name) => (value) => {
    filter[name] = value;
    startOver();
  };

  const sorting = { id: "sort", label: "Order", choices: SORTS, onchange: choose("sort") };

  function startOver() {
    pagination.restart();
    remember();
    load();
  }

  function remember(how) {
    setQuery({ ...filter, sort: filter.sort === SORTS[0][0] ? "" : filter.sort, ...pagination.toQuery() }, how);
  }

  async function load() {
    timer.stop();
    const mine = next();
    try {
      page = await get(`v1/jobs${queryString({ ...filter, limit: SIZE, cursor: pagination.cursor() })}`, mine);
      failure = null;
    } catch (error) {
      if (mine.aborted) return;
      if (error.code === "invalid_cursor") return startOver(); // the address was edited
      failure = error;
    }
    update();
    const isUnfinished = page?.data.some((job) => job.finished_at === null);
    timer.start(isUnfinished || failure ? EVERY_MS : 5 * EVERY_MS);
  }

  function rows(jobs) {
    if (!jobs.length) return emptyState();
    const differences = findDifferences(
      jobs.map(({ spec }) => spec),
      SHOWN,
    );
    const differ = differences.some((found) => found.length > 0);
    const numbered = jobs.map((job, index) => ({ job, different: differ ? differences[index] : null }));
    return table(
      repeat(numbered, ({ job }) => job.id, row),
      differ,
    );
  }

  function emptyState() {
    if (pagination.cursor() !== null)
      return empty(html`
        <p>No jobs are left on this page.</p>
        <button type="button" @click=${pagination.first}>Show the first page</button>`);
    if (filter.state || filter.activation || filter.sweep_id) return empty(html`<p>No job matches the filter.</p>`);
    return empty(html`
      <p>No jobs yet.</p>
      <div class="actions">
        <a class="button primary" href="#/train">Train a network</a>
        <a class="button" href="#/train/sweep">Train the article’s sweep</a>
      </div>`);
  }

  function row({ job, different }) {
    const { id, spec } = job;
    const name = nameOf(spec.metadata);
    const note = noteOf(spec.metadata);
    const title = `${name ?? spec.activation} ${shortId(id)}`;
    const wait = job.queue_position
      ? `number ${job.queue_position} in the queue`
      : !job.finished_at && job.eta_seconds > 0 && `${duration(job.eta_seconds)} left`;
    const cell = (label, text, kind = "figure") => html`<td role="cell" class=${kind} data-label=${label}>${text}</td>`;
    return html`
      <tr role="row" data-job=${id}>
        <td role="cell" class="select">${box(id, title)}</td>
        <th scope="row" role="rowheader" class="who">
          <span class="name">
            ${swatch(look(spec.activation))}
            <a href="#/jobs/${id}">${name ?? spec.activation}<span class="hidden"> ${shortId(id)}</span></a>
          </span>
          <small aria-hidden="true">${name && `${spec.activation} · `}<span class="id">${shortId(id)}</span></small>
          ${note && html`<small class="note" title=${note}>${note}</small>`}
        </th>
        <td role="cell" class="state">${badge(job.state)}<small>${timestamp(job.created_at)}</small></td>
        <td role="cell" class="done">
          ${progress(job.progress, `Epochs of ${title}`)}${wait && html`<small>${wait}</small>`}
        </td>
        ${cell("Accuracy", percent(job.best?.val_accuracy))}
        ${cell("Best val. loss", number(job.best?.val_loss, 3))}
        ${cell("Test", percent(job.test?.accuracy))}
        ${cell("Seed", String(spec.seed))}
        ${cell("Learning rate", formatValue("optimizer.learning_rate", spec.optimizer.learning_rate))}
        ${cell("Images", spec.train_samples === null ? "all" : count(spec.train_samples))}
        ${different && cell("Differs in", different.join(", "), "apart")}
        <td role="cell" class="act">${action(job, title)}</td>
      </tr>`;
  }

  /** At most as many jobs can be selected as can be compared. */
  function box(id, title) {
    const isSelected = selected.has(id);
    const toggle = () => {
      if (!selected.delete(id)) selected.add(id);
      update();
    };
    return html`
      <input type="checkbox" aria-label="Select ${title}" .checked=${isSelected}
        ?disabled=${!isSelected && selected.size >= MAX_COMPARED} @change=${toggle} />`;
  }

  function compareButton() {
    const isFull = selected.size >= MAX_COMPARED;
    const compare = () => go(`#/compare?jobs=${[...selected].join(",")}`);
    return html`
      <button type="button" ?disabled=${!selected.size} @click=${compare}>
        ${selected.size ? `Compare ${selected.size}${isFull ? ", the maximum" : ""}` : "Compare"}
      </button>`;
  }

  function unselect() {
    selected.clear();
    update();
  }

  function action(job, title) {
    const [word, verb] = job.finished_at === null ? ["Cancel", "cancel"] : ["Retry", "retry"];
    const act = async () => {
      try {
        await post(`v1/jobs/${job.id}/${verb}`);
        await load();
      } catch (error) {
        failure = error;
        update();
      }
    };
    const isCancelling = job.cancel_requested_at !== null && job.finished_at === null;
    return html`
      <button type="button" class="small" aria-label="${word} ${title}" ?disabled=${isCancelling} @click=${act}>
        ${word}
      </button>`;
  }

  update();
  await load();
}

const FIGURES = ["Accuracy", "Best val. loss", "Test", labelOf("seed"), labelOf("optimizer.learning_rate"), "Images"];

/** The roles are explicit, because narrow screens show rows as cards with a grid layout, which drops them. */
function table(rows, differ) {
  const header = (text, kind) => html`<th scope="col" role="columnheader" class=${kind}>${text}</th>`;
  const hidden = (text) => header(html`<span class="hidden">${text}</span>`);
  return html`
    <div class="scroll" tabindex="0" role="region" aria-label="Table of jobs">
      <table role="table" class="cards-when-narrow">
        <thead role="rowgroup">
          <tr role="row">
            ${hidden("Select")}
            ${["Job", "State, created", "Progress"].map((text) => header(text))}
            ${FIGURES.map((text) => header(text, "figure"))}
            ${differ && header("Differs in")}
            ${hidden("Actions")}
          </tr>
        </thead>
        <tbody role="rowgroup">${rows}</tbody>
      </table>
    </div>`;
}

const sweepNote = (id) => html`
  <p>Only jobs of the sweep <a href="#/sweeps/${id}">${shortId(id)}</a>. <a href="#/jobs">Show all</a></p>`;
