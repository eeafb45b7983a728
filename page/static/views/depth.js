// Depth: how a signal and its gradient change in a deep random network.

import { readActivations, readParameters, writeParameters } from "../activation_query.js";
import { setQuery } from "../address.js";
import { loadCatalog, loadSchemas, post } from "../api.js";
import { decades, integerAxis } from "../axes.js";
import { buildLine, chart } from "../charts.js";
import { heading, lede, problem } from "../components.js";
import { chips, createParameterControls, createSlider, selectField } from "../controls.js";
import { html, render } from "../dom.js";
import { describeField, formatValue } from "../field_labels.js";
import { number, superscript } from "../format.js";
import { loadLineStyles } from "../line_styles.js";
import { abortPrevious, debounce } from "../timing.js";

const MAX_WORK = 200 * 256 * 256 * 1024; // depth * width * width * samples, the limit of the API's PropagationSpec
const PRESETS = [
  { title: "Vanishing", activations: ["sigmoid"], depth: 20, initializer: "glorot_uniform" },
  { title: "Exploding", activations: ["elu"], parameters: { elu: { alpha: 5 } }, depth: 60, initializer: "he_normal" },
  { title: "SELU’s fixed point", activations: ["selu"], depth: 100, initializer: "lecun_normal" },
  { title: "SELU with a wrong initializer", activations: ["selu"], depth: 100, initializer: "torch_default" },
];
const CHARTS = [
  { name: "gradient_norm", title: "Gradient norm by layer", log: true, size: "tall" },
  { name: "activation_variance", title: "Variance of the activations", log: true },
  { name: "activation_mean", title: "Mean of the activations" },
  { name: "saturated_fraction", title: "Saturated: derivatives near 0", fraction: true },
  { name: "dead_fraction", title: "Dead units: zero gradient", fraction: true },
];

