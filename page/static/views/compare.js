// Compare: one metric of any jobs, by epoch or by time.

import { setQuery } from "../address.js";
import { get, MAX_COMPARED, queryString } from "../api.js";
import { integerAxis } from "../axes.js";
import { buildLine, chart, escapeForPlotly } from "../charts.js";
import { badge, empty, heading, lede, problem, skeleton } from "../components.js";
import { exclusionChips, selectField } from "../controls.js";
import { html, render, repeat } from "../dom.js";
import { greatest } from "../figures.js";
import { fileLink, files } from "../file_links.js";
import { percent, shortId } from "../format.js";
import { labelJobs, nameOf } from "../labels.js";
import { assignStyles, loadLineStyles } from "../line_styles.js";
import { scale, TITLES } from "../metrics.js";
import { activationName } from "../swatch.js";
import { cells, table } from "../table.js";
import { abortPrevious, createTimer } from "../timing.js";

const AXES = [
  ["epoch", "Epoch"],
  ["seconds", "Seconds of training"],
];
const EVERY_MS = 3000;
const COLUMNS = [{ hidden: "Compare" }, "Activation", "State", "Seed", "Epochs", "Images", "Best val. accuracy"];
const METRIC_FIELD = { id: "metric", label: "Metric", choices: Object.entries(TITLES) };

