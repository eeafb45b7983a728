// The figures of an epoch and of a layer, from the server's table, and how a chart shows them.

import { getOnce } from "./api.js";
import { decades } from "./axes.js";
import { extent } from "./figures.js";
import { duration, fixed, number, percent } from "./format.js";

/**
 * @typedef {object} Figure
 * @property {string} name
 * @property {string} title
 * @property {string} unit
 * @property {boolean} percent whether it is a share, shown as a percentage
 * @property {boolean} log whether its axis is logarithmic
 * @property {boolean|null} lower_is_better
 */

/** @type {{epoch: Figure[], layer: Figure[]}} */
const { epoch, layer } = await getOnce("static/figures.json");
const FIGURES = new Map(epoch.map((figure) => [figure.name, figure]));

/** Titles by name, in the order of a menu. */
export const TITLES = Object.fromEntries(epoch.map(({ name, title }) => [name, title]));
export const LAYER_FIGURES = layer;

/** How a chart shows a metric: its axis, a value as text, and which value is better. */
export function scale(metric) {
  const figure = FIGURES.get(metric);
  const { axis, ...texts } = chooseScale(figure);
  const fitAxis = (values) => {
    const known = values.filter((value) => value !== null && value !== undefined);
    return known.length ? axis(known) : EMPTY;
  };
  return { ...texts, axis: fitAxis, lowerIsBetter: figure.lower_is_better };
}

/** An axis without values has no tick labels. */
const EMPTY = { showticklabels: false, showgrid: false };

function chooseScale({ percent: isShare, log, unit }) {
  if (isShare) return { axis: fractions, read: (value) => percent(value), hover: ".2%" };
  if (log) return { axis: decades, read: (value) => number(value, 3), hover: ".4f" };
  return { axis: () => ({ rangemode: "tozero" }), read: READ[unit] ?? ((value) => number(value)), hover: ".4~g" };
}

const READ = { s: duration, "images/s": (value) => fixed(value, 0) };

/** As far as the values go, and not beyond 0 and 1. */
function fractions(values) {
  const [low, high] = extent(values);
  const room = Math.max(0.005, 0.08 * (high - low));
  return { tickformat: ".1~%", range: [Math.max(-0.01, low - room), Math.min(1.005, high + room)] };
}
