// Controls for fields of a schema: what they say as a request, and what is wrong with it, beside them.

import { fill, h, uid } from "./dom.js";
import { plain, sentence } from "./refusals.js";
import { fieldOf } from "./schema.js";
import { valueText, wording } from "./wording.js";

/**
 * @typedef {object} Control
 * @property {import("./schema.js").Field} field
 * @property {string} name the input's, a path in the whole request
 * @property {HTMLElement} input
 * @property {HTMLElement} element
 * @property {HTMLElement} refusal
 * @property {() => unknown} value what the request says
 * @property {() => string|null} wrong what can be seen to be wrong without asking the service
 */

/**
 * @param {import("./schema.js").Field} field
 * @param {string} name the input's, a path in the whole request
 * @returns {Control}
 */
export function control(field, name = field.path) {
  const id = uid("field");
  const input = h(...inputOf(field, { id, name, "aria-describedby": `${id}-refusal ${id}-hint` }));
  const refusal = h("p", { class: "refusal", id: `${id}-refusal` });
  const hint = h("small", { class: "hint", id: `${id}-hint` }, [field.hint, bounds(field)].filter(Boolean).join(" "));
  const label = h("label", { for: id }, field.label);
  const check = field.type === "boolean";
  const element = h(
    "div",
    { class: check ? "field check" : "field" },
    check ? [input, label] : [label, input],
    refusal,
    hint,
  );
  return {
    field,
    name,
    input,
    element,
    refusal,
    value: () => valueOf(field, input),
    wrong: () => wrongWith(field, input),
  };
}

function inputOf(field, common) {
  const { path, type, minimum, maximum, choices, nullable } = field;
  if (type === "choice") {
    const options = choices.map((word) => [word, valueText(path, word)]);
    if (nullable) options.unshift(["", valueText(path, null)]);
    return [
      "select",
      common,
      options.map(([value, text]) => h("option", { value, selected: value === (field.default ?? "") }, text)),
    ];
  }
  if (type === "boolean") return ["input", { ...common, type: "checkbox", checked: field.default === true }];
  if (type === "map") return ["textarea", { ...common, rows: 3, placeholder: "project = thesis", spellcheck: "false" }];
  if (type === "text") return ["input", { ...common, type: "text", value: field.default, maxlength: field.longest }];
  return [
    "input",
    {
      ...common,
      type: "number",
      inputmode: type === "integer" ? "numeric" : "decimal",
      min: minimum,
      max: maximum,
      step: type === "integer" ? 1 : "any",
      value: field.default,
      placeholder: nullable ? (wording(path).empty ?? "none") : null,
    },
  ];
}

const figure = (value) => value.toLocaleString("en", { maximumFractionDigits: 20 });

/** "1 to 1,000", "more than 0, at most 1,000"; "" of what has no bounds. */
export function bounds({ type, minimum: low, maximum: high, above, below }) {
  if ((type !== "integer" && type !== "number") || low === undefined) return "";
  const from = `${above ? "More than" : "At least"} ${figure(low)}`;
  if (high === undefined) return `${from}.`;
  if (!above && !below) return `${figure(low)} to ${figure(high)}.`;
  return `${from}, ${below ? "less than" : "at most"} ${figure(high)}.`;
}

/** An empty field is null: where that is not allowed, `wrongWith` says so. */
function valueOf({ type }, input) {
  if (type === "boolean") return input.checked;
  if (type === "map") return pairs(input.value);
  const text = input.value.trim();
  if (text === "") return null;
  return type === "choice" || type === "text" ? text : Number(text);
}

function wrongWith(field, input) {
  if (field.type !== "integer" && field.type !== "number") return null;
  const whole = field.type === "integer";
  if (input.validity.badInput) return whole ? "A whole number, please." : "A number, please.";
  const value = valueOf(field, input);
  if (value === null) return field.nullable ? null : "This has to be filled in.";
  return outOfBounds(field, value);
}

/** What is wrong with a number, or null. */
export function outOfBounds({ type, minimum: low, maximum: high, above, below }, value) {
  if (type === "integer" && !Number.isInteger(value)) return "A whole number, please.";
  if (low !== undefined && (above ? value <= low : value < low))
    return `${above ? "More than" : "At least"} ${figure(low)}.`;
  if (high !== undefined && (below ? value >= high : value > high))
    return `${below ? "Less than" : "At most"} ${figure(high)}.`;
  return null;
}

/** A line each: `name = value`. */
function pairs(text) {
  const lines = text.split("\n").filter((line) => line.trim() !== "");
  return Object.fromEntries(
    lines
      .map((line) => line.split(/\s*=\s*(.*)/s).map((part) => part.trim()))
      .map(([name, value]) => [name, value ?? ""]),
  );
}

/** Shows those whose condition holds, each time another is changed. */
export function conditional(controls, form) {
  const byPath = new Map(controls.map((one) => [one.field.path, one]));
  const applies = ({ field: { only } }) => {
    const other = byPath.get(only?.path);
    return !other || (applies(other) && [only.value].flat().includes(other.value()));
  };
  const apply = () => {
    for (const one of controls) one.element.hidden = !applies(one);
  };
  form.addEventListener("change", apply);
  apply();
}

const left = ({ field, element }) => element.hidden && field.only;

/** What differs from the defaults, as the request's nested object. @param {Control[]} controls */
export function body(controls) {
  const made = {};
  for (const one of controls.filter((each) => !left(each))) {
    const { field } = one;
    const given = one.value();
    if (field.type === "map" ? Object.keys(given).length === 0 : given === field.default) continue;
    put(made, field.path.split("."), field.gate ? (given === "off" ? null : {}) : given);
  }
  return made;
}

/** A map comes before what is put into it. */
function put(target, [name, ...rest], value) {
  if (rest.length === 0) target[name] = value;
  else put((target[name] ??= {}), rest, value);
}

/** What can be seen to be wrong in them, as the service would tell it. @returns {{name: string, message: string}[]} */
export function faults(controls) {
  return controls
    .filter((one) => !left(one))
    .map((one) => ({ name: one.name, message: one.wrong?.() ?? null }))
    .filter(({ message }) => message !== null);
}

/** Marks the places of such faults. @returns {boolean} whether there are any */
export function mark(found, places) {
  const byName = new Map(places.map((place) => [place.name, place]));
  for (const { name, message } of found) beside(byName.get(name), message);
  focus(byName.get(found[0]?.name));
  return found.length > 0;
}

/**
 * Puts the service's refusals beside the fields they are about; what belongs to none is returned, for people.
 *
 * @param {{pointer: string, message: string}[]} errors
 * @param {{name: string, input: HTMLElement, refusal: HTMLElement}[]} places
 * @returns {string[]}
 */
export function refuse(errors, places) {
  const byName = new Map(places.map((place) => [place.name, place]));
  const elsewhere = [];
  let first = null;
  for (const error of errors) {
    const place = byName.get(fieldOf(error.pointer, byName));
    if (!place || place.element?.hidden) {
      elsewhere.push(sentence(error));
      continue;
    }
    beside(place, plain(error.message));
    first ??= place;
  }
  focus(first);
  return elsewhere;
}

function beside({ input, refusal }, message) {
  input.setAttribute("aria-invalid", "true");
  refusal.textContent = [refusal.textContent, message].filter(Boolean).join(" ");
}

function focus(place) {
  place?.input.closest("details")?.setAttribute("open", "");
  place?.input.focus();
}

export function clear(places) {
  for (const { input, refusal } of places) {
    input.removeAttribute("aria-invalid");
    fill(refusal);
  }
}
