// The visitor's address: `#/jobs/ID?a=b`, a path and a query, both after the hash.

/** @returns {{path: string, query: URLSearchParams}} */
export function readAddress() {
  const [path, query = ""] = location.hash.slice(1).split(/\?(.*)/s);
  return { path: path || "/explore", query: new URLSearchParams(query) };
}

/**
 * Replaces the query in the address without rebuilding the view. Only a `step` adds an entry to the history, so that
 * Back returns to the query before it.
 *
 * @param {Record<string, unknown>} values
 * @param {{step?: boolean, state?: unknown}} [how] `state` is what `history.state` is to be at this place
 */
export function setQuery(values, { step = false, state = null } = {}) {
  const query = new URLSearchParams();
  for (const [name, value] of Object.entries(values))
    if (value !== null && value !== undefined && value !== "") query.set(name, value);
  const text = String(query).replaceAll("%2C", ",");
  const hash = `#${readAddress().path}${text ? `?${text}` : ""}`;
  if (step) history.pushState(state, "", hash);
  else history.replaceState(state, "", hash);
}

export const go = (hash) => {
  location.hash = hash;
};
