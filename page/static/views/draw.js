// Draw: a digit by hand, and what a trained network makes of it.

import { go, setQuery } from "../address.js";
import { get, post } from "../api.js";
import { labelled, options, select } from "../controls.js";
import { asMnist, SAMPLES, SIDE } from "../digit.js";
import { fill, h, pause, refill, superseding } from "../dom.js";
import { percent, short } from "../format.js";
import { pad } from "../pad.js";
import { empty, hasCheckpoint, heading, lede, problem } from "../parts.js";

const QUICK = { activation: "relu", epochs: 3, train_samples: 6000, metadata: { purpose: "draw" } };
const EVERY_MS = 4000;

export async function view(place) {
  const { root, query, signal, title } = place;
  title("Draw");
  const { jobs, wrong: missing } = await candidates(query.get("job"), signal);
  signal.throwIfAborted();
  const wrong = h("div", {}, missing && problem(missing));
  if (!jobs.length) {
    fill(root, heading("Draw"), wrong, nobody(wrong));
    every(EVERY_MS, signal, async () => {
      const found = (await candidates(null, signal)).jobs.length > 0;
      if (found) view(place);
      return found;
    });
    return;
  }

  const next = superseding(signal);
  let known = jobs;
  const model = select(
    {
      name: "job",
      onchange: () => {
        setQuery({ job: model.value });
        ask();
      },
    },
    jobs.map(option),
    query.get("job") ?? jobs[0].id,
  );
  const paper = pad({ describedby: "draw-how", onchange: changed, onenter: ask });
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
    lede(
      "Draw a digit from 0 to 9. It is shrunk and centred the way MNIST’s were, and sent to the network you choose.",
    ),
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
          "With the keyboard: arrows move the pen, Space puts it down or lifts it, Enter asks.",
        ),
      ),
      h(
        "section",
        { class: "panel stack", "aria-label": "The answer" },
        labelled("Model", model),
        h("div", { class: "row" }, h("div", { class: "field" }, h("small", {}, "What it sees"), seen), answer),
        bars,
      ),
    ),
  );

  const hint = (...text) => fill(answer, h("span", { class: "hint" }, text));

  /** No answer is shown but that of the chosen model to the digit that is drawn. */
  function changed() {
    next();
    button.disabled = false;
    chart(null);
    hint(look() === null ? "Nothing drawn yet." : "Not asked yet.");
  }

  function sample(digit) {
    paper.show(SAMPLES[digit]);
    ask();
  }

  /** What the model sees. @returns {number[][]|null} */
  function look() {
    const image = asMnist(paper.ink());
    const context = seen.getContext("2d");
    const pixels = context.createImageData(SIDE, SIDE);
    (image ?? []).flat().forEach((value, index) => pixels.data.set([value, value, value, 255], 4 * index));
    context.putImageData(pixels, 0, 0);
    return image;
  }

  async function ask() {
    changed();
    fill(wrong);
    const image = look();
    if (image === null) return hint("Draw a digit first.");
    const mine = next();
    const asked = known.find(({ id }) => id === model.value);
    const name = `${asked.spec.activation} ${short(asked.id)}`;
    button.disabled = true;
    hint(`Asking ${name}…`);
    try {
      const { digit, probabilities, epoch } = await post(`v1/jobs/${asked.id}/predict`, { image }, { signal: mine });
      if (mine.aborted) return;
      fill(
        answer,
        h("strong", {}, digit),
        " ",
        h("span", { class: "hint" }, `${percent(probabilities[digit], 1)} sure: ${name}, after epoch ${epoch}`),
      );
      chart(probabilities);
    } catch (error) {
      if (mine.aborted) return;
      hint("No answer.");
      fill(wrong, problem(error, ask));
    }
    button.disabled = false;
  }

  function chart(probabilities) {
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

  changed();
  every(EVERY_MS, signal, async () => {
    const chosen = model.value;
    const found = await candidates(chosen, signal);
    if (model.value !== chosen || !found.jobs.length) return; // another one was chosen meanwhile
    known = found.jobs;
    refill(model, options(known.map(option), chosen));
    if (model.value !== chosen) changed(); // it was deleted
  });
}

/** A model to choose, by what it has learnt so far. */
function option({ id, spec, best, progress: { epoch, epochs }, finished_at: finished }) {
  const far = finished ? `${epoch} epochs` : `in training, epoch ${epoch} of ${epochs}`;
  return [id, `${spec.activation}, ${percent(best?.val_accuracy, 1)} right, ${far} (${short(id)})`];
}

/** Again and again while somebody looks, until it is done; a service that is away is asked again. */
async function every(milliseconds, signal, work) {
  for (let done = false; !done; ) {
    await pause(milliseconds, signal);
    if (signal.aborted) return;
    if (!document.hidden) done = await work().catch(() => false);
  }
}

/** Jobs that have something to answer with, ended or not: the one asked for first. */
async function candidates(wanted, signal) {
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

function nobody(wrong) {
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
      h("p", {}, "No network has been trained yet, so nobody could answer."),
      train,
      h("small", {}, "3 epochs on 6000 images: about a minute."),
    ),
  );
}
