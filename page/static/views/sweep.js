// A sweep: its configurations side by side, live.

import { setQuery } from "../address.js";
import { get, MOST_COMPARED, post, query as asQuery } from "../api.js";
import { chart } from "../charts.js";
import { exclusions, labelled, select } from "../controls.js";
import { fill, h, refill, superseding, throttled } from "../dom.js";
import { count, duration, fixed, number, percent, short } from "../format.js";
import { looks } from "../looks.js";
import { METRICS } from "../metrics.js";
import { described, nameOf, noteOf } from "../names.js";
import {
  badge,
  cells,
  drawingFiles,
  heading,
  liveMark,
  named,
  problem,
  progress,
  table,
  tableFiles,
  tiles,
  unlucky,
} from "../parts.js";
import { besidePublished, METRICS as PUBLISHED } from "../published.js";
import { follow } from "../stream.js";
import { order, sorted } from "../sorting.js";
import { picture } from "../sweep_lines.js";
import { called, valueText } from "../wording.js";

const AGAIN_MS = 1200;
const OTHERWISE = "val_accuracy";
const FIGURES = ["Final val. loss", "Final val. accuracy", "Test accuracy", "Seconds an epoch", "Times relu"];
const MOST = 24; // lines and rows before somebody asks for all: as many lines as the server draws
const POINTS = { few: 200, all: 60 }; // of a line
const MOST_EPOCHS_FOLLOWED = 5000; // of all jobs: the stream begins with every event there was
const LOOK_EVERY_MS = 5000; // where it is not followed