export async function view({ root, query, signal, title }) {
  title("Depth");
  const [
    all,
    look,
    {
      PropagationSpec: { properties },
    },
  ] = await Promise.all([loadCatalog(), loadLineStyles(), loadSchemas()]);
  const readInteger = (name, text) => {
    const { minimum, maximum, default: otherwise } = properties[name];
    const value = Number(text ?? Number.NaN);
    return Number.isInteger(value) && value >= minimum && value <= maximum ? value : otherwise;
  };
  const chosen = readActivations(all, query.get("activation"), ["sigmoid", "relu", "selu"]);
  const initializers = properties.initializer.enum;
  const state = {
    depth: readInteger("depth", query.get("depth")),
    width: readInteger("width", query.get("width")),
    seed: readInteger("seed", query.get("seed")),
    initializer: initializers.includes(query.get("initializer"))
      ? query.get("initializer")
      : properties.initializer.default,
    parameters: readParameters(all, query),
    networks: [],
  };
  signal.throwIfAborted();
  const next = abortPrevious(signal);
  const soon = debounce(180, signal, load);
  const figures = CHARTS.map((about) => ({ ...about, ...chart({ ...about, signal }) }));
  let controls; // elements that hold the visitor's input
  let failure = null;

  function update() {
    const presets = PRESETS.map(
      (preset) =>
        html`<button type="button" class="small" @click=${() => applyPreset(preset)}>${preset.title}</button>`,
    );
    render(
      html`
        ${heading("Depth")}
        ${lede(
          "Random dense layers of equal width, before any training. Gradients vanish or explode because each ",
          "layer multiplies them; the initializer and the activation determine by how much.",
        )}
        <div class="aside">
          <section class="panel stack" aria-label="The network">
            <div class="stack">
              <div class="chips" role="group" aria-label="Presets">${presets}</div>
              <div class="field">
                <span class="hidden">Activations</span>
                ${chips({ choices: all, chosen, look, onchange: load })}
              </div>
              ${all.filter(({ name }) => chosen.has(name)).map(parametersOf)}
              ${controls.depth}${controls.width}
              ${selectField({
                id: "initializer",
                label: "Initializer of the weights",
                hint: describeField("initializer").hint,
                choices: initializers.map((name) => [name, formatValue("initializer", name)]),
                value: state.initializer,
                onchange: chooseInitializer,
              })}
              <button type="button" @click=${redrawWeights}>Draw other weights</button>
            </div>
          </section>
          <div class="stack">
            ${failure && problem(failure, load)}
            <section class="panel stack" aria-label="Gradients">
              ${figures[0].element}
              <div class="reading" aria-live="polite">${describeNetworks()}</div>
            </section>
            <section class="panel" aria-label="Activations">
              <div class="two">${figures.slice(1).map((figure) => figure.element)}</div>
            </section>
          </div>
        </div>`,
      root,
    );
  }

  function applyPreset({ activations, depth, initializer, parameters = {} }) {
    chosen.clear();
    for (const name of activations) chosen.add(name);
    Object.assign(state, { depth, initializer, width: 100, parameters: structuredClone(parameters) });
    createControls();
    load();
  }

  function createControls() {
    const createIntegerSlider = (id, label) => {
      const { minimum: low, maximum: high } = properties[id];
      const onchange = (value) => {
        state[id] = value;
        soon();
      };
      return createSlider({ id, label, low, high, value: state[id], onchange });
    };
    controls = {
      depth: createIntegerSlider("depth", "Depth, in layers"),
      width: createIntegerSlider("width", "Width, in units per layer"),
      parameters: new Map(),
    };
  }

  function parametersOf(activation) {
    const { name } = activation;
    if (!controls.parameters.has(name))
      controls.parameters.set(name, createParameterControls(activation, (state.parameters[name] ??= {}), soon));
    return controls.parameters.get(name);
  }

  function chooseInitializer(value) {
    state.initializer = value;
    load();
  }

  function redrawWeights() {
    state.seed = (state.seed + 1) % 2 ** 32;
    load();
  }

  async function load() {
    setQuery({
      activation: [...chosen].join(","),
      depth: state.depth,
      width: state.width,
      initializer: state.initializer,
      seed: state.seed || null,
      ...writeParameters(all, state.parameters, chosen),
    });
    const mine = next();
    update();
    const fits = Math.floor(MAX_WORK / (state.depth * state.width ** 2));
    const samples = Math.max(1, Math.min(properties.samples.default, fits));
    try {
      state.networks = await Promise.all(
        [...chosen].map((activation) =>
          post(
            "v1/gradients/propagation",
            {
              activation,
              parameters: state.parameters[activation] ?? {},
              depth: state.depth,
              width: state.width,
              initializer: state.initializer,
              seed: state.seed,
              samples,
            },
            { signal: mine },
          ),
        ),
      );
      failure = null;
      draw();
    } catch (error) {
      if (mine.aborted) return;
      failure = error;
    }
    update();
  }

  function draw() {
    const { networks } = state;
    const depth = networks[0]?.layers.length ?? state.depth; // the slider may have moved meanwhile
    const x = Array.from({ length: depth }, (_, index) => index + 1);
    for (const { name, log, fraction, draw: drawFigure } of figures) {
      drawFigure((colors) => ({
        data: networks.map((network) =>
          buildLine(colors, look(network.activation), {
            x,
            y: network.layers.map((layer) => hideZero(layer[name], log)),
            name: network.activation,
            markers: depth <= 40,
            hovertemplate: `${network.activation}, layer %{x}: %{y:.3~g}<extra></extra>`,
          }),
        ),
        layout: {
          xaxis: integerAxis("layer, from the input", depth),
          yaxis: log
            ? decades(networks.flatMap((network) => network.layers.map((layer) => layer[name])))
            : fraction
              ? { range: [-0.02, 1.02], tickformat: ".0%" }
              : {},
          uirevision: depth,
        },
        legend:
          name === "gradient_norm"
            ? networks.map(({ activation }) => ({ label: activation, own: look(activation) }))
            : [],
        caption: networks.map((network) => describeEnds(network, name)).join("; "),
      }));
    }
  }

  function describeNetworks() {
    if (!chosen.size) return html`<p>Choose an activation.</p>`;
    const initializer = (network) => formatValue("initializer", network.initializer);
    return state.networks.map(
      (network) => html`
        <p><strong>${network.activation}</strong>, ${initializer(network)}: ${describeGradients(network.layers)}</p>`,
    );
  }

  createControls();
  await load();
}

/** A logarithmic axis cannot show zero. */
const hideZero = (value, log) => (log && value === 0 ? null : value);

function describeEnds({ activation, layers }, name) {
  const read = (layer) => number(layer[name], 3);
  return `${activation}: ${read(layers[0])} in the first layer, ${read(layers.at(-1))} in the last`;
}

/** Describes the chart in a sentence. */
function describeGradients(layers) {
  const first = layers[0].gradient_norm,
    last = layers.at(-1).gradient_norm;
  if (layers.length === 1) return "one layer cannot change the gradient’s size.";
  if (first === null || last === null) return "the gradient is too large for float64.";
  if (first === 0) return "no gradient reaches the first layer.";
  const factor = first / last;
  const { activation_mean: mean, activation_variance: variance } = layers.at(-1);
  const moments = `mean ${number(mean, 2)} and variance ${number(variance, 2)}`;
  const signal =
    variance === null ? "the activations overflow" : `after the last layer the activations have ${moments}`;
  return html`the first layer’s gradient is ${compareFactor(factor)} the last’s; ${signal}.`;
}

function compareFactor(factor) {
  const times = factor < 1 ? 1 / factor : factor;
  if (times < 1.5) return "about as large as";
  const text = times < 1000 ? `${number(times, 2)} times` : `10${superscript(Math.round(Math.log10(times)))} times`;
  return html`<strong>${text} ${factor < 1 ? "smaller" : "larger"} than</strong>`;
}
