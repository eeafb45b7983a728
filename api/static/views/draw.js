// Draw: a digit by hand, and what a trained network makes of it.

import { go, setQuery } from "../address.js";
import { get, post } from "../api.js";
import { labelled, select } from "../controls.js";
import { asMnist, SAMPLES, SIDE } from "../digit.js";
import { fill, h, superseding } from "../dom.js";
import { percent, short } from "../format.js";
import { empty, heading, lede, problem } from "../parts.js";

const PIXELS = 280;
const CELL = PIXELS / SIDE;
const PEN = 22;
const QUICK = { activation: "relu", epochs: 3, train_samples: 6000, metadata: { purpose: "draw" } };
const STEPS = { ArrowLeft: [-1, 0], ArrowRight: [1, 0], ArrowUp: [0, -1], ArrowDown: [0, 1] };

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
  const canvas = h("canvas", {
    "aria-label": "Digit",
    width: PIXELS,
    height: PIXELS,
    tabindex: "0",
    role: "img",
    "aria-describedby": "draw-how",
  });
  const seen = h("canvas", {
    class: "seen",
    width: SIDE,
    height: SIDE,
    role: "img",
    "aria-label": "What the model sees: 28 by 28 pixels",
  });
  const answer = h("output", { class: "answer" });
  const bars = h("ul", { class: "bars", "aria-label": "Probability of each digit" });
  const pen = canvas.getContext("2d", { willReadFrequently: true });
  const cursor = { x: 14, y: 8, down: false, shown: false };
  let ink = null; // the drawing without the cursor
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
        h("div", { class: "pad" }, canvas),
        h("div", { class: "row" }, button, h("button", { type: "button", onclick: clear }, "Clear")),
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

  function clear() {
    pen.fillStyle = "#000";
    pen.fillRect(0, 0, PIXELS, PIXELS);
    ink = pen.getImageData(0, 0, PIXELS, PIXELS);
    next();
    look();
    chart(null);
    fill(answer, h("span", { class: "hint" }, "Nothing drawn yet."));
    showCursor();
  }

  function stroke(points) {
    Object.assign(pen, { strokeStyle: "#fff", lineWidth: PEN, lineCap: "round", lineJoin: "round" });
    pen.beginPath();
    points.forEach(([x, y], index) => (index ? pen.lineTo(x, y) : pen.moveTo(x, y)));
    if (points.length === 1) pen.lineTo(points[0][0] + 0.01, points[0][1]);
    pen.stroke();
    ink = pen.getImageData(0, 0, PIXELS, PIXELS);
  }

  function sample(digit) {
    clear();
    hideCursor();
    for (const points of SAMPLES[digit]) stroke(points.map(([x, y]) => [x * PIXELS, y * PIXELS]));
    look();
    ask();
  }

  /** What the model sees. @returns {number[][]|null} */
  function look() {
    const image = asMnist(ink);
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
    const sum = probabilities?.reduce((total, value) => total + value, 0) ?? 1;
    const best = probabilities ? Math.max(...probabilities) : null;
    fill(
      bars,
      Array.from({ length: 10 }, (_, digit) => {
        const share = probabilities ? probabilities[digit] / sum : 0;
        return h(
          "li",
          { class: probabilities && probabilities[digit] === best ? "best" : null },
          h("span", {}, digit),
          h("span", { class: "track", "aria-hidden": "true" }, h("i", { style: { "--share": share } })),
          h("span", { class: "figure" }, probabilities ? percent(share, 1) : "–"),
        );
      }),
    );
  }

  // --- by hand ---
  let last = null;
  const at = (event) => {
    const box = canvas.getBoundingClientRect();
    return [((event.clientX - box.left) / box.width) * PIXELS, ((event.clientY - box.top) / box.height) * PIXELS];
  };
  canvas.addEventListener("pointerdown", (event) => {
    if (event.button !== 0) return;
    event.preventDefault();
    hideCursor();
    canvas.setPointerCapture(event.pointerId);
    last = at(event);
    stroke([last]);
  });
  canvas.addEventListener("pointermove", (event) => {
    if (last === null) return;
    const passed = event.getCoalescedEvents?.().map(at) ?? [];
    const points = [last, ...(passed.length ? passed : [at(event)])];
    stroke(points);
    last = points.at(-1);
  });
  for (const kind of ["pointerup", "pointercancel"])
    canvas.addEventListener(kind, () => {
      if (last !== null) look();
      last = null;
    });

  // --- by keyboard ---
  canvas.addEventListener("keydown", (event) => {
    if (event.key === "Enter") return ask();
    if (event.key === " ") {
      event.preventDefault();
      cursor.down = !cursor.down;
      return paint(cursor);
    }
    const step = STEPS[event.key];
    if (!step) return;
    event.preventDefault();
    const from = { ...cursor };
    cursor.x = Math.min(SIDE - 1, Math.max(0, cursor.x + step[0]));
    cursor.y = Math.min(SIDE - 1, Math.max(0, cursor.y + step[1]));
    paint(from);
  });
  canvas.addEventListener("focus", () => {
    if (canvas.matches(":focus-visible")) {
      cursor.shown = true;
      showCursor();
    }
  });
  canvas.addEventListener("blur", hideCursor);

  function paint(from) {
    pen.putImageData(ink, 0, 0);
    if (cursor.down) {
      stroke([from, cursor].map(({ x, y }) => [(x + 0.5) * CELL, (y + 0.5) * CELL]));
      look();
    }
    cursor.shown = true;
    showCursor();
  }

  function showCursor() {
    if (!cursor.shown) return;
    Object.assign(pen, { strokeStyle: cursor.down ? "#e69f00" : "#6cb6ec", lineWidth: 2 });
    pen.strokeRect(cursor.x * CELL + 1, cursor.y * CELL + 1, CELL - 2, CELL - 2);
  }

  function hideCursor() {
    if (!cursor.shown) return;
    Object.assign(cursor, { shown: false, down: false });
    pen.putImageData(ink, 0, 0);
  }

  clear();
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
