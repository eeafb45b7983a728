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

/** A view's modules are not here: the service is away, or the network is. */
export class NotLoaded extends Error {
  constructor(cause) {
    super("This view did not load. Is the service running?", { cause });
  }
}

/** Loads every view before it is asked for, so that it is there when the network is not. */
export const loadAll = () => Promise.allSettled(ROUTES.map(({ load }) => load()));

function compiled(pattern) {
  return new RegExp(`^${pattern.replace(":id", "(?<id>[^/]+)")}/?$`);
}

/** @returns {{section: string, load: () => Promise<object>, id: string|undefined}|null} */
export function route(path) {
  for (const { pattern, section, load } of ROUTES) {
    const match = pattern.exec(path);
    if (match) return { section, load: () => loaded(load), id: match.groups?.id };
  }
  return null;
}

async function loaded(load) {
  try {
    return await load();
  } catch (error) {
    throw new NotLoaded(error);
  }
}
