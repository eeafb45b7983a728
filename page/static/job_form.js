// The form for a job.

import { create, html, render } from "./dom.js";
import { applyDraft, readChanges } from "./drafts.js";
import { buildBody, createControl } from "./form_controls.js";
import { assembleForm, createAnnotations, includeEpochs, readAllFields, readJobFields } from "./spec_form.js";
import { createTrainableFields, isNumeric } from "./trainable_fields.js";

export function jobForm(all, definitions, draft, asked) {
  const isKnown = (name) => all.some((one) => one.name === name);
  const initial = isKnown(asked) ? asked : isKnown(draft.fields.activation) ? draft.fields.activation : "relu";
  const fields = readAllFields(definitions);
  const activation = createControl({
    ...fields.find(({ path }) => path === "activation"),
    type: "choice",
    choices: all.map(({ name }) => name),
    default: "relu",
  });
  activation.input.value = initial;
  const rest = readJobFields(definitions).map((field) => createControl(field));
  const trainable = createTrainableFields(fields);
  const words = createAnnotations();
  const parameters = create(html`<div class="fields"></div>`);
  const chosen = { ...draft.fields };
  let ofActivation = [];
  const choose = () => {
    Object.assign(chosen, readChanges([...ofActivation, ...trainable.controls()]));
    const { parameters: own } = all.find(({ name }) => name === activation.value());
    const name = (parameter) => `${activation.value()}.${parameter.name}`;
    ofActivation = own.map((parameter) => createControl(describeParameter(parameter), name(parameter)));
    applyDraft(ofActivation, { fields: chosen });
    render(
      ofActivation.map(({ element }) => element),
      parameters,
    );
    parameters.hidden = !own.length;
    const numeric = own.filter(isNumeric).map((parameter) => parameter.name);
    trainable.offer(numeric, activation.value(), chosen);
  };
  activation.input.addEventListener("change", choose);
  applyDraft([...rest, ...words, ...trainable.controls()], draft);
  choose();
  const request = () => {
    const learned = trainable.value();
    return {
      activation: activation.value(),
      ...includeEpochs(buildBody([...rest, ...words, ...ofActivation]), rest),
      ...(learned === null ? {} : { trainable: learned }),
    };
  };
  const after = [parameters, trainable.element];
  return {
    ...assembleForm({ before: [activation], controls: rest, words, after, action: "Train" }),
    kind: "job",
    request,
    specs: () => [request()],
    draft: () => ({
      fields: readChanges([...rest, ...words, ...ofActivation, ...trainable.controls(), activation]),
    }),
    to: "v1/jobs",
    target: "jobs",
    places: () => [
      ...[activation, ...rest, ...words, ...ofActivation].map((one) => ({ ...one, name: one.field.path })),
      ...trainable.places(),
    ],
  };
}

function describeParameter({ name, default: otherwise, minimum, maximum, choices, description }) {
  const type = choices.length ? "choice" : "number";
  return {
    path: `parameters.${name}`,
    label: `Parameter ${name}`,
    hint: description,
    type,
    minimum: minimum ?? undefined,
    maximum: maximum ?? undefined,
    choices,
    default: otherwise,
    nullable: false,
  };
}
