// From the address to a view, and back. `#/jobs/ID?a=b`: a path and a query, both after the hash.

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

/** @returns {{path: string, query: URLSearchParams}} */
export function address() {
  const [path, query = ""] = location.hash.slice(1).split(/\?(.*)/s);
  return { path: path || "/explore", query: new URLSearchParams(query) };
}

/** @returns {{section: string, load: () => Promise<object>, id: string|undefined}|null} */
export function route(path) {
  for (const { pattern, section, load } of ROUTES) {
    const match = pattern.exec(path);
    if (match) return { section, load, id: match.groups?.id && decodeURIComponent(match.groups.id) };
  }
  return null;
}

/** Rewrites the address's query; no step of the visitor's way, so neither back nor a new view. */
export function setQuery(values) {
  const query = new URLSearchParams();
  for (const [name, value] of Object.entries(values))
    if (value !== null && value !== undefined && value !== "") query.set(name, value);
  const text = String(query).replaceAll("%2C", ",");
  history.replaceState(null, "", `#${address().path}${text ? `?${text}` : ""}`);
}

export const go = (hash) => {
  location.hash = hash;
};
