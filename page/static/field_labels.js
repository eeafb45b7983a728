// Labels and hints for the fields of a job; the API's field names are for programs.

import { capitalize, humanize } from "./format.js";

/**
 * @typedef {object} FieldText
 * @property {string} label
 * @property {string} [hint]
 * @property {string} [empty] the label of null; accepted as input too
 * @property {Record<string, string>} [choices] labels of values
 */

/** @type {Record<string, FieldText>} */
const FIELDS = {
  activation: { label: "Activation" },
  formula: { label: "Formula", empty: "the catalog’s" },
  trainable: { label: "Parameters that learn", empty: "none" },
  "trainable.parameters": {
    label: "Parameters that learn",
    hint: "Each begins with its value above and is trained with the weights.",
  },
  "trainable.per": {
    label: "A value of its own for",
    hint: "Each channel: as in PReLU.",
    choices: { layer: "each layer", channel: "each channel", network: "the network" },
  },
  "trainable.weight_decay": { label: "Their weight decay", hint: "Pulls these parameters towards zero." },
  activations: { label: "Activations", hint: "Each is trained with every seed and every combination of values." },
  epochs: { label: "Epochs", hint: "Passes over all training images." },
  batch_size: { label: "Batch size", hint: "Images per step." },
  "optimizer.name": {
    label: "Optimizer",
    hint: "The rule that updates the weights.",
    choices: { adam: "Adam", sgd: "SGD", adamw: "AdamW", rmsprop: "RMSprop" },
  },
  "optimizer.learning_rate": { label: "Learning rate", hint: "The optimizer’s step size." },
  "optimizer.momentum": { label: "Momentum", hint: "Only for SGD and RMSprop.", empty: "none" },
  "optimizer.weight_decay": {
    label: "Weight decay",
    hint: "Pulls the weights towards zero. Empty: 0.004 for AdamW, none for the others.",
    empty: "the optimizer’s default",
  },
  clip: {
    label: "Clip the gradients",
    hint: "Limits the size of single steps.",
    empty: "no",
    choices: { on: "yes", off: "no" },
  },
  "clip.by": {
    label: "Clip by",
    hint: "Value: limits each number to the threshold. Norm: scales each tensor down to it.",
    choices: { value: "value", norm: "norm" },
  },
  "clip.threshold": { label: "Clipping threshold", hint: "In units of the gradient." },
  loss: {
    label: "Loss",
    hint: "The quantity that training minimizes; the article uses binary cross-entropy.",
    choices: { binary_crossentropy: "binary cross-entropy", cross_entropy: "cross-entropy" },
  },
  "dropout.convolution": { label: "Dropout after the convolutions", hint: "Fraction of outputs dropped in training." },
  "dropout.dense": { label: "Dropout after the dense layer", hint: "Fraction of outputs dropped in training." },
  initializer: {
    label: "Initial weights",
    hint: "Automatic: LeCun normal for SELU, Glorot uniform otherwise.",
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
    hint: "Images for the evaluation after each epoch.",
    choices: { holdout: "the last training images", test: "the test set" },
  },
  "validation.fraction": { label: "Held out", hint: "Fraction of the 60,000 training images used for validation." },
  protocol: {
    label: "Protocol",
    hint: "As published: trains on all 60,000 images and validates on the test set.",
    empty: "custom",
    choices: { article: "as published" },
  },
  train_samples: { label: "Training images", hint: "Fewer images train faster. Empty: all.", empty: "all" },
  seed: { label: "Seed", hint: "Determines initial weights, image order and dropout." },
  seeds: { label: "Seeds", hint: "One repetition per seed, for example 1-5 or 1, 3, 7-9." },
  precision: {
    label: "Precision",
    hint: "bfloat16 is faster on devices that support it.",
    choices: { float32: "float32", bfloat16: "bfloat16 (mixed)" },
  },
  device: {
    label: "Device",
    hint: "Automatic: the GPU if there is one.",
    choices: { auto: "automatic", cpu: "CPU", cuda: "GPU (CUDA)" },
  },
  diagnostics: { label: "Measure each layer after every epoch", hint: "" },
  checkpoint_every: {
    label: "Epochs between checkpoints",
    hint: "After losing its worker, a job resumes from the last checkpoint.",
  },
  metadata: { label: "Other metadata", hint: "One entry per line, such as: project = thesis" },
  "metadata.name": { label: "Name", hint: "Shown wherever the job is listed." },
  "metadata.note": { label: "Note", hint: "For example the purpose of the job." },
};

/** The texts of a field by its dotted path; without an entry, a label from its name. @returns {FieldText} */
export function describeField(path) {
  return hasLabel(path) ? FIELDS[path] : { label: capitalize(humanize(path.split(".").at(-1))) };
}

const hasLabel = (path) => Object.hasOwn(FIELDS, path);
export const labelOf = (path) => describeField(path).label;

/** Formats a field's value for people. */
export function formatValue(path, value) {
  const { choices = {}, empty = "none" } = describeField(path);
  if (value === null || value === undefined) return empty;
  if (typeof value === "boolean") return value ? "yes" : "no";
  if (typeof value === "number") return String(value);
  if (typeof value === "object")
    return Object.values(value)
      .map((inner) => formatValue("", inner))
      .join(" ");
  return choices[value] ?? humanize(String(value));
}

/** "batch size 64" */
export const describeSetting = (path, value) => `${labelOf(path).toLowerCase()} ${formatValue(path, value)}`;

/** Parses a typed value, written in the page's words or the API's; undefined if it is invalid for the field. */
export function parseValue(path, text, { type, choices = [], nullable }) {
  const { choices: names = {}, empty = "none" } = describeField(path);
  const low = text.trim().toLowerCase();
  if (nullable && [empty, "none", "null"].includes(low)) return null;
  if (type === "boolean") return { yes: true, true: true, on: true, no: false, false: false, off: false }[low];
  if (type === "integer" || type === "number") return low === "" || Number.isNaN(Number(low)) ? undefined : Number(low);
  if (type === "choice")
    return choices.find((word) => [word, names[word]?.toLowerCase(), humanize(word)].includes(low));
  return text.trim();
}
