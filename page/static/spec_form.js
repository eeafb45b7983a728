// The parts that the forms for a job and for a sweep share.

import { create, html } from "./dom.js";
import { describeField } from "./field_labels.js";
import { createControl, toggleConditional } from "./form_controls.js";
import { readFields } from "./schema.js";

const FIRST = ["epochs", "train_samples", "batch_size", "optimizer.name", "optimizer.learning_rate", "seed"];

const ANNOTATIONS = ["metadata.name", "metadata.note"];

const PRESETS = [
  { title: "Quick look", hint: "3 epochs on 6,000 images", values: { epochs: 3, train_samples: 6000, protocol: "" } },
  { title: "Everything", hint: "10 epochs on all images", values: { epochs: 10, train_samples: "", protocol: "" } },
  {
    title: "As published",
    hint: "100 epochs, validated on the test set",
    values: { protocol: "article", epochs: 100, train_samples: "" },
  },
];

const GROUPS = [
  ["Optimizer", /^optimizer/],
  ["Gradient clipping", /^clip/],
  ["Regularization", /^(dropout|initializer)/],
  ["Loss and validation", /^(loss|validation|protocol)/],
  ["Execution", /./],
];

/** Fields of a job that apply only under a condition, such as those that the published protocol fixes. */
const ONLY = {
  "optimizer.momentum": { path: "optimizer.name", value: ["sgd", "rmsprop"] },
  "validation.kind": { path: "protocol", value: null },
};

/** What other controls stand for: a job's formula is its activation's. */
const APART = /^(activation|parameters|formula|trainable(\..*)?)$/;

export const readAllFields = (definitions) => readFields(definitions.JobSpec, definitions);

/** The fields that have a control of their own in every form. */
export const readJobFields = (definitions, without = []) =>
  readAllFields(definitions)
    .filter(({ path }) => !APART.test(path) && !without.includes(path))
    .map((field) => (ONLY[field.path] ? { ...field, only: ONLY[field.path] } : field));

/** Controls for the name and the note, which are part of the metadata. */
export const createAnnotations = (prefix = "") =>
  ANNOTATIONS.map((path) => {
    const { label, hint } = describeField(path);
    return createControl({ path, label, hint, type: "text", default: null, longest: 500 }, `${prefix}${path}`);
  });

/** The published protocol has another default of epochs, so the form's number is sent explicitly. */
export function includeEpochs(made, controls, grid = {}) {
  const published = made.protocol === "article" || "protocol" in grid;
  if (!published || "epochs" in made || "epochs" in grid) return made;
  return { ...made, epochs: controls.find(({ field }) => field.path === "epochs").value() };
}

/** Assembles the form: frequent fields first, the others folded. */
export function assembleForm({ first = [], before = [], controls, words, after, action }) {
  const frequent = FIRST.map((path) => controls.find(({ field }) => field.path === path)).filter(Boolean);
  const fields = (...found) => html`<div class="fields">${found.flat().map(({ element }) => element)}</div>`;
  let left = controls.filter((one) => !frequent.includes(one));
  const groups = GROUPS.map(([legend, pattern]) => {
    const mine = left.filter(({ field }) => pattern.test(field.path));
    left = left.filter((one) => !mine.includes(one));
    return html`<fieldset class="boxed"><legend>${legend}</legend>${fields(mine)}</fieldset>`;
  });
  const presets = PRESETS.map(({ title, hint, values }) => {
    const apply = () => applyPreset(controls, values);
    return html`<button type="button" class="small" @click=${apply}><strong>${title}</strong> ${hint}</button>`;
  });
  const form = create(html`
    <form class="panel stack" novalidate>
      ${first}
      <div class="chips" role="group" aria-label="How much">${presets}</div>
      ${fields(before, frequent)}
      ${after}
      ${fields(words)}
      <details><summary>All settings</summary><div class="stack">${groups}</div></details>
      <p class="outlook" role="status"></p>
      <p class="refusal" role="alert" id="form-error"></p>
      <div class="row">
        <button class="primary">${action}</button>
        <button type="button" class="quiet" id="reset">Reset the form</button>
      </div>
    </form>`);
  toggleConditional(controls, form);
  linkEpochsToProtocol(controls);
  const parts = { button: ".primary", reset: "#reset", alert: "#form-error", outlook: ".outlook" };
  const find = ([name, selector]) => [name, form.querySelector(selector)];
  return { form, ...Object.fromEntries(Object.entries(parts).map(find)) };
}

function applyPreset(controls, values) {
  for (const [path, value] of Object.entries(values)) {
    const { input } = controls.find(({ field }) => field.path === path);
    input.value = value;
    for (const kind of ["input", "change"]) input.dispatchEvent(new Event(kind, { bubbles: true }));
  }
}

/** Choosing the published protocol sets its number of epochs, unless the visitor entered another. */
function linkEpochsToProtocol(controls) {
  const of = (path) => controls.find(({ field }) => field.path === path);
  const protocol = of("protocol"),
    epochs = of("epochs");
  const published = String(PRESETS.find(({ values }) => values.protocol).values.epochs);
  protocol?.input.addEventListener("change", () => {
    const [from, to] =
      protocol.value() === "article"
        ? [String(epochs.field.default), published]
        : [published, String(epochs.field.default)];
    if (epochs.input.value === from) epochs.input.value = to;
  });
}
