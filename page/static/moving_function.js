// The function of a job whose parameters learn: its curve after an epoch, and the parameters by epoch.

import { get, queryString } from "./api.js";
import { integerAxis } from "./axes.js";
import { chartSlider } from "./chart_slider.js";
import { buildBand, buildLine, chart, escapeForPlotly, NO_EPOCH_YET, noteAnnotation } from "./charts.js";
import { labelField } from "./controls.js";
import { create, html, render } from "./dom.js";
import { describeError } from "./error_messages.js";
import { cursorLine, fitRange } from "./explore_charts.js";
import { extent } from "./figures.js";
import { drawingFiles, tableFiles } from "./file_links.js";
import { number } from "./format.js";
import { createCurveSource } from "./function_curves.js";
import { debounce } from "./timing.js";

const REACH = 5; // of x and of the values
const DRAG_MS = 80;
const WHOLE = "all"; // the layer of a parameter that the network has once

/**
 * @param {object} about
 * @param {string} about.path of the job
 * @param {object} about.spec
 * @param {AbortSignal} about.signal
 * @param {import("./line_styles.js").Look} about.own the activation's
 * @param {(number: number) => import("./line_styles.js").Look} about.lookOf a layer's, by its number
 */
export function createMovingFunction({ path, spec, signal, own, lookOf }) {
  const { parameters: names, per } = spec.trainable;
  const element = create(html`<section class="panel stack" aria-label="The function that learns" hidden></section>`);
  const curve = chart({ name: "function", title: "f(x)", signal, size: "tall" });
  const figures = names.map(createParameterFigure);
  const curveOf = createCurveSource(spec, signal);
  const showSoon = debounce(DRAG_MS, signal, show);
  let rows = [];
  let layers = [];
  let epoch = 0; // the one that is shown
  let follows = true; // the newest epoch is shown as it comes
  let failure = null;

  function createParameterFigure(name) {
    const figure = chart({ name: `parameter-${name}`, title: `Parameter ${name} by epoch`, signal, size: "tall" });
    const read = chartSlider(figure, {
      label: `Epoch of ${name}`,
      signal,
      at: () => epoch,
      last,
      describe: (x) => `epoch ${x}`,
      onmove: ({ x, place = Math.round(x) }) => moveTo(place),
      onshow: (shown) => tell(shown),
    });
    const tell = (shown) => read.tell(epoch, describeParameter(name), shown);
    return { name, figure, tell };
  }

  function last() {
    return rows.at(-1)?.epoch ?? 0;
  }

  const styleOf = (layer) => (layer === WHOLE ? own : lookOf(layers.indexOf(layer)));
  const nameOf = (layer) => (layer === WHOLE ? "the network" : layer);
  const rowsOf = (name, layer) => rows.filter((row) => row.parameter === name && row.layer === layer);
  const describeParameter = (name) =>
    layers.map((layer) => {
      const row = rowsOf(name, layer).find((one) => one.epoch === epoch);
      return { own: styleOf(layer), name: nameOf(layer), text: number(row?.mean, 4) };
    });

  function update() {
    const slider = html`
      <input type="range" id="function-epoch" min="0" max=${last()} .value=${String(epoch)}
        aria-valuetext=${epoch === 0 ? "at the start" : `after epoch ${epoch}`}
        @input=${({ currentTarget }) => moveTo(Number(currentTarget.value))} />`;
    render(
      html`
        <h2>The function moves with the epochs</h2>
        <p class="hint">${explain(per)} Move the slider, or point at a parameter’s curve.</p>
        ${failure && html`<p class="refusal">${describeError(failure)}</p>`}
        <div class="two">${curve.element}${figures.map(({ figure }) => figure.element)}</div>
        ${labelField("function-epoch", epoch === 0 ? "At the start" : `After epoch ${epoch} of ${last()}`, slider)}
        ${tableFiles("Parameters", `${path}/parameters`)}
        ${drawingFiles("Drawing", (format) => `${path}/parameters/plot.${format}`)}`,
      element,
    );
  }

  function moveTo(place) {
    const to = Math.min(last(), Math.max(0, place));
    follows = to === last();
    if (to === epoch) return;
    epoch = to;
    update();
    drawParameters();
    showSoon();
  }

  /** Draws the function after the shown epoch, once its curves are here. */
  async function show() {
    const wanted = epoch;
    const finite = layers.filter((layer) => isFinite(valuesAt(wanted, layer)));
    try {
      const start = await curveOf(valuesAt(0, layers[0]));
      const curves = await Promise.all(finite.map((layer) => curveOf(valuesAt(wanted, layer))));
      if (wanted !== epoch || signal.aborted) return;
      const now = curves.map((found, index) => ({ ...found, layer: finite[index] }));
      failure = null;
      curve.draw(buildPicture(start, now));
    } catch (error) {
      if (signal.aborted) return;
      failure = error;
    }
    update();
  }

  const valuesAt = (at, layer) =>
    Object.fromEntries(names.map((name) => [name, rowsOf(name, layer).find((row) => row.epoch === at)?.mean]));

  function buildPicture(start, now) {
    const at = epoch;
    const lines = now.map((found) => ({ ...found, own: styleOf(found.layer), label: nameOf(found.layer) }));
    return (colors) => ({
      data: [
        {
          ...buildLine(colors, own, { x: start.x, y: start.value, name: "at the start", hoverinfo: "skip" }),
          line: { color: colors.faint, dash: "dot", width: 1.5 },
        },
        ...lines.map(({ own: look, label, x, value }) =>
          buildLine(colors, look, {
            x,
            y: value,
            name: label,
            hovertemplate: `${label}: f(%{x:.3~g}) = %{y:.4~g}<extra></extra>`,
          }),
        ),
      ],
      layout: {
        xaxis: { range: [-REACH, REACH] },
        yaxis: { range: fitRange(curveOf.known(), "value", REACH) },
        uirevision: "kept",
      },
      legend: lines.map(({ label, own: look }) => ({ label, own: { ...look, symbol: null } })),
      caption: at === 0 ? "As it began." : `${describeEpoch(at)} Dotted: at the start.`,
    });
  }

  function describeEpoch(at) {
    const parts = layers.map((layer) => {
      const values = Object.entries(valuesAt(at, layer)).map(([name, value]) => `${name} ${number(value, 3)}`);
      return `${nameOf(layer)} ${values.join(", ")}`;
    });
    return `After epoch ${at}: ${parts.join("; ")}.`;
  }

  function drawParameters() {
    for (const { name, figure } of figures) figure.draw(buildParameterPicture(name));
  }

  function buildParameterPicture(name) {
    const lines = layers.map((layer) => ({ layer, own: styleOf(layer), found: rowsOf(name, layer) }));
    const at = epoch;
    return (colors) => ({
      data: lines.flatMap(({ layer, own: look, found }) => {
        const x = found.map((row) => row.epoch);
        const label = escapeForPlotly(nameOf(layer));
        const column = (key) => found.map((row) => row[key]);
        const edges = { own: look, label, epoch: x, low: column("minimum"), high: column("maximum") };
        const band = per === "channel" ? buildBand(colors, edges) : [];
        return [...band, buildLine(colors, look, { x, y: column("mean"), name: label, hoverinfo: "none" })];
      }),
      layout: {
        xaxis: { ...integerAxis("epoch", Math.max(2, last())), range: [-0.3, Math.max(2, last()) + 0.3] },
        yaxis: { range: spread(rows.filter((row) => row.parameter === name)) },
        hovermode: false,
        shapes: [cursorLine(colors, at)],
        uirevision: last(),
        annotations: last() === 0 ? [noteAnnotation(colors, NO_EPOCH_YET)] : [],
      },
      legend: lines.map(({ layer, own: look }) => ({ label: nameOf(layer), own: look })),
      caption: per === "channel" ? "Lines: the mean over the channels; areas: from the least to the greatest." : "",
    });
  }

  /** Loads the new epochs, and the last known one again: another attempt may have replaced it. */
  async function load() {
    const known = Math.max(0, last() - 1);
    const later = rows.length ? queryString({ after_epoch: known }) : "";
    try {
      const found = await get(`${path}/parameters${later}`, signal);
      rows = [...(later ? rows.filter((row) => row.epoch <= known) : []), ...found.parameters];
    } catch {
      return; // the view reports errors of the job; the values are loaded again after the next epoch
    }
    if (!rows.length || signal.aborted) return;
    layers = [...new Set(rows.map(({ layer }) => layer))];
    if (follows || epoch > last()) epoch = last();
    element.hidden = false;
    update();
    drawParameters();
    await show();
  }

  return { element, load };
}

/** Whether each value is a number: a job that diverged has some that are none. */
const isFinite = (values) => Object.values(values).every((value) => Number.isFinite(value));

const explain = (per) =>
  ({
    network: "One value for the network.",
    layer: "A value for each layer.",
    channel: "A value for each channel: the curve is of their mean.",
  })[per];

/** From the least to the greatest, with room to both sides. */
function spread(found) {
  const [low, high] = extent(found.flatMap((row) => [row.minimum, row.mean, row.maximum]));
  if (low > high) return [-1, 1];
  const room = 0.08 * (high - low || Math.abs(high) || 1);
  return [low - room, high + room];
}