export async function view({ root, query, signal, title }) {
  title("Compare");
  const look = await loadLineStyles();
  signal.throwIfAborted();
  const chosen = (query.get("jobs") ?? "").split(",").filter(Boolean);
  const excluded = new Set((query.get("exclude") ?? "").split(",").filter(Boolean));
  let metric = query.get("metric") in TITLES ? query.get("metric") : "val_loss";
  let x = query.get("x") === "seconds" ? "seconds" : "epoch";
  let comparison = null;
  let jobs = null; // to choose from
  let deleted = 0;
  let failure = null;
  const next = abortPrevious(signal);
  const timer = createTimer(signal, refresh);
  const figure = chart({ name: metric, title: TITLES[metric], signal, size: "tall" });

  function update() {
    const activations = [...new Set((comparison?.jobs ?? []).map(({ activation }) => activation))];
    render(
      html`
        ${heading("Compare")}
        ${lede("Any jobs on the same axes. Hide sigmoid to see the others in detail.")}
        ${failure && problem(failure, load)}
        <section class="panel stack" aria-label="Curves">
          <div class="row end">
            <div>
              ${selectField({ ...METRIC_FIELD, value: metric, onchange: chooseMetric })}
            </div>
            <div>${selectField({ id: "x", label: "By", choices: AXES, value: x, onchange: chooseAxis })}</div>
            ${exclusionChips({ names: activations, excluded, look, onchange: redraw })}
          </div>
          ${chosen.length === 0 && empty(html`<p>Choose jobs below to see their curves.</p>`)}
          <div class="stack" ?hidden=${chosen.length === 0}>${figure.element}${comparison && curveFiles()}</div>
        </section>
        <section class="panel" aria-label="Jobs to compare">
          <h2>Jobs</h2>
          <p class="hint" role="status">${describeLimits()}</p>
          ${jobs === null ? skeleton() : jobTable()}
        </section>`,
      root,
    );
  }

  function chooseMetric(value) {
    metric = value;
    load();
  }

  function chooseAxis(value) {
    x = value;
    redraw();
  }

  function redraw() {
    rememberChoice();
    draw();
    update();
  }

  function rememberChoice() {
    setQuery({ jobs: chosen.join(","), metric, x, exclude: [...excluded].join(",") });
  }

  async function load() {
    rememberChoice();
    timer.stop();
    const mine = next();
    failure = null;
    if (!chosen.length) {
      comparison = null;
      return update();
    }
    update();
    try {
      comparison = await get(`v1/compare${queryString({ jobs: chosen.join(","), metric, x })}`, mine);
      figure.rename(comparison.metric, TITLES[comparison.metric]);
      draw();
    } catch (error) {
      if (mine.aborted) return;
      failure = error;
    }
    update();
    if (jobs?.some((job) => chosen.includes(job.id) && job.finished_at === null)) timer.start(EVERY_MS);
  }

  async function refresh() {
    await loadJobs().catch(() => {});
    await load();
  }

  function shownJobs() {
    const labels = labelJobs(comparison.jobs);
    const labelled = comparison.jobs.map((job, index) => ({ ...job, label: labels[index] }));
    return assignStyles(labelled, ({ activation }) => activation, look).filter(
      ({ activation }) => !excluded.has(activation),
    );
  }

  function draw() {
    if (comparison === null) return;
    const shownMetric = comparison.metric; // another metric may be loading
    const { axis: yAxis, read, hover } = scale(shownMetric);
    const lines = shownJobs();
    const last = greatest(
      lines.map(({ epoch }) => epoch.at(-1)),
      1,
    );
    figure.draw((colors) => ({
      data: lines.map((job) =>
        buildLine(colors, job.own, {
          x: job[x],
          y: job.value,
          name: escapeForPlotly(job.label),
          markers: true,
          hovertemplate: `%{y:${hover}}<extra>${escapeForPlotly(job.label)}</extra>`,
        }),
      ),
      layout: {
        xaxis:
          x === "epoch"
            ? integerAxis("epoch", last)
            : { title: { text: "seconds of training and validation" }, rangemode: "tozero" },
        yaxis: yAxis(lines.flatMap(({ value }) => value)),
        uirevision: `${shownMetric} ${x}`,
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
  }

  function curveFiles() {
    const ids = shownJobs().map(({ job_id: id }) => id);
    const path = (format) => `v1/compare${queryString({ jobs: ids.join(","), metric: comparison.metric, x, format })}`;
    const links = ["csv", "png", "svg"].map((format) => fileLink(path(format), format.toUpperCase()));
    return ids.length > 0 && files("These curves", links);
  }

  async function loadJobs() {
    const recent = (await get("v1/jobs?limit=50", signal)).data;
    const known = new Set(recent.map(({ id }) => id));
    const others = await Promise.all(
      chosen
        .filter((id) => !known.has(id))
        .map((id) => get(`v1/jobs/${encodeURIComponent(id)}`, signal).catch((error) => dropDeleted(id, error))),
    );
    jobs = [...others.filter(Boolean), ...recent];
    update();
  }

  /** Deleted jobs are left out of the comparison. */
  function dropDeleted(id, { status }) {
    if (status === 404) {
      chosen.splice(chosen.indexOf(id), 1);
      deleted += 1;
    }
    return null;
  }

  function jobTable() {
    const key = ({ id }) => id;
    return jobs.length ? table("Table of jobs", COLUMNS, repeat(jobs, key, row)) : emptyState();
  }

  function row({ id, spec, state, progress, best }) {
    const name = nameOf(spec.metadata);
    const isChosen = chosen.includes(id);
    const choose = () => {
      if (isChosen) chosen.splice(chosen.indexOf(id), 1);
      else chosen.push(id);
      load();
    };
    return html`<tr>
      <td>
        <input type="checkbox" aria-label="Compare ${spec.activation} ${shortId(id)}" .checked=${isChosen}
          ?disabled=${!isChosen && chosen.length >= MAX_COMPARED} @change=${choose} />
      </td>
      ${cells.name(
        activationName(
          look(spec.activation),
          html`<a href="#/jobs/${id}">${name ?? spec.activation}</a>`,
          html`<small>${name && `${spec.activation} `}<span class="id">${shortId(id)}</span></small>`,
        ),
      )}
      ${cells.any(badge(state))}
      ${cells.number(spec.seed)}
      ${cells.number(`${progress.epoch} / ${progress.epochs}`)}
      ${cells.number(spec.train_samples ?? "all")}
      ${cells.number(percent(best?.val_accuracy))}
    </tr>`;
  }

  /** Notes on deleted jobs and on the API's limit. */
  function describeLimits() {
    const has = deleted === 1 ? "has" : "have";
    return [
      deleted > 0 && `${deleted} of the requested jobs ${has} been deleted. `,
      chosen.length >= MAX_COMPARED && `At most ${MAX_COMPARED} jobs can be compared: remove one to add another.`,
    ];
  }

  update();
  await loadJobs();
  await load();
}

const emptyState = () =>
  empty(html`
    <p>No jobs yet.</p>
    <a class="button primary" href="#/train/sweep">Train the article’s sweep</a>`);
