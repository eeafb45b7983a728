// Draw: a hand-drawn digit, classified by a trained network.

import { go, setQuery } from "../address.js";
import { get, post } from "../api.js";
import { hasCheckpoint, heading, lede, problem } from "../components.js";
import { selectField } from "../controls.js";
import { create, html, render } from "../dom.js";
import { createPad } from "../drawing_pad.js";
import { percent, shortId } from "../format.js";
import { SAMPLES, SIDE, toMnist } from "../mnist_digit.js";
import { abortPrevious, pause } from "../timing.js";

const QUICK = { activation: "relu", epochs: 3, train_samples: 6000, metadata: { purpose: "draw" } };
const EVERY_MS = 4000;

export async function view(place) {
  const { root, query, signal, title } = place;
  title("Draw");
  const found = await loadModels(query.get("job"), signal);
  signal.throwIfAborted();
  if (found.jobs.length) return showPad(place, found);
  const show = (failure) => render(html`${heading("Draw")}${failure && problem(failure)}${emptyState(show)}`, root);
  show(found.error);
  repeatEvery(EVERY_MS, signal, async () => {
    const hasModel = (await loadModels(null, signal)).jobs.length > 0;
    if (hasModel) view(place);
    return hasModel;
  });
}

function showPad({ root, query, signal }, { jobs, error }) {
  const next = abortPrevious(signal);
  const paper = createPad({ describedby: "draw-how", onchange: clearAnswer, onenter: ask });
  const seen = create(html`
    <canvas class="seen" width=${SIDE} height=${SIDE} role="img" aria-label="What the model sees: 28 by 28 pixels">
    </canvas>`);
  let model = query.get("job") ?? jobs[0].id;
  let failure = error;
  let isAsking = false;
  let answer = null; // a template
  let probabilities = null;

  const samples = Object.keys(SAMPLES).map((digit) => {
    const sample = () => {
      paper.show(SAMPLES[digit]);
      ask();
    };
    return html`<button type="button" class="small" aria-label="Sample ${digit}" @click=${sample}>${digit}</button>`;
  });

  function update() {
    render(
      html`
        ${heading("Draw")}
        ${lede(
          "Draw a digit from 0 to 9. It is scaled and centred like MNIST’s digits ",
          "and sent to the network you choose.",
        )}
        ${failure && problem(failure, failure === error ? null : ask)}
        <div class="draw">
          <section class="panel stack" aria-label="Your digit">
            ${paper.element}
            <div class="row">
              <button type="button" class="primary" ?disabled=${isAsking} @click=${ask}>Ask the model</button>
              <button type="button" @click=${() => paper.clear()}>Clear</button>
            </div>
            <div class="chips" role="group" aria-label="Samples">${samples}</div>
            <small class="hint" id="draw-how">
              With the keyboard: arrows move the pen, Space puts it down or lifts it, Enter asks the model.
            </small>
          </section>
          <section class="panel stack" aria-label="The answer">
            ${modelField()}
            <div class="row">
              <div class="field"><small>What it sees</small>${seen}</div>
              <output class="answer">${answer}</output>
            </div>
            <ul class="bars" aria-label="Probability of each digit">
              ${Array.from({ length: 10 }, (_, digit) => bar(digit, probabilities))}
            </ul>
          </section>
        </div>`,
      root,
    );
  }

  const modelField = () =>
    selectField({ id: "model", label: "Model", choices: jobs.map(describeModel), value: model, onchange: choose });

  function showHint(text) {
    answer = html`<span class="hint">${text}</span>`;
    update();
  }

  function choose(id) {
    model = id;
    setQuery({ job: id });
    ask();
  }

  /** Clears the answer when the model or the drawing changes. */
  function clearAnswer() {
    next();
    isAsking = false;
    probabilities = null;
    showHint(showInput() === null ? "Nothing drawn yet." : "No answer yet.");
  }

  /** What the model sees. @returns {number[][]|null} */
  function showInput() {
    const image = toMnist(paper.ink());
    const context = seen.getContext("2d");
    const pixels = context.createImageData(SIDE, SIDE);
    (image ?? []).flat().forEach((value, index) => pixels.data.set([value, value, value, 255], 4 * index));
    context.putImageData(pixels, 0, 0);
    return image;
  }

  async function ask() {
    failure = null;
    clearAnswer();
    const image = showInput();
    if (image === null) return showHint("Draw a digit first.");
    const mine = next();
    const job = jobs.find(({ id }) => id === model);
    const name = `${job.spec.activation} ${shortId(job.id)}`;
    isAsking = true;
    showHint(`Asking ${name}…`);
    try {
      const found = await post(`v1/jobs/${job.id}/predict`, { image }, { signal: mine });
      if (mine.aborted) return;
      ({ probabilities } = found);
      const probability = percent(probabilities[found.digit], 1);
      const text = `${probability} probability: ${name}, after epoch ${found.epoch}`;
      answer = html`<strong>${found.digit}</strong> <span class="hint">${text}</span>`;
    } catch (error) {
      if (mine.aborted) return;
      failure = error;
      showHint("No answer.");
    }
    isAsking = false;
    update();
  }

  clearAnswer();
  repeatEvery(EVERY_MS, signal, async () => {
    const chosen = model;
    const found = await loadModels(chosen, signal);
    if (model !== chosen || !found.jobs.length) return; // another model was chosen meanwhile
    ({ jobs } = found);
    if (jobs.some(({ id }) => id === chosen)) return update();
    model = jobs[0].id; // the model was deleted
    clearAnswer();
  });
}

