// From an address's path to its view.

const ROUTES = [
  ["/explore", "Explore", () => import("./views/explore.js")],
  ["/depth", "Depth", () => import("./views/depth.js")],
  ["/train", "Train", () => import("./views/train.js")],
  ["/train/sweep", "Train", () => import("./views/train.js")],
  ["/jobs", "Jobs", () => import("./views/jobs.js")],
  ["/jobs/:id", "Jobs", () => import("./views/job.js")],
  ["/sweeps", "Sweeps", () => import("./views/sweeps.js")],
  ["/sweeps/:id", "Sweeps", () => import("./views/sweep.js")],
  ["/compare", "Compare", () => import("./views/compare.js")],
  ["/draw", "Draw", () => import("./views/draw.js")],
].map(([pattern, section, load]) => ({ pattern: compiled(pattern), section, load }));

function compiled(pattern) {
  return new RegExp(`^${pattern.replace(":id", "(?<id>[^/]+)")}/?$`);
}

/** @returns {{section: string, load: () => Promise<object>, id: string|undefined}|null} */
export function route(path) {
  for (const { pattern, section, load } of ROUTES) {
    const match = pattern.exec(path);
    if (match) return { section, load, id: match.groups?.id };
  }
  return null;
}
