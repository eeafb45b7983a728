// Train: a form for one job, and one for a sweep, as the service's own schema describes them.

import { go, setQuery } from "../address.js";
import { ApiError, catalog, get, post, randomKey, schemas } from "../api.js";
import { fillIn, heldBy, keep, kept } from "../drafts.js";
import { debounced, fill, h, uid } from "../dom.js";
import { estimate } from "../estimate.js";
import { body, clear, conditional, control, faults, mark, refuse } from "../form.js";
import { count } from "../format.js";
import { gridEditor } from "../grid.js";
import { heading, lede } from "../parts.js";
import { fields } from "../schema.js";
import { parseSeeds } from "../seeds.js";
import { called, wording } from "../wording.js";

const FIRST = ["epochs", "train_samples", "batch_size", "optimizer.name", "optimizer.learning_rate", "seed"];
const WORDS = ["metadata.name", "metadata.note"];
const MOST_JOBS = 512;
const LOOKED_AT = 40;
const PRESETS = [
  { title: "Quick look", says: "3 epochs on 6,000 images", values: { epochs: 3, train_samples: 6000, protocol: "" } },
  { title: "Everything", says: "10 epochs on all images", values: { epochs: 10, train_samples: "", protocol: "" } },
  {
    title: "As published",
    says: "100 epochs, validated by the test set",
    values: { protocol: "article", epochs: 100, train_samples: "" },
  },
];
const GROUPS = [
  ["Optimizer", /^optimizer/],
  ["Gradient clipping", /^clip/],
  ["Regularization", /^(dropout|initializer)/],
  ["What is measured", /^(loss|validation|protocol)/],
  ["How it runs", /./],
];

export async function view({ root, path, query, signal, title }) {
  title("Train");
  const [all, definitions] = await Promise.all([catalog(), schemas()]);
  const isSweep = path.startsWith("/train/sweep");
  const tab = (text, hash, current) => h("a", { href: hash, "aria-current": current && "page" }, text);
  const place = h("div");
  const experience = lately(signal);
  fill(
    root,
    heading("Train"),
    lede(
      isSweep
        ? "One network for every activation, seed and combination of values: the article’s loop, and a grid search."
        : "The article’s MNIST network, once, with the activation you choose. You will see it learn epoch by epoch.",
    ),
    h(
      "div",
      {},
      h(
        "div",
        { class: "tabs", role: "group", "aria-label": "What to train" },
        tab("A job", "#/train", !isSweep),
        tab("A sweep", "#/train/sweep", isSweep),
      ),
    ),
    place,
  );

  function begin(asked) {
    const draft = kept(isSweep ? "sweep" : "job");
    const made = isSweep ? sweepForm(all, definitions, draft) : jobForm(all, definitions, draft, asked);
    fill(place, made.form);
    made.reset.addEventListener("click", () => {
      keep(made.kind, null);
      begin(null);
      place.querySelector("input, select, button").focus();
    });
    submitting({ ...made, signal });
    keeping(made);
    telling({ ...made, signal, experience });
  }
  begin(query.get("activation"));
  setQuery({}); // it is in the form now, where the visitor may change it
}

/** Whatever is filled in stays, in this browser, until it is reset. */
function keeping({ form, kind, draft, reset }) {
  const renew = () => {
    const now = draft();
    const blank =
      !Object.keys(now.fields).length && !now.grid?.length && (now.activations ?? null) === null;
    keep(kind, blank ? null : now);
    reset.hidden = blank;
  };
  for (const event of ["input", "change"]) form.addEventListener(event, renew);
  renew();
}

/** What was measured here so far, asked for once. */
async function lately(signal) {
  const none = { data: [], total: 0 };
  const ask = (path) => get(path, signal).catch(() => none);
  const [jobs, workers, queued, running] = await Promise.all([
    ask(`v1/jobs?limit=${LOOKED_AT}`),
    ask("v1/workers"),
    ask("v1/jobs?state=queued&limit=1"),
    ask("v1/jobs?state=running&limit=1"),
  ]);
  return { jobs: jobs.data, workers: workers.data.length, ahead: queued.total + running.total };
}

