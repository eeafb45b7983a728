// Estimates how long jobs will take, from the measurements of earlier jobs.

const ARCHIVE = 60_000;
const TEST_SET = 10_000;
const DEFAULTS = { epochs: 10, batch_size: 128, train_samples: null, precision: "float32", device: "auto" };
const ARTICLE_EPOCHS = 100;
const ENOUGH_JOBS = 3;
const UNCERTAINTY = 1.4; // a factor, if few jobs or only different ones were measured

/** The numbers of training and validation images, as in jobs/spec.py. */
function countImages(spec) {
  const onTestSet = spec.protocol === "article" || spec.validation?.kind === "test";
  const available = onTestSet ? ARCHIVE : Math.floor(ARCHIVE * (1 - (spec.validation?.fraction ?? 0.2)));
  return { training: spec.train_samples ?? available, validating: onTestSet ? TEST_SET : ARCHIVE - available };
}

const countEpochs = (spec) => spec.epochs ?? (spec.protocol === "article" ? ARTICLE_EPOCHS : DEFAULTS.epochs);

/**
 * Seconds per image in training and in validation, and the rest of an epoch. Validation is assumed to be no slower than
 * training; the remaining time belongs to the epoch.
 *
 * @returns {{training: number, validating: number, epoch: number}|null}
 */
function measurePace({ spec, latest }) {
  if (!latest || !(latest.images_per_second > 0) || !(latest.epoch_seconds > 0)) return null;
  const { training: trained, validating: validated } = countImages(spec);
  const training = 1 / latest.images_per_second;
  const rest = Math.max(0, latest.epoch_seconds - trained * training);
  const validating = Math.min(training, rest / validated);
  return { training, validating, epoch: rest - validated * validating };
}

const isSame = (spec, other, names) =>
  names.every((name) => (spec[name] ?? DEFAULTS[name]) === (other[name] ?? DEFAULTS[name]));

/** The most similar jobs, and whether they are similar enough to be reliable. */
function findSimilar(spec, measured) {
  const near = measured.filter(({ job }) => isSame(spec, job.spec, ["batch_size", "precision", "device"]));
  const nearest = near.filter(({ job }) => job.spec.activation === spec.activation);
  if (nearest.length >= ENOUGH_JOBS) return { chosen: nearest, sure: true };
  if (near.length) return { chosen: near, sure: near.length >= ENOUGH_JOBS };
  return { chosen: measured, sure: false };
}

/**
 * @param {object[]} specs of the requested jobs, without defaults
 * @param {object[]} jobs earlier jobs from the API
 * @param {number} workers number of workers
 * @returns {{jobs: number, epochs: number, low: number|null, high?: number, measured?: number}} seconds from the first
 *   start to the last end, between low and high, based on `measured` jobs; null if nothing was measured
 */
export function estimate(specs, jobs, workers) {
  const epochs = specs.reduce((sum, spec) => sum + countEpochs(spec), 0);
  const measured = jobs.map((job) => ({ job, pace: measurePace(job) })).filter(({ pace: found }) => found !== null);
  if (!measured.length || !specs.length) return { jobs: specs.length, epochs, low: null };
  let [low, high] = [0, 0];
  const used = new Set();
  for (const spec of specs) {
    const { chosen, sure } = findSimilar(spec, measured);
    const { training, validating } = countImages(spec);
    const seconds = chosen.map(({ pace: one }) => {
      const epoch = training * one.training + validating * one.validating + one.epoch;
      return countEpochs(spec) * epoch + TEST_SET * one.validating;
    });
    low += Math.min(...seconds) / (sure ? 1 : UNCERTAINTY);
    high += Math.max(...seconds) * (sure ? 1 : UNCERTAINTY);
    for (const { job } of chosen) used.add(job.id);
  }
  const atOnce = Math.max(1, Math.min(workers, specs.length));
  const longest = Math.max(1, Math.ceil(specs.length / atOnce) * atOnce) / specs.length;
  return { jobs: specs.length, epochs, low: low / atOnce, high: (high * longest) / atOnce, measured: used.size };
}
