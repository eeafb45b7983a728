// About how long a request will take, from what earlier jobs were measured to do here; or that nobody knows yet.

const ARCHIVE = 60_000;
const TEST_SET = 10_000;
const DEFAULTS = { epochs: 10, batch_size: 128, train_samples: null, precision: "float32", device: "auto" };
const ARTICLE_EPOCHS = 100;
const FEW = 3;
const MORE_OR_LESS = 1.4; // where fewer jobs were measured, or none like this one

/** Images that train and that validate, as jobs/spec.py has it. */
function images(spec) {
  const onTestSet = spec.protocol === "article" || spec.validation?.kind === "test";
  const available = onTestSet ? ARCHIVE : Math.floor(ARCHIVE * (1 - (spec.validation?.fraction ?? 0.2)));
  return { training: spec.train_samples ?? available, validating: onTestSet ? TEST_SET : ARCHIVE - available };
}

const epochsOf = (spec) => spec.epochs ?? (spec.protocol === "article" ? ARTICLE_EPOCHS : DEFAULTS.epochs);

/**
 * Seconds that one image takes in training and in validation, and an epoch beside its images. Validation is no slower
 * than training: what is left of the time is the epoch's own.
 *
 * @returns {{training: number, validating: number, epoch: number}|null}
 */
function pace({ spec, latest }) {
  if (!latest || !(latest.images_per_second > 0) || !(latest.epoch_seconds > 0)) return null;
  const { training: trained, validating: validated } = images(spec);
  const training = 1 / latest.images_per_second;
  const rest = Math.max(0, latest.epoch_seconds - trained * training);
  const validating = Math.min(training, rest / validated);
  return { training, validating, epoch: rest - validated * validating };
}

const same = (spec, other, names) =>
  names.every((name) => (spec[name] ?? DEFAULTS[name]) === (other[name] ?? DEFAULTS[name]));

/** The jobs most like this one that there are, and whether they are alike enough to be trusted. */
function alike(spec, measured) {
  const near = measured.filter(({ job }) => same(spec, job.spec, ["batch_size", "precision", "device"]));
  const nearest = near.filter(({ job }) => job.spec.activation === spec.activation);
  if (nearest.length >= FEW) return { chosen: nearest, sure: true };
  if (near.length) return { chosen: near, sure: near.length >= FEW };
  return { chosen: measured, sure: false };
}

/**
 * @param {object[]} specs of the jobs that are asked for, defaults left out
 * @param {object[]} jobs earlier ones, as the API answers them
 * @param {number} workers how many train at once
 * @returns {{jobs: number, epochs: number, low: number|null, high?: number, measured?: number}} seconds from the first
 *   start to the last end, between low and high, by so many jobs; null where nothing was measured
 */
export function estimate(specs, jobs, workers) {
  const epochs = specs.reduce((sum, spec) => sum + epochsOf(spec), 0);
  const measured = jobs.map((job) => ({ job, pace: pace(job) })).filter(({ pace: found }) => found !== null);
  if (!measured.length || !specs.length) return { jobs: specs.length, epochs, low: null };
  let [low, high] = [0, 0];
  const used = new Set();
  for (const spec of specs) {
    const { chosen, sure } = alike(spec, measured);
    const { training, validating } = images(spec);
    const seconds = chosen.map(({ pace: one }) => {
      const epoch = training * one.training + validating * one.validating + one.epoch;
      return epochsOf(spec) * epoch + TEST_SET * one.validating;
    });
    low += Math.min(...seconds) / (sure ? 1 : MORE_OR_LESS);
    high += Math.max(...seconds) * (sure ? 1 : MORE_OR_LESS);
    for (const { job } of chosen) used.add(job.id);
  }
  const atOnce = Math.max(1, Math.min(workers, specs.length));
  const longest = Math.max(1, Math.ceil(specs.length / atOnce) * atOnce) / specs.length;
  return { jobs: specs.length, epochs, low: low / atOnce, high: (high * longest) / atOnce, measured: used.size };
}
