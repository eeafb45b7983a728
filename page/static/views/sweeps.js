// Sweeps: a list of all sweeps, newest first.

import { setQuery } from "../address.js";
import { get, queryString } from "../api.js";
import { badge, describeFailures, empty, heading, problem, progress, skeleton, timestamp } from "../components.js";
import { html, render, repeat } from "../dom.js";
import { count, duration, shortId } from "../format.js";
import { describeSweep, nameOf, noteOf } from "../labels.js";
import { createPagination } from "../pagination.js";
import { cells, table } from "../table.js";
import { abortPrevious, createTimer } from "../timing.js";

const EVERY_MS = 2500;
const SIZE = 20;
const COLUMNS = ["Sweep", "State", "Epochs", "Left", "Jobs", "Created"];

export async function view({ root, query, signal, title }) {
  title("Sweeps");
  const remember = (how) => setQuery(pagination.toQuery(), how);
  const pagination = createPagination({ query, load, remember, size: SIZE });
  const next = abortPrevious(signal);
  const timer = createTimer(signal, load);
  let page = null;
  let failure = null;

  function update() {
    render(
      html`
        ${heading("Sweeps", html`<a class="button primary" href="#/train/sweep">New sweep</a>`)}
        <section class="panel stack" aria-label="All sweeps">
          ${failure && problem(failure, load)}
          ${page ? rows(page.data) : skeleton()}
          ${page && pagination.buttons(page)}
        </section>`,
      root,
    );
  }

  async function load() {
    timer.stop();
    const mine = next();
    try {
      page = await get(`v1/sweeps${queryString({ limit: SIZE, cursor: pagination.cursor() })}`, mine);
      failure = null;
    } catch (error) {
      if (mine.aborted) return;
      failure = error;
    }
    update();
    const isUnfinished = page?.data.some((sweep) => sweep.finished_at === null);
    timer.start(isUnfinished || failure ? EVERY_MS : 4 * EVERY_MS);
  }

  update();
  await load();
}

const rows = (sweeps) =>
  sweeps.length
    ? table(
        "Table of sweeps",
        COLUMNS,
        repeat(sweeps, ({ id }) => id, row),
      )
    : emptyState();

const emptyState = () =>
  empty(html`
    <p>No sweeps yet. A sweep trains the same network once for each activation, and compares them.</p>
    <a class="button primary" href="#/train/sweep">Train the article’s sweep</a>`);

function row(sweep) {
  const { id, spec, jobs } = sweep;
  const [name, note] = [nameOf(spec.base.metadata), noteOf(spec.base.metadata)];
  const failures = describeFailures(jobs);
  return html`<tr>
    ${cells.name(
      html`<a href="#/sweeps/${id}">${name ?? describeSweep(spec)}</a>`,
      html`<small>${name && ` ${describeSweep(spec)}`}<span class="id"> ${shortId(id)}</span></small>`,
      note && html`<small class="note" title=${note}> · ${note}</small>`,
    )}
    ${cells.any(badge(sweep.state))}
    ${cells.any(progress(sweep.progress, `Epochs of sweep ${shortId(id)}`))}
    ${cells.number(sweep.finished_at ? "" : duration(sweep.eta_seconds))}
    ${cells.number(
      `${count(jobs.succeeded + jobs.failed + jobs.cancelled)} of ${count(jobs.total)}`,
      failures && html`<small>${failures}</small>`,
    )}
    ${cells.any(timestamp(sweep.created_at))}
  </tr>`;
}
