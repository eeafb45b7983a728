// Parses seeds: `1-5` and `1, 3, 7-9`.

const LARGEST = 2 ** 32 - 1;
const MOST = 512;

/**
 * @param {string} text
 * @returns {{seeds: number[], wrong: string|null}} the seeds in the order given, or a message if they are invalid
 */
export function parseSeeds(text) {
  const parts = text
    .replaceAll(/(\d)\s*[-–—]\s*(?=\d)/g, "$1-")
    .split(/[,;\s]+/)
    .filter(Boolean);
  const seeds = [];
  const refuse = (wrong) => ({ seeds: [], wrong });
  if (!parts.length) return refuse("Enter at least one seed, such as 0 or 1-5.");
  for (const part of parts) {
    const match = /^(\d+)(?:-(\d+))?$/.exec(part);
    if (!match) return refuse(`“${part}” is no seed: enter whole numbers and ranges, such as 1, 3, 7-9.`);
    const [first, last] = [Number(match[1]), Number(match[2] ?? match[1])];
    if (last < first) return refuse(`${part} is in descending order: enter ${last}-${first}.`);
    if (last > LARGEST) return refuse(`A seed is at most ${LARGEST.toLocaleString("en")}.`);
    if (last - first >= MOST || seeds.length + last - first >= MOST) return refuse(`At most ${MOST} seeds.`);
    for (let seed = first; seed <= last; seed += 1) seeds.push(seed);
  }
  const twice = seeds.find((seed, index) => seeds.indexOf(seed) !== index);
  if (twice !== undefined) return refuse(`${twice} is repeated.`);
  return { seeds, wrong: null };
}