/** Says, before it is sent, how many jobs and epochs that makes and about how long it takes. */
async function telling({ form, specs, outlook, signal, experience }) {
  let known = null;
  const tell = () => {
    const asked = specs();
    if (typeof asked === "string") return fill(outlook, asked);
    const found = known && estimate(asked, known.jobs, known.workers);
    fill(outlook, ...(found ? sentences(found, known) : []));
  };
  const later = debounced(120, signal, tell);
  for (const event of ["input", "change", "click"]) form.addEventListener(event, later);
  tell();
  known = await experience;
  if (!signal.aborted) tell();
}

const several = (number, word) => `${count(number)} ${word}${number === 1 ? "" : "s"}`;

function sentences({ jobs, epochs, low, high, measured }, { workers, ahead }) {
  const many = [...(jobs === 1 ? [] : [several(jobs, "job")]), several(epochs, "epoch")];
  const what = h("strong", {}, many.join(", "));
  const time = low === null ? "how long is unknown yet, because nothing was trained here so far" : span(low, high);
  const basis = low === null ? "" : `, going by ${several(measured, "earlier job")}`;
  const line =
    workers === 0
      ? " No worker is there to train: it waits until one is."
      : ahead > 0 && ` ${several(ahead, "other job")} ${ahead === 1 ? "is" : "are"} in training or in line before.`;
  return [what, `: ${time}${basis}.`, line];
}

const UNITS = [
  ["days", 86_400, 2],
  ["h", 3600, 2],
  ["min", 60, 1.5],
  ["s", 1, 0],
];

/** "about 4 to 6 min": one unit for both, and no more digits than can be known. */
function span(low, high) {
  if (high < 10) return "a few seconds";
  const [unit, size] = UNITS.find(([, length, least]) => high >= least * length);
  const rounded = (seconds) => {
    const value = seconds / size;
    return value >= 10 || size <= 60 ? Math.round(value) : Number(value.toFixed(1));
  };
  const [from, to] = [rounded(low), rounded(high)];
  if (from === 0) return `up to ${to} ${unit}`;
  return `about ${from === to ? to : `${from} to ${to}`} ${unit}`;
}

/** Sends the form, once at a time, and under one idempotency key until something in it changes. */
function submitting({ form, button, alert, places, request, to, target }) {
  let idempotencyKey = randomKey();
  form.addEventListener("input", () => {
    idempotencyKey = randomKey();
  });
  form.addEventListener("submit", async (event) => {
    event.preventDefault();
    clear(places());
    fill(alert);
    if (mark(faults(places()), places())) return;
    button.disabled = true;
    try {
      const made = await post(to, request(), { headers: { "Idempotency-Key": idempotencyKey } });
      go(`#/${target}/${made.id}`);
    } catch (error) {
      const elsewhere = error instanceof ApiError ? refuse(error.errors, places()) : [];
      if (elsewhere.length || !error.errors?.length)
        fill(alert, elsewhere.length ? elsewhere.join(" ") : error.message);
    } finally {
      button.disabled = false;
    }
  });
}

/** Those of a job, each only where it means something: what the published protocol settles is not asked. */
const ONLY = {
  "optimizer.momentum": { path: "optimizer.name", value: ["sgd", "rmsprop"] },
  "validation.kind": { path: "protocol", value: null },
};
const fieldsOfJob = (definitions, without) =>
  fields(definitions.JobSpec, definitions)
    .filter(({ path }) => !without.includes(path))
    .map((field) => (ONLY[field.path] ? { ...field, only: ONLY[field.path] } : field));

/** Name and note, out of the words that a job carries. */
const annotations = (prefix = "") =>
  WORDS.map((path) => {
    const { label, hint } = wording(path);
    return control({ path, label, hint, type: "text", default: null, longest: 500 }, `${prefix}${path}`);
  });

