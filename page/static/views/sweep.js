// A sweep: its configurations compared, live.

import { setQuery } from "../address.js";
import { get, MAX_COMPARED, post, queryString } from "../api.js";
import { chart } from "../charts.js";
import { badge, connectionBadge, heading, problem, progress, tiles } from "../components.js";
import { exclusionChips, labelField, select } from "../controls.js";
import { fill, h, refill } from "../dom.js";
import { labelOf } from "../field_labels.js";
import { drawingFiles, tableFiles } from "../file_links.js";
import { shortId } from "../format.js";
import { describeConfiguration, describePoint, describeSweep, nameOf, noteOf } from "../labels.js";
import { loadLineStyles } from "../line_styles.js";
import { follow } from "../live_stream.js";
import { METRICS } from "../metrics.js";
import { comparePublished, METRICS as PUBLISHED } from "../published_comparison.js";
import { orderSelect, sortRows } from "../row_order.js";
import { buildPicture } from "../sweep_chart.js";
import { listSweepFacts } from "../sweep_facts.js";
import { configurationRow, FIGURES, GRID_SORTED, SORTED } from "../sweep_table.js";
import { table } from "../table.js";
import { abortPrevious, throttle } from "../timing.js";

const AGAIN_MS = 1200;
const OTHERWISE = "val_accuracy";
const MAX_SHOWN = 24; // lines and rows before "all" is chosen: as many lines as the server draws
const POINTS = { few: 200, all: 60 }; // per line
const MAX_EPOCHS_FOLLOWED = 5000; // of all jobs: the stream starts with all past events
const POLL_MS = 5000; // for larger sweeps, which are polled

