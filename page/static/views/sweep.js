// A sweep: its configurations compared, live.

import { setQuery } from "../address.js";
import { get, MAX_COMPARED, post, queryString } from "../api.js";
import { chart } from "../charts.js";
import { badge, connectionBadge, heading, problem, progress, tiles } from "../components.js";
import { exclusionChips, selectField } from "../controls.js";
import { html, render, repeat } from "../dom.js";
import { createEpochTracker } from "../epoch_progress.js";
import { labelOf } from "../field_labels.js";
import { drawingFiles, tableFiles } from "../file_links.js";
import { shortId } from "../format.js";
import { describeConfiguration, describePoint, describeSweep, nameOf, noteOf } from "../labels.js";
import { loadLineStyles } from "../line_styles.js";
import { follow } from "../live_stream.js";
import { TITLES } from "../metrics.js";
import { comparePublished, PUBLISHED } from "../published_comparison.js";
import { sortRows } from "../row_order.js";
import { buildPicture } from "../sweep_chart.js";
import { listSweepFacts } from "../sweep_facts.js";
import { configurationRow, FIGURES, GRID_SORTED, SORTED } from "../sweep_table.js";
import { table } from "../table.js";
import { abortPrevious, createTimer, throttle } from "../timing.js";

const AGAIN_MS = 1200;
const SLOWLY_MS = 10_000; // for the time left while an epoch progresses
const DEFAULT_METRIC = "val_accuracy";
const MAX_SHOWN = 24; // lines and rows before "all" is chosen: as many lines as the server draws
const POINTS = { few: 200, all: 60 }; // per line
const MAX_EPOCHS_FOLLOWED = 5000; // of all jobs: the stream starts with all past events
const POLL_MS = 5000; // for larger sweeps, which are polled
const METRIC_FIELD = { id: "metric", label: "Metric", choices: Object.entries(TITLES) };

