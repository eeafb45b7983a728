// Unsent form values, stored by the browser until the form is reset.

/** @typedef {{fields: Record<string, string|boolean>, activations?: string[], grid?: [string, string][]}} Draft */

const KEY = "activation-lab-form";

/** @returns {Draft} an empty one where nothing is stored */
export function loadDraft(form) {
  try {
    const found = JSON.parse(localStorage.getItem(`${KEY}-${form}`));
    return { ...found, fields: { ...found?.fields } };
  } catch {
    return { fields: {} };
  }
}

/** @param {Draft|null} draft null deletes it */
export function saveDraft(form, draft) {
  try {
    if (draft === null) localStorage.removeItem(`${KEY}-${form}`);
    else localStorage.setItem(`${KEY}-${form}`, JSON.stringify(draft));
  } catch {
    // storage is full or forbidden: the form works without it
  }
}

/** The values that differ from the defaults. @param {import("./form_controls.js").Control[]} controls */
export function readChanges(controls) {
  const found = {};
  for (const { name, field, input } of controls) {
    const value = input.type === "checkbox" ? input.checked : input.value;
    const text = field.type === "map" ? "" : String(field.default ?? "");
    const otherwise = input.type === "checkbox" ? field.default === true : text;
    if (value !== otherwise) found[name] = value;
  }
  return found;
}

/** Writes a draft's values into the controls; a select that has no such option keeps its value. */
export function applyDraft(controls, { fields }) {
  for (const { name, input } of controls) {
    if (!(name in fields)) continue;
    if (input.type === "checkbox") input.checked = fields[name] === true;
    else if (input.tagName !== "SELECT" || [...input.options].some(({ value }) => value === fields[name]))
      input.value = fields[name];
  }
}
