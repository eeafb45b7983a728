// An editor for a sweep's grid: settings and the values to train with.

import { createId, fill, h } from "./dom.js";
import { formatValue, labelOf, parseValue } from "./field_labels.js";
import { checkBounds, describeBounds } from "./form_controls.js";

/**
 * @param {import("./schema.js").Field[]} found the fields of a job
 * @param {[string, string][]} draft field and values of the initial rows
 */
export function gridEditor(found, draft = []) {
  const fields = new Map(found.filter(({ type, gate }) => type !== "map" && !gate).map((field) => [field.path, field]));
  const rows = [];
  const holder = h("div", { class: "stack" });
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
    element: h(
      "fieldset",
      { class: "boxed" },
      h("legend", {}, "Grid"),
      h(
        "div",
        { class: "stack" },
        h("small", { class: "hint" }, "Every combination of these values is trained."),
        holder,
        h("div", {}, h("button", { type: "button", class: "small", onclick: another }, "Vary a setting")),
      ),
    ),
    value: () => Object.fromEntries(rows.map((row) => [row.path.value, row.values()])),
    rows: () => rows,
    draft: () => rows.map(({ path, input }) => [path.value, input.value]),
  };
}

function gridRow({ fields, path: chosen, text, rows }) {
  const refusal = h("p", { class: "refusal", id: createId("grid-refusal") });
  const hint = h("small", { class: "hint", id: createId("grid-hint") });
  const path = h(
    "select",
    { "aria-label": "Setting that varies", onchange: () => rename() },
    [...fields.keys()].map((name) => h("option", { value: name, selected: name === chosen }, labelOf(name))),
  );
  const input = h("input", {
    type: "text",
    "aria-label": "Its values, separated by commas",
    value: text,
    "aria-describedby": `${refusal.id} ${hint.id}`,
  });
  const remove = () => {
    rows.splice(rows.indexOf(row), 1);
    input.dispatchEvent(new Event("input", { bubbles: true })); // the request has changed
    element.remove();
  };
  const element = h(
    "div",
    { class: "stack grid-row" },
    h(
      "div",
      { class: "row" },
      h("div", { class: "grid-path" }, path),
      h("div", { class: "grid-values" }, input),
      h("button", { type: "button", class: "small", onclick: remove }, "Remove"),
    ),
    refusal,
    hint,
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
    fill(hint, describeAllowed(field()));
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
