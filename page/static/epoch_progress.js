// The progress of the epochs in training, from the events of a stream.

import { html } from "./dom.js";
import { count, fixed } from "./format.js";

/**
 * "epoch 3 of 10: 4 200 of 6 000 images, 650 images/s"; the epoch alone where it is too short to be measured; "testing"
 * after the last.
 */
export function describeEpoch({ epoch, epochs, images, images_total: total, images_per_second: rate }) {
  if (epoch === epochs) return "testing";
  const title = `epoch ${epoch + 1} of ${epochs}`;
  if (!total) return title;
  const done = images < total ? `${count(images)} of ${count(total)} images` : `${count(total)} images, validating`;
  return `${title}: ${done}, ${fixed(rate, 0)} images/s`;
}

/** Keeps the epochs in training of a sweep's jobs. */
export function createEpochTracker() {
  /** The last event of each job. */
  const running = new Map();
  const part = ({ epoch, epochs, fraction }) => fraction * epochs - epoch;
  return {
    /** Notes an event of the sweep: any other than `progress` ends the job's epoch. */
    note({ kind, data }) {
      if (kind === "reset") running.clear();
      else if (kind === "progress") running.set(data.job_id, data);
      else running.delete(data.job_id);
    },
    /** The sweep's progress with the parts of these epochs that are over. */
    addTo(progress) {
      if (!running.size) return progress;
      const parts = [...running.values()].reduce((sum, job) => sum + part(job), 0);
      return { ...progress, fraction: (progress.epoch + parts) / progress.epochs };
    },
    lines: () => [...running.values()].map(line),
  };
}

const line = (job) => html`<p class="hint number">${job.activation}, ${describeEpoch(job)}</p>`;
