// Compare: one metric of any jobs, by epoch or by time.

import { setQuery } from "../address.js";
import { get, MOST_COMPARED, query as asQuery } from "../api.js";
import { chart, counted, line, plain } from "../charts.js";
import { exclusions, labelled, select } from "../controls.js";
import { fill, h, refill, superseding } from "../dom.js";
import { greatest } from "../figures.js";
import { percent, short } from "../format.js";
import { dressed, looks } from "../looks.js";
import { METRICS, scale } from "../metrics.js";
import { cut, inWords, nameOf } from "../names.js";
import { badge, cells, empty, fileLink, files, heading, lede, named, problem, table } from "../parts.js";

const AXES = [
  ["epoch", "Epoch"],
  ["seconds", "Seconds of training"],
];
const EVERY_MS = 3000;
const COLUMNS = [{ hidden: "Compare" }, "Activation", "State", "Seed", "Epochs", "Images", "Best val. accuracy"];

export async function view({ root, query, signal, title }) {
  title("Compare");
  const look = await looks();
  signal.throwIfAborted();
  const chosen = (query.get("jobs") ?? "").split(",").filter(Boolean);
  const state = {
    metric: query.get("metric") in METRICS ? query.get("metric") : "val_loss",
    x: query.get("x") === "seconds" ? "seconds" : "epoch",
    excluded: new Set((query.get("exclude") ?? "").split(",").filter(Boolean)),
    comparison: null,
    recent: [],
    deleted: 0,
  };
  const next = superseding(signal);
  const figure = chart({ name: state.metric, title: METRICS[state.metric], signal, size: "tall" });
  const metric = select(
    {
      name: "metric",
      onchange: () => {
        state.metric = metric.value;
        load();
      },
    },
    Object.entries(METRICS),
    state.metric,
  );
  const axis = select(
    {
      name: "x",
      onchange: () => {
        state.x = axis.value;
        draw();
        remember();
      },
    },
    AXES,
    state.x,
  );
  const toggles = exclusions({
    excluded: state.excluded,
    look,
    onchange: () => {
      remember();
      draw();
    },
  });
  const [links, wrong, picker] = [h("div"), h("div"), h("div")];
  const enough = h("p", { class: "hint", role: "status" });
  const none = empty(h("p", {}, "Choose jobs below: their curves appear here."));
  const curves = h("div", { class: "stack", hidden: true }, figure.element, links);
  let timer;
  signal.addEventListener("abort", () => clearTimeout(timer));

  fill(
    root,
    heading("Compare"),
    lede("Any jobs, on the same axes. Take sigmoid out, and see what it hid."),
    wrong,
    h(
      "section",
      { class: "panel stack", "aria-label": "Curves" },
      h(
        "div",
        { class: "row end" },
        h("div", {}, labelled("Metric", metric)),
        h("div", {}, labelled("By", axis)),
        toggles.element,
      ),
      none,
      curves,
    ),
    h("section", { class: "panel", "aria-label": "Jobs to compare" }, h("h2", {}, "Jobs"), enough, picker),
  );

  function remember() {
    setQuery({ jobs: chosen.join(","), metric: state.metric, x: state.x, exclude: [...state.excluded].join(",") });
  }

  async function load() {
    remember();
    clearTimeout(timer);
    const mine = next();
    none.hidden = chosen.length > 0;
    curves.hidden = chosen.length === 0;
    fill(wrong);
    if (!chosen.length) {
      state.comparison = null;
      toggles.show([]);
      return;
    }
    try {
      state.comparison = await get(
        `v1/compare${asQuery({ jobs: chosen.join(","), metric: state.metric, x: state.x })}`,
        mine,
      );
      figure.rename(state.comparison.metric, METRICS[state.comparison.metric]);
      toggles.show(present());
      draw();
    } catch (error) {
      if (!mine.aborted) fill(wrong, problem(error, load));
    }
    if (mine.aborted) return;
    const growing = state.recent.some((job) => chosen.includes(job.id) && job.finished_at === null);
    if (growing && !signal.aborted) later();
  }

  /** In a tab that nobody looks at, not before somebody does. */
  function later() {
    timer = setTimeout(() => (document.hidden ? later() : refresh()), EVERY_MS);
  }

  async function refresh() {
    await pick().catch(() => {});
    await load();
  }

  const present = () => [...new Set((state.comparison?.jobs ?? []).map(({ activation }) => activation))];

  function shown() {
    return dressed(state.comparison.jobs, ({ activation }) => activation, look)
      .filter(({ activation }) => !state.excluded.has(activation))
      .map((job) => ({ ...job, label: labelOf(job) }));
  }

  /** Where one activation stands for one job, the names say it all; the server's label tells the others apart. */
  function labelOf({ activation, label, name }) {
    if (state.comparison.jobs.filter((job) => job.activation === activation).length > 1) return inWords(label);
    return name === null ? activation : `${activation} “${cut(name)}”`;
  }

  function draw() {
    if (state.comparison === null) return;
    const { metric: shownMetric } = state.comparison; // another one may have been chosen, whose values are on their way
    const { axis: scaled, read, hover } = scale(shownMetric);
    const lines = shown();
    figure.draw((colors) => ({
      data: lines.map((job) =>
        line(colors, job.own, {
          x: job[state.x],
          y: job.value,
          name: plain(job.label),
          markers: true,
          hovertemplate: `%{y:${hover}}<extra>${plain(job.label)}</extra>`,
        }),
      ),
      layout: {
        xaxis:
          state.x === "epoch"
            ? counted("epoch", greatest(lines.map(({ epoch }) => epoch.at(-1)), 1))
            : { title: { text: "seconds of training and validation" }, rangemode: "tozero" },
        yaxis: scaled(lines.flatMap(({ value }) => value)),
        uirevision: `${shownMetric} ${state.x}`,
      },
      legend: lines,
      caption: lines
        .map(({ label, value, epoch }) =>
          value.length
            ? `${label}: ${read(value.at(-1) ?? Number.NaN)} after epoch ${epoch.at(-1)}`
            : `${label}: no epoch`,
        )
        .join("; "),
    }));
    const ids = lines.map(({ job_id: job }) => job).join(",");
    fill(
      links,
      ids &&
        files(
          "These curves",
          ["csv", "png", "svg"].map((format) =>
            fileLink(
              `v1/compare${asQuery({ jobs: ids, metric: shownMetric, x: state.x, format })}`,
              format.toUpperCase(),
            ),
          ),
        ),
    );
  }

  async function pick() {
    state.recent = (await get("v1/jobs?limit=50", signal)).data;
    const known = new Set(state.recent.map(({ id }) => id));
    const others = await Promise.all(
      chosen
        .filter((id) => !known.has(id))
        .map((id) => get(`v1/jobs/${encodeURIComponent(id)}`, signal).catch((error) => forget(id, error))),
    );
    const all = [...others.filter(Boolean), ...state.recent];
    refill(picker, all.length ? table("Table of jobs", COLUMNS, all.map(row)) : nobody());
    limit();
  }

  /** A deleted job: the others are compared without it. */
  function forget(id, { status }) {
    if (status === 404) {
      chosen.splice(chosen.indexOf(id), 1);
      state.deleted += 1;
    }
    return null;
  }

  function row({ id, spec, state: now, progress, best }) {
    const box = h("input", {
      type: "checkbox",
      checked: chosen.includes(id),
      data: { place: id },
      "aria-label": `Compare ${spec.activation} ${short(id)}`,
      onchange: ({ currentTarget }) => {
        if (currentTarget.checked) chosen.push(id);
        else chosen.splice(chosen.indexOf(id), 1);
        limit();
        load();
      },
    });
    return h(
      "tr",
      { data: { key: id } },
      cells.any(box),
      cells.name(
        named(
          look(spec.activation),
          h("a", { href: `#/jobs/${id}` }, nameOf(spec.metadata) ?? spec.activation),
          h("small", {}, nameOf(spec.metadata) && `${spec.activation} `, h("span", { class: "id" }, short(id))),
        ),
      ),
      cells.any(badge(now)),
      cells.number(spec.seed),
      cells.number(`${progress.epoch} / ${progress.epochs}`),
      cells.number(spec.train_samples ?? "all"),
      cells.number(percent(best?.val_accuracy)),
    );
  }

  /** What the API does not compare cannot be chosen, and the page says so. */
  function limit() {
    const full = chosen.length >= MOST_COMPARED;
    for (const box of picker.querySelectorAll("input")) box.disabled = full && !box.checked;
    const { deleted } = state;
    fill(
      enough,
      deleted > 0 && `${deleted} of the jobs asked for ${deleted === 1 ? "is" : "are"} deleted. `,
      full && `${MOST_COMPARED} jobs are compared at most: take one out to add another.`,
    );
  }

  fill(picker, h("div", { class: "skeleton page-skeleton" }));
  await pick();
  await load();
}

const nobody = () =>
  empty(
    h("p", {}, "No jobs yet."),
    h("a", { class: "button primary", href: "#/train/sweep" }, "Train the article’s sweep"),
  );
