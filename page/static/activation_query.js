// Activations and their parameters in a query string: `names=relu,elu&elu.alpha=0.2`.

/** @returns {Set<string>} the known ones, or the default ones if none is given */
export function readActivations(all, text, otherwise) {
  const known = new Set(all.map((activation) => activation.name));
  if (text === null) return new Set(otherwise);
  return new Set(text.split(",").filter((name) => known.has(name)));
}

/** @returns {Record<string, Record<string, number|string>>} by activation and parameter */
export function readParameters(all, query) {
  const found = {};
  for (const { name, parameters } of all) {
    for (const parameter of parameters) {
      const text = query.get(`${name}.${parameter.name}`);
      const value = parameter.choices.length ? text : Number(text);
      if (text !== null && isAllowed(parameter, value)) (found[name] ??= {})[parameter.name] = value;
    }
  }
  return found;
}

function isAllowed({ choices, minimum, maximum }, value) {
  if (choices.length) return choices.includes(value);
  return Number.isFinite(value) && value >= (minimum ?? -Infinity) && value <= (maximum ?? Infinity);
}

/** The inverse of `readParameters`: what differs from the defaults. */
export function writeParameters(all, values, chosen) {
  const out = {};
  for (const { name, parameters } of all.filter((activation) => chosen.has(activation.name))) {
    for (const parameter of parameters) {
      const value = values[name]?.[parameter.name];
      if (value !== undefined && value !== parameter.default) out[`${name}.${parameter.name}`] = value;
    }
  }
  return out;
}
