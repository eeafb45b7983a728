// Form controls for the fields of a schema: reading, validating and showing errors beside them.

import { create, html } from "./dom.js";
import { explain, explainWithField, findField } from "./error_messages.js";
import { describeField, formatValue } from "./field_labels.js";
import { formatBound } from "./format.js";

/**
 * @typedef {object} Control
 * @property {import("./schema.js").Field} field
 * @property {string} name the input's name, a path in the whole request
 * @property {HTMLElement} input
 * @property {HTMLElement} element
 * @property {HTMLElement} refusal
 * @property {() => unknown} value the value to send
 * @property {() => string|null} validate a message if the value is invalid, found without the service
 */

/**
 * @param {import("./schema.js").Field} field
 * @param {string} name the input's name, a path in the whole request
 * @returns {Control}
 */
export function createControl(field, name = field.path) {
  const id = `field-${name}`;
  const label = html`<label for=${id}>${field.label}</label>`;
  const input = createInput(field, { id, name });
  const isCheck = field.type === "boolean";
  const element = create(html`
    <div class=${isCheck ? "field check" : "field"}>
      ${isCheck ? [input, label] : [label, input]}
      <p class="refusal" id="${id}-refusal"></p>
      <small class="hint" id="${id}-hint">${[field.hint, describeBounds(field)].filter(Boolean).join(" ")}</small>
    </div>`);
  return {
    field,
    name,
    input,
    element,
    refusal: element.querySelector(".refusal"),
    value: () => readValue(field, input),
    validate: () => validate(field, input),
  };
}

function createInput(field, { id, name }) {
  const { path, type, minimum, maximum, choices, nullable, default: otherwise } = field;
  const input = create(inputOf());
  Object.assign(input, { id, name });
  input.setAttribute("aria-describedby", `${id}-refusal ${id}-hint`);
  return input;

  function inputOf() {
    if (type === "choice")
      return html`<select>
        ${(nullable ? [null, ...choices] : choices).map(
          (value) =>
            html`<option value=${value ?? ""} ?selected=${value === otherwise}>${formatValue(path, value)}</option>`,
        )}
      </select>`;
    if (type === "boolean") return html`<input type="checkbox" .checked=${otherwise === true} />`;
    if (type === "map") return html`<textarea rows="3" placeholder="project = thesis" spellcheck="false"></textarea>`;
    if (type === "text") return html`<input type="text" maxlength=${field.longest} .value=${otherwise ?? ""} />`;
    const isInteger = type === "integer";
    return html`<input
      type="number"
      inputmode=${isInteger ? "numeric" : "decimal"}
      min=${minimum}
      max=${maximum}
      step=${isInteger ? 1 : "any"}
      placeholder=${nullable && (describeField(path).empty ?? "none")}
      .value=${otherwise ?? ""}
    />`;
  }
}

/** "1 to 1,000", "more than 0, at most 1,000"; "" without bounds. */
export function describeBounds({ type, minimum: low, maximum: high, above, below }) {
  if ((type !== "integer" && type !== "number") || low === undefined) return "";
  const from = `${above ? "More than" : "At least"} ${formatBound(low)}`;
  if (high === undefined) return `${from}.`;
  if (!above && !below) return `${formatBound(low)} to ${formatBound(high)}.`;
  return `${from}, ${below ? "less than" : "at most"} ${formatBound(high)}.`;
}

/** An empty field is null; `validate` rejects it where null is not allowed. */
function readValue({ type }, input) {
  if (type === "boolean") return input.checked;
  if (type === "map") return parsePairs(input.value);
  const text = input.value.trim();
  if (text === "") return null;
  return type === "choice" || type === "text" ? text : Number(text);
}

function validate(field, input) {
  if (field.type !== "integer" && field.type !== "number") return null;
  const whole = field.type === "integer";
  if (input.validity.badInput) return whole ? "Enter a whole number." : "Enter a number.";
  const value = readValue(field, input);
  if (value === null) return field.nullable ? null : "This field is required.";
  return checkBounds(field, value);
}

/** Returns the message for a number that is out of bounds, or null. */
export function checkBounds({ type, minimum: low, maximum: high, above, below }, value) {
  if (type === "integer" && !Number.isInteger(value)) return "Enter a whole number.";
  if (low !== undefined && (above ? value <= low : value < low))
    return `${above ? "More than" : "At least"} ${formatBound(low)}.`;
  if (high !== undefined && (below ? value >= high : value > high))
    return `${below ? "Less than" : "At most"} ${formatBound(high)}.`;
  return null;
}

/** Parses one `name = value` per line. */
function parsePairs(text) {
  const lines = text.split("\n").filter((line) => line.trim() !== "");
  return Object.fromEntries(
    lines
      .map((line) => line.split(/\s*=\s*(.*)/s).map((part) => part.trim()))
      .map(([name, value]) => [name, value ?? ""]),
  );
}

/** Shows or hides controls whose `only` condition depends on another control, on each change. */
export function toggleConditional(controls, form) {
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

const isLeftOut = ({ field, element }) => element.hidden && field.only;

/** Builds the request's nested object from the values that differ from the defaults. @param {Control[]} controls */
export function buildBody(controls) {
  const made = {};
  for (const one of controls.filter((each) => !isLeftOut(each))) {
    const { field } = one;
    const given = one.value();
    if (field.type === "map" ? Object.keys(given).length === 0 : given === field.default) continue;
    setPath(made, field.path.split("."), field.gate ? (given === "off" ? null : {}) : given);
  }
  return made;
}

/** Sets a nested property; a map must be set before its entries. */
function setPath(target, [name, ...rest], value) {
  if (rest.length === 0) target[name] = value;
  else setPath((target[name] ??= {}), rest, value);
}

/** Finds invalid values without the service. @returns {{name: string, message: string}[]} */
export function findFaults(controls) {
  return controls
    .filter((one) => !isLeftOut(one))
    .map((one) => ({ name: one.name, message: one.validate?.() ?? null }))
    .filter(({ message }) => message !== null);
}

/** Shows such faults beside their controls. @returns {boolean} whether there are any */
export function showFaults(found, places) {
  const byName = new Map(places.map((place) => [place.name, place]));
  for (const { name, message } of found) showMessage(byName.get(name), message);
  focusInput(byName.get(found[0]?.name));
  return found.length > 0;
}

/**
 * Shows the service's errors beside their fields; returns the messages that belong to no field.
 *
 * @param {{pointer: string, message: string, rule: string, limit?: number}[]} errors
 * @param {{name: string, input: HTMLElement, refusal: HTMLElement}[]} places
 * @param {{focus?: boolean}} [how] whether the first of these fields gets the focus
 * @returns {string[]}
 */
export function showErrors(errors, places, { focus = true } = {}) {
  const byName = new Map(places.map((place) => [place.name, place]));
  const elsewhere = [];
  let first = null;
  for (const error of errors) {
    const place = byName.get(findField(error.pointer, byName));
    if (!place || place.element?.hidden) {
      elsewhere.push(explainWithField(error));
      continue;
    }
    showMessage(place, explain(error));
    first ??= place;
  }
  if (focus) focusInput(first);
  return elsewhere;
}

function showMessage({ input, refusal }, message) {
  input.setAttribute("aria-invalid", "true");
  refusal.textContent = [refusal.textContent, message].filter(Boolean).join(" ");
}

function focusInput(place) {
  place?.input.closest("details")?.setAttribute("open", "");
  place?.input.focus();
}

export function clearErrors(places) {
  for (const { input, refusal } of places) {
    input.removeAttribute("aria-invalid");
    refusal.textContent = "";
  }
}
