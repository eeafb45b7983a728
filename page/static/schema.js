// The service's own description of a request, as fields of a form; what they are called, wording.js says.

import { wording } from "./wording.js";

/**
 * @typedef {object} Field a leaf of a request's schema
 * @property {string} path dotted, as in `optimizer.learning_rate`
 * @property {string} label
 * @property {string} hint
 * @property {"integer"|"number"|"boolean"|"choice"|"text"|"map"} type
 * @property {unknown} default
 * @property {boolean} nullable
 * @property {number} [minimum]
 * @property {number} [maximum]
 * @property {boolean} [above] the minimum itself is not allowed
 * @property {boolean} [below] nor is the maximum
 * @property {string[]} [choices]
 * @property {{path: string, value: unknown}} [only] shown where that other field has this value, or one of these
 */

/** Every leaf of a schema's properties. @returns {Field[]} */
export function fields(schema, definitions) {
  return Object.entries(schema.properties).flatMap(([name, property]) =>
    leaves([name], property, property.default, definitions, {}),
  );
}

function leaves(path, property, otherwise, definitions, about) {
  const whole = resolved(property, definitions);
  const nullable = whole.anyOf?.some((option) => option.type === "null") ?? false;
  const kind = whole.anyOf
    ? resolved(
        whole.anyOf.find((option) => option.type !== "null"),
        definitions,
      )
    : whole;
  if (kind.oneOf) return union(path, kind, otherwise, definitions);
  if (kind.properties) return nested(path, kind, otherwise, definitions, { ...about, nullable });
  return [{ ...about, ...leaf(path, kind), nullable, default: otherwise ?? kind.default ?? null }];
}

function nested(path, kind, otherwise, definitions, { nullable, ...about }) {
  const inner = Object.entries(kind.properties).flatMap(([name, property]) =>
    leaves(
      [...path, name],
      property,
      otherwise?.[name] ?? property.default,
      definitions,
      nullable ? { only: { path: dotted(path), value: "on" } } : about,
    ),
  );
  if (!nullable) return inner;
  const gate = {
    ...named(path),
    type: "choice",
    choices: ["on", "off"],
    gate: true,
    default: otherwise ? "on" : "off",
    nullable: false,
  };
  return [gate, ...inner];
}

/** Alternatives that one of their fields tells apart. */
function union(path, { oneOf, discriminator: { propertyName, mapping } }, otherwise, definitions) {
  const choices = Object.keys(mapping);
  const own = dotted([...path, propertyName]);
  const branches = oneOf.flatMap((option) => {
    const branch = resolved(option, definitions);
    const value = branch.properties[propertyName].const;
    return Object.entries(branch.properties)
      .filter(([name]) => name !== propertyName)
      .flatMap(([name, property]) =>
        leaves([...path, name], property, otherwise?.[name] ?? property.default, definitions, {
          only: { path: own, value },
        }),
      );
  });
  return [
    {
      ...named([...path, propertyName]),
      type: "choice",
      choices,
      default: otherwise?.[propertyName] ?? choices[0],
      nullable: false,
    },
    ...branches,
  ];
}

function leaf(path, kind) {
  const { minimum, maximum, exclusiveMinimum, exclusiveMaximum } = kind;
  const own = named(path);
  if (kind.enum ?? kind.const) return { ...own, type: "choice", choices: kind.enum ?? [kind.const] };
  if (kind.type === "integer" || kind.type === "number")
    return {
      ...own,
      type: kind.type,
      minimum: minimum ?? exclusiveMinimum,
      maximum: maximum ?? exclusiveMaximum,
      above: exclusiveMinimum !== undefined,
      below: exclusiveMaximum !== undefined,
    };
  if (kind.type === "boolean") return { ...own, type: "boolean" };
  return { ...own, type: kind.type === "object" ? "map" : "text" };
}

function resolved(property, definitions) {
  if (!property.$ref) return property;
  const { $ref, ...beside } = property;
  return { ...definitions[$ref.split("/").at(-1)], ...beside };
}

const dotted = (path) => path.join(".");

function named(path) {
  const { label, hint = "" } = wording(dotted(path));
  return { path: dotted(path), label, hint };
}

/** The field that a JSON pointer is about: the longest path that it starts with. @returns {string|null} */
export function fieldOf(pointer, paths) {
  const parts = pointer
    .split("/")
    .slice(1)
    .map((part) => part.replaceAll("~1", "/").replaceAll("~0", "~"));
  for (let length = parts.length; length > 0; length -= 1) {
    const path = parts.slice(0, length).join(".");
    if (paths.has(path)) return path;
  }
  return null;
}
