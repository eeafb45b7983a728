// Follows jobs and sweeps live over one connection for all tabs, only while this tab is visible.

import { ApiError, key, renewKey } from "./api.js";
import { createConnections } from "./shared_connection.js";

const KEEPALIVE_MS = 20_000; // the worker drops tabs that are silent for longer
const WORKER_TIMEOUT_MS = 30_000; // without an answer the worker is gone; a busy machine takes seconds
const WORKER = "activation-lab streams 3"; // increase when the messages change: old tabs keep their worker

/**
 * @typedef {object} Follower
 * @property {string} path `jobs/ID` or `sweeps/ID`
 * @property {string} position of the last event received
 * @property {(event: {kind: string, data: any}) => void} onEvent
 * @property {(state: "live"|"reconnecting"|"ended") => void} onState
 * @property {(problem?: object) => void} done
 */

/** Followers by id; ids are renewed when the page becomes visible again. @type {Map<string, Follower>} */
let followers = new Map();
let line = null;
let count = 0;
let workerTimer;
let sentKey = null;

/**
 * Follows a stream to its end. After an outage, or when the page becomes visible again, it resumes after the last event
 * received. Event `reset` means that everything before it is void.
 *
 * @param {string} path `v1/jobs/ID/stream` or `v1/sweeps/ID/stream`
 * @param {object} how
 * @param {AbortSignal} how.signal
 * @param {Follower["onEvent"]} how.onEvent
 * @param {Follower["onState"]} how.onState
 * @returns {Promise<void>} rejects with an ApiError if the service refuses, never because of an outage
 */
export function follow(path, { signal, onEvent, onState }) {
  return new Promise((resolve, reject) => {
    const follower = { path: decodeURIComponent(path.replace(/^v1\/|\/stream$/g, "")), position: "", onEvent, onState };
    follower.done = (problem) => {
      followers = new Map([...followers].filter(([, one]) => one !== follower));
      if (problem) reject(new ApiError(problem));
      else resolve();
    };
    signal.addEventListener("abort", () => {
      follower.done();
      sync();
    });
    if (signal.aborted) return resolve();
    followers.set(nextId(), follower);
    sync();
  });
}

const nextId = () => String((count += 1));

/** Sends the current subscriptions: none while the tab is hidden. */
function sync() {
  if (!line && (document.hidden || !followers.size)) return;
  line ??= connectWorker() ?? connectDirectly();
  const subscriptions = document.hidden
    ? []
    : [...followers].map(([id, { path, position }]) => ({ id, path, position }));
  sentKey = key.get();
  line.sync({ key: sentKey, subscriptions });
}

function receive({ acknowledged, unauthorized, id, event, position, state, problem }) {
  if (acknowledged) stopWaiting();
  if (unauthorized) return requestKey();
  const follower = followers.get(id);
  if (!follower) return; // unsubscribed meanwhile
  if (event) {
    follower.position = position;
    follower.onEvent(event);
  }
  if (state) follower.onState(state);
  if (problem || state === "ended") follower.done(problem);
}

/** Cancels the timeout for the worker's answer. */
function stopWaiting() {
  clearTimeout(workerTimer);
  workerTimer = undefined;
}

/** Discards messages in flight: they are sent again after the positions known here. */
function restart() {
  followers = new Map([...followers.values()].map((follower) => [nextId(), follower]));
}

let asking = false;

async function requestKey() {
  if (asking) return;
  asking = true;
  await renewKey(sentKey);
  asking = false;
  restart();
  sync();
}

/** @returns null where the browser has no shared workers */
function connectWorker() {
  try {
    const url = new URL("./stream_worker.js", import.meta.url);
    const worker = new SharedWorker(url, { type: "module", name: WORKER });
    const { port } = worker;
    port.addEventListener("message", ({ data }) => receive(data));
    port.start();
    worker.addEventListener("error", switchToDirect);
    return {
      close: () => port.postMessage({ key: null, subscriptions: [] }),
      sync(message) {
        if (message.subscriptions.length) workerTimer ??= setTimeout(switchToDirect, WORKER_TIMEOUT_MS);
        port.postMessage(message);
      },
    };
  } catch {
    return null;
  }
}

function connectDirectly() {
  const connections = createConnections();
  const client = { post: receive };
  return { isDirect: true, sync: (message) => connections.sync(client, message) };
}

/** Replaces a worker that did not start or is gone by a connection of this tab. */
function switchToDirect() {
  if (line.isDirect) return;
  line.close();
  line = connectDirectly();
  restart();
  sync();
}

document.addEventListener("visibilitychange", () => {
  stopWaiting();
  restart();
  sync();
});
addEventListener("pagehide", () => line?.sync({ key: key.get(), subscriptions: [] }));
addEventListener("pageshow", ({ persisted }) => {
  if (!persisted) return;
  restart();
  sync();
});
setInterval(() => {
  if (followers.size && !document.hidden) sync();
}, KEEPALIVE_MS);
