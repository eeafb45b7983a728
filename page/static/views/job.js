// A job: its learning curves, live, and its details.

import { go } from "../address.js";
import { createRandomKey, get, post, remove } from "../api.js";
import { badge, connectionBadge, hasCheckpoint, heading, problem, progress, tiles } from "../components.js";
import { confirmAction, rename } from "../dialogs.js";
import { fill, h, refill } from "../dom.js";
import { drawingFiles, fileLink, tableFiles } from "../file_links.js";
import { bytes, humanize, shortId } from "../format.js";
import { diagnosisDetails, environment, listJobFacts, panel, specification, timeline } from "../job_details.js";
import { nameOf, noteOf } from "../labels.js";
import { createLayerMaps } from "../layer_maps.js";
import { createCurves } from "../learning_curves.js";
import { loadLineStyles } from "../line_styles.js";
import { follow } from "../live_stream.js";
import { activationName } from "../swatch.js";
import { throttle } from "../timing.js";

const AGAIN_MS = 1000;
const QUEUE_MS = 3000;

export async function view({ root, id, signal, title }) {
  const path = `v1/jobs/${encodeURIComponent(id)}`;
  const [first, look] = await Promise.all([get(path, signal), loadLineStyles()]);
  signal.throwIfAborted();
  const { activation } = first.spec;
  const epochs = new Map();
  let ended = false;
  const own = look(activation);
  const [loss, accuracy] = [
    createCurves({ train: "loss", validation: "val_loss", title: "Loss", signal }),
    createCurves({ train: "accuracy", validation: "val_accuracy", title: "Accuracy", signal }),
  ];
  const layers = createLayerMaps({ path, signal });
  const live = connectionBadge();
  const status = h("div", { class: "row" });
  const buttons = h("div", { class: "actions" });
  const details = h("div", { class: "stack" });
  const [bar, figures, wrong, diagnoses, stored] = [h("div"), h("div"), h("div"), h("div"), h("div")];

  const [whose, note] = [h("span"), h("div", { class: "row" })];

  fill(
    root,
    heading(activationName(own, whose), buttons),
    note,
    h(
      "div",
      { class: "row" },
      status,
      live.element,
      h("span", { class: "id hint" }, id),
      first.sweep_id && h("a", { href: `#/sweeps/${first.sweep_id}` }, "Sweep"),
      first.retry_of && h("a", { href: `#/jobs/${first.retry_of}` }, "Retry of another job"),
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

  const draw = throttle(60, signal, () => {
    const rows = [...epochs.values()].sort((a, b) => a.epoch - b.epoch);
    for (const figure of [loss, accuracy]) figure.draw(rows, own, first.progress.epochs, ended);
  });

  const renew = throttle(AGAIN_MS, signal, async () => {
    try {
      show(await get(path, signal));
    } catch (error) {
      if (!signal.aborted && error.status === 404) fill(wrong, problem(error));
    }
  });
  const renewLayers = throttle(2 * AGAIN_MS, signal, () => layers.load());
  let timer;
  signal.addEventListener("abort", () => clearTimeout(timer));

  /** The name and note can be edited at any time. */
  function showName({ spec: { metadata } }) {
    const name = nameOf(metadata);
    title(`${name ?? activation} ${shortId(id)}`);
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
        name || noteOf(metadata) ? "Edit name and note" : "Add a name",
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
      job.queue_position !== null && h("span", { class: "number" }, `number ${job.queue_position} in the queue`),
    );
    showButtons(job);
    refill(bar, progress(job.progress, "Epochs", { wide: true }));
    refill(figures, tiles(listJobFacts(job)));
    refill(
      diagnoses,
      job.diagnoses.length > 0 &&
        h("section", { class: "diagnoses", "aria-label": "Diagnoses" }, job.diagnoses.map(diagnosisDetails)),
    );
    refill(
      wrong,
      job.error &&
        h("div", { class: "problem" }, h("p", {}, h("strong", {}, humanize(job.error.code)), ": ", job.error.message)),
    );
    refill(
      details,
      panel("Timeline", timeline(job)),
      panel("Specification", specification(job.spec)),
      job.environment && panel("Environment", environment(job.environment)),
    );
    clearTimeout(timer);
    if (job.state === "queued") scheduleRefresh();
    if (job.finished_at) showCheckpoints(job);
  }

  const retryKey = createRandomKey(); // a second click must not create a second job

  /** Refreshes the queue position; not while the tab is hidden. */
  function scheduleRefresh() {
    timer = setTimeout(() => (document.hidden ? scheduleRefresh() : renew()), QUEUE_MS);
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
            const sure = await confirmAction({
              title: "Delete this job?",
              text: "This also deletes its history, layers and checkpoints. It cannot be undone.",
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
          : h("p", { class: "hint" }, job.best ? "None is stored." : "None was written."),
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
