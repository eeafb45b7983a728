// Messages for the service's errors, in words for people.

import { labelOf } from "./field_labels.js";
import { capitalize, formatBound, pluralize } from "./format.js";

const say = (text) => () => text;
const inOneWay = (rules, message) => Object.fromEntries(rules.split(" ").map((rule) => [rule, message]));

/** Messages by the rule that a value breaks. @type {Record<string, (limit: number) => string>} */
const MESSAGES = {
  greater_than_equal: (limit) => `At least ${formatBound(limit)}.`,
  less_than_equal: (limit) => `At most ${formatBound(limit)}.`,
  greater_than: (limit) => `More than ${formatBound(limit)}.`,
  less_than: (limit) => `Less than ${formatBound(limit)}.`,
  too_short: (limit) => `Choose at least ${formatBound(limit)}.`,
  too_long: (limit) => `At most ${formatBound(limit)} entries.`,
  string_too_short: (limit) => `At least ${pluralize(limit, "character")}.`,
  string_too_long: (limit) => `At most ${pluralize(limit, "character")}.`,
  string_pattern_mismatch: say("A character is not allowed here."),
  missing: say("This field is required."),
  extra_forbidden: say("There is no such setting."),
  ...inOneWay("int_type int_parsing int_from_float", say("Enter a whole number.")),
  ...inOneWay("float_type float_parsing finite_number", say("Enter a number.")),
  ...inOneWay("string_type", say("Enter a text.")),
  ...inOneWay("bool_type bool_parsing", say("Choose yes or no.")),
  ...inOneWay("literal_error enum", say("This value is not allowed.")),
  ...inOneWay("list_type dict_type model_type model_attributes_type", say("The value has the wrong type.")),
};

/** The message for an error of a field; the service's own if its rule has none here. */
export const explain = ({ rule, limit, message }) => MESSAGES[rule]?.(limit) ?? capitalize(message);

/** The label of the field that a JSON pointer refers to, or "" for the whole request. */
function labelPointer(pointer) {
  const parts = parsePointer(pointer);
  while (parts.length && (/^\d+$/.test(parts.at(-1)) || ["base", "grid"].includes(parts[0]))) {
    if (["base", "grid"].includes(parts[0])) parts.shift();
    else parts.pop();
  }
  return parts.length ? labelOf(parts.join(".")) : "";
}

/** A message with the label of its field: "Epochs: At most 1,000." */
export function explainWithField(error) {
  const label = labelPointer(error.pointer);
  return label ? `${label}: ${explain(error)}` : explain(error);
}

/** The text of an error of the API, or of any other error. */
export const describeError = (error) =>
  error.errors?.length ? error.errors.map(explainWithField).join(" ") : error.message;

/** The field that a JSON pointer is about: the longest path that it starts with. @returns {string|null} */
export function findField(pointer, paths) {
  const parts = parsePointer(pointer);
  for (let length = parts.length; length > 0; length -= 1) {
    const path = parts.slice(0, length).join(".");
    if (paths.has(path)) return path;
  }
  return null;
}

const parsePointer = (pointer) =>
  pointer
    .split("/")
    .slice(1)
    .map((part) => part.replaceAll("~1", "/").replaceAll("~0", "~"));