export async function view({ root, id, query, signal, title }) {
  const path = `v1/sweeps/${encodeURIComponent(id)}`;
  const [first, look] = await Promise.all([get(path, signal), loadLineStyles()]);
  signal.throwIfAborted();
  const name = nameOf(first.spec.base.metadata);
  const note = noteOf(first.spec.base.metadata);
  title(name ? `${name} · sweep ${shortId(id)}` : `Sweep ${shortId(id)}`);
  const { activations } = first.spec;
  let sweep = first;
  const excluded = new Set((query.get("exclude") ?? "").split(",").filter((name) => activations.includes(name)));
  let means = { total: 0, configurations: [] };
  let [everyLine, everyRow] = [false, false];
  const next = abortPrevious(signal);
  const wanted = query.get("metric") in METRICS ? query.get("metric") : OTHERWISE;
  const metric = select({ name: "metric", onchange: applyChoice }, Object.entries(METRICS), wanted);
  const figure = chart({ name: wanted, title: METRICS[wanted], signal, size: "tall" });
  const live = connectionBadge();
  const toggles = exclusionChips({ excluded, look, onchange: applyChoice });
  const beside = comparePublished({
    path,
    signal,
    pressed: query.get("beside") === "published",
    onchange: () => {
      if (beside.pressed() && !PUBLISHED.includes(metric.value)) [metric.value] = PUBLISHED;
      applyChoice();
    },
  });
  const status = h("div", { class: "row" });
  const buttons = h("div", { class: "actions" });
  const [bar, figures, wrong, rows] = [h("div"), h("div"), h("div"), h("div")];
  const links = h("div", { class: "stack" });
  const [more, moreRows] = [h("div", { class: "row" }), h("div", { class: "row" })];
  const sorting = orderSelect(Object.keys(first.spec.grid).length ? [...SORTED, ...GRID_SORTED] : SORTED, () =>
    show(sweep),
  );

  fill(
    root,
    heading(name ? [name, h("small", {}, ` Sweep ${shortId(id)}`)] : `Sweep ${shortId(id)}`, buttons),
    note && h("p", { class: "lede note" }, note),
    h("div", { class: "row" }, status, live.element, h("span", { class: "hint" }, describeSweep(first.spec))),
    wrong,
    h("section", { class: "panel stack", "aria-label": "Progress" }, bar, figures),
    h(
      "section",
      { class: "panel stack", "aria-label": "Curves" },
      h("div", { class: "row end" }, h("div", {}, labelField("Metric", metric)), toggles.element, beside.toggle),
      figure.element,
      more,
      beside.element,
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

  function applyChoice() {
    setQuery({
      metric: metric.value === OTHERWISE ? null : metric.value,
      exclude: [...excluded].join(","),
      beside: beside.pressed() ? "published" : null,
    });
    figure.rename(metric.value, METRICS[metric.value]);
    renderLinks();
    load();
  }

  function renderLinks() {
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
      lines: everyLine ? null : MAX_SHOWN,
      points: everyLine ? POINTS.all : POINTS.few,
    };
    if (everyLine) asked.lines = first.configurations.length || MAX_SHOWN;
    try {
      const found = await get(`${path}/means${queryString(asked)}`, mine);
      if (!mine.aborted) draw(found);
    } catch (error) {
      if (!mine.aborted && error.status === 404) fill(wrong, problem(error));
    }
  }
  const load = throttle(AGAIN_MS / 2, signal, fetchMeans);

  function draw(found) {
    means = found;
    const curves = means.configurations.map((one) => ({
      ...one,
      label: describeConfiguration(one),
      point: describePoint(one),
      own: look(one.activation, one.variant),
    }));
    const { length } = curves;
    refill(
      more,
      means.total > MAX_SHOWN && [
        h(
          "small",
          {},
          length < means.total
            ? `${length} of ${means.total} configurations are drawn: those with the lowest validation loss.`
            : `All ${means.total} configurations are drawn, up to ${POINTS.all} epochs each.`,
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
          everyLine ? `Draw ${MAX_SHOWN}` : `Draw all ${means.total}`,
        ),
      ],
    );
    const seeds = first.spec.seeds.length;
    const how = { banded: seeds > 1, ended: sweep.finished_at !== null, published: beside.runs() };
    return figure.draw(buildPicture(curves, means.metric ?? metric.value, how));
  }

  const renew = throttle(AGAIN_MS, signal, async () => {
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
    refill(figures, tiles(listSweepFacts(sweep)));
    showButtons();
    const grid = Object.keys(sweep.spec.grid);
    const columns = ["Activation", ...grid.map(labelOf), "Succeeded", ...FIGURES.map((figure) => ({ figure }))];
    const jobs = (ids, activation) => {
      if (ids.length === 1) return `#/jobs/${ids[0]}`;
      if (ids.length <= MAX_COMPARED) return `#/compare?jobs=${ids.join(",")}`;
      return `#/jobs?sweep_id=${id}&activation=${activation}`;
    };
    const all = sortRows(sweep.configurations, sorting.chosen());
    const made = (everyRow ? all : all.slice(0, MAX_SHOWN)).map((configuration) => {
      const { activation, variant, job_ids: ids } = configuration;
      return configurationRow(configuration, { grid, own: look(activation, variant), link: jobs(ids, activation) });
    });
    refill(rows, table("Table of configurations", columns, made));
    sorting.element.hidden = all.length < 2;
    refill(
      moreRows,
      all.length > MAX_SHOWN && [
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
          everyRow ? `Show ${MAX_SHOWN}` : `Show all ${all.length}`,
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
      h("a", { class: "button", href: `#/jobs?sweep_id=${id}` }, "Jobs"),
      sweep.finished_at === null && h("button", { type: "button", onclick: cancel }, "Cancel"),
    );
  }

  show(first);
  toggles.show(activations);
  if (beside.pressed()) await beside.renew();
  applyChoice();
  if (first.finished_at) return live.set("ended");
  if (first.progress.epochs > MAX_EPOCHS_FOLLOWED) return pollAgain();
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

  /** Polls a large sweep. */
  function pollAgain() {
    live.set(sweep.finished_at ? "ended" : "live");
    if (sweep.finished_at) return;
    const timer = setTimeout(async () => {
      if (!document.hidden) {
        const before = sweep.progress.epoch;
        await get(path, signal).then(show, () => live.set("reconnecting"));
        if (sweep.progress.epoch !== before) load();
      }
      if (!signal.aborted) pollAgain();
    }, POLL_MS);
    signal.addEventListener("abort", () => clearTimeout(timer));
  }
}
