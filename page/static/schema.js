// Reads the JSON schema of a request into a list of form fields, labelled by field_labels.js.

import { describeField } from "./field_labels.js";

/**
 * @typedef {object} Field a leaf of the schema
 * @property {string} path dotted, as in `optimizer.learning_rate`
 * @property {string} label
 * @property {string} hint
 * @property {"integer"|"number"|"boolean"|"choice"|"text"|"map"|"list"} type
 * @property {unknown} default
 * @property {boolean} nullable
 * @property {number} [minimum]
 * @property {number} [maximum]
 * @property {boolean} [above] excludes the minimum
 * @property {boolean} [below] excludes the maximum
 * @property {string[]} [choices]
 * @property {{path: string, value: unknown}} [only] shown only if that other field has this value or one of these
 */

/** Every leaf of a schema's properties. @returns {Field[]} */
export function readFields(schema, definitions) {
  return Object.entries(schema.properties).flatMap(([name, property]) =>
    collectLeaves([name], property, property.default, definitions, {}),
  );
}

function collectLeaves(path, property, otherwise, definitions, about) {
  const whole = resolveReference(property, definitions);
  const nullable = whole.anyOf?.some((option) => option.type === "null") ?? false;
  const kind = whole.anyOf
    ? resolveReference(
        whole.anyOf.find((option) => option.type !== "null"),
        definitions,
      )
    : whole;
  if (kind.oneOf) return readUnion(path, kind, otherwise, definitions);
  if (kind.properties) return readNested(path, kind, otherwise, definitions, { ...about, nullable });
  return [{ ...about, ...readLeaf(path, kind), nullable, default: otherwise ?? kind.default ?? null }];
}

function readNested(path, kind, otherwise, definitions, { nullable, ...about }) {
  const inner = Object.entries(kind.properties).flatMap(([name, property]) =>
    collectLeaves(
      [...path, name],
      property,
      otherwise?.[name] ?? property.default,
      definitions,
      nullable ? { only: { path: joinPath(path), value: "on" } } : about,
    ),
  );
  if (!nullable) return inner;
  const gate = {
    ...nameField(path),
    type: "choice",
    choices: ["on", "off"],
    gate: true,
    default: otherwise ? "on" : "off",
    nullable: false,
  };
  return [gate, ...inner];
}

/** Alternatives with a discriminator field. */
function readUnion(path, { oneOf, discriminator: { propertyName, mapping } }, otherwise, definitions) {
  const choices = Object.keys(mapping);
  const own = joinPath([...path, propertyName]);
  const branches = oneOf.flatMap((option) => {
    const branch = resolveReference(option, definitions);
    const value = branch.properties[propertyName].const;
    return Object.entries(branch.properties)
      .filter(([name]) => name !== propertyName)
      .flatMap(([name, property]) =>
        collectLeaves([...path, name], property, otherwise?.[name] ?? property.default, definitions, {
          only: { path: own, value },
        }),
      );
  });
  return [
    {
      ...nameField([...path, propertyName]),
      type: "choice",
      choices,
      default: otherwise?.[propertyName] ?? choices[0],
      nullable: false,
    },
    ...branches,
  ];
}

const TYPES = { object: "map", array: "list" };

function readLeaf(path, kind) {
  const { minimum, maximum, exclusiveMinimum, exclusiveMaximum } = kind;
  const own = nameField(path);
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
  return { ...own, type: TYPES[kind.type] ?? "text" };
}

function resolveReference(property, definitions) {
  if (!property.$ref) return property;
  const { $ref, ...beside } = property;
  return { ...definitions[$ref.split("/").at(-1)], ...beside };
}

const joinPath = (path) => path.join(".");

function nameField(path) {
  const { label, hint = "" } = describeField(joinPath(path));
  return { path: joinPath(path), label, hint };
}
