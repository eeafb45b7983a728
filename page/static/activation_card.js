// A card about one activation: its formulas, properties, advantages, drawbacks and files.

import { createParameterControls } from "./controls.js";
import { create, html } from "./dom.js";
import { fileLink, files } from "./file_links.js";
import { number } from "./format.js";
import { parseMath } from "./mathml.js";
import { swatch } from "./swatch.js";

const FORMATS = ["csv", "svg", "png"];

/**
 * @param {object} activation from the catalog
 * @param {object} about
 * @param {import("./line_styles.js").Look} about.own
 * @param {object} about.values of its parameters, modified
 * @param {(format: string) => string} about.file path of its curves as a file
 * @param {() => void} about.onchange a parameter changed
 * @returns {() => unknown} the card's template
 */
export function createCard(activation, { own, values, file, onchange }) {
  const { name, title, reference, advantages, drawbacks } = activation;
  const controls = createParameterControls(activation, values, onchange);
  const formulas = [
    formula(`${name}: formula`, activation.formula_mathml),
    formula(`${name}: derivative`, activation.derivative_mathml),
  ];
  const items = (kind, texts) => texts.map((text) => html`<li class=${kind}>${text}</li>`);
  const link = (format) => fileLink(file(format), format.toUpperCase(), { name: `${name}.${format}` });
  return () => html`
    <article class="panel card" aria-label=${title}>
      <header>${swatch(own)}<h2>${title}</h2></header>
      ${controls}
      ${formulas}
      <ul class="facts">${items("badge plain", listFacts(activation))}</ul>
      <ul class="marks">${items("plus", advantages)}${items("minus", drawbacks)}</ul>
      <p><small><a href=${reference.url} rel="noreferrer">${reference.title}</a>${cite(reference)}</small></p>
      ${files("The curves", html`<span class="row">${FORMATS.map(link)}</span>`)}
    </article>`;
}

const formula = (label, mathml) =>
  create(html`<div class="formula" role="group" aria-label=${label} tabindex="0">${parseMath(mathml)}</div>`);

const cite = ({ authors, year }) => ` · ${authors}, ${year}`;

function listFacts({ range: [low, high], monotonic, self_normalizing: selfNormalizing, derivative_at_zero: atZero }) {
  const from = low === null ? "−∞" : number(low, 4);
  const to = high === null ? "∞" : number(high, 4);
  return [
    `from ${from} to ${to}`,
    monotonic ? "monotonic" : "not monotonic",
    `f′(0) = ${number(atZero, 4)}`,
    selfNormalizing && "self-normalizing",
  ].filter(Boolean);
}
