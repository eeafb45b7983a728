// A sweep: its configurations side by side, live.

import { get, post } from "../api.js";
import { chart, counted, line } from "../charts.js";
import { fill, h, throttled } from "../dom.js";
import { count, duration, fixed, number, percent, short } from "../format.js";
import { looks, restyled } from "../looks.js";
import {
  badge,
  fileLink,
  files,
  heading,
  labelled,
  liveMark,
  METRICS,
  problem,
  progress,
  scale,
  select,
  tiles,
} from "../parts.js";
import { setQuery } from "../router.js";
import { follow } from "../stream.js";
import { described } from "./sweeps.js";

const AGAIN_MS = 1200;

export async function view({ root, id, query, signal, title }) {
  const path = `v1/sweeps/${encodeURIComponent(id)}`;
  const [first, look] = await Promise.all([get(path, signal), looks()]);
  title(`Sweep ${short(id)}`);
  const { activations } = first.spec;
  const state = { metric: query.get("metric") in METRICS ? query.get("metric") : "val_accuracy", sweep: first };
  const excluded = new Set((query.get("exclude") ?? "").split(",").filter((name) => activations.includes(name)));
  /** By job, its epochs by number. */
  const histories = new Map();
  const live = liveMark();
  const figure = chart({ name: state.metric, title: METRICS[state.metric], signal, size: "tall" });
  const status = h("div", { class: "row" }),
    buttons = h("div", { class: "actions" }),
    bar = h("div"),
    figures = h("div"),
    wrong = h("div"),
    table = h("div");
  const links = h("div", { class: "stack" });
  const metric = select(
    {
      name: "metric",
      onchange: () => {
        state.metric = metric.value;
        chosen();
      },
    },
    Object.entries(METRICS),
    state.metric,
  );
  const toggles = h("div", { class: "chips", role: "group", "aria-label": "Activations that are shown" });

  fill(
    root,
    heading(`Sweep ${short(id)}`, buttons),
    h("div", { class: "row" }, status, live.element, h("span", { class: "hint" }, described(first.spec))),
    wrong,
    h("section", { class: "panel stack", "aria-label": "Progress" }, bar, figures),
    h(
      "section",
      { class: "panel stack", "aria-label": "Curves" },
      h("div", { class: "row end" }, h("div", {}, labelled("Metric", metric)), toggles),
      figure.element,
      links,
    ),
    h("section", { class: "panel", "aria-label": "Configurations" }, h("h2", {}, "Configurations"), table),
  );

  function chosen() {
    setQuery({ metric: state.metric === "val_accuracy" ? null : state.metric, exclude: [...excluded].join(",") });
    figure.plot.dataset.chart = state.metric;
    figure.element.setAttribute("aria-label", METRICS[state.metric]);
    figure.element.querySelector("h2").textContent = METRICS[state.metric];
    toggle();
    link();
    draw();
  }

  function toggle() {
    const focused = document.activeElement?.dataset?.place;
    const button = (name, text, label) =>
      h(
        "button",
        {
          type: "button",
          class: "chip",
          "aria-pressed": String(label ? excluded.has(name) : !excluded.has(name)),
          data: { place: text },
          onclick: () => {
            if (!excluded.delete(name)) excluded.add(name);
            chosen();
          },
        },
        !label && h("span", { class: "swatch", style: { "--swatch": `var(--look-${look(name).color})` } }),
        text,
      );
    fill(
      toggles,
      activations.length > 1 && [
        activations.map((name) => button(name, name)),
        activations.includes("sigmoid") && button("sigmoid", "without sigmoid", true),
      ],
    );
    if (focused) toggles.querySelector(`[data-place="${CSS.escape(focused)}"]`)?.focus();
  }

  function link() {
    const drawing = (format) =>
      `${path}/plot.${format}?metric=${state.metric}${excluded.size ? `&exclude=${[...excluded].join(",")}` : ""}`;
    fill(
      links,
      files(
        "History",
        [
          ["csv", "CSV"],
          ["ndjson", "NDJSON"],
          ["parquet", "Parquet"],
        ].map(([format, text]) => fileLink(`${path}/history?format=${format}`, text)),
      ),
      excluded.size < activations.length &&
        files(
          "Drawing",
          ["png", "svg"].map((format) => fileLink(drawing(format), format.toUpperCase())),
        ),
    );
  }

  /** Configurations that are shown, each with its look: an activation's colour, and a dash a point of the grid. */
  function shown() {
    const seen = new Map();
    return state.sweep.configurations.flatMap((configuration) => {
      const { activation } = configuration;
      const nth = seen.get(activation) ?? 0;
      seen.set(activation, nth + 1);
      return excluded.has(activation)
        ? []
        : [{ ...configuration, own: restyled(look(activation), nth), label: labelOf(configuration) }];
    });
  }

  const draw = throttled(120, signal, () => {
    const { axis, read, hover } = scale(state.metric);
    figure.draw((colors) => {
      const lines = shown().map((configuration) => ({
        ...configuration,
        runs: configuration.job_ids.map((job) => runOf(histories.get(job), state.metric)).filter((run) => run.x.length),
      }));
      const data = lines.flatMap(({ own, label, runs }) => [
        ...(runs.length > 1 ? runs.map((run) => line(colors, own, { ...run, name: label, faint: true })) : []),
        ...(runs.length
          ? [
              line(colors, own, {
                ...mean(runs),
                name: label,
                hovertemplate: `epoch %{x}: %{y:${hover}}<extra>${label}</extra>`,
              }),
            ]
          : []),
      ]);
      const longest = Math.max(2, ...lines.flatMap(({ runs }) => runs.flatMap(({ x }) => x)));
      return {
        data,
        layout: {
          xaxis: { ...counted("epoch", longest), range: [0.7, longest + 0.3] },
          yaxis: axis(lines.flatMap(({ runs }) => runs.flatMap(({ y }) => y))),
          uirevision: `${state.metric} ${longest}`,
          annotations: data.length
            ? []
            : [
                {
                  text: "The first epoch will appear here.",
                  showarrow: false,
                  xref: "paper",
                  yref: "paper",
                  x: 0.5,
                  y: 0.5,
                  font: { color: colors.faint, size: 13 },
                },
              ],
        },
        legend: lines.map(({ label, own }) => ({ label, color: `var(--look-${own.color})`, dash: own.dash })),
        caption: lines
          .filter(({ runs }) => runs.length)
          .map(({ label, runs }) => {
            const { x, y } = mean(runs);
            return `${label} ${read(y.at(-1) ?? Number.NaN)} after epoch ${x.at(-1)}`;
          })
          .join("; "),
      };
    });
  });

  const renew = throttled(AGAIN_MS, signal, async () => {
    try {
      show(await get(path, signal));
    } catch (error) {
      if (!signal.aborted && error.status === 404) fill(wrong, problem(error));
    }
  });

  function show(sweep) {
    state.sweep = sweep;
    const { jobs } = sweep;
    fill(status, badge(sweep.state));
    const made = progress(sweep.progress, "Epochs of all jobs");
    made.classList.add("wide");
    fill(bar, made);
    fill(
      figures,
      tiles([
        [
          "Jobs done",
          `${count(jobs.succeeded + jobs.failed + jobs.cancelled)} of ${count(jobs.total)}`,
          `${jobs.running} running, ${jobs.queued} queued`,
        ],
        ["Time left", sweep.finished_at ? "–" : duration(sweep.eta_seconds), sweep.finished_at ? "complete" : null],
        ["Best validation accuracy", ...bestOf(sweep.configurations, "val_accuracy", Math.max, percent)],
        ["Best validation loss", ...bestOf(sweep.configurations, "val_loss", Math.min, (value) => number(value, 3))],
      ]),
    );
    showButtons(sweep);
    fill(table, configurations(sweep));
    draw();
  }

  let shownFor = null;
  function showButtons(sweep) {
    const key = `${sweep.finished_at}`;
    if (key === shownFor) return;
    shownFor = key;
    fill(
      buttons,
      h("a", { class: "button", href: `#/jobs?sweep_id=${id}` }, "Its jobs"),
      sweep.finished_at === null &&
        h(
          "button",
          {
            type: "button",
            onclick: async (event) => {
              event.currentTarget.disabled = true;
              try {
                show(await post(`${path}/cancel`));
              } catch (error) {
                fill(wrong, problem(error));
              }
            },
          },
          "Cancel",
        ),
    );
  }

  function configurations(sweep) {
    const names = Object.keys(sweep.spec.grid);
    const figure = (text) => h("th", { scope: "col", class: "figure" }, text);
    return h(
      "div",
      { class: "scroll", tabindex: "0", role: "region", "aria-label": "Table of configurations" },
      h(
        "table",
        {},
        h(
          "thead",
          {},
          h(
            "tr",
            {},
            h("th", { scope: "col" }, "Activation"),
            names.map((name) => h("th", { scope: "col" }, name)),
            h("th", { scope: "col" }, "Jobs"),
            ["Final val. loss", "Final val. accuracy", "Test accuracy", "Seconds an epoch", "Times relu"].map(figure),
          ),
        ),
        h(
          "tbody",
          {},
          sweep.configurations.map((configuration) => row(configuration, names)),
        ),
      ),
    );
  }

  function row(
    { activation, values, jobs, job_ids: ids, final, test, epoch_seconds: seconds, ratio_to_relu: ratio },
    names,
  ) {
    const cell = (estimate, read) => h("td", { class: "figure" }, read(estimate?.mean), interval(estimate, read));
    return h(
      "tr",
      {},
      h(
        "th",
        { scope: "row" },
        h(
          "span",
          { class: "name" },
          h("span", { class: "swatch", style: { "--swatch": `var(--look-${look(activation).color})` } }),
          activation,
        ),
      ),
      names.map((name) => h("td", { class: "number" }, String(values[name]))),
      h(
        "td",
        {},
        h(
          "a",
          { href: ids.length === 1 ? `#/jobs/${ids[0]}` : `#/compare?jobs=${ids.slice(0, 24).join(",")}` },
          `${jobs.succeeded} of ${jobs.total}`,
        ),
        jobs.failed > 0 && h("small", {}, `${jobs.failed} failed`),
      ),
      cell(final.val_loss, (value) => number(value, 3)),
      cell(final.val_accuracy, percent),
      cell(test.accuracy, percent),
      cell(seconds, (value) => fixed(value, 2)),
      h("td", { class: "figure" }, fixed(ratio, 2)),
    );
  }

  function keep(job, epoch) {
    if (!histories.has(job)) histories.set(job, new Map());
    histories.get(job).set(epoch.epoch, epoch);
  }

  show(first);
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
      if (kind === "epoch") {
        keep(data.job_id, data);
        draw();
      }
      renew();
    },
  }).catch((error) => {
    if (!signal.aborted) fill(wrong, problem(error));
  });
}

