// Draw: a hand-drawn digit, classified by a trained network.

import { go, setQuery } from "../address.js";
import { get, post } from "../api.js";
import { empty, hasCheckpoint, heading, lede, problem } from "../components.js";
import { labelField, optionElements, select } from "../controls.js";
import { fill, h, refill } from "../dom.js";
import { createPad } from "../drawing_pad.js";
import { percent, shortId } from "../format.js";
import { SAMPLES, SIDE, toMnist } from "../mnist_digit.js";
import { abortPrevious, pause } from "../timing.js";

const QUICK = { activation: "relu", epochs: 3, train_samples: 6000, metadata: { purpose: "draw" } };
const EVERY_MS = 4000;

export async function view(place) {
  const { root, query, signal, title } = place;
  title("Draw");
  const { jobs, wrong: missing } = await loadModels(query.get("job"), signal);
  signal.throwIfAborted();
  const wrong = h("div", {}, missing && problem(missing));
  if (!jobs.length) {
    fill(root, heading("Draw"), wrong, emptyState(wrong));
    repeatEvery(EVERY_MS, signal, async () => {
      const found = (await loadModels(null, signal)).jobs.length > 0;
      if (found) view(place);
      return found;
    });
    return;
  }

  const next = abortPrevious(signal);
  let known = jobs;
  const model = select(
    {
      name: "job",
      onchange: () => {
        setQuery({ job: model.value });
        ask();
      },
    },
    jobs.map(describeModel),
    query.get("job") ?? jobs[0].id,
  );
  const paper = createPad({ describedby: "draw-how", onchange: clearAnswer, onenter: ask });
  const seen = h("canvas", {
    class: "seen",
    width: SIDE,
    height: SIDE,
    role: "img",
    "aria-label": "What the model sees: 28 by 28 pixels",
  });
  const answer = h("output", { class: "answer" });
  const bars = h("ul", { class: "bars", "aria-label": "Probability of each digit" });
  const button = h("button", { type: "button", class: "primary", onclick: ask }, "Ask the model");

  fill(
    root,
    heading("Draw"),
    lede("Draw a digit from 0 to 9. It is scaled and centred like MNIST’s digits and sent to the network you choose."),
    wrong,
    h(
      "div",
      { class: "draw" },
      h(
        "section",
        { class: "panel stack", "aria-label": "Your digit" },
        paper.element,
        h("div", { class: "row" }, button, h("button", { type: "button", onclick: () => paper.clear() }, "Clear")),
        h(
          "div",
          { class: "chips", role: "group", "aria-label": "Samples" },
          Object.keys(SAMPLES).map((digit) =>
            h(
              "button",
              { type: "button", class: "small", "aria-label": `Sample ${digit}`, onclick: () => sample(digit) },
              digit,
            ),
          ),
        ),
        h(
          "small",
          { class: "hint", id: "draw-how" },
          "With the keyboard: arrows move the pen, Space puts it down or lifts it, Enter asks the model.",
        ),
      ),
      h(
        "section",
        { class: "panel stack", "aria-label": "The answer" },
        labelField("Model", model),
        h("div", { class: "row" }, h("div", { class: "field" }, h("small", {}, "What it sees"), seen), answer),
        bars,
      ),
    ),
  );

  const showHint = (...text) => fill(answer, h("span", { class: "hint" }, text));

  /** Clears the answer when the model or the drawing changes. */
  function clearAnswer() {
    next();
    button.disabled = false;
    showBars(null);
    showHint(showInput() === null ? "Nothing drawn yet." : "No answer yet.");
  }

  function sample(digit) {
    paper.show(SAMPLES[digit]);
    ask();
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
    clearAnswer();
    fill(wrong);
    const image = showInput();
    if (image === null) return showHint("Draw a digit first.");
    const mine = next();
    const asked = known.find(({ id }) => id === model.value);
    const name = `${asked.spec.activation} ${shortId(asked.id)}`;
    button.disabled = true;
    showHint(`Asking ${name}…`);
    try {
      const { digit, probabilities, epoch } = await post(`v1/jobs/${asked.id}/predict`, { image }, { signal: mine });
      if (mine.aborted) return;
      fill(
        answer,
        h("strong", {}, digit),
        " ",
        h("span", { class: "hint" }, `${percent(probabilities[digit], 1)} probability: ${name}, after epoch ${epoch}`),
      );
      showBars(probabilities);
    } catch (error) {
      if (mine.aborted) return;
      showHint("No answer.");
      fill(wrong, problem(error, ask));
    }
    button.disabled = false;
  }

  function showBars(probabilities) {
    const best = probabilities && Math.max(...probabilities);
    const bar = (digit) => {
      const share = probabilities?.[digit] ?? 0;
      return h(
        "li",
        { class: probabilities && share === best ? "best" : null },
        h("span", {}, digit),
        h("span", { class: "track", "aria-hidden": "true" }, h("i", { style: { "--share": share } })),
        h("span", { class: "figure" }, probabilities ? percent(share, 1) : "–"),
      );
    };
    fill(
      bars,
      Array.from({ length: 10 }, (_, digit) => bar(digit)),
    );
  }

  clearAnswer();
  repeatEvery(EVERY_MS, signal, async () => {
    const chosen = model.value;
    const found = await loadModels(chosen, signal);
    if (model.value !== chosen || !found.jobs.length) return; // another model was chosen meanwhile
    known = found.jobs;
    refill(model, optionElements(known.map(describeModel), chosen));
    if (model.value !== chosen) clearAnswer(); // the model was deleted
  });
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
  return { jobs: [...first, ...others], wrong: failed ? asked : null };
}

function emptyState(wrong) {
  const train = h(
    "button",
    {
      type: "button",
      class: "primary",
      onclick: async () => {
        train.disabled = true;
        try {
          go(`#/jobs/${(await post("v1/jobs", QUICK)).id}`);
        } catch (error) {
          train.disabled = false;
          fill(wrong, problem(error));
        }
      },
    },
    "Train a quick model",
  );
  return h(
    "section",
    { class: "panel" },
    empty(
      h("p", {}, "No trained network can answer yet."),
      train,
      h("small", {}, "3 epochs on 6000 images: about a minute."),
    ),
  );
}
