// What to know of an activation before using it.

import { parameterControls } from "./controls.js";
import { fill, h } from "./dom.js";
import { number } from "./format.js";
import { fileLink, files, formula, swatch } from "./parts.js";

const FORMATS = ["csv", "svg", "png"];

/**
 * @param {object} activation of the catalog
 * @param {object} about
 * @param {import("./looks.js").Look} about.own
 * @param {object} about.values of its parameters, changed in place
 * @param {(format: string) => string} about.file where its curves are as a file, with the parameters as they are now
 * @param {() => void} about.onchange a parameter has another value
 */
export function card(activation, { own, values, file, onchange }) {
  const { name, title, reference, advantages, drawbacks } = activation;
  const links = h("span", { class: "row" });
  const link = (format) => fileLink(file(format), format.toUpperCase(), { name: `${name}.${format}` });
  const renew = () => fill(links, FORMATS.map(link));
  const controls = parameterControls(activation, values, () => {
    renew();
    onchange();
  });
  const mark = (kind) => (text) => h("li", { class: kind }, text);
  renew();
  return h(
    "article",
    { class: "panel card", "aria-label": title },
    h("header", {}, swatch(own), h("h2", {}, title)),
    controls,
    formula(`${name}: formula`, activation.formula_mathml),
    formula(`${name}: derivative`, activation.derivative_mathml),
    h("ul", { class: "facts" }, facts(activation).map(mark("badge plain"))),
    h("ul", { class: "marks" }, advantages.map(mark("plus")), drawbacks.map(mark("minus"))),
    h("p", {}, h("small", {}, h("a", { href: reference.url, rel: "noreferrer" }, reference.title), by(reference))),
    files("The curves", links),
  );
}

const by = ({ authors, year }) => ` · ${authors}, ${year}`;

function facts({ range: [low, high], monotonic, self_normalizing: selfNormalizing, derivative_at_zero: atZero }) {
  const from = low === null ? "−∞" : number(low, 4);
  const to = high === null ? "∞" : number(high, 4);
  return [
    `from ${from} to ${to}`,
    monotonic ? "monotonic" : "not monotonic",
    `f′(0) = ${number(atZero, 4)}`,
    selfNormalizing && "self-normalizing",
  ].filter(Boolean);
}
