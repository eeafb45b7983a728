// What people call a job, and what tells it from others.

import { patch } from "./api.js";
import { fill, h, uid } from "./dom.js";
import { told } from "./refusals.js";
import { called, hasWords, valueText } from "./wording.js";

const LONGEST = 500;
const OF_THE_ACTIVATION = "parameters.";

/** @returns {string|null} */
export const nameOf = (metadata) => metadata?.name?.trim() || null;
export const cut = (name) => (name.length > 40 ? `${name.slice(0, 39).trimEnd()}…` : name);
export const noteOf = (metadata) => metadata?.note?.trim() || null;

/** A sweep: "6 activations, 3 seeds, learning rate". */
export function described({ activations, seeds, grid }) {
  const many = (number, word) => `${number} ${word}${number === 1 ? "" : "s"}`;
  const what = activations.length <= 2 ? activations.join(" and ") : many(activations.length, "activation");
  return [what, many(seeds.length, "seed"), ...Object.keys(grid).map((path) => called(path).toLowerCase())].join(", ");
}

/** A label of the API, whose settings are called by their paths: "relu, batch_size 64". */
export const inWords = (label) =>
  label
    .split(", ")
    .map((part, index) => {
      const [path, ...value] = part.split(" ");
      if (index === 0 || !hasWords(path)) return part;
      return `${called(path).toLowerCase()} ${valueText(path, read(value.join(" ")))}`;
    })
    .join(", ");

function read(text) {
  try {
    return JSON.parse(text);
  } catch {
    return text;
  }
}

/** Nested objects as dotted names. @returns {[string, unknown][]} */
export const flat = (value, path = "") =>
  value !== null && typeof value === "object" && !Array.isArray(value)
    ? Object.entries(value).flatMap(([key, inner]) => flat(inner, path ? `${path}.${key}` : key))
    : [[path, value]];

/**
 * Of each job the settings in which it differs from most of them; a parameter is compared within its activation.
 *
 * @param {object[]} specs
 * @param {string[]} apart settings that are told elsewhere
 * @returns {string[][]} "batch size 64", a list a job
 */
export function differences(specs, apart) {
  const rows = specs.map(({ activation, metadata, ...settings }) => ({ activation, fields: new Map(flat(settings)) }));
  const paths = new Set(rows.flatMap(({ fields }) => [...fields.keys()].filter((path) => !apart.includes(path))));
  const same = (one, other, path) => JSON.stringify(one.fields.get(path)) === JSON.stringify(other.fields.get(path));
  const apartIn = (path, row) => {
    const inActivation = path.startsWith(OF_THE_ACTIVATION);
    const others = inActivation ? rows.filter(({ activation }) => activation === row.activation) : rows;
    return 2 * others.filter((other) => same(row, other, path)).length <= others.length && others.length > 1;
  };
  return rows.map((row) =>
    [...paths]
      .filter((path) => row.fields.has(path) && apartIn(path, row))
      .map((path) => `${called(path).toLowerCase()} ${valueText(path, row.fields.get(path))}`),
  );
}

/**
 * Asks for a name and a note, and stores them.
 *
 * @param {{path: string, metadata: Record<string, string>}} job `path` is the API's
 * @returns {Promise<object|null>} the job as it is then; null where nothing was changed
 */
export function rename({ path, metadata }) {
  return new Promise((resolve) => {
    const id = uid("rename");
    const wrong = h("p", { class: "refusal", role: "alert" });
    const field = (name, control) =>
      h("div", { class: "field" }, h("label", { for: control.id }, called(`metadata.${name}`)), control);
    const text = { maxlength: LONGEST, autocomplete: "off" };
    const name = h("input", { ...text, type: "text", id: `${id}-name`, value: metadata.name ?? "" });
    const note = h("textarea", { ...text, id: `${id}-note`, rows: 3 }, metadata.note ?? "");
    const save = h("button", { class: "primary" }, "Save");
    let changed = null;
    const onsubmit = async (event) => {
      event.preventDefault();
      save.disabled = true;
      const value = (control) => control.value.trim() || null;
      try {
        changed = await patch(path, { metadata: { name: value(name), note: value(note) } });
        dialog.close();
      } catch (error) {
        fill(wrong, told(error));
        save.disabled = false;
      }
    };
    const dialog = h(
      "dialog",
      {
        class: "wide",
        "aria-labelledby": id,
        onclose: () => {
          dialog.remove();
          resolve(changed);
        },
      },
      h("h2", { id }, "Name and note"),
      h(
        "form",
        { class: "stack", onsubmit },
        field("name", name),
        field("note", note),
        wrong,
        h("div", { class: "actions" }, h("button", { type: "button", onclick: () => dialog.close() }, "Cancel"), save),
      ),
    );
    document.body.append(dialog);
    dialog.showModal();
  });
}
