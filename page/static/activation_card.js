// A card about one activation: its formulas, properties, advantages, drawbacks and files.

import { formula } from "./components.js";
import { parameterControls } from "./controls.js";
import { fill, h } from "./dom.js";
import { fileLink, files } from "./file_links.js";
import { number } from "./format.js";
import { swatch } from "./swatch.js";

const FORMATS = ["csv", "svg", "png"];

/**
 * @param {object} activation from the catalog
 * @param {object} about
 * @param {import("./line_styles.js").Look} about.own
 * @param {object} about.values of its parameters, modified
 * @param {(format: string) => string} about.file path of its curves as a file
 * @param {() => void} about.onchange a parameter changed
 */
export function activationCard(activation, { own, values, file, onchange }) {
  const { name, title, reference, advantages, drawbacks } = activation;
  const links = h("span", { class: "row" });
  const link = (format) => fileLink(file(format), format.toUpperCase(), { name: `${name}.${format}` });
  const renderLinks = () => fill(links, FORMATS.map(link));
  const controls = parameterControls(activation, values, () => {
    renderLinks();
    onchange();
  });
  const mark = (kind) => (text) => h("li", { class: kind }, text);
  renderLinks();
  return h(
    "article",
    { class: "panel card", "aria-label": title },
    h("header", {}, swatch(own), h("h2", {}, title)),
    controls,
    formula(`${name}: formula`, activation.formula_mathml),
    formula(`${name}: derivative`, activation.derivative_mathml),
    h("ul", { class: "facts" }, listFacts(activation).map(mark("badge plain"))),
    h("ul", { class: "marks" }, advantages.map(mark("plus")), drawbacks.map(mark("minus"))),
    h("p", {}, h("small", {}, h("a", { href: reference.url, rel: "noreferrer" }, reference.title), cite(reference))),
    files("The curves", links),
  );
}

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
