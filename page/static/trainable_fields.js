// The parameters that learn: a checkbox for each numeric parameter, and what has values of its own.

import { create, html, render } from "./dom.js";
import { applyDraft } from "./drafts.js";
import { describeField } from "./field_labels.js";
import { buildBody, createControl } from "./form_controls.js";

const PATH = "trainable.parameters";
const MORE = ["trainable.per", "trainable.weight_decay"];

/** A parameter that is a number; a word cannot learn. */
export const isNumeric = ({ choices }) => choices.length === 0;

/**
 * @param {import("./schema.js").Field[]} fields all of a job
 * @param {string} prefix of the inputs' names
 */
export function createTrainableFields(fields, prefix = "") {
  const { label, hint } = describeField(PATH);
  const own = fields.filter(({ path }) => MORE.includes(path)).map(({ only, ...field }) => field);
  const more = own.map((field) => createControl(field, `${prefix}${field.path}`));
  const whole = { name: `${prefix}${PATH}`, field: { path: PATH } };
  const id = `field-${whole.name}`;
  const element = create(html`
    <fieldset class="boxed" aria-describedby="${id}-refusal ${id}-hint" tabindex="-1" hidden>
      <legend>${label}</legend>
      <div class="stack">
        <div class="fields"></div>
        <p class="refusal" id="${id}-refusal"></p>
        <small class="hint" id="${id}-hint">${hint}</small>
        <div class="fields" hidden>${more.map((control) => control.element)}</div>
      </div>
    </fieldset>`);
  const [boxesPlace, morePlace] = element.querySelectorAll(".fields");
  let boxes = [];

  const chosen = () => boxes.filter(({ input }) => input.checked);
  const showMore = () => {
    morePlace.hidden = chosen().length === 0;
  };
  element.addEventListener("change", showMore);

  return {
    element,
    /** What a draft holds. */
    controls: () => [...boxes, ...more],
    /**
     * @param {string[]} names of the parameters that can learn
     * @param {string} group of the checkboxes: the activation
     * @param {Record<string, string|boolean>} drafted values by the inputs' names
     */
    offer(names, group, drafted) {
      boxes = names.map((name) => createBox(name, `${prefix}${group}.trainable.${name}`));
      applyDraft(boxes, { fields: drafted });
      render(
        boxes.map((box) => box.element),
        boxesPlace,
      );
      element.hidden = names.length === 0;
      showMore();
    },
    /** Null where no parameter learns. */
    value() {
      if (!chosen().length) return null;
      const { trainable = {} } = buildBody(more);
      return { parameters: chosen().map(({ parameter }) => parameter), ...trainable };
    },
    places: () => [
      { ...whole, input: element, element, refusal: element.querySelector(".refusal") },
      ...more.map((control) => ({ ...control, validate: () => (chosen().length ? control.validate() : null) })),
    ],
  };
}

function createBox(parameter, name) {
  const field = { path: name, label: `${parameter} learns`, hint: "", type: "boolean", default: false };
  return { ...createControl(field, name), parameter };
}
