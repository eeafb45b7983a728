// Jobs: all of them, page by page, as they stand now.

import { catalog, get, post, query as asQuery } from "../api.js";
import { fill, h } from "../dom.js";
import { duration, number, percent, short } from "../format.js";
import { looks } from "../looks.js";
import { badge, empty, heading, labelled, problem, progress, select, time } from "../parts.js";
import { go, setQuery } from "../router.js";

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
const MOST_COMPARED = 24;

export async function view({ root, query, signal, title }) {
  title("Jobs");
  const [all, look] = await Promise.all([catalog(), looks()]);
  const filter = Object.fromEntries(
    ["state", "activation", "sweep_id", "sort"].map((name) => [name, query.get(name) ?? ""]),
  );
  const selected = new Set();
  const state = { cursor: null, before: [], page: null };
  let timer;
  signal.addEventListener("abort", () => clearTimeout(timer));

  const table = h("div", {});
  const wrong = h("div");
  const pages = h("div", { class: "pages" });
  const compare = h(
    "button",
    { type: "button", disabled: true, onclick: () => go(`#/compare?jobs=${[...selected].join(",")}`) },
    "Compare",
  );
  const choose = (name, label, options) => {
    const control = select(
      {
        name,
        onchange: () => {
          filter[name] = control.value;
          restart();
        },
      },
      options,
      filter[name],
    );
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
      filter.sweep_id &&
        h(
          "p",
          {},
          "Only jobs of the sweep ",
          h("a", { href: `#/sweeps/${filter.sweep_id}` }, short(filter.sweep_id)),
          ". ",
          h(
            "button",
            {
              type: "button",
              class: "small",
              onclick: () => {
                filter.sweep_id = "";
                go(`#/jobs`);
              },
            },
            "Show all",
          ),
        ),
      wrong,
      table,
      pages,
    ),
  );

  function restart() {
    Object.assign(state, { cursor: null, before: [] });
    setQuery({ ...filter, sort: filter.sort === SORTS[0][0] ? "" : filter.sort });
    load();
  }

  async function load() {
    clearTimeout(timer);
    try {
      const page = await get(`v1/jobs${asQuery({ ...filter, limit: 20, cursor: state.cursor })}`, signal);
      fill(wrong);
      show(page);
    } catch (error) {
      if (signal.aborted) return;
      if (state.page === null) fill(table);
      fill(wrong, problem(error, load));
    }
    const unfinished = state.page?.data.some((job) => job.finished_at === null);
    timer = setTimeout(
      () => (document.hidden ? again() : load()),
      unfinished || wrong.firstChild ? EVERY_MS : 5 * EVERY_MS,
    );
  }

  const again = () => {
    timer = setTimeout(load, EVERY_MS);
  };

  function show(page) {
    const focused = document.activeElement?.dataset?.place;
    state.page = page;
    fill(
      table,
      page.data.length
        ? h(
            "div",
            { class: "scroll", tabindex: "0", role: "region", "aria-label": "Table of jobs" },
            h("table", {}, head(), h("tbody", {}, page.data.map(row))),
          )
        : none(),
    );
    if (focused) table.querySelector(`[data-place="${CSS.escape(focused)}"]`)?.focus();
    turning(page);
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

  const head = () =>
    h(
      "thead",
      {},
      h(
        "tr",
        {},
        h("th", {}, h("span", { class: "hidden" }, "Select")),
        ...["Activation", "State", "Progress", "Left"].map((text) => h("th", { scope: "col" }, text)),
        ...["Best val. loss", "Accuracy", "Test"].map((text) => h("th", { scope: "col", class: "figure" }, text)),
        h("th", { scope: "col" }, "Created"),
        h("th", {}, h("span", { class: "hidden" }, "Actions")),
      ),
    );

  function row(job) {
    const { id, spec } = job;
    const box = h("input", {
      type: "checkbox",
      checked: selected.has(id),
      "aria-label": `Select ${spec.activation} ${short(id)}`,
      data: { place: `select-${id}` },
      onchange: () => {
        if (box.checked) selected.add(id);
        else selected.delete(id);
        compare.disabled = selected.size === 0 || selected.size > MOST_COMPARED;
        compare.textContent = selected.size ? `Compare ${selected.size}` : "Compare";
      },
    });
    return h(
      "tr",
      { data: { job: id } },
      h("td", {}, box),
      h(
        "th",
        { scope: "row" },
        h(
          "span",
          { class: "name" },
          h("span", { class: "swatch", style: { "--swatch": `var(--look-${look(spec.activation).color})` } }),
          h(
            "a",
            { href: `#/jobs/${id}`, data: { place: `open-${id}` } },
            spec.activation,
            h("span", { class: "hidden" }, ` ${short(id)}`),
          ),
        ),
      ),
      h("td", {}, badge(job.state)),
      h("td", {}, progress(job.progress, `Epochs of ${spec.activation} ${short(id)}`)),
      h(
        "td",
        { class: "number" },
        job.queue_position ? `number ${job.queue_position} in line` : job.finished_at ? "" : duration(job.eta_seconds),
      ),
      h("td", { class: "figure" }, number(job.best?.val_loss, 3)),
      h("td", { class: "figure" }, percent(job.best?.val_accuracy)),
      h("td", { class: "figure" }, percent(job.test?.accuracy)),
      h("td", {}, time(job.created_at)),
      h("td", {}, action(job)),
    );
  }

  function action(job) {
    const [word, verb] = job.finished_at === null ? ["Cancel", "cancel"] : ["Retry", "retry"];
    return h(
      "button",
      {
        type: "button",
        class: "small",
        disabled: job.cancel_requested_at !== null && job.finished_at === null,
        data: { place: `act-${job.id}` },
        "aria-label": `${word} ${job.spec.activation} ${short(job.id)}`,
        onclick: async () => {
          try {
            await post(`v1/jobs/${job.id}/${verb}`);
            await load();
          } catch (error) {
            fill(wrong, problem(error));
          }
        },
      },
      word,
    );
  }

  function turning({ next_cursor: next }) {
    fill(
      pages,
      (state.before.length > 0 || next) && [
        h(
          "button",
          {
            type: "button",
            disabled: state.before.length === 0,
            onclick: () => {
              state.cursor = state.before.pop();
              load();
            },
          },
          "Previous",
        ),
        h("span", { class: "number" }, `Page ${state.before.length + 1}`),
        h(
          "button",
          {
            type: "button",
            disabled: next === null,
            onclick: () => {
              state.before.push(state.cursor);
              state.cursor = next;
              load();
            },
          },
          "Next",
        ),
      ],
    );
  }

  fill(table, h("div", { class: "skeleton page-skeleton" }));
  await load();
}
