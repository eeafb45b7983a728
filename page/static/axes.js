// Axes of charts and their ticks.

import { extent } from "./figures.js";
import { number, superscript } from "./format.js";

/**
 * A logarithmic axis with ticks at round numbers. Plotly's own powers of ten need inline styles, which the page's
 * policy forbids.
 *
 * @param {(number|null)[]} values what is drawn on it
 */
export function decades(values) {
  const [least, most] = extent(values.filter((value) => value > 0));
  if (least > most) return { type: "log" };
  const ticks =
    most / least < 2
      ? spaceEvenly(least, most)
      : most / least < 100
        ? spaceByDigits(least, most)
        : spaceByDecades(least, most);
  return {
    type: "log",
    tickmode: "array",
    tickvals: ticks,
    ticktext: ticks.map((tick) => (tick >= 1e-3 && tick < 1e4 ? number(tick) : formatPower(tick))),
  };
}

/** An axis with ticks at whole numbers only, for epochs or layers. */
export const integerAxis = (title, last) => ({
  title: { text: title },
  tickformat: "d",
  ...(last < 8 ? { dtick: 1 } : { nticks: 8 }),
  zeroline: false,
});

function spaceEvenly(least, most) {
  const rough = (most - least || least) / 4;
  const unit = 10 ** Math.floor(Math.log10(rough));
  const step = unit * [1, 2, 5, 10].find((digit) => digit * unit >= rough);
  const first = Math.floor(least / step);
  return Array.from({ length: Math.ceil(most / step) - first + 1 }, (_, index) => roundOff((first + index) * step));
}

const roundOff = (value) => Number(value.toPrecision(12)); // 0.30000000000000004 is 0.3

function spaceByDigits(least, most) {
  const digits = most / least < 5 ? [1, 1.5, 2, 2.5, 3, 4, 5, 6, 7, 8, 9] : [1, 2, 3, 5];
  const ticks = [];
  for (let exponent = Math.floor(Math.log10(least)); exponent <= Math.ceil(Math.log10(most)); exponent += 1)
    ticks.push(...digits.map((digit) => Number(`${digit}e${exponent}`)));
  return ticks;
}

function spaceByDecades(least, most) {
  const [low, high] = [Math.log10(least), Math.log10(most)];
  const step = Math.ceil((high - low) / 7);
  const first = Math.floor(low / step) * step;
  const length = Math.ceil((high - first) / step) + 1;
  return Array.from({ length }, (_, index) => Number(`1e${first + index * step}`));
}

const formatPower = (tick) => {
  const [digit, exponent] = tick.toExponential().split("e");
  return `${digit === "1" ? "" : `${digit}·`}10${superscript(Number(exponent))}`;
};
