// What is measured of an epoch, and how a chart has it.

import { decades } from "./charts.js";
import { extent } from "./figures.js";
import { duration, number, percent } from "./format.js";

export const METRICS = {
  val_loss: "Validation loss",
  val_accuracy: "Validation accuracy",
  val_binary_accuracy: "Validation binary accuracy",
  loss: "Training loss",
  accuracy: "Training accuracy",
  binary_accuracy: "Training binary accuracy",
  epoch_seconds: "Seconds an epoch",
  images_per_second: "Images a second",
};

/** How a chart has a metric: its axis, and a number read out. */
export function scale(metric) {
  const [, kind] = KINDS.find(([pattern]) => pattern.test(metric));
  const axis = (values) => {
    const known = values.filter((value) => value !== null && value !== undefined);
    return known.length ? kind.axis(known) : UNKNOWN;
  };
  return { ...kind, axis };
}

/** Nothing to show yet, and so no figures beside the axis. */
const UNKNOWN = { showticklabels: false, showgrid: false };

const KINDS = [
  [/accuracy/, { axis: fractions, read: (value) => percent(value), hover: ".2%" }],
  [/loss/, { axis: decades, read: (value) => number(value, 3), hover: ".4f" }],
  [/_seconds$/, { axis: fromZero, read: duration, hover: ".4~g" }],
  [/per_second$/, { axis: fromZero, read: (value) => value.toFixed(0), hover: ".4~g" }],
];

/** As far as the values go, and not beyond 0 and 1. */
function fractions(values) {
  const [low, high] = extent(values);
  const room = Math.max(0.005, 0.08 * (high - low));
  return { tickformat: ".1~%", range: [Math.max(-0.01, low - room), Math.min(1.005, high + room)] };
}

function fromZero() {
  return { rangemode: "tozero" };
}
