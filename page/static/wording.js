// What the fields of a job are called for people, here and nowhere else: the API's names are for programs.

import { capital, words } from "./format.js";

/**
 * @typedef {object} Wording
 * @property {string} label
 * @property {string} [hint]
 * @property {string} [empty] what no value means; also how it is written
 * @property {Record<string, string>} [choices] what a value is called
 */

/** @type {Record<string, Wording>} */
const FIELDS = {
  activation: { label: "Activation" },
  activations: { label: "Activations", hint: "Each is trained with every seed and every combination of values." },
  epochs: { label: "Epochs", hint: "How often the network sees every training image." },
  batch_size: { label: "Batch size", hint: "Images a step." },
  "optimizer.name": {
    label: "Optimizer",
    hint: "The rule that updates the weights.",
    choices: { adam: "Adam", sgd: "SGD", adamw: "AdamW", rmsprop: "RMSprop" },
  },
  "optimizer.learning_rate": { label: "Learning rate", hint: "The optimizer’s step size." },
  "optimizer.momentum": { label: "Momentum", hint: "Of SGD and RMSprop alone.", empty: "none" },
  "optimizer.weight_decay": {
    label: "Weight decay",
    hint: "Pulls the weights towards zero. AdamW takes 0.004 where this is empty, the others none.",
    empty: "as the optimizer has it",
  },
  clip: {
    label: "Clip the gradients",
    hint: "Keeps single steps from being too large.",
    empty: "no",
    choices: { on: "yes", off: "no" },
  },
  "clip.by": {
    label: "Clip by",
    hint: "Value: each number is cut off at the threshold. Norm: each tensor is scaled down to it.",
    choices: { value: "value", norm: "norm" },
  },
  "clip.threshold": { label: "Clipping threshold", hint: "In units of the gradient." },
  loss: {
    label: "Loss",
    hint: "What training minimizes; the article’s is binary cross-entropy.",
    choices: { binary_crossentropy: "binary cross-entropy", cross_entropy: "cross-entropy" },
  },
  "dropout.convolution": { label: "Dropout after the convolutions", hint: "Fraction of outputs that is dropped." },
  "dropout.dense": { label: "Dropout after the dense layer", hint: "Fraction of outputs that is dropped." },
  initializer: {
    label: "Initial weights",
    hint: "Automatic is LeCun normal for SELU, else Glorot uniform.",
    choices: {
      auto: "automatic",
      glorot_uniform: "Glorot uniform",
      lecun_normal: "LeCun normal",
      he_normal: "He normal",
      torch_default: "PyTorch’s default",
    },
  },
  "validation.kind": {
    label: "Validation images",
    hint: "What the network is judged by after every epoch.",
    choices: { holdout: "the last training images", test: "the test set" },
  },
  "validation.fraction": { label: "Held out", hint: "Fraction of the 60,000 training images that validates." },
  protocol: {
    label: "Protocol",
    hint: "As published: all 60,000 images train, and the test set validates.",
    empty: "your own",
    choices: { article: "as published" },
  },
  train_samples: { label: "Training images", hint: "Fewer are quicker. Empty: all that there are.", empty: "all" },
  seed: { label: "Seed", hint: "Decides initial weights, order of the images and dropout." },
  seeds: { label: "Seeds", hint: "Each is one repetition. For example 1-5, or 1, 3, 7-9." },
  precision: {
    label: "Precision",
    hint: "bfloat16 is quicker where the device has it.",
    choices: { float32: "float32", bfloat16: "bfloat16 (mixed)" },
  },
  device: {
    label: "Device",
    hint: "Automatic is the GPU where there is one.",
    choices: { auto: "automatic", cpu: "CPU", cuda: "GPU (CUDA)" },
  },
  diagnostics: { label: "Measure each layer after every epoch", hint: "" },
  checkpoint_every: { label: "Epochs between checkpoints", hint: "A lost worker’s job goes on from the last one." },
  metadata: { label: "Other words", hint: "To find it again; a line each, such as: project = thesis" },
  "metadata.name": { label: "Name", hint: "Shown wherever the job is." },
  "metadata.note": { label: "Note", hint: "Why you train it, for instance." },
};

/** A field by its dotted path; one that has no words yet is called by the end of its path. @returns {Wording} */
export function wording(path) {
  return hasWords(path) ? FIELDS[path] : { label: capital(words(path.split(".").at(-1))) };
}

export const hasWords = (path) => Object.hasOwn(FIELDS, path);
export const called = (path) => wording(path).label;

/** A field's value as people read it. */
export function valueText(path, value) {
  const { choices = {}, empty = "none" } = wording(path);
  if (value === null || value === undefined) return empty;
  if (typeof value === "boolean") return value ? "yes" : "no";
  if (typeof value === "number") return String(value);
  if (typeof value === "object") return Object.values(value).map((inner) => valueText("", inner)).join(" ");
  return choices[value] ?? words(String(value));
}

/** A value as somebody typed it, in the page's words or in the API's; undefined where it is none of the field's. */
export function valueOfText(path, text, { type, choices = [], nullable }) {
  const { choices: names = {}, empty = "none" } = wording(path);
  const low = text.trim().toLowerCase();
  if (nullable && [empty, "none", "null"].includes(low)) return null;
  if (type === "boolean") return { yes: true, true: true, on: true, no: false, false: false, off: false }[low];
  if (type === "integer" || type === "number") return low === "" || Number.isNaN(Number(low)) ? undefined : Number(low);
  if (type === "choice") return choices.find((word) => [word, names[word]?.toLowerCase(), words(word)].includes(low));
  return text.trim();
}
