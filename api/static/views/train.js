// Train: a form for one job, and one for a sweep, as the service's own schema describes them.

import { go } from "../address.js";
import { ApiError, catalog, post, randomKey, schemas } from "../api.js";
import { fill, h, uid } from "../dom.js";
import { body, clear, conditional, control, refuse } from "../form.js";
import { count } from "../format.js";
import { gridEditor, list } from "../grid.js";
import { heading, lede } from "../parts.js";
import { fields } from "../schema.js";

const FIRST = ["epochs", "train_samples", "batch_size", "optimizer.name", "optimizer.learning_rate", "seed"];
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
  const made = isSweep ? sweepForm(all, definitions) : jobForm(all, definitions, query);
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
    made.form,
  );
  submitting({ ...made, signal });
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
    button.disabled = true;
    try {
      const made = await post(to, request(), { headers: { "Idempotency-Key": idempotencyKey } });
      go(`#/${target}/${made.id}`);
    } catch (error) {
      const elsewhere = error instanceof ApiError ? refuse(error.errors, places()) : [];
      if (elsewhere.length || !error.errors?.length)
        fill(alert, elsewhere.length ? elsewhere.join("; ") : error.message);
    } finally {
      button.disabled = false;
    }
  });
}

function jobForm(all, definitions, query) {
  const named = all.some(({ name }) => name === query.get("activation")) ? query.get("activation") : "relu";
  const found = fields(definitions.JobSpec, definitions).filter(({ path }) => path !== "parameters");
  const activation = control({
    ...found.find(({ path }) => path === "activation"),
    type: "choice",
    choices: all.map(({ name }) => name),
    default: named,
  });
  const rest = found.filter(({ path }) => path !== "activation").map((field) => control(field));
  const parameters = h("div", { class: "fields" });
  let ofActivation = [];
  const choose = () => {
    const { parameters: own } = all.find(({ name }) => name === activation.value());
    ofActivation = own.map((parameter) => control(parameterField(parameter)));
    fill(
      parameters,
      ofActivation.map(({ element }) => element),
    );
    parameters.hidden = !own.length;
  };
  activation.input.addEventListener("change", choose);
  choose();
  const request = () => ({ activation: activation.value(), ...body([...rest, ...ofActivation]) });
  return {
    ...assembled([activation], rest, [parameters], "Train"),
    request,
    to: "v1/jobs",
    target: "jobs",
    places: () => [activation, ...rest, ...ofActivation],
  };
}

function parameterField({ name, default: otherwise, minimum, maximum, choices, description }) {
  const type = choices.length ? "choice" : "number";
  return {
    path: `parameters.${name}`,
    label: `Parameter ${name}`,
    description,
    type,
    minimum,
    maximum,
    choices,
    default: otherwise,
    nullable: false,
  };
}

/** The form: what is asked most first, the rest folded away. */
function assembled(before, controls, after, action) {
  const alert = h("p", { role: "alert", class: "refusal" });
  const button = h("button", { class: "primary" }, action);
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
    h("details", {}, h("summary", {}, "Everything else"), h("div", { class: "stack" }, groups)),
    alert,
    h("div", { class: "row" }, button),
  );
  conditional(controls, form);
  articleSetsEpochs(controls);
  return { form, button, alert };
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
  const published = /(\d+) epochs/.exec(protocol?.field.description ?? "")?.[1];
  protocol?.input.addEventListener("change", () => {
    const [from, to] =
      protocol.value() === "article"
        ? [String(epochs.field.default), published]
        : [published, String(epochs.field.default)];
    if (epochs.input.value === from) epochs.input.value = to ?? from;
  });
}

function sweepForm(all, definitions) {
  const { SweepSpec } = definitions;
  const found = fields(definitions.JobSpec, definitions).filter(
    ({ path }) => !["activation", "parameters", "seed"].includes(path),
  );
  const rest = found.map((field) => control(field, `base.${field.path}`));
  const activations = activationBoxes(all, SweepSpec.properties.activations);
  const seeds = control({
    path: "seeds",
    label: "Seeds",
    description: `${SweepSpec.properties.seeds.description} Whole numbers, separated by commas.`,
    type: "text",
    default: "0",
  });
  const grid = gridEditor(found);
  const total = h("p", { class: "number" });
  const request = () => ({
    base: body(rest),
    activations: activations.value(),
    seeds: list(seeds.input.value),
    grid: grid.value(),
  });
  const made = assembled(
    [],
    rest,
    [activations.element, h("div", { class: "fields" }, seeds.element), grid.element, total],
    "Train the sweep",
  );
  const counted = () => {
    const { activations: names, seeds: numbers, grid: values } = request();
    const sizes = [names.length, numbers.length, ...Object.values(values).map((row) => row.length)];
    const jobs = sizes.reduce((product, size) => product * size, 1);
    fill(
      total,
      h("strong", {}, `${count(jobs)} ${jobs === 1 ? "job" : "jobs"}`),
      `: ${names.length} activations, ${numbers.length} ${numbers.length === 1 ? "seed" : "seeds"}${sizes
        .slice(2)
        .map((size) => `, ${size} values`)
        .join("")}`,
    );
  };
  made.form.addEventListener("input", counted);
  made.form.addEventListener("click", () => queueMicrotask(counted));
  counted();
  made.form.prepend(activations.element, seeds.element);
  return {
    ...made,
    request,
    to: "v1/sweeps",
    target: "sweeps",
    places: () => [activations, seeds, ...rest, ...grid.places()],
  };
}

function activationBoxes(all, { default: article, description }) {
  const id = uid("activations");
  const refusal = h("p", { class: "refusal", id: `${id}-refusal` });
  const boxes = all.map(({ name, title }) =>
    h("input", {
      type: "checkbox",
      name: "activations",
      value: name,
      id: `${id}-${name}`,
      checked: article.includes(name),
      title,
    }),
  );
  const input = h(
    "fieldset",
    { "aria-describedby": `${id}-refusal` },
    h("legend", {}, "Activations"),
    h(
      "div",
      { class: "row" },
      boxes.map((box) => h("label", { class: "row", for: box.id }, box, box.value)),
    ),
    refusal,
    h("small", { class: "hint" }, description),
  );
  return {
    name: "activations",
    input,
    element: input,
    refusal,
    value: () => boxes.filter((box) => box.checked).map((box) => box.value),
  };
}
