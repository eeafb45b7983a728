// Formatting of numbers, durations and times.

const NONE = "–";
const isMissing = (value) => value === null || value === undefined || Number.isNaN(value);

/** Four significant digits, or a power of ten for very small and large numbers. */
export function number(value, digits = 4) {
  if (isMissing(value)) return NONE;
  if (value === 0) return "0";
  const size = Math.abs(value);
  if (size >= 1e6 || size < 1e-4) return formatPower(value);
  return useMinusSign(String(Number(value.toPrecision(digits))));
}

const useMinusSign = (text) => text.replace("-", "−");
const RAISED = "⁰¹²³⁴⁵⁶⁷⁸⁹";
export const superscript = (exponent) => [...String(exponent)].map((sign) => RAISED[sign] ?? "⁻").join("");

function formatPower(value) {
  const [mantissa, exponent] = value.toExponential(1).split("e");
  return `${useMinusSign(mantissa)}·10${superscript(Number(exponent))}`;
}

export const fixed = (value, places) => (isMissing(value) ? NONE : useMinusSign(value.toFixed(places)));
export const percent = (fraction, places = 2) => (isMissing(fraction) ? NONE : `${(100 * fraction).toFixed(places)} %`);
export const count = (value) => (isMissing(value) ? NONE : value.toLocaleString("en").replaceAll(",", "\u202f"));

/** A bound of a field, with all of its digits. */
export const formatBound = (value) => value.toLocaleString("en", { maximumFractionDigits: 20 });
export const pluralize = (number, word) => `${count(number)} ${word}${number === 1 ? "" : "s"}`;

/** At most two units, precise enough to agree with other figures: 78 s is 1 min 18 s. */
export function duration(seconds) {
  if (isMissing(seconds)) return NONE;
  if (seconds < 9.95) return `${seconds.toFixed(1)} s`;
  const whole = Math.round(seconds);
  if (whole < 60) return `${whole} s`;
  if (whole < 600) return joinUnits(Math.floor(whole / 60), "min", whole % 60, "s");
  const minutes = Math.round(seconds / 60);
  if (minutes < 60) return `${minutes} min`;
  return joinUnits(Math.floor(minutes / 60), "h", minutes % 60, "min");
}

const joinUnits = (large, unit, small, smaller) => `${large} ${unit}${small ? ` ${small} ${smaller}` : ""}`;

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

export function formatAge(time) {
  const seconds = (new Date(time) - Date.now()) / 1000;
  const [unit, size] = UNITS.find(([, length]) => Math.abs(seconds) >= length) ?? UNITS.at(-1);
  return unit === "second" ? "just now" : relative.format(Math.trunc(seconds / size), unit);
}

const UNSEEN = /[\p{Cc}\p{Cf}\p{Cs}\p{Cn}\p{Zl}\p{Zp}]/gu;
const JOINERS = /[\u200c\u200d]/;

/** Escapes characters that are invisible or change the writing direction, as jobs/text.py does. */
export const escapeInvisible = (text) =>
  String(text).replace(UNSEEN, (sign) =>
    JOINERS.test(sign) ? sign : (ESCAPES[sign] ?? escapeCode(sign.codePointAt(0))),
  );

const ESCAPES = { "\n": "\\n", "\r": "\\r", "\t": "\\t" };
function escapeCode(code) {
  const hex = code.toString(16);
  if (code < 0x100) return `\\x${hex.padStart(2, "0")}`;
  return code < 0x10000 ? `\\u${hex.padStart(4, "0")}` : `\\U${hex.padStart(8, "0")}`;
}

/** Cuts the middle out: labels differ at their ends. */
export function shorten(text, most) {
  const signs = [...text];
  const tail = Math.floor(most / 3);
  return signs.length <= most ? text : `${signs.slice(0, most - tail - 1).join("")}…${signs.slice(-tail).join("")}`;
}

export const formatTime = (time) =>
  new Date(time).toLocaleString("en-GB", { dateStyle: "medium", timeStyle: "medium" });
export const shortId = (id) => `…${id.slice(-6)}`;
export const humanize = (name) => name.replaceAll("_", " ");
export const capitalize = (text) => text.charAt(0).toUpperCase() + text.slice(1);
