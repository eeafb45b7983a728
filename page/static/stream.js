// Following jobs and sweeps live: over the one connection of all tabs, and only while this one is looked at.

import { ApiError, key, renewKey } from "./api.js";
import { switchboard } from "./hub.js";

const HERE_MS = 20_000; // the worker gives up tabs that say nothing for longer
const DEAF_MS = 30_000; // a worker that does not answer within this is no longer there; a busy machine takes seconds
const WORKER = "activation-lab streams 1"; // another number when the messages change: old tabs keep theirs

/**
 * @typedef {object} Follower
 * @property {string} path `jobs/ID` or `sweeps/ID`
 * @property {string} position of the last event it has had
 * @property {(event: {kind: string, data: any}) => void} onEvent
 * @property {(state: "live"|"reconnecting"|"ended") => void} onState
 * @property {(problem?: object) => void} done
 */

/** By an id that is new each time the page is looked at again. @type {Map<string, Follower>} */
let followers = new Map();
let line = null;
let count = 0;
let deaf;
let sentKey = null;

/**
 * Follows a stream to its end, and comes back by itself after the last event it has had: when the service was away, and
 * when nobody looked at the page. Event `reset` says that whatever came before no longer holds.
 *
 * @param {string} path `v1/jobs/ID/stream` or `v1/sweeps/ID/stream`
 * @param {object} how
 * @param {AbortSignal} how.signal
 * @param {Follower["onEvent"]} how.onEvent
 * @param {Follower["onState"]} how.onState
 * @returns {Promise<void>} rejects with an ApiError where the service refuses, and never where it is merely away
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

/** Says what this tab follows now: nothing while it is hidden. */
function sync() {
  if (!line && (document.hidden || !followers.size)) return;
  line ??= shared() ?? direct();
  const wanted = document.hidden ? [] : [...followers].map(([id, { path, position }]) => ({ id, path, position }));
  sentKey = key.get();
  line.sync({ key: sentKey, wanted });
}

function heardOf({ heard, unauthorized, id, event, position, state, problem }) {
  if (heard) listen();
  if (unauthorized) return ask();
  const follower = followers.get(id);
  if (!follower) return; // of what was given up meanwhile
  if (event) {
    follower.position = position;
    follower.onEvent(event);
  }
  if (state) follower.onState(state);
  if (problem || state === "ended") follower.done(problem);
}

/** Ends the wait for a worker's answer. */
function listen() {
  clearTimeout(deaf);
  deaf = undefined;
}

/** What is on its way to this tab is let go: it will come again, after the positions that are known here. */
function restart() {
  followers = new Map([...followers.values()].map((follower) => [nextId(), follower]));
}

let asking = false;

async function ask() {
  if (asking) return;
  asking = true;
  await renewKey(sentKey);
  asking = false;
  restart();
  sync();
}

/** @returns null where the browser has no shared workers */
function shared() {
  try {
    const url = new URL("./stream_worker.js", import.meta.url);
    const worker = new SharedWorker(url, { type: "module", name: WORKER });
    const { port } = worker;
    port.addEventListener("message", ({ data }) => heardOf(data));
    port.start();
    worker.addEventListener("error", goDirect);
    return {
      close: () => port.postMessage({ key: null, wanted: [] }),
      sync(message) {
        if (message.wanted.length) deaf ??= setTimeout(goDirect, DEAF_MS);
        port.postMessage(message);
      },
    };
  } catch {
    return null;
  }
}

function direct() {
  const board = switchboard();
  const client = { post: heardOf };
  return { isDirect: true, sync: (message) => board.sync(client, message) };
}

/** A worker that did not start, or is gone, is not waited for. */
function goDirect() {
  if (line.isDirect) return;
  line.close();
  line = direct();
  restart();
  sync();
}

document.addEventListener("visibilitychange", () => {
  listen();
  restart();
  sync();
});
addEventListener("pagehide", () => line?.sync({ key: key.get(), wanted: [] }));
addEventListener("pageshow", ({ persisted }) => {
  if (!persisted) return;
  restart();
  sync();
});
setInterval(() => {
  if (followers.size && !document.hidden) sync();
}, HERE_MS);
