// A forecast beside a form: how many jobs and epochs it makes, and about how long they take.

import { get } from "./api.js";
import { html, render } from "./dom.js";
import { estimate } from "./estimate.js";
import { pluralize } from "./format.js";
import { debounce } from "./timing.js";

const JOBS_MEASURED = 40;
const UNITS = [
  ["days", 86_400, 2],
  ["h", 3600, 2],
  ["min", 60, 1.5],
  ["s", 1, 0],
]; // name, seconds, least number shown

/** Shows the number of jobs and epochs and the estimated time before the form is sent. */
export async function showForecast({ form, specs, outlook, signal, measurements }) {
  let known = null;
  const update = () => {
    const asked = specs();
    if (typeof asked === "string") return render(asked, outlook);
    const found = known && estimate(asked, known.jobs, known.workers);
    render(found ? describeForecast(found, known) : "", outlook);
  };
  const later = debounce(120, signal, update);
  for (const event of ["input", "change", "click"]) form.addEventListener(event, later);
  update();
  known = await measurements;
  if (!signal.aborted) update();
}

/** Fetches earlier measurements and the queue's length. */
export async function loadMeasurements(signal) {
  const none = { data: [], total: 0 };
  const ask = (path) => get(path, signal).catch(() => none);
  const [jobs, workers, queued, running] = await Promise.all([
    ask(`v1/jobs?limit=${JOBS_MEASURED}`),
    ask("v1/workers"),
    ask("v1/jobs?state=queued&limit=1"),
    ask("v1/jobs?state=running&limit=1"),
  ]);
  return { jobs: jobs.data, workers: workers.data.length, ahead: queued.total + running.total };
}

function describeForecast({ jobs, epochs, low, high, measured }, { workers, ahead }) {
  const many = [...(jobs === 1 ? [] : [pluralize(jobs, "job")]), pluralize(epochs, "epoch")];
  const time = low === null ? "the time is unknown yet, because no job has been measured" : formatRange(low, high);
  const basis = low === null ? "" : `, based on ${pluralize(measured, "earlier job")}`;
  const line =
    workers === 0
      ? " No worker is connected: jobs wait until one is."
      : ahead > 0 && ` ${pluralize(ahead, "other job")} ${ahead === 1 ? "is" : "are"} running or queued before.`;
  return html`<strong>${many.join(", ")}</strong>: ${time}${basis}.${line}`;
}

/** "about 4 to 6 min": one unit for both, without false precision. */
function formatRange(low, high) {
  if (high < 10) return "a few seconds";
  const [unit, size] = UNITS.find(([, length, least]) => high >= least * length);
  const rounded = (seconds) => {
    const value = seconds / size;
    return value >= 10 || size <= 60 ? Math.round(value) : Number(value.toFixed(1));
  };
  const [from, to] = [rounded(low), rounded(high)];
  if (from === 0) return `up to ${to} ${unit}`;
  return `about ${from === to ? to : `${from} to ${to}`} ${unit}`;
}
