// Draw: a digit by hand, and what a trained network makes of it.

import { go, setQuery } from "../address.js";
import { get, post } from "../api.js";
import { labelled, select } from "../controls.js";
import { asMnist, SAMPLES, SIDE } from "../digit.js";
import { fill, h, superseding } from "../dom.js";
import { percent, short } from "../format.js";
import { pad } from "../pad.js";
import { empty, heading, lede, problem } from "../parts.js";

const QUICK = { activation: "relu", epochs: 3, train_samples: 6000, metadata: { purpose: "draw" } };

export async function view({ root, query, signal, title }) {
  title("Draw");
  const { jobs, wrong: missing } = await candidates(query.get("job"), signal);
  const wrong = h("div", {}, missing && problem(missing));
  if (!jobs.length) return fill(root, heading("Draw"), wrong, nobody(wrong));

  const next = superseding(signal);
  const names = jobs.map((job) => [
    job.id,
    [
      `${job.spec.activation}, ${percent(job.best?.val_accuracy, 1)} right`,
      `${job.progress.epoch} epochs (${short(job.id)})`,
    ].join(", "),
  ]);
  const model = select(
    {
      name: "job",
      onchange: () => {
        setQuery({ job: model.value });
        ask();
      },
    },
    names,
    query.get("job") ?? jobs[0].id,
  );
  const paper = pad({ describedby: "draw-how", onchange: look, onenter: ask });
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
        h("div", { class: "row" }, button, h("button", { type: "button", onclick: forget }, "Clear")),
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

  function forget() {
    next();
    paper.clear();
    chart(null);
    fill(answer, h("span", { class: "hint" }, "Nothing drawn yet."));
  }

  function sample(digit) {
    forget();
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
    const image = look();
    if (image === null) return fill(answer, h("span", { class: "hint" }, "Draw a digit first."));
    const mine = next();
    button.disabled = true;
    try {
      const { digit, probabilities } = await post(`v1/jobs/${model.value}/predict`, { image }, { signal: mine });
      fill(wrong);
      fill(
        answer,
        h("strong", {}, digit),
        " ",
        h("span", { class: "hint" }, `${percent(probabilities[digit], 1)} of the model’s belief`),
      );
      chart(probabilities);
    } catch (error) {
      if (!mine.aborted) fill(wrong, problem(error, ask));
    } finally {
      button.disabled = false;
    }
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

  forget();
}

/** Jobs that have something to answer with: the one asked for first. */
async function candidates(wanted, signal) {
  const [{ data }, asked] = await Promise.all([
    get("v1/jobs?state=succeeded&limit=50", signal),
    wanted ? get(`v1/jobs/${encodeURIComponent(wanted)}`, signal).catch((error) => error) : null,
  ]);
  const failed = asked instanceof Error;
  const first = asked && !failed ? [asked] : [];
  return { jobs: [...first, ...data.filter(({ id }) => id !== asked?.id)], wrong: failed ? asked : null };
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
