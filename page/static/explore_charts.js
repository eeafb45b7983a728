// The charts of Explore: values and derivatives with the cursor's point, tangents and jumps.

import { buildLine } from "./charts.js";
import { html } from "./dom.js";
import { extent } from "./figures.js";
import { number } from "./format.js";

const TANGENT = 0.09; // length to each side, as a fraction of the width
const MAX_SLOPE = 3; // of the y axis

/**
 * @param {object[]} curves from the API
 * @param {{look: Function, at: number, reach: number}} about `at` is the cursor's index on the grid
 * @returns {(colors: object) => import("./charts.js").Picture}
 */
export function buildValuePicture(curves, about) {
  const { look, at, reach } = about;
  return (colors) => ({
    data: [
      ...curves.map((curve) => curveLine(colors, look(curve.name), curve, curve.x, curve.value)),
      ...curves.map((curve) => buildTangent(colors, look(curve.name), curve, at, TANGENT * 2 * reach)),
    ],
    layout: buildLayout(colors, curves, "value", about, reach),
    caption: writeCaption(curves, "value"),
  });
}

/** As `buildValuePicture`; the derivative has gaps and dots at its jumps. */
export function buildDerivativePicture(curves, about) {
  const { look, at } = about;
  return (colors) => ({
    data: [
      ...curves.map((curve) => {
        const { x, y } = breakAtJumps(curve.x, curve.derivative, listJumps(curve));
        return curveLine(colors, look(curve.name), curve, x, y);
      }),
      ...curves.flatMap((curve) => jumpDots(colors, look(curve.name), listJumps(curve))),
      ...curves.map((curve) => ({
        ...cursorMark(colors, look(curve.name)),
        mode: "markers",
        x: [curve.x[at]],
        y: [curve.derivative[at]],
      })),
    ],
    layout: buildLayout(colors, curves, "derivative", about, MAX_SLOPE),
    caption: writeCaption(curves, "derivative"),
  });
}

const curveLine = (colors, own, { name }, x, y) => buildLine(colors, own, { x, y, name, hoverinfo: "none" });

function buildLayout(colors, curves, key, { at, reach }, limit) {
  return {
    xaxis: { range: [-reach, reach] },
    yaxis: { range: fitRange(curves, key, limit) },
    hovermode: false,
    margin: { b: 28 },
    shapes: curves.length ? [cursorLine(colors, curves[0].x[at])] : [],
    uirevision: reach,
  };
}

export const cursorLine = (colors, x) => ({
  type: "line",
  xref: "x",
  yref: "paper",
  x0: x,
  x1: x,
  y0: 0,
  y1: 1,
  layer: "below",
  line: { color: colors.faint, width: 1, dash: "dot" },
});

const cursorMark = (colors, own) => ({
  type: "scatter",
  hoverinfo: "skip",
  marker: {
    color: colors.looks[own.color],
    size: 9,
    symbol: own.symbol,
    line: { color: colors.panel, width: 2 },
  },
  line: { color: colors.looks[own.color], width: 1 },
});

/** The point at the cursor with its tangent. */
function buildTangent(colors, own, curve, at, reach) {
  const [x, y, slope] = [curve.x[at], curve.value[at], curve.derivative[at] ?? Number.NaN]; // null: undefined there
  const mark = cursorMark(colors, own);
  return {
    ...mark,
    mode: "lines+markers",
    x: [x - reach, x, x + reach],
    y: [y - slope * reach, y, y + slope * reach],
    marker: { ...mark.marker, size: [0, 9, 0] },
  };
}

/** Open dots at one-sided limits, filled dots at the derivative's value. */
function jumpDots(colors, own, jumps) {
  if (!jumps.length) return [];
  const color = colors.looks[own.color];
  const dot = (points, fill) => ({
    type: "scatter",
    mode: "markers",
    hoverinfo: "skip",
    x: points.map(([x]) => x),
    y: points.map(([, y]) => y),
    marker: { size: 8, symbol: "circle", color: fill, line: { color, width: 2 } },
  });
  const limits = jumps.flatMap(({ x, below, at, above }) => [below, above].filter((y) => y !== at).map((y) => [x, y]));
  const values = jumps.map(({ x, at }) => [x, at]);
  return [dot(limits, colors.panel), dot(values, color)];
}

/** The y range: all of a bounded function, an unbounded one up to the limit. */
export function fitRange(curves, key, limit) {
  const [least, greatest] = extent(curves.flatMap((curve) => curve[key]));
  if (least > greatest) return [-1, 1];
  const [low, high] = [Math.max(-limit, least), Math.min(limit, greatest)];
  const room = 0.06 * (high - low || 1);
  return [low - room, high + room];
}

function writeCaption(curves, key) {
  if (!curves.length) return "Choose an activation above.";
  const ranges = curves.map((curve) => {
    const [low, high] = extent(curve[key]).map((end) => number(end, 3));
    return `${curve.name} lies between ${low} and ${high}`;
  });
  return `${ranges.join("; ")}.`;
}

const listJumps = (curve) => curve.jumps ?? [];

export function describeJump(curve, x) {
  const jump = listJumps(curve).find((one) => one.x === x);
  return jump && html`<small>jumps from ${number(jump.below, 4)} to ${number(jump.above, 4)}</small>`;
}

/**
 * Replaces the point at each jump by its two limits with a gap between them.
 *
 * @param {number[]} x ascending
 * @param {(number|null)[]} y
 * @param {{x: number, below: number, above: number}[]} jumps
 */
function breakAtJumps(x, y, jumps) {
  const points = x.map((at, index) => [at, y[index]]);
  const limits = jumps.flatMap((jump) => [
    [jump.x, jump.below],
    [jump.x, null],
    [jump.x, jump.above],
  ]);
  const known = new Set(jumps.map((jump) => jump.x));
  const all = [...points.filter(([at]) => !known.has(at)), ...limits].sort(([a], [b]) => a - b); // stable
  return { x: all.map(([at]) => at), y: all.map(([, value]) => value) };
}