export async function view({ root, id, query, signal, title }) {
  const path = `v1/sweeps/${encodeURIComponent(id)}`;
  const [first, look] = await Promise.all([get(path, signal), loadLineStyles()]);
  signal.throwIfAborted();
  const { activations, grid, seeds, base } = first.spec;
  const name = nameOf(base.metadata);
  const note = noteOf(base.metadata);
  title(name ? `${name} · sweep ${shortId(id)}` : `Sweep ${shortId(id)}`);
  const excluded = new Set((query.get("exclude") ?? "").split(",").filter((name) => activations.includes(name)));
  const orders = Object.keys(grid).length ? [...SORTED, ...GRID_SORTED] : SORTED;
  const next = abortPrevious(signal);
  const timer = createTimer(signal, poll);
  const running = createEpochTracker();
  let metric = query.get("metric") in TITLES ? query.get("metric") : DEFAULT_METRIC;
  let sweep = first;
  let means = { total: 0, configurations: [] };
  let [showsAllLines, showsAllRows] = [false, false];
  let order = 0;
  let connection = "connecting";
  let failure = null;
  const figure = chart({ name: metric, title: TITLES[metric], signal, size: "tall" });
  const beside = comparePublished({
    path,
    signal,
    pressed: query.get("beside") === "published",
    onpress: () => {
      if (beside.pressed() && !PUBLISHED.includes(metric)) [metric] = PUBLISHED;
      applyChoice();
    },
    update,
  });

  function update() {
    render(
      html`
        ${heading(
          name ? html`${name}<small> Sweep ${shortId(id)}</small>` : `Sweep ${shortId(id)}`,
          html`<a class="button" href="#/jobs?sweep_id=${id}">Jobs</a>`,
          sweep.finished_at === null && html`<button type="button" @click=${cancel}>Cancel</button>`,
        )}
        ${note && html`<p class="lede note">${note}</p>`}
        <div class="row">
          ${badge(sweep.state)}${connectionBadge(connection)}<span class="hint">${describeSweep(first.spec)}</span>
        </div>
        ${failure && problem(failure)}
        <section class="panel stack" aria-label="Progress">
          ${progress(running.addTo(sweep.progress), "Epochs of all jobs", { wide: true })}
          ${running.lines()}
          ${tiles(listSweepFacts(sweep))}
        </section>
        <section class="panel stack" aria-label="Curves">
          <div class="row end">
            <div>
              ${selectField({ ...METRIC_FIELD, value: metric, onchange: chooseMetric })}
            </div>
            ${exclusionChips({ names: activations, excluded, look, onchange: applyChoice })}
            ${beside.toggle()}
          </div>
          ${figure.element}
          ${means.total > MAX_SHOWN && linesToggle()}
          ${beside.summary()}
          <div class="stack">
            ${tableFiles("History", `${path}/history`)}
            ${excluded.size < activations.length && drawingFiles("Drawing", drawingPath)}
          </div>
        </section>
        <section class="panel stack" aria-label="Configurations">
          <div class="heading"><h2>Configurations</h2>${sweep.configurations.length > 1 && orderField()}</div>
          ${configurationTable()}
        </section>`,
      root,
    );
  }

  function chooseMetric(value) {
    metric = value;
    applyChoice();
  }

  function applyChoice() {
    setQuery({
      metric: metric === DEFAULT_METRIC ? null : metric,
      exclude: [...excluded].join(","),
      beside: beside.pressed() ? "published" : null,
    });
    figure.rename(metric, TITLES[metric]);
    update();
    load();
  }

  function drawingPath(format) {
    const isBeside = beside.pressed() && PUBLISHED.includes(metric);
    const choice = {
      metric,
      ...(excluded.size ? { exclude: [...excluded] } : {}),
      ...(isBeside ? { beside: "published" } : {}),
    };
    return `${path}/plot.${format}?${new URLSearchParams(choice)}`;
  }

  function linesToggle() {
    const { total, configurations } = means;
    const text =
      configurations.length < total
        ? `${configurations.length} of ${total} configurations are drawn: those with the lowest validation loss.`
        : `All ${total} configurations are drawn, up to ${POINTS.all} epochs each.`;
    const toggle = () => {
      showsAllLines = !showsAllLines;
      load();
    };
    return moreButton(text, showsAllLines ? `Draw ${MAX_SHOWN}` : `Draw all ${total}`, toggle);
  }

  function orderField() {
    const choices = orders.map(([title], index) => [String(index), title]);
    const onchange = (value) => {
      order = Number(value);
      update();
    };
    const about = { id: "order", label: "Sorted by", choices, value: String(order), onchange };
    return html`<div>${selectField(about)}</div>`;
  }

  function configurationTable() {
    const paths = Object.keys(grid);
    const columns = ["Activation", ...paths.map(labelOf), "Succeeded", ...FIGURES.map((figure) => ({ figure }))];
    const all = sortRows(sweep.configurations, orders[order]);
    const shown = showsAllRows ? all : all.slice(0, MAX_SHOWN);
    const row = (configuration) => {
      const { activation, variant } = configuration;
      return configurationRow(configuration, {
        grid: paths,
        own: look(activation, variant),
        link: jobsLink(configuration),
      });
    };
    const key = ({ activation, variant }) => `${activation} ${variant}`;
    const toggle = () => {
      showsAllRows = !showsAllRows;
      update();
    };
    const button = showsAllRows ? `Show ${MAX_SHOWN}` : `Show all ${all.length}`;
    return [
      table("Table of configurations", columns, repeat(shown, key, row)),
      all.length > MAX_SHOWN && moreButton(`${shown.length} of ${all.length} rows`, button, toggle),
    ];
  }

  function jobsLink({ activation, job_ids: ids }) {
    if (ids.length === 1) return `#/jobs/${ids[0]}`;
    if (ids.length <= MAX_COMPARED) return `#/compare?jobs=${ids.join(",")}`;
    return `#/jobs?sweep_id=${id}&activation=${activation}`;
  }

  const load = throttle(AGAIN_MS / 2, signal, async () => {
    const mine = next();
    if (excluded.size === activations.length) return draw({ total: 0, configurations: [] });
    const choice = {
      metric,
      exclude: [...excluded].join(","),
      lines: showsAllLines ? first.configurations.length || MAX_SHOWN : MAX_SHOWN,
      points: showsAllLines ? POINTS.all : POINTS.few,
    };
    try {
      const found = await get(`${path}/means${queryString(choice)}`, mine);
      if (!mine.aborted) draw(found);
    } catch (error) {
      if (!mine.aborted) showIfDeleted(error);
    }
  });

  function draw(found) {
    means = found;
    const curves = means.configurations.map((one) => ({
      ...one,
      label: describeConfiguration(one),
      point: describePoint(one),
      own: look(one.activation, one.variant),
    }));
    const how = { banded: seeds.length > 1, ended: sweep.finished_at !== null, published: beside.runs() };
    update();
    return figure.draw(buildPicture(curves, means.metric ?? metric, how));
  }

  const renew = throttle(AGAIN_MS, signal, async () => {
    try {
      show(await get(path, signal));
      if (beside.pressed()) await beside.renew();
    } catch (error) {
      if (!signal.aborted) showIfDeleted(error);
    }
  });

  const renewSlowly = throttle(SLOWLY_MS, signal, renew);

  /** Other errors pass: the next event or the stream's own error follows. */
  function showIfDeleted(error) {
    if (error.status === 404) fail(error);
  }

  function fail(error) {
    failure = error;
    update();
  }

  function show(found) {
    sweep = found;
    update();
  }

  async function cancel({ currentTarget: button }) {
    button.disabled = true;
    try {
      show(await post(`${path}/cancel`));
    } catch (error) {
      fail(error);
    }
    button.disabled = false;
  }

  function connect(state) {
    connection = state;
    update();
  }

  /** Polls a sweep that is too large to be followed. */
  async function poll() {
    const before = sweep.progress.epoch;
    await get(path, signal).then(show, () => connect("reconnecting"));
    if (sweep.progress.epoch !== before) load();
    schedulePoll();
  }

  function schedulePoll() {
    connect(sweep.finished_at ? "ended" : "live");
    if (!sweep.finished_at) timer.start(POLL_MS);
  }

  update();
  if (beside.pressed()) await beside.renew();
  applyChoice();
  if (first.finished_at) return connect("ended");
  if (first.progress.epochs > MAX_EPOCHS_FOLLOWED) return schedulePoll();
  follow(`${path}/stream`, {
    signal,
    onState: (state) => {
      connect(state);
      if (state !== "reconnecting") renew();
    },
    onEvent: (event) => {
      const { kind } = event;
      running.note(event);
      if (kind === "progress") {
        update();
        return renewSlowly();
      }
      if (kind === "epoch" || kind === "reset") load();
      renew();
    },
  }).catch((error) => {
    if (!signal.aborted) fail(error);
  });
}

const moreButton = (text, label, onclick) => html`
  <div class="row"><small>${text}</small><button type="button" class="small" @click=${onclick}>${label}</button></div>`;