export async function view({ root, id, query, signal, title }) {
  const path = `v1/sweeps/${encodeURIComponent(id)}`;
  const [first, look] = await Promise.all([get(path, signal), looks()]);
  signal.throwIfAborted();
  const name = nameOf(first.spec.base.metadata);
  const note = noteOf(first.spec.base.metadata);
  title(name ? `${name} · sweep ${short(id)}` : `Sweep ${short(id)}`);
  const { activations } = first.spec;
  let sweep = first;
  const excluded = new Set((query.get("exclude") ?? "").split(",").filter((name) => activations.includes(name)));
  let means = { total: 0, configurations: [] };
  let [everyLine, everyRow] = [false, false];
  const next = superseding(signal);
  const wanted = query.get("metric") in METRICS ? query.get("metric") : OTHERWISE;
  const metric = select({ name: "metric", onchange: chosen }, Object.entries(METRICS), wanted);
  const figure = chart({ name: wanted, title: METRICS[wanted], signal, size: "tall" });
  const live = liveMark();
  const toggles = exclusions({ excluded, look, onchange: chosen });
  const beside = besidePublished({
    path,
    signal,
    pressed: query.get("beside") === "published",
    onchange: () => {
      if (beside.pressed() && !PUBLISHED.includes(metric.value)) [metric.value] = PUBLISHED;
      chosen();
    },
  });
  const status = h("div", { class: "row" });
  const buttons = h("div", { class: "actions" });
  const [bar, figures, wrong, rows] = [h("div"), h("div"), h("div"), h("div")];
  const links = h("div", { class: "stack" });
  const [more, moreRows] = [h("div", { class: "row" }), h("div", { class: "row" })];
  const sorting = order(Object.keys(first.spec.grid).length ? [...SORTED, ...GRID_SORTED] : SORTED, () => show(sweep));

  fill(
    root,
    heading(name ? [name, h("small", {}, ` Sweep ${short(id)}`)] : `Sweep ${short(id)}`, buttons),
    note && h("p", { class: "lede note" }, note),
    h("div", { class: "row" }, status, live.element, h("span", { class: "hint" }, described(first.spec))),
    wrong,
    h("section", { class: "panel stack", "aria-label": "Progress" }, bar, figures),
    h(
      "section",
      { class: "panel stack", "aria-label": "Curves" },
      h("div", { class: "row end" }, h("div", {}, labelled("Metric", metric)), toggles.element, beside.toggle),
      figure.element,
      more,
      beside.said,
      links,
    ),
    h(
      "section",
      { class: "panel stack", "aria-label": "Configurations" },
      h("div", { class: "heading" }, h("h2", {}, "Configurations"), sorting.element),
      rows,
      moreRows,
    ),
  );

  function chosen() {
    setQuery({
      metric: metric.value === OTHERWISE ? null : metric.value,
      exclude: [...excluded].join(","),
      beside: beside.pressed() ? "published" : null,
    });
    figure.rename(metric.value, METRICS[metric.value]);
    link();
    load();
  }

  function link() {
    const shownBeside = beside.pressed() && PUBLISHED.includes(metric.value);
    const asked = {
      metric: metric.value,
      ...(excluded.size ? { exclude: [...excluded] } : {}),
      ...(shownBeside ? { beside: "published" } : {}),
    };
    fill(
      links,
      tableFiles("History", `${path}/history`),
      excluded.size < activations.length &&
        drawingFiles("Drawing", (format) => `${path}/plot.${format}?${new URLSearchParams(asked)}`),
    );
  }

  async function fetchMeans() {
    const mine = next();
    if (excluded.size === activations.length) return draw({ total: 0, configurations: [] });
    const asked = {
      metric: metric.value,
      exclude: [...excluded].join(","),
      lines: everyLine ? null : MOST,
      points: everyLine ? POINTS.all : POINTS.few,
    };
    if (everyLine) asked.lines = first.configurations.length || MOST;
    try {
      const found = await get(`${path}/means${asQuery(asked)}`, mine);
      if (!mine.aborted) draw(found);
    } catch (error) {
      if (!mine.aborted && error.status === 404) fill(wrong, problem(error));
    }
  }
  const load = throttled(AGAIN_MS / 2, signal, fetchMeans);

  function draw(found) {
    means = found;
    const curves = means.configurations.map((one) => ({
      ...one,
      label: labelOf(one),
      point: pointOf(one),
      own: look(one.activation, one.variant),
    }));
    const { length } = curves;
    refill(
      more,
      means.total > MOST && [
        h(
          "small",
          {},
          length < means.total
            ? `${length} of ${means.total} configurations are drawn: those of the lowest validation loss.`
            : `All ${means.total} configurations are drawn, up to ${POINTS.all} epochs of each.`,
        ),
        h(
          "button",
          {
            type: "button",
            class: "small",
            data: { place: "every-line" },
            onclick: () => {
              everyLine = !everyLine;
              load();
            },
          },
          everyLine ? `Draw ${MOST}` : `Draw all ${means.total}`,
        ),
      ],
    );
    const seeds = first.spec.seeds.length;
    const how = { banded: seeds > 1, ended: sweep.finished_at !== null, published: beside.runs() };
    return figure.draw(picture(curves, means.metric ?? metric.value, how));
  }

  const renew = throttled(AGAIN_MS, signal, async () => {
    try {
      show(await get(path, signal));
      if (beside.pressed()) await beside.renew();
    } catch (error) {
      if (!signal.aborted && error.status === 404) fill(wrong, problem(error));
    }
  });

  function show(found) {
    sweep = found;
    refill(status, badge(sweep.state));
    refill(bar, progress(sweep.progress, "Epochs of all jobs", { wide: true }));
    refill(figures, tiles(facts(sweep)));
    showButtons();
    const grid = Object.keys(sweep.spec.grid);
    const columns = ["Activation", ...grid.map(called), "Succeeded", ...FIGURES.map((figure) => ({ figure }))];
    const jobs = (ids, activation) => {
      if (ids.length === 1) return `#/jobs/${ids[0]}`;
      if (ids.length <= MOST_COMPARED) return `#/compare?jobs=${ids.join(",")}`;
      return `#/jobs?sweep_id=${id}&activation=${activation}`;
    };
    const all = sorted(sweep.configurations, sorting.chosen());
    const made = (everyRow ? all : all.slice(0, MOST)).map((configuration) => {
      const { activation, variant, job_ids: ids } = configuration;
      return row(configuration, { grid, own: look(activation, variant), link: jobs(ids, activation) });
    });
    refill(rows, table("Table of configurations", columns, made));
    sorting.element.hidden = all.length < 2;
    refill(
      moreRows,
      all.length > MOST && [
        h("small", {}, `${made.length} of ${all.length} rows`),
        h(
          "button",
          {
            type: "button",
            class: "small",
            data: { place: "every-row" },
            onclick: () => {
              everyRow = !everyRow;
              show(sweep);
            },
          },
          everyRow ? `Show ${MOST}` : `Show all ${all.length}`,
        ),
      ],
    );
  }

  function showButtons() {
    const cancel = async (event) => {
      event.currentTarget.disabled = true;
      try {
        show(await post(`${path}/cancel`));
      } catch (error) {
        fill(wrong, problem(error));
      }
    };
    refill(
      buttons,
      h("a", { class: "button", href: `#/jobs?sweep_id=${id}` }, "Its jobs"),
      sweep.finished_at === null && h("button", { type: "button", onclick: cancel }, "Cancel"),
    );
  }

  show(first);
  toggles.show(activations);
  if (beside.pressed()) await beside.renew();
  chosen();
  if (first.finished_at) return live.set("ended");
  if (first.progress.epochs > MOST_EPOCHS_FOLLOWED) return lookAgain();
  follow(`${path}/stream`, {
    signal,
    onState: (now) => {
      live.set(now);
      if (now !== "reconnecting") renew();
    },
    onEvent: ({ kind }) => {
      if (kind === "epoch" || kind === "reset") load();
      renew();
    },
  }).catch((error) => {
    if (!signal.aborted) fill(wrong, problem(error));
  });

  /** A large sweep: how it stands, every few seconds. */
  function lookAgain() {
    live.set(sweep.finished_at ? "ended" : "live");
    if (sweep.finished_at) return;
    const timer = setTimeout(async () => {
      if (!document.hidden) {
        const before = sweep.progress.epoch;
        await get(path, signal).then(show, () => live.set("reconnecting"));
        if (sweep.progress.epoch !== before) load();
      }
      if (!signal.aborted) lookAgain();
    }, LOOK_EVERY_MS);
    signal.addEventListener("abort", () => clearTimeout(timer));
  }
}

