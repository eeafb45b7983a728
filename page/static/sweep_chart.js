// The chart of a sweep: per configuration the mean over its seeds, and a band from the lowest to the highest value.

import { integerAxis } from "./axes.js";
import { buildBand, buildLine, escapeForPlotly, NO_EPOCH, NO_EPOCH_YET, noteAnnotation } from "./charts.js";
import { greatest } from "./figures.js";
import { count } from "./format.js";
import { scale } from "./metrics.js";

const MAX_NAMED = 12; // entries of the legend and of the caption
const MAX_BANDS = 8; // more would cover each other
const BEST_NAMED = 3;

/**
 * @typedef {object} Curve of a configuration, from `v1/sweeps/…/means`
 * @property {string} label
 * @property {string} point the grid's values, "" without a grid
 * @property {import("./line_styles.js").Look} own
 * @property {number} variant
 * @property {string} activation
 * @property {number[]} epoch
 * @property {(number|null)[]} mean
 * @property {(number|null)[]} low
 * @property {(number|null)[]} high
 */

/**
 * @param {Curve[]} curves
 * @param {string} metric
 * @param {object} more
 * @param {boolean} more.banded whether to draw bands
 * @param {boolean} more.ended whether no epoch will follow
 * @param {Map<string, object>|null} more.published the article's runs by activation, drawn as rings
 * @returns {(colors: object) => import("./charts.js").Picture}
 */
export function buildPicture(curves, metric, { banded, ended, published }) {
  const { axis, read, hover, lowerIsBetter } = scale(metric);
  const begun = curves.filter(({ epoch }) => epoch.length);
  const longest = greatest(
    begun.map(({ epoch }) => epoch.at(-1)),
    2,
  );
  const last = Math.max(2, longest);
  const rings = published ? begun.flatMap((one) => buildRing(one, published.get(one.activation)?.[metric], last)) : [];
  const bands = banded && begun.length <= MAX_BANDS ? begun : [];
  const ys = [...begun.map(({ mean }) => mean), ...bands.flatMap(({ low, high }) => [low, high])];
  return (colors) => ({
    data: [
      ...bands.flatMap((one) => buildBand(colors, one)),
      ...begun.map(({ own, label, epoch, mean }) =>
        buildLine(colors, own, {
          x: epoch,
          y: mean,
          name: escapeForPlotly(label),
          markers: true,
          hovertemplate: `epoch %{x}: %{y:${hover}}<extra>${escapeForPlotly(label)}</extra>`,
          ...(begun.length > MAX_NAMED ? thinLine(colors, own) : {}),
        }),
      ),
      ...rings.map(({ own, ...points }) => buildLine(colors, own, { ...points, ...ringStyle(colors, own, hover) })),
    ],
    layout: {
      xaxis: { ...integerAxis("epoch", last), range: [0.7, last + 0.3] },
      yaxis: axis([...ys.flat(), ...rings.flatMap(({ y }) => y)]),
      uirevision: `${metric} ${last}`,
      annotations: begun.length ? [] : [noteAnnotation(colors, ended ? NO_EPOCH : NO_EPOCH_YET)],
    },
    legend: buildLegend(curves),
    caption: writeCaption(begun, read, lowerIsBetter),
  });
}

const thinLine = (colors, own) => ({ line: { color: colors.looks[own.color], dash: own.dash, width: 1.5 } });

/** For many lines, one entry per activation's colour and one per grid point's dash. */
function buildLegend(curves) {
  const variants = new Set(curves.map(({ variant }) => variant));
  if (curves.length <= MAX_NAMED || variants.size < 2) return curves;
  const byColor = [...curves].sort((a, b) => a.own.color - b.own.color);
  const labelActivation = ({ activation, own }) => [activation, { label: activation, own: stripDash(own) }];
  const activations = new Map(byColor.map(labelActivation));
  const points = new Map(curves.map(({ variant, point, own }) => [variant, { label: point, own: stripColor(own) }]));
  const dashes = [...points].sort(([a], [b]) => a - b).map(([, point]) => point);
  const rest = dashes.length - MAX_NAMED;
  return [
    ...activations.values(),
    ...dashes.slice(0, MAX_NAMED),
    ...(rest > 0 ? [{ label: `and ${rest} more: point at a line to see its name` }] : []),
  ];
}

const stripColor = (own) => ({ ...own, color: null, symbol: null });
const stripDash = (own) => ({ ...own, dash: "solid", symbol: null });

function writeCaption(begun, read, lowerIsBetter) {
  const last = begun.map((one) => ({ ...one, value: one.mean.at(-1) ?? Number.NaN }));
  const describeLine = ({ label, value, epoch }) => `${label} ${read(value)} after epoch ${epoch.at(-1)}`;
  if (last.length <= MAX_NAMED) return last.map(describeLine).join("; ");
  const known = last.filter(({ value }) => !Number.isNaN(value));
  const better = lowerIsBetter === false ? -1 : 1;
  const best = known.sort((a, b) => better * (a.value - b.value)).slice(0, BEST_NAMED);
  const which = better < 0 ? "highest" : "lowest";
  return `${count(last.length)} lines. The ${which} at their last epoch: ${best.map(describeLine).join("; ")}.`;
}

/** The published values of the drawn epochs as rings; none if the article has none. */
function buildRing({ own, activation }, values, longest) {
  const points = (values ?? []).slice(0, longest).flatMap((y, index) => (y === null ? [] : [{ x: index + 1, y }]));
  if (!points.length) return [];
  return [{ own, name: `${activation}, the article’s`, x: points.map(({ x }) => x), y: points.map(({ y }) => y) }];
}

const ringStyle = (colors, own, hover) => ({
  mode: "markers",
  marker: { color: colors.looks[own.color], symbol: "circle-open", size: 11, line: { width: 2 } },
  hovertemplate: `epoch %{x}: %{y:${hover}}<extra>%{fullData.name}</extra>`,
});
