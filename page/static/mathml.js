// MathML from the API, rebuilt from what formulas are made of and nothing else.

const NAMESPACE = "http://www.w3.org/1998/Math/MathML";
const ELEMENTS = words(
  "math mrow mi mn mo mtext mspace mfrac msqrt mroot msup msub msubsup munder mover munderover",
  "mtable mtr mtd mstyle mpadded mphantom",
);
const ATTRIBUTES = words(
  "display stretchy fence form separator mathvariant columnalign rowspacing columnspacing displaystyle",
  "width height depth lspace rspace minsize maxsize accent accentunder",
);

function words(...lines) {
  return new Set(lines.join(" ").split(" "));
}

/** @param {string} text what `formula_mathml` holds */
export function math(text) {
  const parsed = new DOMParser().parseFromString(text, "application/xml").documentElement;
  return rebuilt(parsed) ?? document.createTextNode("");
}

function rebuilt(node) {
  if (node.nodeType === Node.TEXT_NODE) return document.createTextNode(node.data);
  if (node.nodeType !== Node.ELEMENT_NODE || node.namespaceURI !== NAMESPACE || !ELEMENTS.has(node.localName))
    return null;
  if (isPrimed(node)) return primed(node);
  const attributes = [...node.attributes].filter(({ name }) => ATTRIBUTES.has(name));
  return made(node.localName, attributes, [...node.childNodes].map(rebuilt));
}

const PRIME = "′";
const isPrimed = ({ localName, lastElementChild: last }) => localName === "msup" && last?.textContent === PRIME;

/** f′ with the sign beside its letter: it is raised already, and as a superscript it would be twice. */
function primed({ firstElementChild: letter }) {
  const close = [
    { name: "lspace", value: "0" },
    { name: "rspace", value: "0" },
  ];
  return made("mrow", [], [rebuilt(letter), made("mo", close, [document.createTextNode(PRIME)])]);
}

function made(name, attributes, children) {
  const element = document.createElementNS(NAMESPACE, name);
  for (const attribute of attributes) element.setAttribute(attribute.name, attribute.value);
  element.append(...children.filter((child) => child !== null));
  return element;
}
