// Explore: curves of activations, the values at one x, and a card for each activation.

import { createCard } from "../activation_card.js";
import { readActivations, readParameters, writeParameters } from "../activation_query.js";
import { setQuery } from "../address.js";
import { get, loadCatalog, queryString } from "../api.js";
import { chartSlider } from "../chart_slider.js";
import { chart } from "../charts.js";
import { heading, lede, problem } from "../components.js";
import { chips, labelField, selectField } from "../controls.js";
import { html, render, repeat } from "../dom.js";
import { buildDerivativePicture, buildValuePicture, describeJump } from "../explore_charts.js";
import { fixed, number } from "../format.js";
import { loadLineStyles } from "../line_styles.js";
import { activationName } from "../swatch.js";
import { abortPrevious, debounce } from "../timing.js";

const POINTS = 401;
const REACHES = ["3", "5", "10", "20"];
const LAST = POINTS - 1;
const START = 1; // the initial x

export async function view({ root, query, signal, title }) {
  title("Explore");
  const [all, look] = await Promise.all([loadCatalog(), loadLineStyles()]);
  const chosen = readActivations(all, query.get("names"), ["sigmoid", "relu", "gelu"]);
  const parameters = readParameters(all, query);
  signal.throwIfAborted();
  const state = {
    reach: REACHES.includes(query.get("range")) ? query.get("range") : "5",
    at: 0, // index on the grid
    curves: [],
    shownReach: "5", // range of the drawn curves
    pointed: false,
  };
  const next = abortPrevious(signal);

  const values = chart({ name: "value", title: "Value f(x)", signal, size: "tall" });
  const slopes = chart({ name: "derivative", title: "Derivative f′(x)", signal, size: "tall" });
  const cards = new Map(); // by activation: they hold the visitor's input
  let failure = null;

  function update() {
    const x = state.curves[0]?.x[state.at];
    render(
      html`
        ${heading("Explore")}
        ${lede(
          "Each function in float64 and its derivative. Point at a curve, or move the slider, to read a value ",
          "and its slope. At a jump of the derivative, the filled dot is its value.",
        )}
        <section class="panel stack" aria-label="Activations">
          ${chips({ choices: all, chosen, look, onchange: load })}
        </section>
        ${failure && problem(failure, load)}
        <section class="panel stack" aria-label="Curves">
          <div class="two">${values.element}${slopes.element}</div>
          <div class="cursor">
            ${labelField("cursor", "x, for the values below", cursor(x))}
            ${selectField({
              id: "reach",
              label: "x from and to",
              choices: REACHES.map((text) => [text, `−${text} to ${text}`]),
              value: state.reach,
              onchange: chooseReach,
            })}
          </div>
          <div class="scroll">${state.curves.length > 0 && readout(state.curves, state.at, look)}</div>
        </section>
        <div class="cards">${repeat(
          selected(),
          ({ name }) => name,
          (activation) => cardOf(activation)(),
        )}</div>`,
      root,
    );
  }

  const cursor = (x) => html`
    <input type="range" id="cursor" min="0" max=${LAST} .value=${String(state.at)}
      aria-valuetext="x = ${number(x ?? 0, 3)}"
      @input=${({ currentTarget }) => moveTo(Number(currentTarget.value))}
      @focus=${({ currentTarget }) => setPointed(currentTarget.matches(":focus-visible"))}
      @blur=${() => setPointed(false)} />`;

  function cardOf(activation) {
    const { name } = activation;
    if (!cards.has(name)) {
      const own = { own: look(name), values: (parameters[name] ??= {}) };
      const file = (format) => curvePath(activation, { format });
      const onchange = () => {
        update();
        loadSoon();
      };
      cards.set(name, createCard(activation, { ...own, file, onchange }));
    }
    return cards.get(name);
  }

  function chooseReach(value) {
    const x = xAt(state.at);
    state.reach = value;
    state.at = placeOf(x);
    load();
  }

  /** The x of an index on the grid, computed as the service does. */
  const xAt = (place) => (Number(state.reach) * (2 * place - LAST)) / LAST;
  const placeOf = (x) =>
    Math.min(LAST, Math.max(0, Math.round(((x + Number(state.reach)) / (2 * Number(state.reach))) * LAST)));
  const asked = query.get("x") ? Number(query.get("x")) : START;
  state.at = placeOf(Number.isFinite(asked) ? asked : START);

  const selected = () => all.filter((activation) => chosen.has(activation.name));

  function rememberChoice() {
    setQuery({
      names: [...chosen].join(","),
      range: state.reach === "5" ? null : state.reach,
      x: xAt(state.at) === START ? null : Number(xAt(state.at).toPrecision(6)),
      ...writeParameters(all, parameters, chosen),
    });
  }

  async function load() {
    rememberChoice();
    const mine = next();
    const shownReach = state.reach;
    update();
    try {
      const asked = selected().map((activation) => get(curvePath(activation), mine));
      const curves = await Promise.all(asked);
      Object.assign(state, { curves, shownReach });
      failure = null;
      draw();
    } catch (error) {
      if (mine.aborted) return;
      failure = error;
      update();
    }
  }

  const rememberSoon = debounce(250, signal, rememberChoice); // browsers limit the rate of address changes
  const loadSoon = debounce(60, signal, load);
  const range = () => ({ start: -Number(state.reach), stop: Number(state.reach) });
  const curvePath = (activation, more = {}) =>
    `v1/activations/${activation.name}/curve` +
    queryString({ ...range(), points: POINTS, ...parameters[activation.name], ...more });

  function draw() {
    const { curves, shownReach, at } = state;
    if (shownReach !== state.reach) return; // the curves of another range are loading
    const drawing = [
      values.draw(buildValuePicture(curves, { look, at, reach: Number(shownReach) })),
      slopes.draw(buildDerivativePicture(curves, { look, at, reach: Number(shownReach) })),
    ];
    update();
    Promise.all(drawing).then(updateTips);
  }

  function moveTo(place) {
    if (place === state.at) return;
    state.at = place;
    rememberSoon();
    draw();
  }

  /** Sets whether an x is pointed at. */
  function setPointed(pointed) {
    if (pointed === state.pointed) return;
    state.pointed = pointed;
    updateTips();
  }

  /** Updates the tooltips of both charts. */
  function updateTips() {
    const { curves, at } = state;
    if (!curves.length || signal.aborted) return;
    const rows = (key) =>
      curves.map((curve) => ({ own: look(curve.name), name: curve.name, text: number(curve[key][at], 4) }));
    valuesRead.tell(curves[0].x[at], rows("value"), state.pointed);
    slopesRead.tell(curves[0].x[at], rows("derivative"), state.pointed);
  }

  const moveCursor = ({ x, place = placeOf(x) }) => moveTo(place);
  const about = { signal, at: () => state.at, last: LAST, onmove: moveCursor, onshow: setPointed };
  const valuesRead = chartSlider(values, { ...about, label: "x of the values" });
  const slopesRead = chartSlider(slopes, { ...about, label: "x of the derivatives" });
  const resized = new ResizeObserver(updateTips);
  resized.observe(values.plot);
  signal.addEventListener("abort", () => resized.disconnect());
  await load();
}

/** The table of values at the cursor. */
function readout(curves, at, look) {
  const x = curves[0].x[at];
  const row = (curve) => html`
    <tr>
      <th scope="row">${activationName(look(curve.name), curve.name)}</th>
      <td class="figure">${number(curve.value[at], 6)}</td>
      <td class="figure">${number(curve.derivative[at], 6)}${describeJump(curve, x)}</td>
    </tr>`;
  return html`
    <table class="readout">
      <caption class="hidden">Value and slope at the chosen x</caption>
      <thead>
        <tr>
          <th scope="col"><output>x = ${fixed(x, 3)}</output></th>
          <th scope="col" class="figure">f(x)</th>
          <th scope="col" class="figure">slope f′(x)</th>
        </tr>
      </thead>
      <tbody>${curves.map(row)}</tbody>
    </table>`;
}
