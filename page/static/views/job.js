// A job: how it learns, live, and everything else there is to know about it.

import { go } from "../address.js";
import { get, post, randomKey, remove } from "../api.js";
import { curves } from "../curves.js";
import { fill, h, refill, throttled } from "../dom.js";
import { bytes, clock, duration, fixed, number, percent, short, words } from "../format.js";
import { layerMaps } from "../layers.js";
import { looks } from "../looks.js";
import { flat, nameOf, noteOf, rename } from "../names.js";
import {
  badge,
  confirmed,
  drawingFiles,
  empty,
  fileLink,
  hasCheckpoint,
  heading,
  liveMark,
  named,
  problem,
  progress,
  tableFiles,
  tiles,
} from "../parts.js";
import { follow } from "../stream.js";
import { called, valueText } from "../wording.js";

const AGAIN_MS = 1000;
const QUEUE_MS = 3000;

export async function view({ root, id, signal, title }) {
  const path = `v1/jobs/${encodeURIComponent(id)}`;
  const [first, look] = await Promise.all([get(path, signal), looks()]);
  signal.throwIfAborted();
  const { activation } = first.spec;
  const epochs = new Map();
  let ended = false;
  const own = look(activation);
  const [loss, accuracy] = [
    curves({ train: "loss", validation: "val_loss", title: "Loss", signal }),
    curves({ train: "accuracy", validation: "val_accuracy", title: "Accuracy", signal }),
  ];
  const layers = layerMaps({ path, signal });
  const live = liveMark();
  const status = h("div", { class: "row" });
  const buttons = h("div", { class: "actions" });
  const details = h("div", { class: "stack" });
  const [bar, figures, wrong, diagnoses, stored] = [h("div"), h("div"), h("div"), h("div"), h("div")];

  const [whose, note] = [h("span"), h("div", { class: "row" })];

  fill(
    root,
    heading(named(own, whose), buttons),
    note,
    h(
      "div",
      { class: "row" },
      status,
      live.element,
      h("span", { class: "id hint" }, id),
      first.sweep_id && h("a", { href: `#/sweeps/${first.sweep_id}` }, "Its sweep"),
      first.retry_of && h("a", { href: `#/jobs/${first.retry_of}` }, "Retry of another"),
    ),
    wrong,
    h("section", { class: "panel stack", "aria-label": "Progress" }, bar, figures),
    diagnoses,
    h(
      "section",
      { class: "panel stack", "aria-label": "Curves" },
      h("div", { class: "two" }, loss.element, accuracy.element),
      tableFiles("History", `${path}/history`),
      drawingFiles("Drawing", (format) => `${path}/plot.${format}`),
    ),
    layers.element,
    details,
    stored,
  );

  const draw = throttled(60, signal, () => {
    const rows = [...epochs.values()].sort((a, b) => a.epoch - b.epoch);
    for (const figure of [loss, accuracy]) figure.draw(rows, own, first.progress.epochs, ended);
  });

  const renew = throttled(AGAIN_MS, signal, async () => {
    try {
      show(await get(path, signal));
    } catch (error) {
      if (!signal.aborted && error.status === 404) fill(wrong, problem(error));
    }
  });
  const renewLayers = throttled(2 * AGAIN_MS, signal, () => layers.load());
  let timer;
  signal.addEventListener("abort", () => clearTimeout(timer));

  /** What its owner calls it, which may be edited at any time. */
  function showName({ spec: { metadata } }) {
    const name = nameOf(metadata);
    title(`${name ?? activation} ${short(id)}`);
    fill(whose, name === null ? activation : [name, h("small", {}, ` ${activation}`)]);
    const edit = async () => {
      const changed = await rename({ path, metadata });
      if (changed && !signal.aborted) show(changed);
    };
    refill(
      note,
      noteOf(metadata) && h("p", { class: "lede note" }, noteOf(metadata)),
      h(
        "button",
        { type: "button", class: "small", data: { place: "rename" }, onclick: edit },
        name || noteOf(metadata) ? "Edit name and note" : "Name it",
      ),
    );
  }

  function show(job) {
    showName(job);
    if (ended !== (job.finished_at !== null)) {
      ended = job.finished_at !== null;
      draw();
    }
    refill(
      status,
      badge(job.state),
      job.cancel_requested_at && !job.finished_at && h("span", { class: "hint" }, "cancelling…"),
      job.queue_position !== null && h("span", { class: "number" }, `number ${job.queue_position} in line`),
    );
    showButtons(job);
    refill(bar, progress(job.progress, "Epochs", { wide: true }));
    refill(figures, tiles(facts(job)));
    refill(
      diagnoses,
      job.diagnoses.length > 0 &&
        h("section", { class: "diagnoses", "aria-label": "Diagnoses" }, job.diagnoses.map(diagnosed)),
    );
    refill(
      wrong,
      job.error &&
        h("div", { class: "problem" }, h("p", {}, h("strong", {}, words(job.error.code)), ": ", job.error.message)),
    );
    refill(
      details,
      panel("Timeline", timeline(job)),
      panel("What was asked", specification(job.spec)),
      job.environment && panel("Where it ran", environment(job.environment)),
    );
    clearTimeout(timer);
    if (job.state === "queued") later();
    if (job.finished_at) showCheckpoints(job);
  }

  const retryKey = randomKey(); // a second click makes no second job

  /** Its place in line; in a tab that nobody looks at, not before somebody does. */
  function later() {
    timer = setTimeout(() => (document.hidden ? later() : renew()), QUEUE_MS);
  }

  function showButtons(job) {
    const act = async (work) => {
      try {
        await work();
      } catch (error) {
        fill(wrong, problem(error));
      }
    };
    const cancel = h(
      "button",
      {
        type: "button",
        data: { key: "cancel" },
        disabled: job.cancel_requested_at !== null,
        onclick: () => act(async () => show(await post(`${path}/cancel`))),
      },
      "Cancel",
    );
    const retry = h(
      "button",
      {
        type: "button",
        data: { key: "retry" },
        onclick: () =>
          act(async () => {
            const headers = { "Idempotency-Key": retryKey };
            go(`#/jobs/${(await post(`${path}/retry`, undefined, { headers })).id}`);
          }),
      },
      "Retry",
    );
    const erase = h(
      "button",
      {
        type: "button",
        class: "danger",
        data: { key: "delete" },
        onclick: () =>
          act(async () => {
            const sure = await confirmed({
              title: "Delete this job?",
              text: "Its history, layers and checkpoints go with it, for good.",
              action: "Delete",
            });
            if (!sure) return;
            await remove(path);
            go("#/jobs");
          }),
      },
      "Delete",
    );
    refill(
      buttons,
      h("a", { class: "button", href: `#/compare?jobs=${id}` }, "Compare"),
      hasCheckpoint(job) && h("a", { class: "button", href: `#/draw?job=${id}` }, "Draw a digit"),
      job.finished_at ? [retry, erase] : cancel,
    );
  }

  async function showCheckpoints(job) {
    const { checkpoints } = await get(`${path}/checkpoints`, signal).catch(() => ({ checkpoints: [] }));
    if (signal.aborted) return;
    refill(
      stored,
      panel(
        "Checkpoints",
        checkpoints.length
          ? h(
              "ul",
              { class: "plain" },
              checkpoints.map(({ epoch, size_bytes: size, sha256 }) =>
                h(
                  "li",
                  { class: "row" },
                  fileLink(`${path}/checkpoints/${epoch}`, `After epoch ${epoch}`),
                  h("small", { class: "number" }, bytes(size)),
                  h("small", { class: "id" }, `sha256 ${sha256.slice(0, 12)}…`),
                ),
              ),
            )
          : h("p", { class: "hint" }, job.best ? "None is kept." : "None was written."),
        "safetensors: weights and optimizer state.",
      ),
    );
  }

  show(first);
  draw();
  layers.load();
  follow(`${path}/stream`, {
    signal,
    onState: (state) => {
      live.set(state);
      if (state !== "reconnecting") renew();
    },
    onEvent: ({ kind, data }) => {
      if (kind === "reset") {
        epochs.clear();
        draw();
        renewLayers();
      } else if (kind === "epoch") {
        epochs.set(data.epoch, data);
        draw();
        renewLayers();
      }
      renew();
    },
  }).catch((error) => {
    if (!signal.aborted) fill(wrong, problem(error));
  });
}