function jobForm(all, definitions, draft, asked) {
  const known = (name) => all.some((one) => one.name === name);
  const named = known(asked) ? asked : known(draft.fields.activation) ? draft.fields.activation : "relu";
  const found = fieldsOfJob(definitions, ["parameters"]);
  const activation = control({
    ...found.find(({ path }) => path === "activation"),
    type: "choice",
    choices: all.map(({ name }) => name),
    default: "relu",
  });
  activation.input.value = named;
  const rest = found.filter(({ path }) => path !== "activation").map((field) => control(field));
  const words = annotations();
  const parameters = h("div", { class: "fields" });
  const chosen = { ...draft.fields };
  let ofActivation = [];
  const choose = () => {
    Object.assign(chosen, heldBy(ofActivation));
    const { parameters: own } = all.find(({ name }) => name === activation.value());
    const name = (parameter) => `${activation.value()}.${parameter.name}`;
    ofActivation = own.map((parameter) => control(parameterField(parameter), name(parameter)));
    fillIn(ofActivation, { fields: chosen });
    fill(
      parameters,
      ofActivation.map(({ element }) => element),
    );
    parameters.hidden = !own.length;
  };
  activation.input.addEventListener("change", choose);
  fillIn([...rest, ...words], draft);
  choose();
  const request = () => ({
    activation: activation.value(),
    ...withEpochs(body([...rest, ...words, ...ofActivation]), rest),
  });
  return {
    ...assembled({ before: [activation], controls: rest, words, after: [parameters], action: "Train" }),
    kind: "job",
    request,
    specs: () => [request()],
    draft: () => ({ fields: { ...heldBy([...rest, ...words]), ...heldBy(ofActivation), ...heldBy([activation]) } }),
    to: "v1/jobs",
    target: "jobs",
    places: () => [activation, ...rest, ...words, ...ofActivation].map((one) => ({ ...one, name: one.field.path })),
  };
}

/** The published experiment has another default of its own, so there the form's number is said. */
function withEpochs(made, controls, grid = {}) {
  const published = made.protocol === "article" || "protocol" in grid;
  if (!published || "epochs" in made || "epochs" in grid) return made;
  return { ...made, epochs: controls.find(({ field }) => field.path === "epochs").value() };
}

function parameterField({ name, default: otherwise, minimum, maximum, choices, description }) {
  const type = choices.length ? "choice" : "number";
  return {
    path: `parameters.${name}`,
    label: `Parameter ${name}`,
    hint: description,
    type,
    minimum,
    maximum,
    choices,
    default: otherwise,
    nullable: false,
  };
}

/** The form: what is asked most first, the rest folded away. */
function assembled({ before, controls, words, after, action }) {
  const alert = h("p", { role: "alert", class: "refusal" });
  const button = h("button", { class: "primary" }, action);
  const reset = h("button", { type: "button", class: "quiet" }, "Reset the form");
  const outlook = h("p", { class: "outlook", role: "status" });
  const first = FIRST.map((path) => controls.find(({ field }) => field.path === path)).filter(Boolean);
  let left = controls.filter((one) => !first.includes(one));
  const groups = GROUPS.map(([legend, pattern]) => {
    const mine = left.filter(({ field }) => pattern.test(field.path));
    left = left.filter((one) => !mine.includes(one));
    return h(
      "fieldset",
      { class: "boxed" },
      h("legend", {}, legend),
      h(
        "div",
        { class: "fields" },
        mine.map(({ element }) => element),
      ),
    );
  });
  const form = h(
    "form",
    { class: "panel stack", novalidate: true },
    h(
      "div",
      { class: "chips", role: "group", "aria-label": "How much" },
      PRESETS.map(({ title, says, values }) =>
        h(
          "button",
          { type: "button", class: "small", onclick: () => set(controls, values) },
          h("strong", {}, title),
          ` ${says}`,
        ),
      ),
    ),
    h(
      "div",
      { class: "fields" },
      before.map(({ element }) => element),
      first.map(({ element }) => element),
    ),
    after,
    h(
      "div",
      { class: "fields" },
      words.map(({ element }) => element),
    ),
    h("details", {}, h("summary", {}, "Everything else"), h("div", { class: "stack" }, groups)),
    outlook,
    alert,
    h("div", { class: "row" }, button, reset),
  );
  conditional(controls, form);
  articleSetsEpochs(controls);
  return { form, button, reset, alert, outlook };
}

function set(controls, values) {
  for (const [path, value] of Object.entries(values)) {
    const { input } = controls.find(({ field }) => field.path === path);
    input.value = value;
    for (const kind of ["input", "change"]) input.dispatchEvent(new Event(kind, { bubbles: true }));
  }
}

