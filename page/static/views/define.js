// Define: an activation of one's own as a formula, drawn as it is typed, and saved under a name.

import { createFormulas, facts, marks } from "../activation_facts.js";
import { setQuery } from "../address.js";
import { loadCatalog, post, remove } from "../api.js";
import { heading, lede, problem } from "../components.js";
import { createCurveReader } from "../curve_reader.js";
import { linkToDefine, readDefinition, writeDefinition } from "../definition_query.js";
import { confirmAction } from "../dialogs.js";
import { html, render, repeat } from "../dom.js";
import { clearErrors, createControl, showErrors } from "../form_controls.js";
import { createFormulaField } from "../formula_field.js";
import { loadLineStyles, loadNumberedStyles } from "../line_styles.js";
import { createParameterEditor } from "../parameter_editor.js";
import { activationName } from "../swatch.js";
import { abortPrevious, debounce } from "../timing.js";

const TYPING_MS = 200;
const UNNAMED = "f";
const EXAMPLES = [
  { title: "Swish", formula: "x*sigmoid(b*x)", parameters: [["b", 1, 0, 10]] },
  { title: "Snake", formula: "x + sin(a*x)^2/a", parameters: [["a", 1, 0.1, 10]] },
  { title: "Squareplus", formula: "(x + sqrt(x^2 + b))/2", parameters: [["b", 4, 0.01, 20]] },
  { title: "Leaky", formula: "where(x > 0, x, a*x)", parameters: [["a", 0.1, null, null]] },
  { title: "Gaussian", formula: "exp(-x^2)", parameters: [] },
].map(({ parameters, ...example }) => ({
  ...example,
  parameters: parameters.map(([name, value, minimum, maximum]) => ({ name, default: value, minimum, maximum })),
}));
const OPERATORS = "+ - * / ^ ( ) < <= > >=";
const FUNCTIONS = [
  "exp expm1 log log1p sqrt abs sin cos tanh sinh cosh asinh atan erf erfc",
  "sigmoid softplus relu Phi min max clip where",
].join(" ");
const NAME = {
  path: "name",
  label: "Name",
  hint: "Small letters, digits and hyphens: every request and form will know it by this name.",
  type: "text",
  default: "",
  longest: 40,
};
const TITLE = { path: "title", label: "Title", hint: "In full, if you like.", type: "text", default: "", longest: 100 };
const NAME_PATTERN = /^[a-z][a-z0-9-]*$/;
const NAME_RULE = "begin with a small letter; then small letters, digits and hyphens";

