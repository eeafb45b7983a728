// Messages for the service's errors, in words for people.

import { labelOf } from "./field_labels.js";
import { capitalize, pluralize } from "./format.js";

const formatNumber = (text) =>
  Number.isNaN(Number(text)) ? text : Number(text).toLocaleString("en", { maximumFractionDigits: 20 });
const joinChoices = (choices) => choices.replaceAll("'", "").replace(/ or (?!.* or )/, ", ");
/** [the validator's message, our message] */
const MEANINGS = [
  [/^Input should be greater than or equal to (\S+)$/, (_, low) => `At least ${formatNumber(low)}.`],
  [/^Input should be less than or equal to (\S+)$/, (_, high) => `At most ${formatNumber(high)}.`],
  [/^Input should be greater than (\S+)$/, (_, low) => `More than ${formatNumber(low)}.`],
  [/^Input should be less than (\S+)$/, (_, high) => `Less than ${formatNumber(high)}.`],
  [/^Input should be a valid integer|^Input should be a valid int/, () => "Enter a whole number."],
  [/^Input should be a valid number|^Input should be a finite number/, () => "Enter a number."],
  [/^Input should be a valid string/, () => "Enter a text."],
  [/^Input should be a valid boolean/, () => "Choose yes or no."],
  [/^Input should be a valid (list|dictionary|object)/, () => "The value has the wrong type."],
  [/^Input should be ('.*)$/, (_, choices) => `One of: ${joinChoices(choices)}.`],
  [/^List should have at least (\d+) items? after validation/, (_, least) => `Choose at least ${formatNumber(least)}.`],
  [
    /^List should have at most (\d+) items? after validation/,
    (_, most) => `At most ${pluralize(Number(most), "value")}.`,
  ],
  [
    /^Dictionary should have at most (\d+) items? after validation/,
    (_, most) => `At most ${pluralize(Number(most), "line")}.`,
  ],
  [/^String should have at least (\d+) character/, (_, least) => `At least ${pluralize(Number(least), "character")}.`],
  [/^String should have at most (\d+) character/, (_, most) => `At most ${pluralize(Number(most), "character")}.`],
  [/^String should match pattern/, () => "A character is not allowed here."],
  [/^Field required$/, () => "This field is required."],
  [/^Extra inputs are not permitted$/, () => "There is no such setting."],
];

/** Translates a validation message. */
export function explain(message) {
  for (const [pattern, meaning] of MEANINGS) {
    const match = pattern.exec(message);
    if (match) return meaning(...match);
  }
  return capitalize(message);
}

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
export function explainWithField({ pointer, message }) {
  const place = labelPointer(pointer);
  return place ? `${place}: ${explain(message)}` : explain(message);
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
