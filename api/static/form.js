// Controls for fields of a schema: what they say as a request, and the server's answer beside them.

import { fill, h, uid } from "./dom.js";
import { capital, words } from "./format.js";
import { fieldOf } from "./schema.js";

/**
 * @typedef {{field: import("./schema.js").Field, input: HTMLElement, element: HTMLElement, refusal: HTMLElement,
 *   value: () => unknown}} Control
 */

/**
 * @param {import("./schema.js").Field} field
 * @param {string} name the input's, a path in the whole request
 * @returns {Control}
 */
export function control(field, name = field.path) {
  const id = uid("field");
  const input = h(...inputOf(field, { id, name, "aria-describedby": `${id}-hint ${id}-refusal` }));
  const refusal = h("p", { class: "refusal", id: `${id}-refusal` });
  const hint = h(
    "small",
    { class: "hint", id: `${id}-hint` },
    [field.description, bounds(field)].filter(Boolean).join(" "),
  );
  const label = h("label", { for: id }, field.label);
  const check = field.type === "boolean";
  const element = h(
    "div",
    { class: check ? "field check" : "field" },
    check ? [input, label] : [label, input],
    refusal,
    hint,
  );
  return { field, name, input, element, refusal, value: () => valueOf(field, input) };
}

function inputOf(field, common) {
  const { type, minimum, maximum, choices, nullable } = field;
  if (type === "choice") {
    const options = [...(nullable ? [["", "none"]] : []), ...choices.map((word) => [word, words(word)])];
    return [
      "select",
      common,
      options.map(([value, text]) => h("option", { value, selected: value === (field.default ?? "") }, text)),
    ];
  }
  if (type === "boolean") return ["input", { ...common, type: "checkbox", checked: field.default === true }];
  if (type === "map") return ["textarea", { ...common, rows: 3, placeholder: "note = first try", spellcheck: "false" }];
  if (type === "text") return ["input", { ...common, type: "text", value: field.default }];
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
      placeholder: nullable ? "as the service chooses" : null,
    },
  ];
}

function bounds({ type, minimum, maximum }) {
  if ((type !== "integer" && type !== "number") || minimum === undefined) return "";
  return maximum === undefined ? `From ${minimum}.` : `${minimum} to ${maximum.toLocaleString("en")}.`;
}

/** What the server is to judge: an empty field is null, and whether that is allowed it says itself. */
function valueOf({ type }, input) {
  if (type === "boolean") return input.checked;
  if (type === "map") return pairs(input.value);
  const text = input.value.trim();
  if (text === "") return null;
  return type === "choice" || type === "text" ? text : Number(text);
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
  const applies = ({ field: { only } }) => !only || byPath.get(only.path).value() === only.value;
  const apply = () => {
    for (const one of controls) one.element.hidden = !applies(one);
  };
  form.addEventListener("change", apply);
  apply();
}

/** What differs from the defaults, as the request's nested object. @param {Control[]} controls */
export function body(controls) {
  const made = {};
  for (const { field, element, value } of controls) {
    if (element.hidden && field.only) continue;
    const given = value();
    if (field.type === "map" ? Object.keys(given).length === 0 : given === field.default) continue;
    put(made, field.path.split("."), field.gate ? (given === "off" ? null : {}) : given);
  }
  return made;
}

function put(target, [name, ...rest], value) {
  if (rest.length === 0) target[name] = value;
  else put((target[name] ??= {}), rest, value);
}

/**
 * Puts the server's words beside the fields they are about; what belongs to none is returned.
 *
 * @param {{pointer: string, message: string}[]} errors
 * @param {{name: string, input: HTMLElement, refusal: HTMLElement}[]} places
 * @returns {string[]}
 */
export function refuse(errors, places) {
  const byName = new Map(places.map((place) => [place.name, place]));
  const elsewhere = [];
  let first = null;
  for (const { pointer, message } of errors) {
    const place = byName.get(fieldOf(pointer, byName));
    if (!place || place.element?.hidden) {
      elsewhere.push(`${pointer}: ${message}`);
      continue;
    }
    place.input.setAttribute("aria-invalid", "true");
    place.refusal.textContent = [place.refusal.textContent, capital(message)].filter(Boolean).join("; ");
    first ??= place;
  }
  first?.input.closest("details")?.setAttribute("open", "");
  first?.input.focus();
  return elsewhere;
}

export function clear(places) {
  for (const { input, refusal } of places) {
    input.removeAttribute("aria-invalid");
    fill(refusal);
  }
}
