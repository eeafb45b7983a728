// A job's layers by epoch, as heat maps: where gradients vanish, what saturates, which units die.

import { get } from "./api.js";
import { chart, counted } from "./charts.js";
import { fill, h } from "./dom.js";
import { number } from "./format.js";
import { fileLink, files } from "./parts.js";

const MAPS = [
  { name: "gradient_norm", title: "Gradient norm", log: true },
  { name: "update_ratio", title: "Update over weights", log: true },
  { name: "dead_fraction", title: "Dead units", fraction: true },
  { name: "saturated_fraction", title: "Saturated outputs", fraction: true },
  { name: "activation_mean", title: "Mean of the outputs" },
  { name: "activation_variance", title: "Variance of the outputs", log: true },
];
const MOST_NUMBERS = 12; // epochs whose cells still have room for their number

/** @param {{path: string, signal: AbortSignal}} about of the job */
export function layerMaps({ path, signal }) {
  const figures = MAPS.map((about) => ({ ...about, figure: chart({ ...about, signal, size: "flat" }) }));
  const note = h("p", { class: "hint" });
  const element = h(
    "section",
    { class: "panel stack", "aria-label": "Layers", hidden: true },
    h("h2", {}, "Layer by layer"),
    note,
    h(
      "div",
      { class: "heat" },
      figures.map(({ figure }) => figure.element),
    ),
    files(
      "Layers",
      [
        ["csv", "CSV"],
        ["ndjson", "NDJSON"],
        ["parquet", "Parquet"],
      ].map(([format, text]) => fileLink(`${path}/layers?format=${format}`, text)),
    ),
  );

  async function load() {
    let layers;
    try {
      ({ layers } = await get(`${path}/layers`, signal));
    } catch {
      return; // the job's own figures say what is wrong; these come again with the next epoch
    }
    if (!layers.length || signal.aborted) return;
    element.hidden = false;
    fill(note, "Measured on the same images after every epoch. From the input (top) to the output (bottom).");
    for (const about of figures) about.figure.draw((colors) => drawn(about, layers, colors));
  }
  return { element, load };
}

function drawn({ name, log, fraction }, layers, colors) {
  const names = [...new Set(layers.map(({ layer }) => layer))].filter((layer) =>
    layers.some((row) => row.layer === layer && row[name] !== null),
  );
  const epochs = [...new Set(layers.map(({ epoch }) => epoch))];
  const at = new Map(layers.map((row) => [`${row.layer} ${row.epoch}`, row[name]]));
  const values = names.map((layer) => epochs.map((epoch) => at.get(`${layer} ${epoch}`) ?? null));
  const z = log ? values.map((row) => row.map((value) => (value > 0 ? Math.log10(value) : null))) : values;
  const text = values.map((row) =>
    row.map((value) => (value === null ? "" : fraction ? `${Math.round(100 * value)} %` : number(value, 2))),
  );
  const last = epochs.at(-1);
  return {
    data: [
      {
        type: "heatmap",
        x: epochs,
        y: names,
        z,
        text,
        xgap: 1,
        ygap: 2,
        showscale: false,
        colorscale: colors.heat,
        ...(fraction ? { zmin: 0, zmax: 1 } : {}),
        ...(epochs.length <= MOST_NUMBERS ? { texttemplate: "%{text}", textfont: { size: 11 } } : {}),
        hovertemplate: "%{y}, epoch %{x}: %{text}<extra></extra>",
      },
    ],
    layout: {
      xaxis: { ...counted("epoch", last), showgrid: false },
      yaxis: { autorange: "reversed", showgrid: false, type: "category" },
      margin: { l: 56, r: 4, t: 4, b: 36 },
    },
    caption:
      names.map((layer) => `${layer} ${number(at.get(`${layer} ${last}`), 2)}`).join(", ") + ` after epoch ${last}.`,
  };
}
