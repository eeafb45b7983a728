// Buttons, sliders and selects.

import { create, html, repeat } from "./dom.js";
import { swatch } from "./swatch.js";

/** @param {{id: string, choices: [string, string][], value: string, onchange: (value: string) => void}} about */
export const select = ({ id, choices, value, onchange }) => html`
  <select id=${id} name=${id} .value=${value} @change=${({ currentTarget }) => onchange(currentTarget.value)}>
    ${repeat(
      choices,
      ([key]) => key,
      ([key, text]) => html`<option value=${key} ?selected=${key === value}>${text}</option>`,
    )}
  </select>`;

export const labelField = (id, label, control, hint) => html`
  <div class="field">
    <label for=${id}>${label}</label>${control}${hint && html`<small class="hint">${hint}</small>`}
  </div>`;

/** A select with its label. */
export const selectField = ({ label, hint, ...about }) => labelField(about.id, label, select(about), hint);

export const toggleButton = ({ pressed, onclick, title }, ...content) => html`
  <button type="button" class="chip" title=${title} aria-pressed=${String(pressed)} @click=${onclick}>
    ${content}
  </button>`;

/**
 * Toggle buttons for activations.
 *
 * @param {object} about
 * @param {{name: string, title?: string}[]} about.choices
 * @param {Set<string>} about.chosen modified
 * @param {(name: string) => {color: number, dash: string}} about.look
 * @param {() => void} about.onchange
 */
export function chips({ choices, chosen, look, onchange }) {
  const chip = ({ name, title }) => {
    const onclick = () => {
      if (!chosen.delete(name)) chosen.add(name);
      onchange();
    };
    return toggleButton({ pressed: chosen.has(name), onclick, title }, swatch(look(name)), name);
  };
  return html`<div class="chips" role="group" aria-label="Activations">${choices.map(chip)}</div>`;
}

/**
 * Toggle buttons that hide activations in a chart, and one for sigmoid, whose plateau compresses the others.
 *
 * @param {object} about
 * @param {string[]} about.names
 * @param {Set<string>} about.excluded modified
 * @param {(name: string) => import("./line_styles.js").Look} about.look
 * @param {() => void} about.onchange
 */
export function exclusionChips({ names, excluded, look, onchange }) {
  const chip = (name, pressed, ...content) => {
    const onclick = () => {
      if (!excluded.delete(name)) excluded.add(name);
      onchange();
    };
    return toggleButton({ pressed, onclick }, ...content);
  };
  const all = names.map((name) => chip(name, !excluded.has(name), swatch(look(name)), name));
  const sigmoid = names.includes("sigmoid") && chip("sigmoid", excluded.has("sigmoid"), "without sigmoid");
  return html`
    <div class="chips" role="group" aria-label="Activations that are shown">
      ${names.length > 1 && [all, sigmoid]}
    </div>`;
}

/**
 * Sliders and selects for an activation's parameters, as elements that hold the visitor's input.
 *
 * @param {{name: string, parameters: object[]}} activation
 * @param {Record<string, number|string>} values of this activation, modified
 * @param {() => void} onchange
 * @returns {HTMLElement[]}
 */
export const createParameterControls = (activation, values, onchange) =>
  activation.parameters.map((parameter) => {
    const { name, choices, description: hint, default: otherwise } = parameter;
    const set = (value) => {
      values[name] = value;
      onchange();
    };
    const [id, label] = [`${activation.name}-${name}`, `${activation.name} ${name}`];
    const about = { id, label, hint, value: values[name] ?? otherwise, onchange: set };
    if (!choices.length) return createSlider({ ...about, ...createScale(parameter) });
    return create(selectField({ ...about, choices: choices.map((word) => [word, word]) }));
  });

const WIDTH = 5; // of a slider without bounds, to each side of 0

/** The ends of a slider: the bounds, and where there is none, numbers that leave room around the default. */
function chooseEnds({ default: otherwise, minimum, maximum }) {
  const reach = Math.max(WIDTH, 2 * Math.abs(otherwise));
  const low = minimum ?? Math.min(-reach, (maximum ?? 0) - reach);
  return [low, maximum ?? Math.max(reach, low + reach)];
}

/** A range of 1000 places over the parameter's values; logarithmic if they cover more than two decades. */
export function createScale(parameter) {
  const [low, high] = chooseEnds(parameter);
  const log = low > 0 && high / low > 100;
  return {
    low: parameter.minimum ?? undefined,
    high: parameter.maximum ?? undefined,
    step: "any",
    places: [0, 1000],
    toPlace: (value) => (log ? Math.log(value / low) / Math.log(high / low) : (value - low) / (high - low)) * 1000,
    fromPlace: (place) =>
      Number((log ? low * (high / low) ** (place / 1000) : low + ((high - low) * place) / 1000).toPrecision(3)),
  };
}

/** A slider with a number field; without a scale its places are the integers from `low` to `high`. */
export function createSlider({ id, label, hint, value, onchange, low, high, step = 1, ...scale }) {
  const { places = [low, high], toPlace = Number, fromPlace = Number } = scale;
  const slide = () => {
    exact.value = fromPlace(Number(range.value));
    onchange(Number(exact.value));
  };
  const type = () => {
    if (exact.value === "" || !exact.checkValidity()) return;
    range.value = toPlace(Number(exact.value));
    onchange(Number(exact.value));
  };
  const field = create(html`
    <div class="field slider">
      <label for=${id}>${label}</label>
      <input type="range" min=${places[0]} max=${places[1]} .value=${toPlace(value)} aria-label="${label}, slider"
        @input=${slide} />
      <input type="number" id=${id} min=${low} max=${high} step=${step} .value=${value} @input=${type} />
      ${hint && html`<small class="hint">${hint}</small>`}
    </div>`);
  const [range, exact] = field.querySelectorAll("input");
  return field;
}
