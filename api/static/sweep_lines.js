// A sweep's configurations as lines: the mean of their seeds, each seed faintly behind it.

import { counted, line, note } from "./charts.js";
import { scale } from "./metrics.js";

/**
 * @typedef {object} Drawn a configuration that is shown
 * @property {string} label
 * @property {import("./looks.js").Look} own
 * @property {string} activation
 * @property {string[]} job_ids
 */

/**
 * @param {Drawn[]} configurations
 * @param {Map<string, Map<number, object>>} histories by job, its epochs by number
 * @param {string} metric
 * @param {Map<string, object>|null} published the article's runs by activation, to be drawn as rings
 * @returns {(colors: object) => import("./charts.js").Picture}
 */
export function picture(configurations, histories, metric, published) {
  const { axis, read, hover } = scale(metric);
  const lines = configurations.map((configuration) => ({
    ...configuration,
    runs: configuration.job_ids.map((job) => run(histories.get(job), metric)).filter(({ x }) => x.length),
  }));
  const begun = lines.filter(({ runs }) => runs.length);
  const longest = Math.max(2, ...begun.flatMap(({ runs }) => runs.flatMap(({ x }) => x)));
  const rings = published ? begun.flatMap((one) => ring(one, published.get(one.activation)?.[metric], longest)) : [];
  const ys = [...begun.flatMap(({ runs }) => runs), ...rings].flatMap(({ y }) => y);
  return (colors) => ({
    data: [
      ...begun.flatMap((one) => drawn(colors, one, hover)),
      ...rings.map(({ own, ...points }) => line(colors, own, { ...points, ...ringed(colors, own, hover) })),
    ],
    layout: {
      xaxis: { ...counted("epoch", longest), range: [0.7, longest + 0.3] },
      yaxis: axis(ys),
      uirevision: `${metric} ${longest}`,
      annotations: begun.length ? [] : [note(colors, "The first epoch will appear here.")],
    },
    legend: lines,
    caption: begun.map((one) => told(one, read)).join("; "),
  });
}

function drawn(colors, { own, label, runs }, hover) {
  const hovertemplate = `epoch %{x}: %{y:${hover}}<extra>${label}</extra>`;
  const faint = runs.length > 1 ? runs.map((one) => line(colors, own, { ...one, name: label, faint: true })) : [];
  return [...faint, line(colors, own, { ...mean(runs), name: label, hovertemplate })];
}

function told({ label, runs }, read) {
  const { x, y } = mean(runs);
  return `${label} ${read(y.at(-1) ?? Number.NaN)} after epoch ${x.at(-1)}`;
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

function run(history, metric) {
  const rows = [...(history?.values() ?? [])].sort((a, b) => a.epoch - b.epoch);
  return { x: rows.map((row) => row.epoch), y: rows.map((row) => row[metric]) };
}

/** Of the runs, epoch by epoch, as far as each has come. */
function mean(runs) {
  const by = new Map();
  for (const { x, y } of runs)
    x.forEach((epoch, index) => y[index] !== null && by.set(epoch, [...(by.get(epoch) ?? []), y[index]]));
  const epochs = [...by.keys()].sort((a, b) => a - b);
  return {
    x: epochs,
    y: epochs.map((epoch) => by.get(epoch).reduce((sum, value) => sum + value, 0) / by.get(epoch).length),
  };
}
