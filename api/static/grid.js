// A sweep's grid: fields, and the values that each of them is to have.

import { h, uid } from "./dom.js";

/** @param {import("./schema.js").Field[]} found the fields of a job */
export function gridEditor(found) {
  const paths = found.filter(({ type, gate }) => type !== "map" && !gate).map(({ path }) => path);
  const rows = [];
  const holder = h("div", { class: "stack" });
  const add = () => {
    const row = gridRow(paths, () => rows.splice(rows.indexOf(row), 1));
    rows.push(row);
    holder.append(row.element);
    row.input.focus();
  };
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
        h("div", {}, h("button", { type: "button", class: "small", onclick: add }, "Add a field")),
      ),
    ),
    value: () => Object.fromEntries(rows.map(({ path, input }) => [path.value, list(input.value)])),
    places: () => rows,
  };
}

function gridRow(paths, onremove) {
  const refusal = h("p", { class: "refusal", id: uid("grid-refusal") });
  const path = h(
    "select",
    {
      "aria-label": "Field of the grid",
      onchange: () => {
        row.name = input.name = `grid.${path.value}`;
      },
    },
    paths.map((name) => h("option", { value: name, selected: name === "optimizer.learning_rate" }, name)),
  );
  const input = h("input", {
    type: "text",
    "aria-label": "Values of the field, separated by commas",
    placeholder: "0.001, 0.01",
    name: `grid.${path.value}`,
    "aria-describedby": refusal.id,
  });
  const remove = () => {
    onremove();
    input.dispatchEvent(new Event("input", { bubbles: true })); // the request is another one now
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
  );
  const row = { name: input.name, input, refusal, element, path };
  return row;
}

/** Numbers, true, false and null as such; anything else is a word. What a value may be, the server knows. */
export function list(text) {
  return text
    .split(",")
    .map((part) => part.trim())
    .filter((part) => part !== "")
    .map((part) => {
      try {
        return JSON.parse(part);
      } catch {
        return part;
      }
    });
}
