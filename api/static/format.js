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

export function duration(seconds) {
  if (missing(seconds)) return NONE;
  if (seconds < 10) return `${seconds.toFixed(1)} s`;
  if (seconds < 60) return `${Math.round(seconds)} s`;
  const minutes = Math.round(seconds / 60);
  if (minutes < 60) return `${minutes} min`;
  return `${Math.floor(minutes / 60)} h ${minutes % 60} min`;
}

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

export const clock = (time) => new Date(time).toLocaleString("en-GB", { dateStyle: "medium", timeStyle: "medium" });
export const short = (id) => `…${id.slice(-6)}`;
export const words = (name) => name.replaceAll("_", " ");
export const capital = (text) => text.charAt(0).toUpperCase() + text.slice(1);

/** A sweep: "6 activations, 3 seeds, optimizer.learning_rate". */
export function described({ activations, seeds, grid }) {
  const many = (number, word) => `${number} ${word}${number === 1 ? "" : "s"}`;
  const what = activations.length <= 2 ? activations.join(" and ") : many(activations.length, "activation");
  return [what, many(seeds.length, "seed"), ...Object.keys(grid)].join(", ");
}
