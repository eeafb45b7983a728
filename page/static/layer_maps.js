// Heat maps of a job's layers by epoch: vanishing gradients, saturated outputs, dead units.

import { get } from "./api.js";
import { integerAxis } from "./axes.js";
import { chart } from "./charts.js";
import { create, html } from "./dom.js";
import { extent } from "./figures.js";
import { drawingFiles, tableFiles } from "./file_links.js";
import { number } from "./format.js";
import { LAYER_FIGURES } from "./metrics.js";

const MAX_NUMBERED_EPOCHS = 12; // above it cells have no room for a number
const MAX_SPACED_EPOCHS = 60; // above it cells are narrower than a gap
const GAP = { xgap: 1, ygap: 2 };

/** @param {{path: string, signal: AbortSignal}} about of the job */
export function createLayerMaps({ path, signal }) {
  const figures = LAYER_FIGURES.map((about) => ({ ...about, figure: chart({ ...about, signal, size: "flat" }) }));
  const element = create(html`
    <section class="panel stack" aria-label="Layers" hidden>
      <h2>Layer by layer</h2>
      <p class="hint">Measured on the same images after every epoch. From the input (top) to the output (bottom).</p>
      <div class="heat">${figures.map(({ figure }) => figure.element)}</div>
      ${tableFiles("Layers", `${path}/layers`)}
      ${drawingFiles("Drawing", (format) => `${path}/layers/plot.${format}`)}
    </section>`);
  let layers = [];

  /** Loads the new epochs, and the last known one again: another attempt may have replaced it. */
  async function load() {
    const known = Math.max(0, (layers.at(-1)?.epoch ?? 0) - 1);
    try {
      const found = await get(`${path}/layers?after_epoch=${known}`, signal);
      layers = [...layers.filter(({ epoch }) => epoch <= known), ...found.layers];
    } catch {
      return; // the view reports errors of the job; these maps are loaded again after the next epoch
    }
    if (!layers.length || signal.aborted) return;
    element.hidden = false;
    for (const about of figures) about.figure.draw((colors) => buildHeatMap(about, layers, colors));
  }
  return { element, load };
}

function buildHeatMap(about, layers, colors) {
  const { name } = about;
  const names = [...new Set(layers.map(({ layer }) => layer))].filter((layer) =>
    layers.some((row) => row.layer === layer && isMeasured(row, name)),
  );
  const epochs = [...new Set(layers.map(({ epoch }) => epoch))];
  const rows = new Map(layers.map((row) => [`${row.layer} ${row.epoch}`, row]));
  const grid = names.map((layer) => epochs.map((epoch) => buildCell(about, rows.get(`${layer} ${epoch}`))));
  const values = grid.flat().flatMap(({ z }) => z ?? []);
  const [zmin, zmax] = about.percent ? [0, 1] : colorRange(values);
  const last = epochs.at(-1);
  return {
    data: [
      {
        type: "heatmap",
        x: epochs,
        y: names,
        z: grid.map((cells) => cells.map(({ z }) => z)),
        text: grid.map((cells) => cells.map(({ text }) => text)),
        zmin,
        zmax,
        ...(epochs.length > MAX_SPACED_EPOCHS ? { xgap: 0, ygap: 2 } : GAP),
        showscale: false,
        colorscale: colors.heat,
        hovertemplate: "%{y}, epoch %{x}: %{text}<extra></extra>",
      },
    ],
    layout: {
      xaxis: { ...integerAxis("epoch", last), showgrid: false },
      yaxis: { autorange: "reversed", showgrid: false, type: "category" },
      margin: { l: 56, r: 4, t: 4, b: 36 },
      annotations:
        epochs.length > MAX_NUMBERED_EPOCHS
          ? []
          : grid.flatMap((cells, y) =>
              cells.map(({ z, text }, x) => ({
                x: epochs[x],
                y: names[y],
                text,
                showarrow: false,
                font: { size: 11, color: z === null ? colors.ink : chooseInk(colors.heat, (z - zmin) / (zmax - zmin)) },
              })),
            ),
    },
    scale: describeScale(about, values, about.percent ? [0, 1] : extent(values)),
    caption: `${names.map((layer, y) => `${layer} ${grid[y].at(-1).text || "–"}`).join(", ")} after epoch ${last}.`,
  };
}

const isMeasured = (row, name) => row[name] !== null || nonFiniteName(row, name) !== undefined;
const nonFiniteName = (row, name) => row.non_finite?.[`/${name}`];

/** The value on the colour scale, null if there is none, and its text; NaN and infinity by name. */
function buildCell({ name, log, percent }, row) {
  const value = row?.[name] ?? null;
  if (value === null) return { z: null, text: (row && nonFiniteName(row, name)) ?? "" };
  const z = log ? (value > 0 ? Math.log10(value) : null) : value;
  return { z, text: percent ? `${Math.round(100 * value)} %` : number(value, 2) };
}

/** The ends of the colour scale; Plotly's own scale needs inline styles, which the page's policy forbids. */
function describeScale({ log, percent }, values, [low, high]) {
  if (!values.length) return null;
  const read = (value) => (percent ? `${Math.round(100 * value)} %` : number(log ? 10 ** value : value, 2));
  return low < high ? { low: read(low), high: read(high), log } : null;
}

/** A single value is placed in the middle. */
function colorRange(values) {
  const [low, high] = extent(values);
  if (low > high) return [0, 1];
  return low < high ? [low, high] : [low - 0.5, low + 0.5];
}

/** Black or white, whichever has more contrast at that place of the scale. */
function chooseInk(scale, share) {
  const at = share * (scale.length - 1);
  const from = Math.min(Math.floor(at), scale.length - 2);
  const [before, after] = [parseHex(scale[from][1]), parseHex(scale[from + 1][1])];
  const [red, green, blue] = before.map((value, index) => linearize(value + (at - from) * (after[index] - value)));
  return 0.2126 * red + 0.7152 * green + 0.0722 * blue > 0.179 ? "#000" : "#fff"; // WCAG 2.2, relative luminance
}

const parseHex = (hex) => [1, 3, 5].map((index) => Number.parseInt(hex.slice(index, index + 2), 16) / 255);
const linearize = (value) => (value <= 0.04045 ? value / 12.92 : ((value + 0.055) / 1.055) ** 2.4);
