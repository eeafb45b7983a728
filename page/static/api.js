// Requests to the public HTTP API, the only service that this page uses.

const KEY = "activation-lab-key";

/** The largest number of jobs that `v1/compare` accepts. */
export const MAX_COMPARED = 24;

/** An answer that is a problem (RFC 9457). */
export class ApiError extends Error {
  /**
   * @typedef {{pointer: string, message: string, rule: string, limit?: number}} FieldError
   * @param {{status: number, code: string, detail: string, errors?: FieldError[]}} problem
   */
  constructor(problem) {
    super(problem.detail);
    Object.assign(this, { status: problem.status, code: problem.code, errors: problem.errors ?? [] });
  }
}

/** No response: the service or the network is down. */
export class Unreachable extends Error {
  constructor(cause) {
    super("The service does not answer. Is it running?", { cause });
  }
}

export const key = {
  get: () => sessionStorage.getItem(KEY),
  set: (value) => sessionStorage.setItem(KEY, value),
};

/** @typedef {"missing"|"unknown"|"ended"} KeyProblem "ended": accepted earlier, revoked or expired since */

/** @type {(problem: KeyProblem) => Promise<void>} prompts the visitor for a key; set by main.js */
let promptForKey = async () => {
  throw new Error("no prompt for an API key is set");
};
export const setKeyPrompt = (prompt) => {
  promptForKey = prompt;
};

let accepted = null; // the key that the service accepted last

/**
 * @param {string} path without a leading slash, so that the service may live below another path
 * @returns {Promise<Response>} an answer that is no error
 */
export async function request(path, { headers = {}, ...options } = {}) {
  for (;;) {
    const used = key.get();
    const response = await fetchOrFail(path, { ...options, headers: { ...headers, ...authorize(used) } });
    if (response.status !== 401) accepted = used;
    if (response.ok) return response;
    if (response.status !== 401) throw new ApiError(await readProblem(response));
    await renewKey(used);
    options.signal?.throwIfAborted();
  }
}

/** Prompts for a key to replace the rejected one, unless another has been entered since. */
export async function renewKey(used) {
  if (key.get() === used) await promptForKey(describeKeyProblem(used));
}

const describeKeyProblem = (used) => (used === null ? "missing" : used === accepted ? "ended" : "unknown");

const authorize = (used) => (used === null ? {} : { Authorization: `Bearer ${used}` });

async function fetchOrFail(path, options) {
  try {
    return await fetch(path.replace(/^\//, ""), options);
  } catch (error) {
    if (error.name === "AbortError") throw error;
    throw new Unreachable(error);
  }
}

async function readProblem(response) {
  const fallback = { status: response.status, code: "error", detail: `The service answered ${response.status}.` };
  try {
    return { ...fallback, ...(await response.json()) };
  } catch {
    return fallback; // an error page of a proxy, not a problem document
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

/** 128 random bits. `crypto.randomUUID` exists only on pages loaded over TLS. */
export const createRandomKey = () =>
  Array.from(crypto.getRandomValues(new Uint8Array(16)), (byte) => byte.toString(16).padStart(2, "0")).join("");

/** @param {object} changes a merge patch (RFC 7396) */
export async function patch(path, changes) {
  const headers = { "Content-Type": "application/json" };
  return (await request(path, { method: "PATCH", headers, body: JSON.stringify(changes) })).json();
}

export const remove = (path) => request(path, { method: "DELETE" });

const cache = new Map();

/** Fetches once what does not change while the page is open. */
export function getOnce(path) {
  if (!cache.has(path)) {
    const response = get(path);
    response.catch(() => cache.delete(path));
    cache.set(path, response);
  }
  return cache.get(path);
}

/** The catalog and the activations that clients defined since; each view asks again. */
export async function loadCatalog() {
  const found = [];
  let cursor = null;
  do {
    const page = await get(`v1/activations${queryString({ cursor })}`);
    found.push(...page.data);
    cursor = page.next_cursor ?? null;
  } while (cursor !== null);
  return found;
}
export const loadSchemas = async () => (await getOnce("openapi.json")).components.schemas;

/** `?a=1&b=2` without null, undefined and empty values. */
export function queryString(values) {
  const given = Object.entries(values).filter(([, value]) => value !== null && value !== undefined && value !== "");
  return given.length ? `?${new URLSearchParams(given)}` : "";
}
