// The formulas and the properties of an activation.

import { create, html } from "./dom.js";
import { number } from "./format.js";
import { parseMath } from "./mathml.js";

/** The value and the derivative as elements: in MathML, or as text where that would be too long. */
export const createFormulas = ({ name, formula_mathml: value, derivative_mathml: mathml, derivative: text }) => [
  createFormula(`${name}: formula`, parseMath(value)),
  createFormula(`${name}: derivative`, mathml === null ? text : parseMath(mathml)),
];

const createFormula = (label, content) =>
  create(html`<div class="formula" role="group" aria-label=${label} tabindex="0">${content}</div>`);

export const facts = (activation) => html`
  <ul class="facts">${listFacts(activation).map((text) => html`<li class="badge plain">${text}</li>`)}</ul>`;

function listFacts({ range, monotonic, self_normalizing: selfNormalizing, derivative_at_zero: atZero }) {
  return [
    describeRange(range),
    monotonic === null ? "monotonic: not decided" : monotonic ? "monotonic" : "not monotonic",
    `f′(0) = ${number(atZero, 4)}`,
    selfNormalizing && "self-normalizing",
  ].filter(Boolean);
}

function describeRange(range) {
  if (range === null) return "range: not decided";
  const [low, high] = range;
  return `from ${low === null ? "−∞" : number(low, 4)} to ${high === null ? "∞" : number(high, 4)}`;
}

/** What speaks for an activation, and what against it. */
export const marks = ({ advantages, drawbacks, warnings = [] }) => {
  const items = (kind, texts) => texts.map((text) => html`<li class=${kind}>${text}</li>`);
  return html`
    <ul class="marks">${items("plus", advantages)}${items("minus", drawbacks)}${items("warning", warnings)}</ul>`;
};
