// Buttons, sliders and selects.

import { createId, h, refill } from "./dom.js";
import { swatch } from "./swatch.js";

export const select = (properties, choices, chosen) => h("select", properties, optionElements(choices, chosen));

export const optionElements = (choices, chosen) =>
  choices.map(([value, text]) => h("option", { value, selected: value === chosen }, text));

export function labelField(text, control, hint) {
  const id = control.id || createId("field");
  control.id = id;
  return h(
    "div",
    { class: "field" },
    h("label", { for: id }, text),
    control,
    hint && h("small", { class: "hint" }, hint),
  );
}

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
      made.setAttribute("aria-pressed", String(chosen.has(name)));
      onchange();
    };
    const made = toggleButton({ pressed: chosen.has(name), place: name, onclick, title }, swatch(look(name)), name);
    return made;
  };
  return h("div", { class: "chips", role: "group", "aria-label": "Activations" }, choices.map(chip));
}

/**
 * Sliders and selects for an activation's parameters.
 *
 * @param {{name: string, parameters: object[]}} activation
 * @param {Record<string, number|string>} values of this activation, modified
 * @param {() => void} onchange
 */
export function parameterControls(activation, values, onchange) {
  return activation.parameters.map((parameter) => {
    const label = `${activation.name} ${parameter.name}`;
    if (parameter.choices.length) return choice(label, parameter, values, onchange);
    return slider(label, parameter, values, onchange);
  });
}

function choice(label, parameter, values, onchange) {
  const control = select(
    {
      onchange: () => {
        values[parameter.name] = control.value;
        onchange();
      },
    },
    parameter.choices.map((word) => [word, word]),
    values[parameter.name] ?? parameter.default,
  );
  return labelField(label, control, parameter.description);
}

/** A slider with a number field; logarithmic if the range covers more than two decades. */
function slider(label, parameter, values, onchange) {
  const { minimum: low, maximum: high } = parameter;
  const log = low > 0 && high / low > 100;
  const to = (value) => (log ? Math.log(value / low) / Math.log(high / low) : (value - low) / (high - low)) * 1000;
  const from = (place) =>
    Number((log ? low * (high / low) ** (place / 1000) : low + ((high - low) * place) / 1000).toPrecision(3));
  const value = () => Number(values[parameter.name] ?? parameter.default);
  const range = h("input", {
    type: "range",
    min: 0,
    max: 1000,
    value: to(value()),
    "aria-label": `${label}, slider`,
    oninput: () => put(from(Number(range.value)), range),
  });
  const exact = h("input", {
    type: "number",
    min: low,
    max: high,
    step: "any",
    value: value(),
    oninput: () => {
      if (exact.value !== "" && exact.checkValidity()) put(Number(exact.value), exact);
    },
  });
  function put(given, by) {
    values[parameter.name] = given;
    if (by !== range) range.value = to(given);
    if (by !== exact) exact.value = given;
    onchange();
  }
  const field = labelField(label, exact, parameter.description);
  field.classList.add("slider");
  exact.before(range);
  return field;
}

/** A slider for an integer, with a number field. */
export function integerSlider({ label, name, low, high, value, onchange }) {
  const shown = h("input", {
    type: "number",
    min: low,
    max: high,
    step: 1,
    value,
    name,
    oninput: () => {
      if (shown.value === "" || !shown.checkValidity()) return;
      range.value = shown.value;
      onchange(Number(shown.value));
    },
  });
  const range = h("input", {
    type: "range",
    min: low,
    max: high,
    step: 1,
    value,
    "aria-label": `${label}, slider`,
    oninput: () => {
      shown.value = range.value;
      onchange(Number(range.value));
    },
  });
  const field = labelField(label, shown);
  field.classList.add("slider");
  shown.before(range);
  return field;
}

/**
 * Toggle buttons that hide activations in a chart, and one for sigmoid, whose plateau compresses the others.
 *
 * @param {{excluded: Set<string>, look: (name: string) => import("./line_styles.js").Look, onchange: () => void}} about
 *   `excluded` is modified
 */
export function exclusionChips({ excluded, look, onchange }) {
  const element = h("div", { class: "chips", role: "group", "aria-label": "Activations that are shown" });
  function show(names) {
    const chip = (name, pressed, ...content) =>
      toggleButton(
        {
          pressed,
          place: content.at(-1),
          onclick: () => {
            if (!excluded.delete(name)) excluded.add(name);
            show(names);
            onchange();
          },
        },
        ...content,
      );
    refill(
      element,
      names.length > 1 && [
        names.map((name) => chip(name, !excluded.has(name), swatch(look(name)), name)),
        names.includes("sigmoid") && chip("sigmoid", excluded.has("sigmoid"), "without sigmoid"),
      ],
    );
  }
  return { element, show };
}

/** A toggle button. `place` identifies it, so that it keeps its focus when it is rendered again. */
export const toggleButton = ({ pressed, place, onclick, title }, ...content) =>
  h(
    "button",
    { type: "button", class: "chip", title, "aria-pressed": String(pressed), data: { place }, onclick },
    content,
  );
