// MathML from the API, rebuilt from a list of allowed elements and attributes.

const NAMESPACE = "http://www.w3.org/1998/Math/MathML";
const ELEMENTS = nameSet(
  "math mrow mi mn mo mtext mspace mfrac msqrt mroot msup msub msubsup munder mover munderover",
  "mtable mtr mtd mstyle mpadded mphantom",
);
const ATTRIBUTES = nameSet(
  "display stretchy fence form separator mathvariant columnalign rowspacing columnspacing displaystyle",
  "width height depth lspace rspace minsize maxsize accent accentunder",
);

function nameSet(...lines) {
  return new Set(lines.join(" ").split(" "));
}

/** @param {string} text what `formula_mathml` holds */
export function parseMath(text) {
  const parsed = new DOMParser().parseFromString(text, "application/xml").documentElement;
  return rebuild(parsed) ?? document.createTextNode("");
}

function rebuild(node) {
  if (node.nodeType === Node.TEXT_NODE) return document.createTextNode(node.data);
  if (node.nodeType !== Node.ELEMENT_NODE || node.namespaceURI !== NAMESPACE || !ELEMENTS.has(node.localName))
    return null;
  if (isPrime(node)) return rebuildPrime(node);
  const attributes = [...node.attributes].filter(({ name }) => ATTRIBUTES.has(name));
  return createElement(node.localName, attributes, [...node.childNodes].map(rebuild));
}

const PRIME = "′";
const isPrime = ({ localName, lastElementChild: last }) => localName === "msup" && last?.textContent === PRIME;

/** f′ with the prime beside its letter: the character is raised already, and `msup` would raise it twice. */
function rebuildPrime({ firstElementChild: letter }) {
  const close = [
    { name: "lspace", value: "0" },
    { name: "rspace", value: "0" },
  ];
  return createElement("mrow", [], [rebuild(letter), createElement("mo", close, [document.createTextNode(PRIME)])]);
}

function createElement(name, attributes, children) {
  const element = document.createElementNS(NAMESPACE, name);
  for (const attribute of attributes) element.setAttribute(attribute.name, attribute.value);
  element.append(...children.filter((child) => child !== null));
  return element;
}
