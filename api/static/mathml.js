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
  const made = document.createElementNS(NAMESPACE, node.localName);
  for (const { name, value } of node.attributes) if (ATTRIBUTES.has(name)) made.setAttribute(name, value);
  made.append(...[...node.childNodes].map(rebuilt).filter((child) => child !== null));
  return made;
}