const panel = (title, content, more) =>
  h("section", { class: "panel" }, h("h2", {}, title), content, more && h("p", { class: "hint" }, more));

function facts(job) {
  const { best, test, latest } = job;
  return [
    [
      "Epoch",
      `${job.progress.epoch} of ${job.progress.epochs}`,
      left(job),
    ],
    ["Best validation loss", number(best?.val_loss, 4), best && `after epoch ${best.epoch}`],
    ["Validation accuracy", percent(best?.val_accuracy), best && latest && `after epoch ${best.epoch}; ${last(job)}`],
    ["Test accuracy", percent(test?.accuracy), test && `loss ${number(test.loss, 3)}`],
    [
      "The last epoch took",
      duration(latest?.epoch_seconds),
      latest && `${fixed(latest.images_per_second, 0)} images/s in training, validation aside`,
    ],
  ];
}

function left({ finished_at: finished, eta_seconds: eta, progress }) {
  if (finished) return progress.epoch < progress.epochs ? "it ended before the last" : null;
  if (eta !== null) return `${duration(eta)} left`;
  return progress.epoch ? null : "no epoch yet";
}

const last = ({ latest, finished_at: ended }) => `${ended ? "at the end" : "now"} ${percent(latest.val_accuracy)}`;

function diagnosed({ code, layer, epoch, until_epoch: until, message, evidence, thresholds, non_finite: marks }) {
  const when = until === null ? `since epoch ${epoch}` : `epochs ${epoch} to ${until}`;
  return h(
    "details",
    {
      class: until === null ? "diagnosis" : "diagnosis past",
      data: { diagnosis: code, key: `${code} ${layer} ${epoch}` },
    },
    h("summary", {}, `${words(code)}${layer ? ` · ${layer}` : ""} `, h("small", {}, when)),
    h("p", {}, message),
    h(
      "dl",
      { class: "pairs" },
      Object.entries(evidence).map(([name, value]) => [
        h("dt", {}, words(name)),
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

function timeline({ created_at: created, transitions }) {
  if (!transitions.length) return empty(`Accepted ${clock(created)}.`);
  return h(
    "ol",
    { class: "timeline" },
    transitions.map(({ state, at, reason }) =>
      h("li", {}, h("strong", {}, state), h("span", {}, reason), h("time", { datetime: at, class: "hint" }, clock(at))),
    ),
  );
}

function specification(spec) {
  const { metadata, ...settings } = spec;
  const others = Object.entries(metadata).filter(([key]) => key !== "name" && key !== "note");
  return pairs([...flat(settings).map(([path, value]) => [called(path), valueText(path, value)]), ...others]);
}

const environment = (found) => pairs(Object.entries(found).map(([name, value]) => [words(name), String(value)]));

/** Names and values, side by side in as many columns as fit. */
const pairs = (found) =>
  h(
    "dl",
    { class: "many" },
    found.map(([name, value]) => h("div", {}, h("dt", {}, name), h("dd", { class: "number" }, value))),
  );
