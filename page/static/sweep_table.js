// The table of a sweep's configurations.

import { describeFailures } from "./components.js";
import { html } from "./dom.js";
import { formatValue } from "./field_labels.js";
import { fixed, number, percent } from "./format.js";
import { activationName } from "./swatch.js";
import { cells } from "./table.js";

export const FIGURES = ["Final val. loss", "Final val. accuracy", "Test accuracy", "Seconds an epoch", "Times relu"];

const readFinal = (name) => (configuration) => configuration.final[name]?.mean ?? null;
export const SORTED = [
  ["In the sweep’s order", null],
  ["Final validation accuracy", readFinal("val_accuracy"), -1],
  ["Final validation loss", readFinal("val_loss"), 1],
  ["Test accuracy", ({ test }) => test.accuracy?.mean ?? null, -1],
  ["Seconds an epoch", ({ epoch_seconds: seconds }) => seconds?.mean ?? null, 1],
];
export const GRID_SORTED = [["Activation", ({ activation }) => activation, 1]];

export function configurationRow(configuration, { grid, own, link }) {
  const { activation, values, jobs, final, test, epoch_seconds: seconds, ratio_to_relu: ratio } = configuration;
  const failures = describeFailures(jobs);
  const digits = (places) => (value) => number(value, places);
  const estimate = (found, read, spread) => cells.figure(read(found?.mean), interval(found, spread));
  return html`<tr>
    ${cells.name(activationName(own, activation))}
    ${grid.map((path) => cells.number(formatValue(path, values[path])))}
    <td><a href=${link}>${jobs.succeeded} of ${jobs.total}</a>${failures && html`<small>${failures}</small>`}</td>
    ${estimate(final.val_loss, digits(3), digits(2))}
    ${estimate(final.val_accuracy, percent, percent)}
    ${estimate(test.accuracy, percent, percent)}
    ${estimate(seconds, (value) => fixed(value, 2), digits(2))}
    ${cells.figure(fixed(ratio, 2))}
  </tr>`;
}

/** Student's interval is symmetrical, so half of its width is enough. */
function interval(estimate, read) {
  if (!estimate?.interval) return null;
  const [low, high] = estimate.interval;
  const title = `95 % confidence interval of the mean over ${estimate.n} seeds: ${low} to ${high}`;
  return html`<small title=${title}>± ${read((high - low) / 2)}</small>`;
}
