// The figures and details of a job.

import { empty } from "./components.js";
import { h } from "./dom.js";
import { formatValue, labelOf } from "./field_labels.js";
import { duration, fixed, formatTime, humanize, number, percent } from "./format.js";
import { flatten } from "./labels.js";

export function listJobFacts(job) {
  const { best, test, latest } = job;
  return [
    ["Epoch", `${job.progress.epoch} of ${job.progress.epochs}`, describeTimeLeft(job)],
    ["Best validation loss", number(best?.val_loss, 4), best && `after epoch ${best.epoch}`],
    [
      "Validation accuracy",
      percent(best?.val_accuracy),
      best && latest && `after epoch ${best.epoch}; ${describeAccuracy(job)}`,
    ],
    ["Test accuracy", percent(test?.accuracy), test && `loss ${number(test.loss, 3)}`],
    [
      "Last epoch",
      duration(latest?.epoch_seconds),
      latest && `${fixed(latest.images_per_second, 0)} images/s in training, without validation`,
    ],
  ];
}

function describeTimeLeft({ finished_at: finished, eta_seconds: eta, progress }) {
  if (finished) return progress.epoch < progress.epochs ? "ended early" : null;
  if (eta !== null) return `${duration(eta)} left`;
  return progress.epoch ? null : "no epoch yet";
}

const describeAccuracy = ({ latest, finished_at: ended }) =>
  `${ended ? "at the end" : "now"} ${percent(latest.val_accuracy)}`;

export const panel = (title, content, more) =>
  h("section", { class: "panel" }, h("h2", {}, title), content, more && h("p", { class: "hint" }, more));

export function diagnosisDetails({
  code,
  layer,
  epoch,
  until_epoch: until,
  message,
  evidence,
  thresholds,
  non_finite: marks,
}) {
  const when = until === null ? `since epoch ${epoch}` : `epochs ${epoch} to ${until}`;
  return h(
    "details",
    {
      class: until === null ? "diagnosis" : "diagnosis past",
      data: { diagnosis: code, key: `${code} ${layer} ${epoch}` },
    },
    h("summary", {}, `${humanize(code)}${layer ? ` · ${layer}` : ""} `, h("small", {}, when)),
    h("p", {}, message),
    h(
      "dl",
      { class: "pairs" },
      Object.entries(evidence).map(([name, value]) => [
        h("dt", {}, humanize(name)),
        h(
          "dd",
          {},
          value === null ? (marks?.[`/evidence/${name}`] ?? "–") : number(value),
          thresholds[name] !== undefined && h("small", {}, ` threshold ${number(thresholds[name])}`),
        ),
      ]),
    ),
  );
}

export function timeline({ created_at: created, transitions }) {
  if (!transitions.length) return empty(`Accepted ${formatTime(created)}.`);
  return h(
    "ol",
    { class: "timeline" },
    transitions.map(({ state, at, reason }) =>
      h(
        "li",
        {},
        h("strong", {}, state),
        h("span", {}, reason),
        h("time", { datetime: at, class: "hint" }, formatTime(at)),
      ),
    ),
  );
}

export function specification(spec) {
  const { metadata, ...settings } = spec;
  const others = Object.entries(metadata).filter(([key]) => key !== "name" && key !== "note");
  return pairs([...flatten(settings).map(([path, value]) => [labelOf(path), formatValue(path, value)]), ...others]);
}

export const environment = (found) =>
  pairs(Object.entries(found).map(([name, value]) => [humanize(name), String(value)]));

/** Names and values in as many columns as fit. */
const pairs = (found) =>
  h(
    "dl",
    { class: "many" },
    found.map(([name, value]) => h("div", {}, h("dt", {}, name), h("dd", { class: "number" }, value))),
  );
