// What the service refuses, in words for people: its validator's are for programs.

import { capital } from "./format.js";
import { called } from "./wording.js";

const figure = (text) =>
  Number.isNaN(Number(text)) ? text : Number(text).toLocaleString("en", { maximumFractionDigits: 20 });
const listed = (choices) => choices.replaceAll("'", "").replace(/ or (?!.* or )/, ", ");
const many = (number, word) => `${figure(number)} ${word}${Number(number) === 1 ? "" : "s"}`;

/** [what the validator says, what that means] */
const MEANINGS = [
  [/^Input should be greater than or equal to (\S+)$/, (_, low) => `At least ${figure(low)}.`],
  [/^Input should be less than or equal to (\S+)$/, (_, high) => `At most ${figure(high)}.`],
  [/^Input should be greater than (\S+)$/, (_, low) => `More than ${figure(low)}.`],
  [/^Input should be less than (\S+)$/, (_, high) => `Less than ${figure(high)}.`],
  [/^Input should be a valid integer|^Input should be a valid int/, () => "A whole number, please."],
  [/^Input should be a valid number|^Input should be a finite number/, () => "A number, please."],
  [/^Input should be a valid string/, () => "A word, please."],
  [/^Input should be a valid boolean/, () => "Yes or no, please."],
  [/^Input should be a valid (list|dictionary|object)/, () => "This is not of the form expected here."],
  [/^Input should be ('.*)$/, (_, choices) => `One of: ${listed(choices)}.`],
  [/^List should have at least (\d+) items? after validation/, (_, least) => `Choose at least ${figure(least)}.`],
  [/^List should have at most (\d+) items? after validation/, (_, most) => `At most ${many(most, "value")}.`],
  [/^Dictionary should have at most (\d+) items? after validation/, (_, most) => `At most ${many(most, "line")}.`],
  [/^String should have at least (\d+) character/, (_, least) => `At least ${many(least, "character")}.`],
  [/^String should have at most (\d+) character/, (_, most) => `At most ${many(most, "character")}.`],
  [/^String should match pattern/, () => "This holds a character that is not allowed here."],
  [/^Field required$/, () => "This has to be filled in."],
  [/^Extra inputs are not permitted$/, () => "There is no such setting."],
];

/** A refusal's message for people. */
export function plain(message) {
  for (const [pattern, meaning] of MEANINGS) {
    const match = pattern.exec(message);
    if (match) return meaning(...match);
  }
  return capital(message);
}

/** A JSON pointer as the name of what it is about, or "" of the whole request. */
export function placeOf(pointer) {
  const parts = pointer
    .split("/")
    .slice(1)
    .map((part) => part.replaceAll("~1", "/").replaceAll("~0", "~"));
  while (parts.length && (/^\d+$/.test(parts.at(-1)) || ["base", "grid"].includes(parts[0]))) {
    if (["base", "grid"].includes(parts[0])) parts.shift();
    else parts.pop();
  }
  return parts.length ? called(parts.join(".")) : "";
}

/** One refusal that stands beside no field: "Epochs: at most 1,000." */
export function sentence({ pointer, message }) {
  const place = placeOf(pointer);
  return place ? `${place}: ${plain(message)}` : plain(message);
}

/** An error of the API, or any other, as it is told. */
export const told = (error) => (error.errors?.length ? error.errors.map(sentence).join(" ") : error.message);
