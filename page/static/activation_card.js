// A card about one activation: its formulas, properties, advantages, drawbacks and files.

import { createFormulas, facts, marks } from "./activation_facts.js";
import { createParameterControls } from "./controls.js";
import { linkToDefine } from "./definition_query.js";
import { html } from "./dom.js";
import { fileLink, files } from "./file_links.js";
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
  const { name, title, reference } = activation;
  const controls = createParameterControls(activation, values, onchange);
  const formulas = createFormulas(activation);
  const link = (format) => fileLink(file(format), format.toUpperCase(), { name: `${name}.${format}` });
  return () => html`
    <article class="panel card" aria-label=${title}>
      <header>${swatch(own)}<h2>${title}</h2></header>
      ${controls}
      ${formulas}
      ${facts(activation)}
      ${marks(activation)}
      ${reference ? html`<p><small>${cite(reference)}</small></p>` : ownFormula(activation)}
      ${files("The curves", html`<span class="row">${FORMATS.map(link)}</span>`)}
    </article>`;
}

const cite = ({ url, title, authors, year }) =>
  html`<a href=${url} rel="noreferrer">${title}</a> · ${authors}, ${year}`;

const ownFormula = (activation) => html`
  <p>
    <small>Your own: <code>${activation.formula}</code> · <a href=${linkToDefine(activation)}>Change a copy</a></small>
  </p>`;
