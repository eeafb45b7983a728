// The figures and details of a job.

import { empty } from "./components.js";
import { html } from "./dom.js";
import { formatValue, labelOf } from "./field_labels.js";
import { duration, fixed, formatTime, humanize, number, percent } from "./format.js";
import { flatten } from "./labels.js";
import { TITLES } from "./metrics.js";

export function listJobFacts(job) {
  const { best, test, latest } = job;
  return [
    ["Epoch", `${job.progress.epoch} of ${job.progress.epochs}`, describeTimeLeft(job)],
    ["Best validation loss", number(best?.val_loss, 4), best && `after epoch ${best.epoch}`],
    [
      TITLES.val_accuracy,
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

export const panel = (title, content, note) => html`
  <section class="panel"><h2>${title}</h2>${content}${note && html`<p class="hint">${note}</p>`}</section>`;

export function diagnosisDetails({ code, layer, epoch, until_epoch: until, message, evidence, ...rest }) {
  const { thresholds, non_finite: names } = rest;
  const title = layer ? `${humanize(code)} · ${layer}` : humanize(code);
  const when = until === null ? `since epoch ${epoch}` : `epochs ${epoch} to ${until}`;
  const threshold = (name) => name in thresholds && html`<small> threshold ${number(thresholds[name])}</small>`;
  const figure = ([name, value]) => html`
    <dt>${humanize(name)}</dt>
    <dd>${value === null ? (names?.[`/evidence/${name}`] ?? "–") : number(value)}${threshold(name)}</dd>`;
  return html`
    <details class=${until === null ? "diagnosis" : "diagnosis past"} data-diagnosis=${code}>
      <summary>${title} <small>${when}</small></summary>
      <p>${message}</p>
      <dl class="pairs">${Object.entries(evidence).map(figure)}</dl>
    </details>`;
}

export function timeline({ created_at: created, transitions }) {
  if (!transitions.length) return empty(`Accepted ${formatTime(created)}.`);
  const item = ({ state, at, reason }) => html`
    <li><strong>${state}</strong><span>${reason}</span><time datetime=${at} class="hint">${formatTime(at)}</time></li>`;
  return html`<ol class="timeline">${transitions.map(item)}</ol>`;
}

export function specification(spec) {
  const { metadata, ...settings } = spec;
  const others = Object.entries(metadata).filter(([key]) => key !== "name" && key !== "note");
  return pairs([...flatten(settings).map(([path, value]) => [labelOf(path), formatValue(path, value)]), ...others]);
}

export const environment = (found) =>
  pairs(Object.entries(found).map(([name, value]) => [humanize(name), String(value)]));

/** Names and values in as many columns as fit. */
const pairs = (found) => html`
  <dl class="many">
    ${found.map(([name, value]) => html`<div><dt>${name}</dt><dd class="number">${value}</dd></div>`)}
  </dl>`;
