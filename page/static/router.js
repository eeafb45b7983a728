// Maps paths to views.

const ROUTES = [
  ["/explore", "Explore", () => import("./views/explore.js")],
  ["/define", "Define", () => import("./views/define.js")],
  ["/depth", "Depth", () => import("./views/depth.js")],
  ["/train", "Train", () => import("./views/train.js")],
  ["/train/sweep", "Train", () => import("./views/train.js")],
  ["/jobs", "Jobs", () => import("./views/jobs.js")],
  ["/jobs/:id", "Jobs", () => import("./views/job.js")],
  ["/sweeps", "Sweeps", () => import("./views/sweeps.js")],
  ["/sweeps/:id", "Sweeps", () => import("./views/sweep.js")],
  ["/compare", "Compare", () => import("./views/compare.js")],
  ["/draw", "Draw", () => import("./views/draw.js")],
].map(([pattern, section, load]) => ({ pattern: compilePattern(pattern), section, load }));

/** A view's modules could not be loaded: the service or the network is down. */
export class ViewNotLoaded extends Error {
  constructor(cause) {
    super("The view did not load. Is the service running?", { cause });
  }
}

/** Loads all views in advance, so that they open without a network. */
export const loadAllViews = () => Promise.allSettled(ROUTES.map(({ load }) => load()));

function compilePattern(pattern) {
  return new RegExp(`^${pattern.replace(":id", "(?<id>[^/]+)")}/?$`);
}

/** @returns {{section: string, load: () => Promise<object>, id: string|undefined}|null} */
export function findRoute(path) {
  for (const { pattern, section, load } of ROUTES) {
    const match = pattern.exec(path);
    if (match) return { section, load: () => loadView(load), id: match.groups?.id };
  }
  return null;
}

async function loadView(load) {
  try {
    return await load();
  } catch (error) {
    throw new ViewNotLoaded(error);
  }
}
