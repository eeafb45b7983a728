// One connection for all subscriptions, in a shared worker for all tabs or, without one, in the tab itself.
// Runs without window and document.

import { readEvents } from "./event_stream.js";

const URL_OF_STREAM = new URL("../v1/stream", import.meta.url);
const MAX_STREAMS = 64; // per connection, the API's limit
const BATCH_MS = 30; // tabs that change their subscriptions at the same time cause one new connection
const FIRST_PAUSE_MS = 500;
const MAX_PAUSE_MS = 15_000;
const LAST_EVENT = { jobs: "end", sweeps: "sweep_end" };

/**
 * @typedef {{id: string, path: string, position: string}} Subscription `jobs/ID` or `sweeps/ID` after a position, which
 *   is empty at the beginning
 * @typedef {{post: (message: object) => void}} Client a tab. It receives, with a subscription's `id`, `event` with its
 *   `position`, `state` ("live", "reconnecting" or "ended") or `problem`; and `unauthorized` without an id
 */

/** Keeps a connection per API key. */
export function createConnections() {
  const connections = new Map();
  return {
    /** Replaces all subscriptions of a client. */
    sync(client, { key, subscriptions }) {
      for (const [of, each] of connections) {
        if (of !== key) each.sync(client, []);
        if (each.empty()) connections.delete(of);
      }
      if (subscriptions.length && !connections.has(key)) connections.set(key, createConnection(key));
      connections.get(key)?.sync(client, subscriptions);
    },
  };
}

/** @param {string|null} key the API key */
function createConnection(key) {
  /** Subscriptions by client and id. @type {Map<Client, Map<string, Subscription>>} */
  const clients = new Map();
  let connection = new AbortController();
  let timer;

  function sync(client, subscriptions) {
    const before = clients.get(client) ?? new Map();
    // A position known here is newer than the one that the client sent.
    const after = new Map(
      subscriptions.map((subscription) => [
        subscription.id,
        before.get(subscription.id) ?? { ...subscription, client },
      ]),
    );
    if (after.size) clients.set(client, after);
    else clients.delete(client);
    if (after.size === before.size && [...after.keys()].every((id) => before.has(id))) return;
    clearTimeout(timer);
    timer = setTimeout(connect, BATCH_MS);
  }

  const listSubscriptions = () => [...clients.values()].flatMap((own) => [...own.values()]);

  function drop({ client, id }) {
    clients.get(client)?.delete(id);
    if (!clients.get(client)?.size) clients.delete(client);
  }

  function connect() {
    connection.abort();
    connection = new AbortController();
    if (clients.size) run(connection.signal);
  }

  /** Streams until nothing is subscribed; reconnects after the last event received. */
  async function run(signal) {
    let delay = FIRST_PAUSE_MS;
    while (clients.size && !signal.aborted) {
      const streams = groupByPosition(listSubscriptions());
      for (const subscription of streams.splice(MAX_STREAMS).flatMap(({ followers }) => followers))
        fail(subscription, TOO_MANY);
      try {
        const response = await fetch(buildUrl(streams), { headers: headers(streams), signal, cache: "no-store" });
        if (response.status === 401) return rejectKey();
        if (response.status === 204) return streams.forEach(({ followers }) => followers.forEach(end));
        if (response.status >= 400 && response.status < 500) {
          const problem = await response.json().catch(() => ({ status: response.status, detail: response.statusText }));
          return streams.forEach(({ followers }) => followers.forEach((subscription) => fail(subscription, problem)));
        }
        if (!response.ok) throw new Error(`status ${response.status}`);
        broadcast("live");
        for await (const event of readEvents(response.body)) {
          if (signal.aborted) return;
          delay = FIRST_PAUSE_MS;
          deliver(streams, event);
        }
      } catch {
        if (signal.aborted) return;
      }
      if (!clients.size) return;
      broadcast("reconnecting");
      await pause(delay * (0.75 + Math.random() / 2), signal);
      delay = Math.min(2 * delay, MAX_PAUSE_MS);
    }
  }

  const headers = (streams) => {
    const positions = streams.map(({ position }) => position);
    return {
      ...(key === null ? {} : { Authorization: `Bearer ${key}` }),
      ...(positions.some(Boolean) ? { "Last-Event-ID": positions.join() } : {}),
    };
  };

  function deliver(streams, { kind, id, data: { stream: place, ...data } }) {
    for (const subscription of streams[place].followers) {
      const position = id === undefined ? subscription.position : id.split(",")[place]; // progress has no id
      subscription.position = position;
      if (kind === "gone") fail(subscription, GONE);
      else subscription.client.post({ id: subscription.id, event: { kind, data }, position });
      if (kind === LAST_EVENT[kindOf(subscription)]) end(subscription);
    }
  }

  const broadcast = (state) => listSubscriptions().forEach(({ client, id }) => client.post({ id, state }));

  function end(subscription) {
    drop(subscription);
    subscription.client.post({ id: subscription.id, state: "ended" });
  }

  function fail(subscription, problem) {
    drop(subscription);
    subscription.client.post({ id: subscription.id, problem });
  }

  /** Each client must get another key and subscribe again. */
  function rejectKey() {
    const all = [...clients.keys()];
    clients.clear();
    for (const client of all) client.post({ unauthorized: true });
  }

  return { sync, empty: () => clients.size === 0 };
}

const GONE = { status: 404, code: "not_found", detail: "It does not exist, or was deleted." };
const TOO_MANY = {
  status: 429,
  code: "too_many_streams",
  detail: "Too many live views are open in this browser.",
};

/** One stream for all subscriptions to the same path and position; jobs first, as the API numbers streams. */
function groupByPosition(subscriptions) {
  const found = new Map();
  for (const subscription of subscriptions) {
    const name = `${subscription.path} ${subscription.position}`;
    if (!found.has(name)) found.set(name, { path: subscription.path, position: subscription.position, followers: [] });
    found.get(name).followers.push(subscription);
  }
  return [...found.values()].sort((a, b) => kindOf(a).localeCompare(kindOf(b)));
}

const kindOf = ({ path }) => path.split("/")[0];

function buildUrl(streams) {
  const idsOf = (kind) => streams.map(({ path }) => path.split("/")).filter(([found]) => found === kind);
  const url = new URL(URL_OF_STREAM);
  for (const kind of ["jobs", "sweeps"])
    if (idsOf(kind).length)
      url.searchParams.set(
        kind,
        idsOf(kind)
          .map(([, id]) => id)
          .join(),
      );
  return url;
}

/** Waits; ends early when the browser is online again or the signal aborts. */
function pause(milliseconds, signal) {
  return new Promise((resolve) => {
    const timer = setTimeout(done, milliseconds);
    const over = [
      [signal, "abort"],
      [globalThis, "online"],
    ];
    for (const [target, kind] of over) target.addEventListener(kind, done);
    function done() {
      clearTimeout(timer);
      for (const [target, kind] of over) target.removeEventListener(kind, done);
      resolve();
    }
  });
}
