// The parameters of a formula: a name, a default and optional bounds each.

import { createScale, createSlider } from "./controls.js";
import { create, html, render, repeat } from "./dom.js";

/** @typedef {{name: string, default: number, minimum: number|null, maximum: number|null}} Parameter */

/**
 * @param {object} about
 * @param {Parameter[]} about.parameters
 * @param {() => void} about.onchange
 */
export function createParameterEditor({ parameters, onchange }) {
  const element = create(html`<div class="stack"></div>`);
  let count = 0;
  let rows = parameters.map(createRow);

  function update() {
    const button = html`<button type="button" class="small" @click=${() => add("")}>Add a parameter</button>`;
    render(
      html`
        ${rows.length === 0 && html`<p class="hint">None: the formula has x and numbers alone.</p>`}
        ${repeat(
          rows,
          (row) => row,
          (row) => row.element,
        )}
        <div class="row">${button}</div>`,
      element,
    );
  }

  function add(name) {
    const row = createRow({ name, default: 1, minimum: null, maximum: null });
    rows = [...rows, row];
    update();
    if (name === "") row.places()[0].input.focus();
    onchange();
  }

  function createRow(parameter) {
    count += 1;
    const change = () => {
      row.label();
      onchange();
    };
    const remove = () => {
      rows = rows.filter((one) => one !== row);
      update();
      element.querySelector("button").focus();
      onchange();
    };
    const row = createParameterRow(`parameter-${count}`, parameter, { onchange: change, onremove: remove });
    return row;
  }

  update();
  return {
    element,
    add,
    list: () => rows.map(({ parameter }) => parameter),
    /** Those that the formula has, as the API takes them; the others are marked. */
    read(formula) {
      const names = new Set(formula.match(/[A-Za-z_]\w*/g));
      for (const row of rows) row.mark(names.has(row.parameter.name));
      const used = rows.map(({ parameter }) => parameter).filter(({ name }) => names.has(name));
      return Object.fromEntries(used.map((parameter) => [parameter.name, describe(parameter)]));
    },
    places: () => rows.flatMap(({ places }) => places()),
    /** @param {Parameter[]} others instead of these */
    replace(others) {
      rows = others.map(createRow);
      update();
    },
  };
}

const describe = ({ default: otherwise, minimum, maximum }) => ({
  default: otherwise,
  ...(minimum === null ? {} : { minimum }),
  ...(maximum === null ? {} : { maximum }),
});

function createParameterRow(id, parameter, { onchange, onremove }) {
  const read = ({ currentTarget }) => (currentTarget.value === "" ? null : Number(currentTarget.value));
  const bound = (name) => (event) => {
    parameter[name] = read(event);
    replaceSlider();
    onchange();
  };
  const element = create(html`
    <fieldset class="boxed parameter">
      <legend></legend>
      <div class="field">
        <label for="${id}-name">Name</label>
        <input type="text" id="${id}-name" spellcheck="false" autocapitalize="off" autocomplete="off" maxlength="40"
          aria-describedby="${id}-refusal" .value=${parameter.name} @input=${rename} />
      </div>
      <div class="field">
        <label for="${id}-minimum">Minimum</label>
        <input type="number" id="${id}-minimum" step="any" placeholder="−∞" aria-describedby="${id}-refusal"
          .value=${parameter.minimum ?? ""} @input=${bound("minimum")} />
      </div>
      <div class="field">
        <label for="${id}-maximum">Maximum</label>
        <input type="number" id="${id}-maximum" step="any" placeholder="∞" aria-describedby="${id}-refusal"
          .value=${parameter.maximum ?? ""} @input=${bound("maximum")} />
      </div>
      <div class="slider-place"></div>
      <p class="refusal" id="${id}-refusal"></p>
      <small class="hint" hidden>The formula has no such name.</small>
      <button type="button" class="small" @click=${onremove}></button>
    </fieldset>`);
  const [legend, remove, refusal, unused, place] = ["legend", "button", ".refusal", ".hint", ".slider-place"].map(
    (selector) => element.querySelector(selector),
  );

  function rename({ currentTarget }) {
    parameter.name = currentTarget.value.trim();
    onchange();
  }

  function replaceSlider() {
    const slider = createSlider({
      id,
      label: "Default",
      value: parameter.default,
      ...createScale(parameter),
      onchange: (value) => {
        parameter.default = value;
        onchange();
      },
    });
    place.replaceChildren(slider);
  }

  const label = () => {
    legend.textContent = parameter.name ? `Parameter ${parameter.name}` : "A parameter";
    remove.textContent = parameter.name ? `Remove ${parameter.name}` : "Remove";
  };
  label();
  replaceSlider();
  return {
    parameter,
    element,
    label,
    mark(isUsed) {
      unused.hidden = isUsed;
    },
    /** Where errors of the parameter belong, by their paths in the request. */
    places: () =>
      Object.entries({ "": "-name", ".default": "", ".minimum": "-minimum", ".maximum": "-maximum" }).map(
        ([path, suffix]) => ({
          name: `parameters.${parameter.name}${path}`,
          input: element.querySelector(`#${id}${suffix}`),
          refusal,
          element,
        }),
      ),
  };
}
