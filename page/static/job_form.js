// The form for a job.

import { create, html, render } from "./dom.js";
import { applyDraft, readChanges } from "./drafts.js";
import { buildBody, createControl } from "./form_controls.js";
import { assembleForm, createAnnotations, includeEpochs, readJobFields } from "./spec_form.js";

export function jobForm(all, definitions, draft, asked) {
  const isKnown = (name) => all.some((one) => one.name === name);
  const initial = isKnown(asked) ? asked : isKnown(draft.fields.activation) ? draft.fields.activation : "relu";
  const found = readJobFields(definitions, ["parameters"]);
  const activation = createControl({
    ...found.find(({ path }) => path === "activation"),
    type: "choice",
    choices: all.map(({ name }) => name),
    default: "relu",
  });
  activation.input.value = initial;
  const rest = found.filter(({ path }) => path !== "activation").map((field) => createControl(field));
  const words = createAnnotations();
  const parameters = create(html`<div class="fields"></div>`);
  const chosen = { ...draft.fields };
  let ofActivation = [];
  const choose = () => {
    Object.assign(chosen, readChanges(ofActivation));
    const { parameters: own } = all.find(({ name }) => name === activation.value());
    const name = (parameter) => `${activation.value()}.${parameter.name}`;
    ofActivation = own.map((parameter) => createControl(describeParameter(parameter), name(parameter)));
    applyDraft(ofActivation, { fields: chosen });
    render(
      ofActivation.map(({ element }) => element),
      parameters,
    );
    parameters.hidden = !own.length;
  };
  activation.input.addEventListener("change", choose);
  applyDraft([...rest, ...words], draft);
  choose();
  const request = () => ({
    activation: activation.value(),
    ...includeEpochs(buildBody([...rest, ...words, ...ofActivation]), rest),
  });
  return {
    ...assembleForm({ before: [activation], controls: rest, words, after: [parameters], action: "Train" }),
    kind: "job",
    request,
    specs: () => [request()],
    draft: () => ({
      fields: { ...readChanges([...rest, ...words]), ...readChanges(ofActivation), ...readChanges([activation]) },
    }),
    to: "v1/jobs",
    target: "jobs",
    places: () => [activation, ...rest, ...words, ...ofActivation].map((one) => ({ ...one, name: one.field.path })),
  };
}

function describeParameter({ name, default: otherwise, minimum, maximum, choices, description }) {
  const type = choices.length ? "choice" : "number";
  return {
    path: `parameters.${name}`,
    label: `Parameter ${name}`,
    hint: description,
    type,
    minimum,
    maximum,
    choices,
    default: otherwise,
    nullable: false,
  };
}