export async function view({ root, query, signal, title }) {
  title("Define");
  const [all, look, styleOf] = await Promise.all([loadCatalog(), loadLineStyles(), loadNumberedStyles()]);
  signal.throwIfAborted();
  const asked = readDefinition(query);
  const first = asked.formula === null ? EXAMPLES[0] : asked;
  const loadSoon = debounce(TYPING_MS, signal, load);
  const rememberSoon = debounce(250, signal, remember);
  const next = abortPrevious(signal);
  const addParameter = (name) => parameters.add(name);
  const formula = createFormulaField({ value: first.formula, oninput: loadSoon, onparameter: addParameter });
  const parameters = createParameterEditor({ parameters: first.parameters, onchange: loadSoon });
  const [nameField, titleField] = [NAME, TITLE].map((field) => createControl(field, `definition-${field.path}`));
  const lookOf = () => styleOf(0); // not by the name, which is being typed
  const reader = createCurveReader({ signal, query, look: lookOf, onreach: load, onmove: rememberSoon, update });
  let own = all.filter(({ custom }) => custom);
  let shown = null; // the last definition that was understood, with its formulas as elements
  let isStale = false; // what is shown is of an earlier formula
  let failure = null;
  let refusal = null; // to delete one
  let saved = null;
  let isSaving = false;
  nameField.input.value = asked.name;
  titleField.input.value = asked.title;

  const places = () => [
    { ...nameField, name: "name" },
    { ...titleField, name: "title" },
    ...parameters.places(),
  ];

  function update() {
    render(
      html`
        ${heading("Define")}
        ${lede("An activation of your own: its derivative follows from the formula, and both are drawn as you type.")}
        <section class="panel stack" aria-label="Formula">
          ${formula.element}
          <div class="row">
            <span class="hint">Begin with</span>
            <div class="chips" role="group" aria-label="Examples">${EXAMPLES.map(exampleButton)}</div>
            <details class="allowed">
              <summary>What a formula may use</summary>
              <p>
                <code>x</code>, parameters, numbers, <code>pi</code>, <code>e</code>; <code>${OPERATORS}</code>;
                <code>${FUNCTIONS}</code>. A comparison is the first argument of
                <code>where(condition, then, otherwise)</code>.
              </p>
            </details>
          </div>
        </section>
        ${failure && problem(failure, load)}
        <div class="define">
          <section class="panel parameters" aria-label="Parameters">
            <h2>Parameters</h2>
            ${parameters.element}
          </section>
          <div class=${isStale ? "stack results stale" : "stack results"}>
            <section class="panel stack" aria-label="Curves">${reader.template()}</section>
            ${shown && describeFunction(shown)}
          </div>
          <section class="panel save" aria-label="Save">${saveForm()}</section>
        </div>
        ${own.length > 0 && ownList()}`,
      root,
    );
  }

  const exampleButton = (example) => html`
    <button type="button" class="small" @click=${() => begin(example)}>${example.title}</button>`;

  const describeFunction = ({ activation, formulas }) => html`
    <section class="panel card" aria-label="The function">
      <div class="two">${formulas}</div>
      ${facts(activation)}
      ${marks(activation)}
    </section>`;

  const saveForm = () => html`
    <form class="stack" novalidate @submit=${save}>
      <h2>Save it</h2>
      ${nameField.element}${titleField.element}
      <div class="row"><button class="primary" ?disabled=${isSaving}>Save</button></div>
      <p class="saved" role="status">${saved && describeSaved(saved)}</p>
    </form>`;

  const describeSaved = ({ name: known }) => html`
    <strong>${known}</strong> is saved.
    <a href="#/train?activation=${known}">Train it</a>
    <a href="#/explore?names=relu,${known}">Beside relu</a>
    <a href="#/depth?activation=relu,${known}">In a deep network</a>`;

  const ownList = () => html`
    <section class="panel stack" aria-label="Your activations">
      <h2>Your activations</h2>
      ${refusal && problem(refusal)}
      <ul class="plain">${repeat(own, (one) => one.name, ownItem)}</ul>
    </section>`;

  const ownItem = (one) => html`
    <li class="row own">
      ${activationName(look(one.name), one.name)}
      <code>${one.formula}</code>
      <span class="row">
        <a href="#/explore?names=${one.name}">Explore</a>
        <a href="#/train?activation=${one.name}">Train</a>
        <a href=${linkToDefine(one)} @click=${(event) => copy(event, one)}>Change a copy</a>
        <button type="button" class="small danger" aria-label="Delete ${one.name}" @click=${() => erase(one)}>
          Delete
        </button>
      </span>
    </li>`;

  function begin(definition) {
    formula.set(definition.formula);
    parameters.replace(definition.parameters);
    saved = null;
    load();
  }

  function copy(event, one) {
    event.preventDefault(); // the address changes without a new view
    begin(one);
    formula.input.focus();
  }

  const read = (control) => control.input.value.trim();
  const definition = () => ({ formula: formula.value(), parameters: parameters.read(formula.value()) });

  function remember() {
    const named = { name: read(nameField), title: read(titleField) };
    setQuery({
      ...writeDefinition({ formula: formula.value(), ...named, parameters: parameters.list() }),
      ...reader.toQuery(),
    });
  }

  async function load() {
    remember();
    const mine = next();
    try {
      const found = await post("v1/activations/preview", { ...definition(), curve: reader.grid() }, { signal: mine });
      if (mine.aborted) return;
      accept(found);
    } catch (error) {
      if (mine.aborted) return;
      refuse(error);
    }
  }

  function accept({ curve, ...activation }) {
    showFaults([]);
    failure = null;
    isStale = false;
    shown = { activation, formulas: createFormulas({ ...activation, name: UNNAMED }) };
    reader.show([{ ...curve, name: UNNAMED }]);
    update();
  }

  function refuse(error) {
    isStale = shown !== null;
    failure = error.status === 422 ? null : error;
    if (failure === null) showFaults(error.errors);
    update();
  }

  /** Shows the service's errors where they belong; what belongs nowhere stands below the formula. */
  function showFaults(errors) {
    const ofFormula = errors.filter(({ pointer }) => pointer === "/formula");
    const rest = errors.filter((error) => !ofFormula.includes(error));
    clearErrors(places());
    const elsewhere = showErrors(rest, places(), { focus: false });
    const [fault] = [...ofFormula, ...elsewhere.map((message) => ({ message }))];
    formula.showError(fault ?? null);
  }

  async function save(event) {
    event.preventDefault();
    saved = null;
    clearErrors(places());
    if (!NAME_PATTERN.test(read(nameField))) return showErrors([{ pointer: "/name", message: NAME_RULE }], places());
    const named = { name: read(nameField), ...(read(titleField) ? { title: read(titleField) } : {}) };
    isSaving = true;
    update();
    try {
      saved = await post("v1/activations", { ...named, ...definition() });
      await listOwn();
    } catch (error) {
      refuseToSave(error);
    }
    isSaving = false;
    update();
  }

  function refuseToSave(error) {
    const taken = { pointer: "/name", message: `Taken: ${error.message}.` };
    if (error.code === "activation_exists") showErrors([taken], places());
    else if (error.errors?.length) {
      showFaults(error.errors);
      if (formula.input.ariaInvalid) formula.input.focus();
    } else failure = error;
  }

  async function listOwn() {
    own = (await loadCatalog()).filter(({ custom }) => custom);
  }

  async function erase({ name: known }) {
    const text = "Jobs that were trained with it keep their formula. The name becomes free.";
    if (!(await confirmAction({ title: `Delete ${known}?`, text, action: "Delete" }))) return;
    try {
      await remove(`v1/activations/${known}`);
      if (saved?.name === known) saved = null;
      await listOwn();
      refusal = null;
    } catch (error) {
      refusal = error;
    }
    update();
  }

  update();
  for (const control of [nameField, titleField]) control.input.addEventListener("input", rememberSoon);
  await load();
}
