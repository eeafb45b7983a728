// What somebody has filled into a form, kept by the browser until it is reset.

/** @typedef {{fields: Record<string, string|boolean>, activations?: string[], grid?: [string, string][]}} Draft */

const KEY = "activation-lab-form";

/** @returns {Draft} an empty one where nothing is kept, or where the browser keeps nothing */
export function kept(form) {
  try {
    const found = JSON.parse(localStorage.getItem(`${KEY}-${form}`));
    return { ...found, fields: { ...found?.fields } };
  } catch {
    return { fields: {} };
  }
}

/** @param {Draft|null} draft null forgets it */
export function keep(form, draft) {
  try {
    if (draft === null) localStorage.removeItem(`${KEY}-${form}`);
    else localStorage.setItem(`${KEY}-${form}`, JSON.stringify(draft));
  } catch {
    // a full or forbidden storage: the form works without
  }
}

/** What the controls hold where it is not what they began with. @param {import("./form.js").Control[]} controls */
export function heldBy(controls) {
  const found = {};
  for (const { name, field, input } of controls) {
    const held = input.type === "checkbox" ? input.checked : input.value;
    const text = field.type === "map" ? "" : String(field.default ?? "");
    const otherwise = input.type === "checkbox" ? field.default === true : text;
    if (held !== otherwise) found[name] = held;
  }
  return found;
}

/** Puts a draft's values into the controls; one that has no such choice any more stays as it was. */
export function fillIn(controls, { fields }) {
  for (const { name, input } of controls) {
    if (!(name in fields)) continue;
    if (input.type === "checkbox") input.checked = fields[name] === true;
    else if (input.tagName !== "SELECT" || [...input.options].some(({ value }) => value === fields[name]))
      input.value = fields[name];
  }
}
