// Sweeps: all of them, newest first.

import { get, query as asQuery } from "../api.js";
import { fill, h } from "../dom.js";
import { count, duration, short } from "../format.js";
import { badge, empty, heading, problem, progress, time } from "../parts.js";

const EVERY_MS = 2500;

export async function view({ root, signal, title }) {
  title("Sweeps");
  const list = h("div", {}, h("div", { class: "skeleton page-skeleton" }));
  const wrong = h("div");
  const pages = h("div", { class: "pages" });
  const state = { cursor: null, before: [] };
  let timer;
  signal.addEventListener("abort", () => clearTimeout(timer));
  fill(
    root,
    heading("Sweeps", h("a", { class: "button primary", href: "#/train/sweep" }, "New sweep")),
    h("section", { class: "panel stack", "aria-label": "All sweeps" }, wrong, list, pages),
  );

  async function load() {
    clearTimeout(timer);
    try {
      const page = await get(`v1/sweeps${asQuery({ limit: 20, cursor: state.cursor })}`, signal);
      fill(wrong);
      const focused = document.activeElement?.dataset?.place;
      fill(list, page.data.length ? table(page.data) : none());
      if (focused) list.querySelector(`[data-place="${CSS.escape(focused)}"]`)?.focus();
      turning(page);
      const unfinished = page.data.some((sweep) => sweep.finished_at === null);
      timer = setTimeout(load, unfinished ? EVERY_MS : 4 * EVERY_MS);
    } catch (error) {
      if (signal.aborted) return;
      fill(wrong, problem(error, load));
      timer = setTimeout(load, EVERY_MS);
    }
  }

  const none = () =>
    empty(
      h("p", {}, "No sweeps yet. A sweep trains the same network once for each activation, and compares them."),
      h("a", { class: "button primary", href: "#/train/sweep" }, "Train the article’s sweep"),
    );

  const table = (sweeps) =>
    h(
      "div",
      { class: "scroll", tabindex: "0", role: "region", "aria-label": "Table of sweeps" },
      h(
        "table",
        {},
        h(
          "thead",
          {},
          h(
            "tr",
            {},
            ["Sweep", "State", "Epochs", "Left", "Jobs", "Created"].map((text) => h("th", { scope: "col" }, text)),
          ),
        ),
        h("tbody", {}, sweeps.map(row)),
      ),
    );

  function row(sweep) {
    const { id, spec, jobs } = sweep;
    return h(
      "tr",
      {},
      h(
        "th",
        { scope: "row" },
        h("a", { href: `#/sweeps/${id}`, data: { place: id } }, described(spec)),
        h("small", { class: "id" }, ` ${short(id)}`),
      ),
      h("td", {}, badge(sweep.state)),
      h("td", {}, progress(sweep.progress, `Epochs of sweep ${short(id)}`)),
      h("td", { class: "number" }, sweep.finished_at ? "" : duration(sweep.eta_seconds)),
      h(
        "td",
        { class: "number" },
        `${count(jobs.succeeded + jobs.failed + jobs.cancelled)} of ${count(jobs.total)}`,
        jobs.failed > 0 && h("small", {}, `${jobs.failed} failed`),
      ),
      h("td", {}, time(sweep.created_at)),
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

  await load();
}

/** "6 activations, 3 seeds, optimizer.learning_rate". */
export function described({ activations, seeds, grid }) {
  const many = (number, word) => `${number} ${word}${number === 1 ? "" : "s"}`;
  const what = activations.length <= 2 ? activations.join(" and ") : many(activations.length, "activation");
  return [what, many(seeds.length, "seed"), ...Object.keys(grid)].join(", ");
}
