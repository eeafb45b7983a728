// What several views are made of.

import { key, request } from "./api.js";
import { decades } from "./charts.js";
import { h, uid } from "./dom.js";
import { ago, clock, duration, percent } from "./format.js";
import { math } from "./mathml.js";

export const heading = (text, ...beside) =>
  h("div", { class: "heading" }, h("h1", { tabindex: "-1" }, text), h("div", { class: "actions" }, beside));

export const lede = (...text) => h("p", { class: "lede" }, text);
export const empty = (...content) => h("div", { class: "empty" }, content);

/** What went wrong, and a way to try again. */
export function problem(error, again) {
  const retry = again && error.status !== 404 && h("button", { type: "button", onclick: again }, "Try again");
  return h("div", { class: "problem", role: "alert" }, h("p", {}, error.message), retry);
}

export const badge = (state) => h("span", { class: "badge", data: { state } }, state);
export const time = (at) => (at ? h("time", { datetime: at, title: clock(at) }, ago(at)) : "–");

export function progress({ epoch, epochs, fraction }, label = "Progress") {
  return h(
    "span",
    { class: "progress" },
    h("progress", { value: fraction, max: 1, "aria-label": label }),
    h("span", { class: "number" }, `${epoch} / ${epochs}`),
  );
}

/** Figures side by side: [name, value, explanation]. */
export function tiles(figures) {
  return h(
    "dl",
    { class: "tiles" },
    figures.map(([name, value, more]) =>
      h("div", {}, h("dt", {}, name), h("dd", {}, value, more && h("small", {}, more))),
    ),
  );
}

export const ACCURACY = /accuracy/;
export const METRICS = {
  val_loss: "Validation loss",
  val_accuracy: "Validation accuracy",
  val_binary_accuracy: "Validation binary accuracy",
  loss: "Training loss",
  accuracy: "Training accuracy",
  binary_accuracy: "Training binary accuracy",
  epoch_seconds: "Seconds an epoch",
  images_per_second: "Images a second",
};

/** How a chart has a metric: its axis, and a number read out. */
export function scale(metric) {
  if (ACCURACY.test(metric))
    return { axis: () => ({ tickformat: ".1~%" }), read: (value) => percent(value), hover: ".2%" };
  if (/loss/.test(metric))
    return { axis: decades, read: (value) => String(Number(value.toPrecision(3))), hover: ".4f" };
  return {
    axis: () => ({ rangemode: "tozero" }),
    read: (value) => (metric === "epoch_seconds" ? duration(value) : value.toFixed(0)),
    hover: ".4~g",
  };
}

/** A link to a file of the API; with a key it is fetched here, because a link sends none. */
export function fileLink(path, text, { name = "" } = {}) {
  return h(
    "a",
    {
      href: path,
      class: "file",
      download: name || true,
      onclick: async (event) => {
        if (key.get() === null) return;
        event.preventDefault();
        const response = await request(path);
        const url = URL.createObjectURL(await response.blob());
        const named = /filename="([^"]+)"/.exec(response.headers.get("Content-Disposition") ?? "");
        h("a", { href: url, download: named?.[1] ?? name }).click();
        setTimeout(() => URL.revokeObjectURL(url), 60_000);
      },
    },
    text,
  );
}

/** "Name: CSV Parquet PNG". */
export const files = (label, links) => h("p", { class: "files" }, h("span", {}, label), links);

export function select(properties, options, chosen) {
  return h(
    "select",
    properties,
    options.map(([value, text]) => h("option", { value, selected: value === chosen }, text)),
  );
}

export function labelled(text, control, hint) {
  const id = control.id || uid("field");
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
 * Chips that are pressed or not.
 *
 * @param {object} about
 * @param {string} about.label of the group
 * @param {{name: string, title?: string}[]} about.choices
 * @param {Set<string>} about.chosen changed in place
 * @param {(name: string) => {color: number, dash: string}} about.look
 * @param {() => void} about.onchange
 */
export function chips({ label, choices, chosen, look, onchange }) {
  const dashes = { solid: "solid", dash: "dashed", dot: "dotted", dashdot: "dashed" };
  const chip = ({ name, title }) => {
    const own = look(name);
    return h(
      "button",
      {
        type: "button",
        class: "chip",
        title,
        "aria-pressed": String(chosen.has(name)),
        data: { name },
        onclick: (event) => {
          if (!chosen.delete(name)) chosen.add(name);
          event.currentTarget.setAttribute("aria-pressed", String(chosen.has(name)));
          onchange();
        },
      },
      h("span", { class: `swatch ${dashes[own.dash]}`, style: { "--swatch": `var(--look-${own.color})` } }),
      name,
    );
  };
  return h("div", { class: "chips", role: "group", "aria-label": label }, choices.map(chip));
}

/** Asks before something that cannot be undone. @returns {Promise<boolean>} */
export function confirmed({ title, text, action }) {
  return new Promise((resolve) => {
    const id = uid("dialog");
    const dialog = h(
      "dialog",
      {
        "aria-labelledby": id,
        onclose: () => {
          dialog.remove();
          resolve(dialog.returnValue === "yes");
        },
      },
      h("h2", { id }, title),
      h("p", {}, text),
      h(
        "div",
        { class: "actions" },
        h("button", { type: "button", onclick: () => dialog.close("no") }, "Keep"),
        h("button", { type: "button", class: "danger", onclick: () => dialog.close("yes") }, action),
      ),
    );
    document.body.append(dialog);
    dialog.showModal();
  });
}

/** The state of a live view's connection. */
export function liveMark() {
  const mark = h("span", { class: "live", data: { live: "reconnecting" }, role: "status" }, "connecting");
  const WORDS = { live: "live", reconnecting: "reconnecting", ended: "complete" };
  return {
    element: mark,
    set: (state) => {
      mark.dataset.live = state;
      mark.textContent = WORDS[state];
    },
  };
}

/**
 * An activation's parameters as sliders and choices.
 *
 * @param {{name: string, parameters: object[]}} activation
 * @param {Record<string, number|string>} values of this activation, changed in place
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
  return labelled(label, control, parameter.description);
}

/** Over many decades the slider's steps are of equal ratio. */
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
  const field = labelled(label, exact, parameter.description);
  field.classList.add("slider");
  exact.before(range);
  return field;
}

/** A whole number on a slider, with its value beside it. */
export function wholeSlider({ label, name, low, high, value, onchange }) {
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
  const field = labelled(label, shown);
  field.classList.add("slider");
  shown.before(range);
  return {
    element: field,
    set: (given) => {
      shown.value = given;
      range.value = given;
    },
  };
}

export const formula = (label, mathml) =>
  h("div", { class: "formula", role: "group", "aria-label": label, tabindex: "0" }, math(mathml));
