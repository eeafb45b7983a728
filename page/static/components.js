// Templates that several views share.

import { html } from "./dom.js";
import { describeError } from "./error_messages.js";
import { formatAge, formatTime } from "./format.js";

export const heading = (text, ...actions) => html`
  <div class="heading"><h1 tabindex="-1">${text}</h1><div class="actions">${actions}</div></div>`;

export const lede = (...text) => html`<p class="lede">${text}</p>`;
export const empty = (...content) => html`<div class="empty">${content}</div>`;
export const skeleton = () => html`<div class="skeleton page-skeleton" aria-hidden="true"></div>`;

/** An error message with a button to retry. */
export function problem(error, again) {
  const retry = again && error.status !== 404 && html`<button type="button" @click=${() => again()}>Try again</button>`;
  return html`<div class="problem" role="alert"><p>${describeError(error)}</p>${retry}</div>`;
}

/** Whether a job has a checkpoint: one is written after the last epoch and every `checkpoint_every` epochs. */
export const hasCheckpoint = ({ progress: { epoch, epochs }, spec }) =>
  epoch === epochs || epoch >= spec.checkpoint_every;

export const badge = (state) => html`<span class="badge" data-state=${state}>${state}</span>`;
export const timestamp = (at) =>
  at ? html`<time datetime=${at} title=${formatTime(at)}>${formatAge(at)}</time>` : "–";

export const progress = ({ epoch, epochs, fraction }, label, { wide = false } = {}) => html`
  <span class=${wide ? "progress wide" : "progress"}>
    <progress value=${fraction} max="1" aria-label=${label}></progress>
    <span class="number">${epoch} / ${epochs}</span>
  </span>`;

/** Figures side by side: [name, value, note]. */
export const tiles = (figures) => html`
  <dl class="tiles">
    ${figures.map(
      ([name, value, note]) =>
        html`<div><dt>${name}</dt><dd>${value}${note && html`<small>${note}</small>`}</dd></div>`,
    )}
  </dl>`;

/** "2 failed, 1 cancelled" for counts of jobs; "" if all succeeded. */
export const describeFailures = (jobs) =>
  ["failed", "cancelled"]
    .filter((state) => jobs[state] > 0)
    .map((state) => `${jobs[state]} ${state}`)
    .join(", ");

/** The state of a live connection: "connecting", "live", "reconnecting" or "ended". */
export const connectionBadge = (state) => html`
  <span class="live" data-live=${state === "connecting" ? "reconnecting" : state} role="status">${state}</span>`;
