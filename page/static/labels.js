// Names of jobs and sweeps, and how jobs differ.

import { describeSetting, labelOf } from "./field_labels.js";
import { pluralize, shortId } from "./format.js";

const PARAMETER_PREFIX = "parameters.";

/** @returns {string|null} */
export const nameOf = (metadata) => metadata?.name?.trim() || null;
const shortenName = (name) => (name.length > 40 ? `${name.slice(0, 39).trimEnd()}…` : name);
export const noteOf = (metadata) => metadata?.note?.trim() || null;

/** Describes a sweep: "6 activations, 3 seeds, learning rate". */
export function describeSweep({ activations, seeds, grid }) {
  const what = activations.length <= 2 ? activations.join(" and ") : pluralize(activations.length, "activation");
  return [what, pluralize(seeds.length, "seed"), ...Object.keys(grid).map((path) => labelOf(path).toLowerCase())].join(
    ", ",
  );
}

/**
 * Labels that tell compared jobs apart; the activation suffices if it occurs once.
 *
 * @param {{job_id: string, activation: string, name: string|null, differences: Record<string, unknown>}[]} jobs
 */
export function labelJobs(jobs) {
  const isOnly = (job) => jobs.filter(({ activation }) => activation === job.activation).length === 1;
  const labels = jobs.map((job) => {
    const title = job.name === null ? job.activation : `${job.activation} “${shortenName(job.name)}”`;
    return isOnly(job) ? title : [title, ...describeSettings(job.differences)].join(", ");
  });
  const isUnique = (label) => labels.indexOf(label) === labels.lastIndexOf(label);
  return labels.map((label, index) => (isUnique(label) ? label : `${label} (${shortId(jobs[index].job_id)})`));
}

/** Nested objects as dotted names. @returns {[string, unknown][]} */
export const flatten = (value, path = "") =>
  value !== null && typeof value === "object" && !Array.isArray(value)
    ? Object.entries(value).flatMap(([key, inner]) => flatten(inner, path ? `${path}.${key}` : key))
    : [[path, value]];

/**
 * For each job the settings in which it differs from most others; a parameter is compared within its activation, which
 * its formula goes with.
 *
 * @param {object[]} specs
 * @param {string[]} apart settings to leave out
 * @returns {string[][]} a list per job, such as ["batch size 64"]
 */
export function findDifferences(specs, apart) {
  const rows = specs.map(({ activation, formula, metadata, ...settings }) => ({
    activation,
    fields: new Map(flatten(settings)),
  }));
  const paths = new Set(rows.flatMap(({ fields }) => [...fields.keys()].filter((path) => !apart.includes(path))));
  const isEqual = (one, other, path) => JSON.stringify(one.fields.get(path)) === JSON.stringify(other.fields.get(path));
  const isUnusual = (path, row) => {
    const inActivation = path.startsWith(PARAMETER_PREFIX);
    const others = inActivation ? rows.filter(({ activation }) => activation === row.activation) : rows;
    return 2 * others.filter((other) => isEqual(row, other, path)).length <= others.length && others.length > 1;
  };
  return rows.map((row) =>
    [...paths]
      .filter((path) => row.fields.has(path) && isUnusual(path, row))
      .map((path) => describeSetting(path, row.fields.get(path))),
  );
}

/** A configuration of a sweep: "relu, batch size 64". */
export const describeConfiguration = ({ activation, values }) => [activation, ...describeSettings(values)].join(", ");

/** A point of a sweep's grid: "batch size 64". */
export const describePoint = ({ values }) => describeSettings(values).join(", ");

const describeSettings = (values) => Object.entries(values).map(([path, value]) => describeSetting(path, value));
