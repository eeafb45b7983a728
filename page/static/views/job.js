// A job: its learning curves, live, and its details.

import { go } from "../address.js";
import { createRandomKey, get, post, remove } from "../api.js";
import { badge, connectionBadge, hasCheckpoint, heading, problem, progress, tiles } from "../components.js";
import { confirmAction, rename } from "../dialogs.js";
import { html, render, repeat } from "../dom.js";
import { describeEpoch } from "../epoch_progress.js";
import { drawingFiles, fileLink, tableFiles } from "../file_links.js";
import { bytes, capitalize, humanize, shortId } from "../format.js";
import { describeFormula } from "../job_formula.js";
import { diagnosisDetails, environment, listJobFacts, panel, specification, timeline } from "../job_details.js";
import { nameOf, noteOf } from "../labels.js";
import { createLayerMaps } from "../layer_maps.js";
import { createCurves } from "../learning_curves.js";
import { loadLineStyles, loadNumberedStyles } from "../line_styles.js";
import { follow } from "../live_stream.js";
import { activationName } from "../swatch.js";
import { createTimer, throttle } from "../timing.js";

const AGAIN_MS = 1000;
const QUEUE_MS = 3000;

export async function view({ root, id, signal: visit, title }) {
  const deletion = new AbortController();
  const signal = AbortSignal.any([visit, deletion.signal]);
  const path = `v1/jobs/${encodeURIComponent(id)}`;
  const [first, look] = await Promise.all([get(path, signal), loadLineStyles()]);
  signal.throwIfAborted();
  const { activation } = first.spec;
  const epochs = new Map();
  const own = look(activation);
  const loss = createCurves({ train: "loss", validation: "val_loss", title: "Loss", signal });
  const accuracy = createCurves({ train: "accuracy", validation: "val_accuracy", title: "Accuracy", signal });
  const layers = createLayerMaps({ path, signal });
  const moving = await loadMovingFunction({ path, spec: first.spec, signal, own });
  const retryKey = createRandomKey(); // a second click must not create a second job
  const timer = createTimer(signal, () => renew());
  let job = first;
  let connection = "connecting";
  let checkpoints = null;
  let described = null; // the formula's panel
  let failure = null;

  function update() {
    const name = nameOf(job.spec.metadata);
    const note = noteOf(job.spec.metadata);
    title(`${name ?? activation} ${shortId(id)}`);
    render(
      html`
        ${heading(activationName(own, html`<span>${jobName(name, activation)}</span>`), buttons())}
        <div class="row">
          ${note && html`<p class="lede note">${note}</p>`}
          <button type="button" class="small" @click=${edit}>
            ${name || note ? "Edit name and note" : "Add a name"}
          </button>
        </div>
        <div class="row">
          <div class="row">
            ${badge(job.state)}
            ${job.cancel_requested_at && !job.finished_at && html`<span class="hint">cancelling…</span>`}
            ${job.queue_position !== null && queuePlace(job.queue_position)}
          </div>
          ${connectionBadge(connection)}
          <span class="id hint">${id}</span>
          ${job.sweep_id && html`<a href="#/sweeps/${job.sweep_id}">Sweep</a>`}
          ${job.retry_of && html`<a href="#/jobs/${job.retry_of}">Retry of another job</a>`}
        </div>
        ${failure ? problem(failure) : job.error && jobError(job.error)}
        <section class="panel stack" aria-label="Progress">
          ${progress(job.progress, "Epochs", { wide: true })}
          ${job.state === "running" && html`<p class="hint number">${capitalize(describeEpoch(job.progress))}</p>`}
          ${tiles(listJobFacts(job))}
        </section>
        ${job.diagnoses.length > 0 && diagnosisList(job.diagnoses)}
        <section class="panel stack" aria-label="Curves">
          <div class="two">${loss.element}${accuracy.element}</div>
          ${tableFiles("History", `${path}/history`)}
          ${drawingFiles("Drawing", (format) => `${path}/plot.${format}`)}
        </section>
        ${moving?.element}
        ${layers.element}
        <div class="stack">
          ${described}
          ${panel("Timeline", timeline(job))}
          ${panel("Specification", specification(job.spec))}
          ${job.environment && panel("Environment", environment(job.environment))}
        </div>
        ${checkpoints && panel("Checkpoints", checkpointList(), "safetensors: weights and optimizer state.")}`,
      root,
    );
  }

  function buttons() {
    const isCancelling = job.cancel_requested_at !== null;
    const cancel = () =>
      html`<button type="button" ?disabled=${isCancelling} @click=${attempt(requestCancel)}>Cancel</button>`;
    const retryAndDelete = () => html`
      <button type="button" @click=${attempt(retry)}>Retry</button>
      <button type="button" class="danger" @click=${attempt(erase)}>Delete</button>`;
    return html`
      <a class="button" href="#/compare?jobs=${id}">Compare</a>
      ${hasCheckpoint(job) && html`<a class="button" href="#/draw?job=${id}">Draw a digit</a>`}
      ${job.finished_at ? retryAndDelete() : cancel()}`;
  }

  const attempt = (work) => async () => {
    try {
      await work();
    } catch (error) {
      failure = error;
      update();
    }
  };

  const requestCancel = async () => show(await post(`${path}/cancel`));

  async function retry() {
    const headers = { "Idempotency-Key": retryKey };
    go(`#/jobs/${(await post(`${path}/retry`, undefined, { headers })).id}`);
  }

  async function erase() {
    const text = "This also deletes its history, layers and checkpoints. It cannot be undone.";
    if (!(await confirmAction({ title: "Delete this job?", text, action: "Delete" }))) return;
    deletion.abort(); // what is still being loaded would be answered 404
    await remove(path);
    go("#/jobs");
  }

  async function edit() {
    const changed = await rename({ path, metadata: job.spec.metadata });
    if (changed && !signal.aborted) show(changed);
  }

  function checkpointList() {
    if (!checkpoints.length) return html`<p class="hint">${job.best ? "None is stored." : "None was written."}</p>`;
    const item = ({ epoch, size_bytes: size, sha256 }) => html`
      <li class="row">
        ${fileLink(`${path}/checkpoints/${epoch}`, `After epoch ${epoch}`)}
        <small class="number">${bytes(size)}</small>
        <small class="id">sha256 ${sha256.slice(0, 12)}…</small>
      </li>`;
    return html`<ul class="plain">${checkpoints.map(item)}</ul>`;
  }

  const draw = throttle(60, signal, () => {
    const rows = [...epochs.values()].sort((a, b) => a.epoch - b.epoch);
    for (const figure of [loss, accuracy]) figure.draw(rows, own, job.progress.epochs, job.finished_at !== null);
  });
  const renewLayers = throttle(2 * AGAIN_MS, signal, () => Promise.all([layers.load(), moving?.load()]));
  const renew = throttle(AGAIN_MS, signal, async () => {
    try {
      show(await get(path, signal));
    } catch (error) {
      if (signal.aborted || error.status !== 404) return;
      failure = error;
      update();
    }
  });

  function show(found) {
    const hasEnded = found.finished_at !== null && job.finished_at === null;
    job = found;
    failure = null;
    if (hasEnded) draw();
    update();
    timer.stop();
    if (job.state === "queued") timer.start(QUEUE_MS);
    if (job.finished_at) loadCheckpoints();
  }

  function move({ eta_seconds: eta, ...progress }) {
    job = { ...job, progress, eta_seconds: eta };
    update();
  }

  async function loadCheckpoints() {
    ({ checkpoints } = await get(`${path}/checkpoints`, signal).catch(() => ({ checkpoints: [] })));
    if (!signal.aborted) update();
  }

  async function loadFormula() {
    const found = await describeFormula(first.spec, signal).catch(() => null); // the specification has its text
    if (found === null || signal.aborted) return;
    described = panel("Formula", found);
    update();
  }

  show(first);
  draw();
  renewLayers();
  if (first.spec.formula) loadFormula();
  follow(`${path}/stream`, {
    signal,
    onState: (state) => {
      connection = state;
      update();
      if (state !== "reconnecting") renew();
    },
    onEvent: ({ kind, data }) => {
      if (kind === "progress") return move(data);
      if (kind === "reset") epochs.clear();
      if (kind === "epoch") epochs.set(data.epoch, data);
      if (kind === "reset" || kind === "epoch") {
        draw();
        renewLayers();
      }
      renew();
    },
  }).catch((error) => {
    if (signal.aborted) return;
    failure = error;
    update();
  });
}

/** Most jobs have nothing that moves, and do not load its module. */
async function loadMovingFunction(about) {
  if (!about.spec.trainable) return null;
  const [{ createMovingFunction }, lookOf] = await Promise.all([
    import("../moving_function.js"),
    loadNumberedStyles(),
  ]);
  return createMovingFunction({ ...about, lookOf });
}

const jobName = (name, activation) => (name === null ? activation : html`${name}<small> ${activation}</small>`);

const diagnosisList = (diagnoses) => html`
  <section class="diagnoses" aria-label="Diagnoses">
    ${repeat(diagnoses, ({ code, layer, epoch }) => `${code} ${layer} ${epoch}`, diagnosisDetails)}
  </section>`;

const queuePlace = (number) => html`<span class="number">number ${number} in the queue</span>`;

const jobError = ({ code, message }) => html`
  <div class="problem"><p><strong>${humanize(code)}</strong>: ${message}</p></div>`;