function interval(estimate, read) {
  if (!estimate?.interval) return null;
  const [low, high] = estimate.interval;
  return h(
    "small",
    { title: `95 % confidence interval of the mean over ${estimate.n} seeds` },
    `${read(low)} to ${read(high)}`,
  );
}

const labelOf = ({ activation, values }) =>
  [
    activation,
    ...Object.entries(values).map(([name, value]) => `${name.split(".").at(-1).replaceAll("_", " ")} ${value}`),
  ].join(", ");

function bestOf(configurations, name, pick, read) {
  const known = configurations.filter(({ final }) => typeof final[name]?.mean === "number");
  if (!known.length) return ["–", null];
  const value = pick(...known.map(({ final }) => final[name].mean));
  return [read(value), labelOf(known.find(({ final }) => final[name].mean === value))];
}

function runOf(history, metric) {
  const rows = [...(history?.values() ?? [])].sort((a, b) => a.epoch - b.epoch);
  return { x: rows.map((row) => row.epoch), y: rows.map((row) => row[metric]) };
}

/** Of the runs, epoch by epoch, as far as each has come. */
function mean(runs) {
  const by = new Map();
  for (const { x, y } of runs)
    x.forEach((epoch, index) => y[index] !== null && by.set(epoch, [...(by.get(epoch) ?? []), y[index]]));
  const epochs = [...by.keys()].sort((a, b) => a - b);
  return {
    x: epochs,
    y: epochs.map((epoch) => by.get(epoch).reduce((sum, value) => sum + value, 0) / by.get(epoch).length),
  };
}
