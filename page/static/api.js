// The public HTTP API, the only thing this page asks anything of.

const KEY = "activation-lab-key";

/** Jobs that `v1/compare` takes. */
export const MOST_COMPARED = 24;

/** An answer that is a problem (RFC 9457). */
export class ApiError extends Error {
  /** @param {{status: number, code: string, detail: string, errors?: {pointer: string, message: string}[]}} problem */
  constructor(problem) {
    super(problem.detail);
    Object.assign(this, { status: problem.status, code: problem.code, errors: problem.errors ?? [] });
  }
}

/** Nobody answered: the service is away, or the network is. */
export class Unreachable extends Error {
  constructor(cause) {
    super("The service does not answer. Is it running?", { cause });
  }
}

export const key = {
  get: () => sessionStorage.getItem(KEY),
  set: (value) => sessionStorage.setItem(KEY, value),
};

/** @type {() => Promise<void>} asks the visitor for a key; main.js says how */
let askForKey = async () => {
  throw new Error("nobody to ask for an API key");
};
export const onUnauthorized = (ask) => {
  askForKey = ask;
};

/**
 * @param {string} path without a leading slash, so that the service may live below another path
 * @returns {Promise<Response>} an answer that is no error
 */
export async function request(path, { headers = {}, ...options } = {}) {
  for (;;) {
    const used = key.get();
    const response = await reach(path, { ...options, headers: { ...headers, ...bearer(used) } });
    if (response.ok) return response;
    if (response.status !== 401) throw new ApiError(await problem(response));
    await renewKey(used);
    options.signal?.throwIfAborted();
  }
}

/** Asks for another key than the one that was refused, unless somebody has given one since. */
export async function renewKey(used) {
  if (key.get() === used) await askForKey(used !== null);
}

const bearer = (used) => (used === null ? {} : { Authorization: `Bearer ${used}` });

async function reach(path, options) {
  try {
    return await fetch(path.replace(/^\//, ""), options);
  } catch (error) {
    if (error.name === "AbortError") throw error;
    throw new Unreachable(error);
  }
}

async function problem(response) {
  const said = { status: response.status, code: "error", detail: `The service answered ${response.status}.` };
  try {
    return { ...said, ...(await response.json()) };
  } catch {
    return said; // a proxy's page, no problem of ours
  }
}

export const get = async (path, signal) => (await request(path, { signal })).json();

export async function post(path, body, { signal, headers = {} } = {}) {
  const sent =
    body === undefined
      ? {}
      : { body: JSON.stringify(body), headers: { "Content-Type": "application/json", ...headers } };
  return (await request(path, { method: "POST", signal, headers, ...sent })).json();
}

/** 128 random bits, also where the page did not come over TLS: there crypto has no randomUUID. */
export const randomKey = () =>
  Array.from(crypto.getRandomValues(new Uint8Array(16)), (byte) => byte.toString(16).padStart(2, "0")).join("");

/** @param {object} changes a merge patch (RFC 7396) */
export async function patch(path, changes) {
  const headers = { "Content-Type": "application/json" };
  return (await request(path, { method: "PATCH", headers, body: JSON.stringify(changes) })).json();
}

export const remove = (path) => request(path, { method: "DELETE" });

const kept = new Map();

/** Asked for once: what does not change while the page is open. */
export function once(path) {
  if (!kept.has(path)) {
    const asked = get(path);
    asked.catch(() => kept.delete(path));
    kept.set(path, asked);
  }
  return kept.get(path);
}

export const catalog = async () => (await once("v1/activations")).data;
export const schemas = async () => (await once("openapi.json")).components.schemas;

/** `?a=1&b=2` of what is neither null nor empty. */
export function query(values) {
  const given = Object.entries(values).filter(([, value]) => value !== null && value !== undefined && value !== "");
  return given.length ? `?${new URLSearchParams(given)}` : "";
}
