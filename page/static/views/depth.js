// Depth: what becomes of a signal and its gradient in a deep random network.

import { setQuery } from "../address.js";
import { catalog, post, schemas } from "../api.js";
import { chart, counted, decades, line } from "../charts.js";
import { chips, labelled, parameterControls, select, wholeSlider } from "../controls.js";
import { debounced, fill, h, superseding } from "../dom.js";
import { number, raised } from "../format.js";
import { looks } from "../looks.js";
import { heading, lede, problem } from "../parts.js";
import { chosenActivations, parametersIn, parametersOut } from "../selection.js";
import { valueText } from "../wording.js";

const MOST_NUMBERS = 8_000_000; // depth * width * (width + 2 * samples), as the API's PropagationSpec bounds it
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
  { name: "dead_fraction", title: "Dead units: no gradient at all", fraction: true },
];

export async function view({ root, query, signal, title }) {
  title("Depth");
  const [
    all,
    look,
    {
      PropagationSpec: { properties },
    },
  ] = await Promise.all([catalog(), looks(), schemas()]);
  const bounded = (name, text) => {
    const { minimum, maximum, default: otherwise } = properties[name];
    const value = Number(text ?? Number.NaN);
    return Number.isInteger(value) && value >= minimum && value <= maximum ? value : otherwise;
  };
  const chosen = chosenActivations(all, query.get("activation"), ["sigmoid", "relu", "selu"]);
  const initializers = properties.initializer.enum;
  const state = {
    depth: bounded("depth", query.get("depth")),
    width: bounded("width", query.get("width")),
    seed: bounded("seed", query.get("seed")),
    initializer: initializers.includes(query.get("initializer"))
      ? query.get("initializer")
      : properties.initializer.default,
    parameters: parametersIn(all, query),
    networks: [],
  };
  signal.throwIfAborted();
  const next = superseding(signal);
  const soon = debounced(180, signal, load);
  const figures = CHARTS.map((about) => ({ ...about, ...chart({ ...about, signal }) }));
  const reading = h("div", { class: "reading", "aria-live": "polite" });
  const wrong = h("div");
  const controls = h("div", { class: "stack" });

  fill(
    root,
    heading("Depth"),
    lede(
      "Random dense layers of equal width, before any training. Gradients that vanish or explode do so because each ",
      "layer multiplies them; the initializer and the activation decide by how much.",
    ),
    h(
      "div",
      { class: "aside" },
      h("section", { class: "panel stack", "aria-label": "The network" }, controls),
      h(
        "div",
        { class: "stack" },
        wrong,
        h("section", { class: "panel stack", "aria-label": "Gradients" }, figures[0].element, reading),
        h(
          "section",
          { class: "panel", "aria-label": "Activations" },
          h(
            "div",
            { class: "two" },
            figures.slice(1).map((figure) => figure.element),
          ),
        ),
      ),
    ),
  );

  function preset(wanted) {
    chosen.clear();
    for (const name of wanted.activations) chosen.add(name);
    Object.assign(state, {
      depth: wanted.depth,
      initializer: wanted.initializer,
      width: 100,
      parameters: structuredClone(wanted.parameters ?? {}),
    });
    control();
    load();
  }

  function control() {
    const slide = (name, label) =>
      wholeSlider({
        label,
        name,
        low: properties[name].minimum,
        high: properties[name].maximum,
        value: state[name],
        onchange: (value) => {
          state[name] = value;
          soon();
        },
      });
    const initializer = select(
      {
        name: "initializer",
        onchange: () => {
          state.initializer = initializer.value;
          load();
        },
      },
      initializers.map((name) => [name, valueText("initializer", name)]),
      state.initializer,
    );
    fill(
      controls,
      h(
        "div",
        { class: "chips", role: "group", "aria-label": "Presets" },
        PRESETS.map((wanted) =>
          h("button", { type: "button", class: "small", onclick: () => preset(wanted) }, wanted.title),
        ),
      ),
      h(
        "div",
        { class: "field" },
        h("span", { class: "hidden" }, "Activations"),
        chips({
          choices: all,
          chosen,
          look,
          onchange: () => {
            control();
            load();
          },
        }),
      ),
      all
        .filter(({ name }) => chosen.has(name))
        .map((activation) => parameterControls(activation, (state.parameters[activation.name] ??= {}), soon)),
      slide("depth", "Depth, in layers"),
      slide("width", "Width, in units a layer"),
      labelled("Initializer of the weights", initializer, properties.initializer.description),
      h(
        "button",
        {
          type: "button",
          onclick: () => {
            state.seed = (state.seed + 1) % 2 ** 32;
            load();
          },
        },
        "Draw other weights",
      ),
    );
  }

  async function load() {
    setQuery({
      activation: [...chosen].join(","),
      depth: state.depth,
      width: state.width,
      initializer: state.initializer,
      seed: state.seed || null,
      ...parametersOut(all, state.parameters, chosen),
    });
    const mine = next();
    const fits = Math.floor((MOST_NUMBERS / (state.depth * state.width) - state.width) / 2);
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
      fill(wrong);
      draw();
    } catch (error) {
      if (!mine.aborted) fill(wrong, problem(error, load));
    }
  }

  function draw() {
    const { networks } = state;
    const depth = networks[0]?.layers.length ?? state.depth; // the slider may be elsewhere by now
    const x = Array.from({ length: depth }, (_, index) => index + 1);
    for (const { name, log, fraction, draw: drawn } of figures) {
      drawn((colors) => ({
        data: networks.map((network) =>
          line(colors, look(network.activation), {
            x,
            y: network.layers.map((layer) => shown(layer[name], log)),
            name: network.activation,
            markers: depth <= 40,
            hovertemplate: `${network.activation}, layer %{x}: %{y:.3~g}<extra></extra>`,
          }),
        ),
        layout: {
          xaxis: counted("layer, from the input", depth),
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
        caption: networks.map((network) => ends(network, name)).join("; "),
      }));
    }
    fill(
      reading,
      networks.length
        ? networks.map((network) =>
            h(
              "p",
              {},
              h("strong", {}, network.activation),
              `, ${valueText("initializer", network.initializer)}: `,
              told(network.layers),
            ),
          )
        : h("p", {}, "Choose an activation."),
    );
  }

  control();
  await load();
}