function bar(digit, probabilities) {
  const share = probabilities?.[digit] ?? 0;
  const isBest = probabilities !== null && share === Math.max(...probabilities);
  return html`
    <li class=${isBest && "best"}>
      <span>${digit}</span>
      <span class="track" aria-hidden="true"><i .style=${`--share: ${share}`}></i></span>
      <span class="figure">${probabilities ? percent(share, 1) : "–"}</span>
    </li>`;
}

/** An option for a model, with its progress. */
function describeModel({ id, spec, best, progress: { epoch, epochs }, finished_at: finished }) {
  const progress = finished ? `${epoch} epochs` : `training, epoch ${epoch} of ${epochs}`;
  return [id, `${spec.activation}, ${percent(best?.val_accuracy, 1)} accuracy, ${progress} (${shortId(id)})`];
}

/** Repeats the work until it returns true; not while the tab is hidden. Errors are ignored. */
async function repeatEvery(milliseconds, signal, work) {
  for (let done = false; !done;) {
    await pause(milliseconds, signal);
    if (signal.aborted) return;
    if (!document.hidden) done = await work().catch(() => false);
  }
}

/** Jobs that have a checkpoint, whether finished or running; the requested one first. */
async function loadModels(wanted, signal) {
  const [asked, ...pages] = await Promise.all([
    wanted ? get(`v1/jobs/${encodeURIComponent(wanted)}`, signal).catch((error) => error) : null,
    get("v1/jobs?state=running&limit=50", signal),
    get("v1/jobs?state=succeeded&limit=50", signal),
  ]);
  signal.throwIfAborted();
  const failed = asked instanceof Error;
  const first = asked && !failed ? [asked] : [];
  const others = pages.flatMap(({ data }) => data).filter((job) => job.id !== asked?.id && hasCheckpoint(job));
  return { jobs: [...first, ...others], error: failed ? asked : null };
}

/** @param {(failure: Error) => void} show */
function emptyState(show) {
  const train = async ({ currentTarget: button }) => {
    button.disabled = true;
    try {
      go(`#/jobs/${(await post("v1/jobs", QUICK)).id}`);
    } catch (error) {
      button.disabled = false;
      show(error);
    }
  };
  return html`
    <section class="panel">
      <div class="empty">
        <p>No trained network can answer yet.</p>
        <button type="button" class="primary" @click=${train}>Train a quick model</button>
        <small>3 epochs on 6000 images: about a minute.</small>
      </div>
    </section>`;
}