/** The published experiment has epochs of its own; they are shown, as long as nobody has chosen others. */
function articleSetsEpochs(controls) {
  const of = (path) => controls.find(({ field }) => field.path === path);
  const protocol = of("protocol"),
    epochs = of("epochs");
  const published = String(PRESETS.find(({ values }) => values.protocol).values.epochs);
  protocol?.input.addEventListener("change", () => {
    const [from, to] =
      protocol.value() === "article"
        ? [String(epochs.field.default), published]
        : [published, String(epochs.field.default)];
    if (epochs.input.value === from) epochs.input.value = to;
  });
}

function sweepForm(all, definitions, draft) {
  const { SweepSpec } = definitions;
  const found = fieldsOfJob(definitions, ["activation", "parameters", "seed"]);
  const rest = found.map((field) => control(field, `base.${field.path}`));
  const words = annotations("base.");
  const activations = activationBoxes(all, SweepSpec.properties.activations.default, draft.activations);
  const seeds = control({
    path: "seeds",
    label: called("seeds"),
    hint: wording("seeds").hint,
    type: "text",
    default: "0",
  });
  seeds.wrong = () => parseSeeds(seeds.input.value).wrong;
  fillIn([...rest, ...words, seeds], draft);
  const grid = gridEditor(found, draft.grid);
  const request = () => {
    const values = grid.value();
    return {
      base: withEpochs(body([...rest, ...words]), rest, values),
      activations: activations.value(),
      seeds: parseSeeds(seeds.input.value).seeds,
      grid: values,
    };
  };
  const made = assembled({
    before: [],
    controls: rest,
    words,
    after: [grid.element],
    action: "Train the sweep",
  });
  made.form.prepend(activations.element, h("div", { class: "fields" }, seeds.element));
  return {
    ...made,
    kind: "sweep",
    request,
    specs: () => specsOf(request()),
    draft: () => ({
      fields: heldBy([...rest, ...words, seeds]),
      activations: activations.held(),
      grid: grid.draft(),
    }),
    to: "v1/sweeps",
    target: "sweeps",
    places: () => [activations, seeds, ...rest, ...words, ...grid.rows()],
  };
}

/** The jobs that a sweep makes, as far as their time depends on it; or why it makes none. */
function specsOf({ base, activations, seeds, grid }) {
  const axes = [activations.length, seeds.length, ...Object.values(grid).map((values) => values.length)];
  const jobs = axes.reduce((product, size) => product * size, 1);
  if (jobs === 0) return "Choose at least one activation, one seed and one value of each setting that varies.";
  if (jobs > MOST_JOBS) return `That makes ${count(jobs)} jobs, and a sweep has at most ${MOST_JOBS}.`;
  let specs = activations.flatMap((activation) => seeds.map((seed) => ({ ...base, activation, seed })));
  for (const [path, values] of Object.entries(grid))
    specs = specs.flatMap((spec) => values.map((value) => having(spec, path.split("."), value)));
  return specs;
}

const having = (spec, [name, ...rest], value) => ({
  ...spec,
  [name]: rest.length ? having(spec?.[name] ?? {}, rest, value) : value,
});

function activationBoxes(all, article, drafted) {
  const id = uid("activations");
  const refusal = h("p", { class: "refusal", id: `${id}-refusal` });
  const chosen = drafted ?? article;
  const boxes = all.map(({ name, title }) =>
    h("input", {
      type: "checkbox",
      name: "activations",
      value: name,
      id: `${id}-${name}`,
      checked: chosen.includes(name),
      title,
    }),
  );
  const input = h(
    "fieldset",
    { "aria-describedby": `${id}-refusal`, tabindex: "-1" },
    h("legend", {}, called("activations")),
    h(
      "div",
      { class: "row" },
      boxes.map((box) => h("label", { class: "row", for: box.id }, box, box.value)),
    ),
    refusal,
    h("small", { class: "hint" }, wording("activations").hint),
  );
  const value = () => boxes.filter((box) => box.checked).map((box) => box.value);
  return {
    name: "activations",
    field: { path: "activations" },
    input,
    element: input,
    refusal,
    value,
    wrong: () => (value().length ? null : "Choose at least one."),
    /** Null while they are the article's. */
    held: () => (String(value()) === String(article) ? null : value()),
  };
}
