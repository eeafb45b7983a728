// Activations and their parameters in an address: `names=relu,elu&elu.alpha=0.2`.

/** @returns {Set<string>} those named that there are, else the default ones */
export function chosenActivations(all, text, otherwise) {
  const known = new Set(all.map((activation) => activation.name));
  if (text === null) return new Set(otherwise);
  return new Set(text.split(",").filter((name) => known.has(name)));
}

/** @returns {Record<string, Record<string, number|string>>} by activation and parameter, where not the default */
export function parametersIn(all, query) {
  const found = {};
  for (const { name, parameters } of all) {
    for (const parameter of parameters) {
      const text = query.get(`${name}.${parameter.name}`);
      const value = parameter.choices.length ? text : Number(text);
      if (text !== null && allowed(parameter, value)) (found[name] ??= {})[parameter.name] = value;
    }
  }
  return found;
}

function allowed({ choices, minimum, maximum }, value) {
  return choices.length ? choices.includes(value) : value >= minimum && value <= maximum;
}

/** The same, for an address. */
export function parametersOut(all, values, chosen) {
  const out = {};
  for (const { name, parameters } of all.filter((activation) => chosen.has(activation.name))) {
    for (const parameter of parameters) {
      const value = values[name]?.[parameter.name];
      if (value !== undefined && value !== parameter.default) out[`${name}.${parameter.name}`] = value;
    }
  }
  return out;
}
