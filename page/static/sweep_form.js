// The form for a sweep.

import { create, html } from "./dom.js";
import { applyDraft, readChanges } from "./drafts.js";
import { describeField, labelOf } from "./field_labels.js";
import { buildBody, createControl } from "./form_controls.js";
import { count } from "./format.js";
import { gridEditor } from "./grid_editor.js";
import { parseSeeds } from "./seeds.js";
import { assembleForm, createAnnotations, includeEpochs, readAllFields, readJobFields } from "./spec_form.js";
import { createTrainableFields, isNumeric } from "./trainable_fields.js";

const MAX_JOBS = 512;

export function sweepForm(all, definitions, draft) {
  const { SweepSpec } = definitions;
  const found = readJobFields(definitions, ["seed"]);
  const rest = found.map((field) => createControl(field, `base.${field.path}`));
  const words = createAnnotations("base.");
  const activations = activationCheckboxes(all, SweepSpec.properties.activations.default, draft.activations);
  const seeds = createControl({
    path: "seeds",
    label: labelOf("seeds"),
    hint: describeField("seeds").hint,
    type: "text",
    default: "0",
  });
  seeds.validate = () => parseSeeds(seeds.input.value).wrong;
  const trainable = createTrainableFields(readAllFields(definitions), "base.");
  const offer = (drafted) => {
    const chosen = all.filter(({ name }) => activations.value().includes(name));
    trainable.offer(listShared(chosen), "shared", drafted);
  };
  activations.element.addEventListener("change", () => offer(readChanges(trainable.controls())));
  applyDraft([...rest, ...words, ...trainable.controls(), seeds], draft);
  offer(draft.fields);
  const grid = gridEditor(found, draft.grid);
  const request = () => {
    const values = grid.value();
    const learned = trainable.value();
    const base = includeEpochs(buildBody([...rest, ...words]), rest, values);
    return {
      base: { ...base, ...(learned === null ? {} : { trainable: learned }) },
      activations: activations.value(),
      seeds: parseSeeds(seeds.input.value).seeds,
      grid: values,
    };
  };
  const made = assembleForm({
    first: [activations.element, html`<div class="fields">${seeds.element}</div>`],
    controls: rest,
    words,
    after: [trainable.element, grid.element],
    action: "Train the sweep",
  });
  return {
    ...made,
    kind: "sweep",
    request,
    specs: () => listSpecs(request()),
    draft: () => ({
      fields: readChanges([...rest, ...words, ...trainable.controls(), seeds]),
      activations: activations.draft(),
      grid: grid.draft(),
    }),
    to: "v1/sweeps",
    target: "sweeps",
    places: () => [activations, seeds, ...rest, ...words, ...trainable.places(), ...grid.rows()],
  };
}

/** The numeric parameters that all of these activations have. */
function listShared(activations) {
  const [first = [], ...others] = activations.map(({ parameters }) => parameters.filter(isNumeric));
  const isShared = ({ name }) => others.every((parameters) => parameters.some((one) => one.name === name));
  return first.filter(isShared).map(({ name }) => name);
}

/** The jobs of a sweep, as far as needed for the estimate; or a message if the request is invalid. */
function listSpecs({ base, activations, seeds, grid }) {
  const axes = [activations.length, seeds.length, ...Object.values(grid).map((values) => values.length)];
  const jobs = axes.reduce((product, size) => product * size, 1);
  if (jobs === 0) return "Choose at least one activation, one seed and one value for each setting that varies.";
  if (jobs > MAX_JOBS) return `This makes ${count(jobs)} jobs; a sweep has at most ${MAX_JOBS}.`;
  let specs = activations.flatMap((activation) => seeds.map((seed) => ({ ...base, activation, seed })));
  for (const [path, values] of Object.entries(grid))
    specs = specs.flatMap((spec) => values.map((value) => setPath(spec, path.split("."), value)));
  return specs;
}

const setPath = (spec, [name, ...rest], value) => ({
  ...spec,
  [name]: rest.length ? setPath(spec?.[name] ?? {}, rest, value) : value,
});

function activationCheckboxes(all, article, drafted) {
  const chosen = drafted ?? article;
  const box = ({ name, title }) => html`
    <label class="row" for="activation-${name}">
      <input type="checkbox" name="activations" value=${name} id="activation-${name}" title=${title}
        .checked=${chosen.includes(name)} />${name}
    </label>`;
  const { label, hint } = describeField("activations");
  const input = create(html`
    <fieldset aria-describedby="activations-refusal" tabindex="-1">
      <legend>${label}</legend>
      <div class="row">${all.map(box)}</div>
      <p class="refusal" id="activations-refusal"></p>
      <small class="hint">${hint}</small>
    </fieldset>`);
  const value = () => [...input.querySelectorAll("input:checked")].map((checked) => checked.value);
  return {
    name: "activations",
    field: { path: "activations" },
    input,
    element: input,
    refusal: input.querySelector(".refusal"),
    value,
    validate: () => (value().length ? null : "Choose at least one."),
    /** Null if the default activations are selected. */
    draft: () => (String(value()) === String(article) ? null : value()),
  };
}
