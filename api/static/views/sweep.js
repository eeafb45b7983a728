// A sweep: its configurations side by side, live.

import { setQuery } from "../address.js";
import { get, MOST_COMPARED, post } from "../api.js";
import { chart } from "../charts.js";
import { exclusions, labelled, select } from "../controls.js";
import { fill, h, refill, throttled } from "../dom.js";
import { count, described, duration, fixed, number, percent, short, words } from "../format.js";
import { dressed, looks } from "../looks.js";
import { METRICS } from "../metrics.js";
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
} from "../parts.js";
import { besidePublished, METRICS as PUBLISHED } from "../published.js";
import { follow } from "../stream.js";
import { picture } from "../sweep_lines.js";

const AGAIN_MS = 1200;
const OTHERWISE = "val_accuracy";
const FIGURES = ["Final val. loss", "Final val. accuracy", "Test accuracy", "Seconds an epoch", "Times relu"];

export async function view({ root, id, query, signal, title }) {
  const path = `v1/sweeps/${encodeURIComponent(id)}`;
  const [first, look] = await Promise.all([get(path, signal), looks()]);
  title(`Sweep ${short(id)}`);
  const { activations } = first.spec;
  let sweep = first;
  const excluded = new Set((query.get("exclude") ?? "").split(",").filter((name) => activations.includes(name)));
  /** By job, its epochs by number. */
  const histories = new Map();
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

  fill(
    root,
    heading(`Sweep ${short(id)}`, buttons),
    h("div", { class: "row" }, status, live.element, h("span", { class: "hint" }, described(first.spec))),
    wrong,
    h("section", { class: "panel stack", "aria-label": "Progress" }, bar, figures),
    h(
      "section",
      { class: "panel stack", "aria-label": "Curves" },
      h("div", { class: "row end" }, h("div", {}, labelled("Metric", metric)), toggles.element, beside.toggle),
      figure.element,
      beside.said,
      links,
    ),
    h("section", { class: "panel", "aria-label": "Configurations" }, h("h2", {}, "Configurations"), rows),
  );

  function chosen() {
    setQuery({
      metric: metric.value === OTHERWISE ? null : metric.value,
      exclude: [...excluded].join(","),
      beside: beside.pressed() ? "published" : null,
    });
    figure.rename(metric.value, METRICS[metric.value]);
    link();
    draw();
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

  /** Configurations that are shown, each with its look: an activation's colour, and a dash a point of the grid. */
  function shown() {
    return dressed(sweep.configurations, ({ activation }) => activation, look)
      .filter(({ activation }) => !excluded.has(activation))
      .map((configuration) => ({ ...configuration, label: labelOf(configuration) }));
  }

  const draw = throttled(120, signal, () => figure.draw(picture(shown(), histories, metric.value, beside.runs())));

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
    fill(status, badge(sweep.state));
    fill(bar, progress(sweep.progress, "Epochs of all jobs", { wide: true }));
    fill(figures, tiles(facts(sweep)));
    showButtons();
    const grid = Object.keys(sweep.spec.grid);
    const columns = ["Activation", ...grid, "Jobs", ...FIGURES.map((figure) => ({ figure }))];
    const jobs = (ids, activation) => {
      if (ids.length === 1) return `#/jobs/${ids[0]}`;
      if (ids.length <= MOST_COMPARED) return `#/compare?jobs=${ids.join(",")}`;
      return `#/jobs?sweep_id=${id}&activation=${activation}`;
    };
    const made = sweep.configurations.map((configuration) => {
      const { activation, job_ids: ids } = configuration;
      return row(configuration, { grid, own: look(activation), link: jobs(ids, activation) });
    });
    refill(rows, table("Table of configurations", columns, made));
    draw();
  }

  let shownFor = null;
  function showButtons() {
    const key = `${sweep.finished_at}`;
    if (key === shownFor) return; // a button that has the focus keeps it
    shownFor = key;
    const cancel = async (event) => {
      event.currentTarget.disabled = true;
      try {
        show(await post(`${path}/cancel`));
      } catch (error) {
        fill(wrong, problem(error));
      }
    };
    fill(
      buttons,
      h("a", { class: "button", href: `#/jobs?sweep_id=${id}` }, "Its jobs"),
      sweep.finished_at === null && h("button", { type: "button", onclick: cancel }, "Cancel"),
    );
  }

  function keep(job, epoch) {
    if (!histories.has(job)) histories.set(job, new Map());
    histories.get(job).set(epoch.epoch, epoch);
  }

  show(first);
  toggles.show(activations);
  if (beside.pressed()) await beside.renew();
  chosen();
  if (first.finished_at) {
    live.set("ended");
    const { jobs } = await get(`${path}/history`, signal);
    for (const job of jobs) for (const epoch of job.epochs) keep(job.job_id, epoch);
    return draw();
  }
  follow(`${path}/stream`, {
    until: "sweep_end",
    signal,
    onState: (now) => {
      live.set(now);
      if (now !== "reconnecting") renew();
    },
    onEvent: ({ kind, data }) => {
      if (kind === "reset") {
        histories.clear();
        draw();
      } else if (kind === "epoch") {
        keep(data.job_id, data);
        draw();
      }
      renew();
    },
  }).catch((error) => {
    if (!signal.aborted) fill(wrong, problem(error));
  });
}

function facts({ jobs, finished_at: finished, eta_seconds: eta, configurations }) {
  const done = jobs.succeeded + jobs.failed + jobs.cancelled;
  return [
    ["Jobs done", `${count(done)} of ${count(jobs.total)}`, `${jobs.running} running, ${jobs.queued} queued`],
    ["Time left", finished ? "–" : duration(eta), finished ? "complete" : null],
    ["Best validation accuracy", ...bestOf(configurations, "val_accuracy", Math.max, percent)],
    ["Best validation loss", ...bestOf(configurations, "val_loss", Math.min, (value) => number(value, 3))],
  ];
}

function bestOf(configurations, name, pick, read) {
  const known = configurations.filter(({ final }) => typeof final[name]?.mean === "number");
  if (!known.length) return ["–", null];
  const value = pick(...known.map(({ final }) => final[name].mean));
  return [read(value), labelOf(known.find(({ final }) => final[name].mean === value))];
}

const labelOf = ({ activation, values }) =>
  [activation, ...Object.entries(values).map(([path, value]) => `${words(path.split(".").at(-1))} ${value}`)].join(
    ", ",
  );

function row(configuration, { grid, own, link }) {
  const { activation, values, jobs, final, test, epoch_seconds: seconds, ratio_to_relu: ratio } = configuration;
  const estimate = (found, read, spread) => cells.figure(read(found?.mean), interval(found, spread));
  return h(
    "tr",
    {},
    cells.name(named(own, activation)),
    grid.map((path) => cells.number(String(values[path]))),
    cells.any(
      h("a", { href: link, data: { place: link } }, `${jobs.succeeded} of ${jobs.total}`),
      jobs.failed > 0 && h("small", {}, `${jobs.failed} failed`),
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
