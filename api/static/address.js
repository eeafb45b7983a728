// Where a visitor is: `#/jobs/ID?a=b`, a path and a query, both after the hash.

/** @returns {{path: string, query: URLSearchParams}} */
export function address() {
  const [path, query = ""] = location.hash.slice(1).split(/\?(.*)/s);
  return { path: path || "/explore", query: new URLSearchParams(query) };
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
