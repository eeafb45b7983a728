// The progress and the best results of a sweep.

import { count, duration, number, percent } from "./format.js";
import { describeConfiguration } from "./labels.js";

export function listSweepFacts(sweep) {
  const { jobs, spec, best, finished_at: finished, eta_seconds: eta, state, progress: done } = sweep;
  const ended = jobs.succeeded + jobs.failed + jobs.cancelled;
  const waits = done.epoch ? null : "no epoch yet";
  return [
    ["Jobs ended", `${count(ended)} of ${count(jobs.total)}`, describeStates(jobs, spec)],
    ["Time left", finished ? "–" : duration(eta), finished ? state : eta === null ? waits : null],
    ["Best validation accuracy", ...describeBest(best?.val_accuracy, spec, percent)],
    ["Best validation loss", ...describeBest(best?.val_loss, spec, (value) => number(value, 3))],
  ];
}

const STATES = ["succeeded", "failed", "cancelled", "running", "queued"];

/** "3 succeeded, 1 failed, 2 queued; 1 deleted": all states that occur. */
function describeStates(jobs, { activations, seeds, grid }) {
  const submitted = [activations, seeds, ...Object.values(grid)].reduce((product, { length }) => product * length, 1);
  const counts = STATES.filter((state) => jobs[state] > 0).map((state) => `${count(jobs[state])} ${state}`);
  const deleted = submitted - jobs.total;
  return [counts.join(", "), deleted > 0 && `${count(deleted)} deleted`].filter(Boolean).join("; ");
}

/** The best value of all jobs in any state, as in the chart. */
function describeBest(figure, { seeds }, read) {
  if (!figure) return ["–", null];
  const label = describeConfiguration(figure);
  return [read(figure.value), seeds.length > 1 ? `${label}, seed ${figure.seed}` : label];
}
