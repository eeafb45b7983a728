// An editor for a sweep's grid: settings and the values to train with.

import { create, html } from "./dom.js";
import { formatValue, labelOf, parseValue } from "./field_labels.js";
import { checkBounds, describeBounds } from "./form_controls.js";

/**
 * @param {import("./schema.js").Field[]} found the fields of a job
 * @param {[string, string][]} draft field and values of the initial rows
 */
export function gridEditor(found, draft = []) {
  const fields = new Map(found.filter(({ type, gate }) => type !== "map" && !gate).map((field) => [field.path, field]));
  const rows = [];
  const holder = create(html`<div class="stack"></div>`);
  const add = (path, text) => {
    const row = gridRow({ fields, path, text, rows });
    rows.push(row);
    holder.append(row.element);
    return row;
  };
  for (const [path, text] of draft) if (fields.has(path)) add(path, text);
  const next = () => {
    const used = new Set(rows.map(({ path }) => path.value));
    const usual = ["optimizer.learning_rate", "batch_size"].filter((path) => fields.has(path));
    return [...usual, ...fields.keys()].find((path) => !used.has(path));
  };
  const another = () => add(next(), "").input.focus();
  return {
    element: create(html`
      <fieldset class="boxed">
        <legend>Grid</legend>
        <div class="stack">
          <small class="hint">Every combination of these values is trained.</small>
          ${holder}
          <div><button type="button" class="small" @click=${another}>Vary a setting</button></div>
        </div>
      </fieldset>`),
    value: () => Object.fromEntries(rows.map((row) => [row.path.value, row.values()])),
    rows: () => rows,
    draft: () => rows.map(({ path, input }) => [path.value, input.value]),
  };
}

let count = 0;

function gridRow({ fields, path: chosen, text, rows }) {
  const id = `grid-${(count += 1)}`;
  const remove = () => {
    rows.splice(rows.indexOf(row), 1);
    input.dispatchEvent(new Event("input", { bubbles: true })); // the request has changed
    element.remove();
  };
  const options = [...fields.keys()].map(
    (name) => html`<option value=${name} ?selected=${name === chosen}>${labelOf(name)}</option>`,
  );
  const element = create(html`
    <div class="stack grid-row">
      <div class="row">
        <div class="grid-path">
          <select aria-label="Setting that varies" @change=${() => rename()}>${options}</select>
        </div>
        <div class="grid-values">
          <input type="text" aria-label="Its values, separated by commas" .value=${text}
            aria-describedby="${id}-refusal ${id}-hint" />
        </div>
        <button type="button" class="small" @click=${remove}>Remove</button>
      </div>
      <p class="refusal" id="${id}-refusal"></p>
      <small class="hint" id="${id}-hint"></small>
    </div>`);
  const [path, input, refusal, hint] = ["select", "input", ".refusal", ".hint"].map((one) =>
    element.querySelector(one),
  );
  const field = () => fields.get(path.value);
  const row = {
    input,
    refusal,
    element,
    path,
    values: () => splitValues(input.value).map((part) => parseValue(path.value, part, field()) ?? part),
    validate: () => validate(field(), input.value, rows),
  };
  function rename() {
    row.name = input.name = `grid.${path.value}`;
    input.placeholder = field().type === "number" || field().type === "integer" ? suggestValues(field()) : "";
    hint.textContent = describeAllowed(field());
  }
  rename();
  return row;
}

const splitValues = (text) =>
  text
    .split(",")
    .map((part) => part.trim())
    .filter((part) => part !== "");

const suggestValues = ({ default: otherwise }) =>
  typeof otherwise === "number" ? `${otherwise}, ${2 * otherwise}` : "";

/** Describes the allowed values. */
function describeAllowed(field) {
  const { path, type, choices, nullable } = field;
  const none = nullable ? [formatValue(path, null)] : [];
  if (type === "choice") return `Any of: ${[...none, ...choices.map((word) => formatValue(path, word))].join(", ")}.`;
  if (type === "boolean") return "yes, no.";
  return [describeBounds(field), nullable && `Or “${none[0]}”.`].filter(Boolean).join(" ");
}

function validate(field, text, rows) {
  if (rows.filter(({ path }) => path.value === field.path).length > 1) return "Another row varies this setting too.";
  const given = splitValues(text);
  if (!given.length) return "Enter at least one value; separate several by commas.";
  const seen = [];
  for (const part of given) {
    const value = parseValue(field.path, part, field);
    if (value === undefined) return `“${part}” is not a valid value.`;
    if (seen.includes(value)) return `“${part}” is repeated.`;
    const fault = typeof value === "number" ? checkBounds(field, value) : null;
    if (fault) return `“${part}”: ${fault.charAt(0).toLowerCase()}${fault.slice(1)}`;
    seen.push(value);
  }
  return null;
}