/** A logarithmic axis has no place for zero. */
const shown = (value, log) => (log && value === 0 ? null : value);

function ends({ activation, layers }, name) {
  const read = (layer) => number(layer[name], 3);
  return `${activation}: ${read(layers[0])} in the first layer, ${read(layers.at(-1))} in the last`;
}

/** The chart in a sentence. */
export function told(layers) {
  const first = layers[0].gradient_norm,
    last = layers.at(-1).gradient_norm;
  if (layers.length === 1) return "one layer has nothing to lose or to gain.";
  if (first === null || last === null) return "the gradient is beyond what float64 can hold.";
  if (first === 0) return "no gradient at all reaches the first layer.";
  const factor = first / last;
  const { activation_mean: mean, activation_variance: variance } = layers.at(-1);
  const moments = `mean ${number(mean, 2)} and variance ${number(variance, 2)}`;
  const signal =
    variance === null ? "the activations overflow" : `after the last layer the activations have ${moments}`;
  return [`the first layer’s gradient is `, ...compared(factor), ` the last’s; ${signal}.`];
}

function compared(factor) {
  const times = factor < 1 ? 1 / factor : factor;
  if (times < 1.5) return ["about as large as"];
  const text = times < 1000 ? `${number(times, 2)} times` : `10${raised(Math.round(Math.log10(times)))} times`;
  return [h("strong", {}, `${text} ${factor < 1 ? "smaller" : "larger"} than`)];
}
