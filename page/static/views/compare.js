// Compare: one metric of any jobs, by epoch or by time.

import { setQuery } from "../address.js";
import { get, MAX_COMPARED, queryString } from "../api.js";
import { integerAxis } from "../axes.js";
import { buildLine, chart, escapeForPlotly } from "../charts.js";
import { badge, empty, heading, lede, problem } from "../components.js";
import { exclusionChips, labelField, select } from "../controls.js";
import { fill, h, refill } from "../dom.js";
import { greatest } from "../figures.js";
import { fileLink, files } from "../file_links.js";
import { percent, shortId } from "../format.js";
import { nameOf, shortenName, translateLabel } from "../labels.js";
import { assignStyles, loadLineStyles } from "../line_styles.js";
import { METRICS, scale } from "../metrics.js";
import { activationName } from "../swatch.js";
import { cells, table } from "../table.js";
import { abortPrevious } from "../timing.js";

const AXES = [
  ["epoch", "Epoch"],
  ["seconds", "Seconds of training"],
];
const EVERY_MS = 3000;
const COLUMNS = [{ hidden: "Compare" }, "Activation", "State", "Seed", "Epochs", "Images", "Best val. accuracy"];

export async function view({ root, query, signal, title }) {
  title("Compare");
  const look = await loadLineStyles();
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
  const next = abortPrevious(signal);
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
        rememberChoice();
      },
    },
    AXES,
    state.x,
  );
  const toggles = exclusionChips({
    excluded: state.excluded,
    look,
    onchange: () => {
      rememberChoice();
      draw();
    },
  });
  const [links, wrong, picker] = [h("div"), h("div"), h("div")];
  const enough = h("p", { class: "hint", role: "status" });
  const none = empty(h("p", {}, "Choose jobs below to see their curves."));
  const curves = h("div", { class: "stack", hidden: true }, figure.element, links);
  let timer;
  signal.addEventListener("abort", () => clearTimeout(timer));

  fill(
    root,
    heading("Compare"),
    lede("Any jobs on the same axes. Hide sigmoid to see the others in detail."),
    wrong,
    h(
      "section",
      { class: "panel stack", "aria-label": "Curves" },
      h(
        "div",
        { class: "row end" },
        h("div", {}, labelField("Metric", metric)),
        h("div", {}, labelField("By", axis)),
        toggles.element,
      ),
      none,
      curves,
    ),
    h("section", { class: "panel", "aria-label": "Jobs to compare" }, h("h2", {}, "Jobs"), enough, picker),
  );

  function rememberChoice() {
    setQuery({ jobs: chosen.join(","), metric: state.metric, x: state.x, exclude: [...state.excluded].join(",") });
  }

  async function load() {
    rememberChoice();
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
        `v1/compare${queryString({ jobs: chosen.join(","), metric: state.metric, x: state.x })}`,
        mine,
      );
      figure.rename(state.comparison.metric, METRICS[state.comparison.metric]);
      toggles.show(listActivations());
      draw();
    } catch (error) {
      if (!mine.aborted) fill(wrong, problem(error, load));
    }
    if (mine.aborted) return;
    const growing = state.recent.some((job) => chosen.includes(job.id) && job.finished_at === null);
    if (growing && !signal.aborted) scheduleRefresh();
  }

  /** Not while the tab is hidden. */
  function scheduleRefresh() {
    timer = setTimeout(() => (document.hidden ? scheduleRefresh() : refresh()), EVERY_MS);
  }

  async function refresh() {
    await loadPicker().catch(() => {});
    await load();
  }

  const listActivations = () => [...new Set((state.comparison?.jobs ?? []).map(({ activation }) => activation))];

  function shownJobs() {
    return assignStyles(state.comparison.jobs, ({ activation }) => activation, look)
      .filter(({ activation }) => !state.excluded.has(activation))
      .map((job) => ({ ...job, label: describeJob(job) }));
  }

  /** The activation suffices if it occurs once; else the server's label distinguishes the jobs. */
  function describeJob({ activation, label, name }) {
    if (state.comparison.jobs.filter((job) => job.activation === activation).length > 1) return translateLabel(label);
    return name === null ? activation : `${activation} “${shortenName(name)}”`;
  }

  function draw() {
    if (state.comparison === null) return;
    const { metric: shownMetric } = state.comparison; // another metric may be loading
    const { axis: yAxis, read, hover } = scale(shownMetric);
    const lines = shownJobs();
    figure.draw((colors) => ({
      data: lines.map((job) =>
        buildLine(colors, job.own, {
          x: job[state.x],
          y: job.value,
          name: escapeForPlotly(job.label),
          markers: true,
          hovertemplate: `%{y:${hover}}<extra>${escapeForPlotly(job.label)}</extra>`,
        }),
      ),
      layout: {
        xaxis:
          state.x === "epoch"
            ? integerAxis(
                "epoch",
                greatest(
                  lines.map(({ epoch }) => epoch.at(-1)),
                  1,
                ),
              )
            : { title: { text: "seconds of training and validation" }, rangemode: "tozero" },
        yaxis: yAxis(lines.flatMap(({ value }) => value)),
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
              `v1/compare${queryString({ jobs: ids, metric: shownMetric, x: state.x, format })}`,
              format.toUpperCase(),
            ),
          ),
        ),
    );
  }

  async function loadPicker() {
    state.recent = (await get("v1/jobs?limit=50", signal)).data;
    const known = new Set(state.recent.map(({ id }) => id));
    const others = await Promise.all(
      chosen
        .filter((id) => !known.has(id))
        .map((id) => get(`v1/jobs/${encodeURIComponent(id)}`, signal).catch((error) => dropDeleted(id, error))),
    );
    const all = [...others.filter(Boolean), ...state.recent];
    refill(picker, all.length ? table("Table of jobs", COLUMNS, all.map(row)) : emptyState());
    enforceLimit();
  }

  /** Deleted jobs are left out of the comparison. */
  function dropDeleted(id, { status }) {
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
      "aria-label": `Compare ${spec.activation} ${shortId(id)}`,
      onchange: ({ currentTarget }) => {
        if (currentTarget.checked) chosen.push(id);
        else chosen.splice(chosen.indexOf(id), 1);
        enforceLimit();
        load();
      },
    });
    return h(
      "tr",
      { data: { key: id } },
      cells.any(box),
      cells.name(
        activationName(
          look(spec.activation),
          h("a", { href: `#/jobs/${id}` }, nameOf(spec.metadata) ?? spec.activation),
          h("small", {}, nameOf(spec.metadata) && `${spec.activation} `, h("span", { class: "id" }, shortId(id))),
        ),
      ),
      cells.any(badge(now)),
      cells.number(spec.seed),
      cells.number(`${progress.epoch} / ${progress.epochs}`),
      cells.number(spec.train_samples ?? "all"),
      cells.number(percent(best?.val_accuracy)),
    );
  }

  /** Disables further checkboxes at the API's limit. */
  function enforceLimit() {
    const full = chosen.length >= MAX_COMPARED;
    for (const box of picker.querySelectorAll("input")) box.disabled = full && !box.checked;
    const { deleted } = state;
    fill(
      enough,
      deleted > 0 && `${deleted} of the requested jobs ${deleted === 1 ? "has" : "have"} been deleted. `,
      full && `At most ${MAX_COMPARED} jobs can be compared: remove one to add another.`,
    );
  }

  fill(picker, h("div", { class: "skeleton page-skeleton" }));
  await loadPicker();
  await load();
}

const emptyState = () =>
  empty(
    h("p", {}, "No jobs yet."),
    h("a", { class: "button primary", href: "#/train/sweep" }, "Train the article’s sweep"),
  );
