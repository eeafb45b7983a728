// A definition in a query string: `formula=x*sigmoid(b*x)&parameters=b:1:0:10`.

import { queryString } from "./api.js";

/** @typedef {import("./parameter_editor.js").Parameter} Parameter */

/** @returns {{formula: string|null, name: string, title: string, parameters: Parameter[]}} */
export const readDefinition = (query) => ({
  formula: query.get("formula"),
  name: query.get("name") ?? "",
  title: query.get("title") ?? "",
  parameters: (query.get("parameters") ?? "").split(",").map(readParameter).filter(Boolean),
});

function readParameter(text) {
  const [name, ...numbers] = text.split(":");
  const [value, minimum, maximum] = numbers.map((number) => (number === "" ? null : Number(number)));
  if (!name || ![value, minimum ?? 0, maximum ?? 0].every(Number.isFinite)) return null;
  return { name, default: value, minimum: minimum ?? null, maximum: maximum ?? null };
}

/** The inverse of `readDefinition`. */
export const writeDefinition = ({ parameters, ...rest }) => ({
  ...rest,
  parameters: parameters
    .map(({ name, default: value, minimum, maximum }) => [name, value, minimum ?? "", maximum ?? ""].join(":"))
    .map((text) => text.replace(/:+$/, ""))
    .join(","),
});

/** The view that defines a copy of an activation. */
export const linkToDefine = ({ formula, parameters }) =>
  `#/define${queryString(writeDefinition({ formula, parameters }))}`;
