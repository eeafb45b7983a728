// The input of a formula: what is wrong stands under the column where it is.

import { create, html, render } from "./dom.js";
import { capitalize } from "./format.js";

const RESERVED = ["x", "pi", "e"];

/**
 * @param {object} about
 * @param {string} about.value
 * @param {() => void} about.oninput
 * @param {(name: string) => void} about.onparameter the visitor makes an unknown name a parameter
 */
export function createFormulaField({ value, oninput, onparameter }) {
  const element = create(html`
    <div class="field formula-field">
      <label for="formula">f(x) =</label>
      <input type="text" id="formula" name="formula" spellcheck="false" autocapitalize="off" autocomplete="off"
        aria-describedby="formula-refusal" .value=${value} @input=${oninput} @scroll=${() => place()} />
      <pre class="caret" aria-hidden="true" hidden></pre>
      <p class="refusal" id="formula-refusal" aria-live="polite"></p>
    </div>`);
  const [input, caret, refusal] = ["input", ".caret", ".refusal"].map((selector) => element.querySelector(selector));

  /** Moves the caret with the text where the input scrolls. */
  function place() {
    caret.style.setProperty("--scrolled", `${-input.scrollLeft}px`);
  }

  /** @param {{message: string, column?: number}|null} error */
  function showError(error) {
    const { message, column } = error ?? {};
    input.toggleAttribute("aria-invalid", false);
    if (error) input.setAttribute("aria-invalid", "true");
    caret.hidden = column === undefined;
    caret.textContent = column === undefined ? "" : `${" ".repeat(column - 1)}^`;
    place();
    const name = column === undefined ? null : findName(input.value, column);
    const add = () => {
      input.focus();
      onparameter(name);
    };
    const offer = name && html`<button type="button" class="small" @click=${add}>Make ${name} a parameter</button>`;
    const where = column === undefined ? "" : `Column ${column}: `;
    render(error && html`<span>${where}${capitalize(message)}</span> ${offer}`, refusal);
  }

  return {
    name: "formula",
    element,
    input,
    refusal,
    value: () => input.value,
    set(text) {
      input.value = text;
    },
    showError,
  };
}

/** The name that begins at a column and may be a parameter: no function is called by it. @returns {string|null} */
function findName(text, column) {
  const [, name = null] = /^([A-Za-z]\w*)(?!\w|\s*\()/.exec(text.slice(column - 1)) ?? [];
  return RESERVED.includes(name) ? null : name;
}
