// A sweep's configurations as lines: the mean of their seeds, and a band from the lowest to the highest of them.

import { counted, FIRST, line, NONE, note, plain } from "./charts.js";
import { greatest } from "./figures.js";
import { count } from "./format.js";
import { scale } from "./metrics.js";

const MOST_NAMED = 12; // entries of a legend, lines of a caption
const MOST_BANDS = 8; // more of them hide each other
const BEST_SAID = 3;

/**
 * @typedef {object} Curve of a configuration, as `v1/sweeps/…/means` has it
 * @property {string} label
 * @property {string} point what the grid has there, "" without one
 * @property {import("./looks.js").Look} own
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
 * @param {boolean} more.banded whether there are several seeds
 * @param {boolean} more.ended whether there is none to come
 * @param {Map<string, object>|null} more.published the article's runs by activation, to be drawn as rings
 * @returns {(colors: object) => import("./charts.js").Picture}
 */
export function picture(curves, metric, { banded, ended, published }) {
  const { axis, read, hover } = scale(metric);
  const begun = curves.filter(({ epoch }) => epoch.length);
  const longest = greatest(
    begun.map(({ epoch }) => epoch.at(-1)),
    2,
  );
  const last = Math.max(2, longest);
  const rings = published ? begun.flatMap((one) => ring(one, published.get(one.activation)?.[metric], last)) : [];
  const bands = banded && begun.length <= MOST_BANDS ? begun : [];
  const ys = [...begun.map(({ mean }) => mean), ...bands.flatMap(({ low, high }) => [low, high])];
  return (colors) => ({
    data: [
      ...bands.flatMap((one) => band(colors, one)),
      ...begun.map(({ own, label, epoch, mean }) =>
        line(colors, own, {
          x: epoch,
          y: mean,
          name: plain(label),
          markers: true,
          hovertemplate: `epoch %{x}: %{y:${hover}}<extra>${plain(label)}</extra>`,
          ...(begun.length > MOST_NAMED ? thin(colors, own) : {}),
        }),
      ),
      ...rings.map(({ own, ...points }) => line(colors, own, { ...points, ...ringed(colors, own, hover) })),
    ],
    layout: {
      xaxis: { ...counted("epoch", last), range: [0.7, last + 0.3] },
      yaxis: axis([...ys.flat(), ...rings.flatMap(({ y }) => y)]),
      uirevision: `${metric} ${last}`,
      annotations: begun.length ? [] : [note(colors, ended ? NONE : FIRST)],
    },
    legend: legend(curves),
    caption: caption(begun, metric, read),
  });
}

const thin = (colors, own) => ({ line: { color: colors.looks[own.color], dash: own.dash, width: 1.5 } });

/** A band is what lies between a line of the lowest and one of the highest. */
function band(colors, { own, label, epoch, low, high }) {
  const edge = {
    type: "scatter",
    mode: "lines",
    x: epoch,
    name: plain(label),
    hoverinfo: "skip",
    line: { width: 0, color: colors.looks[own.color] },
  };
  return [
    { ...edge, y: low },
    { ...edge, y: high, fill: "tonexty", fillcolor: `${colors.looks[own.color]}26` },
  ];
}

/** Of many lines, the colours of the activations and the dashes of the grid's points: each once. */
function legend(curves) {
  const variants = new Set(curves.map(({ variant }) => variant));
  if (curves.length <= MOST_NAMED || variants.size < 2) return curves;
  const byColor = [...curves].sort((a, b) => a.own.color - b.own.color);
  const named = ({ activation, own }) => [activation, { label: activation, own: bare(own) }];
  const activations = new Map(byColor.map(named));
  const points = new Map(curves.map(({ variant, point, own }) => [variant, { label: point, own: grey(own) }]));
  const dashes = [...points].sort(([a], [b]) => a - b).map(([, point]) => point);
  const rest = dashes.length - MOST_NAMED;
  return [
    ...activations.values(),
    ...dashes.slice(0, MOST_NAMED),
    ...(rest > 0 ? [{ label: `and ${rest} more: point at a line to read its name` }] : []),
  ];
}

const grey = (own) => ({ ...own, color: null, symbol: null });
const bare = (own) => ({ ...own, dash: "solid", symbol: null });

function caption(begun, metric, read) {
  const last = begun.map((one) => ({ ...one, value: one.mean.at(-1) ?? Number.NaN }));
  const told = ({ label, value, epoch }) => `${label} ${read(value)} after epoch ${epoch.at(-1)}`;
  if (last.length <= MOST_NAMED) return last.map(told).join("; ");
  const known = last.filter(({ value }) => !Number.isNaN(value));
  const better = /accuracy|per_second/.test(metric) ? -1 : 1;
  const best = known.sort((a, b) => better * (a.value - b.value)).slice(0, BEST_SAID);
  const which = better < 0 ? "highest" : "lowest";
  return `${count(last.length)} lines. The ${which} at their last epoch: ${best.map(told).join("; ")}.`;
}

/** The published points of the epochs that are drawn; none where the figure shows none. */
function ring({ own, activation }, values, longest) {
  const points = (values ?? []).slice(0, longest).flatMap((y, index) => (y === null ? [] : [{ x: index + 1, y }]));
  if (!points.length) return [];
  return [{ own, name: `${activation}, the article’s`, x: points.map(({ x }) => x), y: points.map(({ y }) => y) }];
}

const ringed = (colors, own, hover) => ({
  mode: "markers",
  marker: { color: colors.looks[own.color], symbol: "circle-open", size: 11, line: { width: 2 } },
  hovertemplate: `epoch %{x}: %{y:${hover}}<extra>%{fullData.name}</extra>`,
});
