// Numbers, durations and times as people read them.

const NONE = "–";
const missing = (value) => value === null || value === undefined || Number.isNaN(value);

/** Four significant digits; a power of ten where it would be longer than that. */
export function number(value, digits = 4) {
  if (missing(value)) return NONE;
  if (value === 0) return "0";
  const size = Math.abs(value);
  if (size >= 1e6 || size < 1e-4) return power(value);
  return minus(String(Number(value.toPrecision(digits))));
}

const minus = (text) => text.replace("-", "−");
const RAISED = "⁰¹²³⁴⁵⁶⁷⁸⁹";
export const raised = (exponent) => [...String(exponent)].map((sign) => RAISED[sign] ?? "⁻").join("");

function power(value) {
  const [mantissa, exponent] = value.toExponential(1).split("e");
  return `${minus(mantissa)}·10${raised(Number(exponent))}`;
}

export const fixed = (value, places) => (missing(value) ? NONE : minus(value.toFixed(places)));
export const percent = (fraction, places = 2) => (missing(fraction) ? NONE : `${(100 * fraction).toFixed(places)} %`);
export const count = (value) => (missing(value) ? NONE : value.toLocaleString("en").replaceAll(",", "\u202f"));

/** Two units at most, and never so few figures that it contradicts another one: 78 s are 1 min 18 s. */
export function duration(seconds) {
  if (missing(seconds)) return NONE;
  if (seconds < 9.95) return `${seconds.toFixed(1)} s`;
  const whole = Math.round(seconds);
  if (whole < 60) return `${whole} s`;
  if (whole < 600) return two(Math.floor(whole / 60), "min", whole % 60, "s");
  const minutes = Math.round(seconds / 60);
  if (minutes < 60) return `${minutes} min`;
  return two(Math.floor(minutes / 60), "h", minutes % 60, "min");
}

const two = (large, unit, small, smaller) => `${large} ${unit}${small ? ` ${small} ${smaller}` : ""}`;

export function bytes(size) {
  return size < 1e6 ? `${(size / 1e3).toFixed(0)} kB` : `${(size / 1e6).toFixed(1)} MB`;
}

const UNITS = [
  ["day", 86400],
  ["hour", 3600],
  ["minute", 60],
  ["second", 1],
];
const relative = new Intl.RelativeTimeFormat("en", { numeric: "auto" });

export function ago(time) {
  const seconds = (new Date(time) - Date.now()) / 1000;
  const [unit, size] = UNITS.find(([, length]) => Math.abs(seconds) >= length) ?? UNITS.at(-1);
  return unit === "second" ? "just now" : relative.format(Math.trunc(seconds / size), unit);
}

/** A value of a job's field, as JSON has it; text without quotes. */
export const said = (value) => (typeof value === "string" ? value : JSON.stringify(value));

const UNSEEN = /[\p{Cc}\p{Cf}\p{Cs}\p{Cn}\p{Zl}\p{Zp}]/gu;
const JOINERS = /[\u200c\u200d]/;

/** What cannot be seen or turns the writing around, written out: as jobs/text.py has it. */
export const visible = (text) =>
  String(text).replace(UNSEEN, (sign) => (JOINERS.test(sign) ? sign : (ESCAPES[sign] ?? escaped(sign.codePointAt(0)))));

const ESCAPES = { "\n": "\\n", "\r": "\\r", "\t": "\\t" };
function escaped(code) {
  const hex = code.toString(16);
  if (code < 0x100) return `\\x${hex.padStart(2, "0")}`;
  return code < 0x10000 ? `\\u${hex.padStart(4, "0")}` : `\\U${hex.padStart(8, "0")}`;
}

/** Cut in the middle: the end is where labels differ. */
export function shortened(text, most) {
  const signs = [...text];
  const tail = Math.floor(most / 3);
  return signs.length <= most ? text : `${signs.slice(0, most - tail - 1).join("")}…${signs.slice(-tail).join("")}`;
}

export const clock = (time) => new Date(time).toLocaleString("en-GB", { dateStyle: "medium", timeStyle: "medium" });
export const short = (id) => `…${id.slice(-6)}`;
export const words = (name) => name.replaceAll("_", " ");
export const capital = (text) => text.charAt(0).toUpperCase() + text.slice(1);
