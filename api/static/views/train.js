// Train: a form for one job, and one for a sweep, as the service's own schema describes them.

import { go } from "../address.js";
import { ApiError, catalog, post, schemas } from "../api.js";
import { fill, h, uid } from "../dom.js";
import { body, clear, conditional, control, refuse } from "../form.js";
import { count } from "../format.js";
import { heading, lede } from "../parts.js";
import { fields } from "../schema.js";

const FIRST = ["epochs", "train_samples", "batch_size", "optimizer.name", "optimizer.learning_rate", "seed"];
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
  let idempotencyKey = crypto.randomUUID();
  form.addEventListener("input", () => {
    idempotencyKey = crypto.randomUUID();
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

/** Rows of a field and the values it is to have. */
function gridEditor(found) {
  const paths = found.filter(({ type, gate }) => type !== "map" && !gate).map(({ path }) => path);
  const rows = [];
  const holder = h("div", { class: "stack" });
  const add = () => {
    const row = gridRow(paths, () => rows.splice(rows.indexOf(row), 1));
    rows.push(row);
    holder.append(row.element);
    row.input.focus();
  };
  return {
    element: h(
      "fieldset",
      { class: "boxed" },
      h("legend", {}, "Grid"),
      h(
        "div",
        { class: "stack" },
        h("small", { class: "hint" }, "Every combination of these values is trained."),
        holder,
        h("div", {}, h("button", { type: "button", class: "small", onclick: add }, "Add a field")),
      ),
    ),
    value: () => Object.fromEntries(rows.map(({ path, input }) => [path.value, list(input.value)])),
    places: () => rows,
  };
}

function gridRow(paths, onremove) {
  const refusal = h("p", { class: "refusal", id: uid("grid-refusal") });
  const path = h(
    "select",
    {
      "aria-label": "Field of the grid",
      onchange: () => {
        row.name = input.name = `grid.${path.value}`;
      },
    },
    paths.map((name) => h("option", { value: name, selected: name === "optimizer.learning_rate" }, name)),
  );
  const input = h("input", {
    type: "text",
    "aria-label": "Values of the field, separated by commas",
    placeholder: "0.001, 0.01",
    name: `grid.${path.value}`,
    "aria-describedby": refusal.id,
  });
  const remove = () => {
    onremove();
    input.dispatchEvent(new Event("input", { bubbles: true })); // the request is another one now
    element.remove();
  };
  const element = h(
    "div",
    { class: "stack grid-row" },
    h(
      "div",
      { class: "row" },
      h("div", { class: "grid-path" }, path),
      h("div", { class: "grid-values" }, input),
      h("button", { type: "button", class: "small", onclick: remove }, "Remove"),
    ),
    refusal,
  );
  const row = { name: input.name, input, refusal, element, path };
  return row;
}

/** Numbers, true, false and null as such; anything else is a word. What a value may be, the server knows. */
function list(text) {
  return text
    .split(",")
    .map((part) => part.trim())
    .filter((part) => part !== "")
    .map((part) => {
      try {
        return JSON.parse(part);
      } catch {
        return part;
      }
    });
}