function facts(sweep) {
  const { jobs, spec, best, finished_at: finished, eta_seconds: eta, state, progress: done } = sweep;
  const ended = jobs.succeeded + jobs.failed + jobs.cancelled;
  const waits = done.epoch ? null : "no epoch yet";
  return [
    ["Jobs ended", `${count(ended)} of ${count(jobs.total)}`, standing(jobs, spec)],
    ["Time left", finished ? "–" : duration(eta), finished ? state : eta === null ? waits : null],
    ["Best validation accuracy", ...bestOf(best?.val_accuracy, spec, percent)],
    ["Best validation loss", ...bestOf(best?.val_loss, spec, (value) => number(value, 3))],
  ];
}

const STATES = ["succeeded", "failed", "cancelled", "running", "queued"];

/** "3 succeeded, 1 failed, 2 queued; 1 deleted": all of them, and none that there is not. */
function standing(jobs, { activations, seeds, grid }) {
  const submitted = [activations, seeds, ...Object.values(grid)].reduce((product, { length }) => product * length, 1);
  const told = STATES.filter((state) => jobs[state] > 0).map((state) => `${count(jobs[state])} ${state}`);
  const deleted = submitted - jobs.total;
  return [told.join(", "), deleted > 0 && `${count(deleted)} deleted`].filter(Boolean).join("; ");
}

/** Of all jobs, whatever became of them: what the chart shows. */
function bestOf(figure, { seeds }, read) {
  if (!figure) return ["–", null];
  const label = labelOf(figure);
  return [read(figure.value), seeds.length > 1 ? `${label}, seed ${figure.seed}` : label];
}

const pointOf = ({ values }) =>
  Object.entries(values)
    .map(([path, value]) => `${called(path).toLowerCase()} ${valueText(path, value)}`)
    .join(", ");

const labelOf = (one) => [one.activation, pointOf(one)].filter(Boolean).join(", ");

const of = (name) => (configuration) => configuration.final[name]?.mean ?? null;
const SORTED = [
  ["In the sweep’s order", null],
  ["Final validation accuracy", of("val_accuracy"), -1],
  ["Final validation loss", of("val_loss"), 1],
  ["Test accuracy", ({ test }) => test.accuracy?.mean ?? null, -1],
  ["Seconds an epoch", ({ epoch_seconds: seconds }) => seconds?.mean ?? null, 1],
];
const GRID_SORTED = [["Activation", ({ activation }) => activation, 1]];

function row(configuration, { grid, own, link }) {
  const { activation, values, jobs, final, test, epoch_seconds: seconds, ratio_to_relu: ratio } = configuration;
  const estimate = (found, read, spread) => cells.figure(read(found?.mean), interval(found, spread));
  return h(
    "tr",
    {},
    cells.name(named(own, activation)),
    grid.map((path) => cells.number(valueText(path, values[path]))),
    cells.any(
      h("a", { href: link, data: { place: link } }, `${jobs.succeeded} of ${jobs.total}`),
      unlucky(jobs) && h("small", {}, unlucky(jobs)),
    ),
    estimate(
      final.val_loss,
      (value) => number(value, 3),
      (half) => number(half, 2),
    ),
    estimate(final.val_accuracy, percent, percent),
    estimate(test.accuracy, percent, percent),
    estimate(
      seconds,
      (value) => fixed(value, 2),
      (half) => number(half, 2),
    ),
    cells.figure(fixed(ratio, 2)),
  );
}

/** Student's interval is symmetrical: a half of it says all, and nothing below zero. */
function interval(estimate, read) {
  if (!estimate?.interval) return null;
  const [low, high] = estimate.interval;
  const title = `95 % confidence interval of the mean over ${estimate.n} seeds: ${low} to ${high}`;
  return h("small", { title }, `± ${read((high - low) / 2)}`);
}
