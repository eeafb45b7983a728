// One connection for all that is followed, in a shared worker of all tabs or, where there is none, in the tab itself.
// Nothing here knows a window or a document.

const URL_OF_STREAM = new URL("../v1/stream", import.meta.url);
const MOST = 64; // streams of a connection, as the API bounds them
const GATHER_MS = 30; // tabs that change what they follow at the same time make one new connection
const FIRST_PAUSE_MS = 500;
const LONGEST_PAUSE_MS = 15_000;
const LAST = { jobs: "end", sweeps: "sweep_end" };

/**
 * @typedef {{id: string, path: string, position: string}} Wish what a client follows: `jobs/ID` or `sweeps/ID`, after
 *   the position it has, which is empty at the beginning
 * @typedef {{post: (message: object) => void}} Client a tab. It is told, with the `id` of a wish: `event` with its
 *   `position`, `state` ("live", "reconnecting" or "ended"), or `problem`; and `unauthorized` without an id
 */

/** Connections by API key: a tab that has another one than its neighbours does not use theirs. */
export function switchboard() {
  const hubs = new Map();
  return {
    /** Takes all that a client wants now; whatever it wanted before and does not name is given up. */
    sync(client, { key, wanted }) {
      for (const [of, each] of hubs) {
        if (of !== key) each.sync(client, []);
        if (each.empty()) hubs.delete(of);
      }
      if (wanted.length && !hubs.has(key)) hubs.set(key, hub(key));
      hubs.get(key)?.sync(client, wanted);
    },
  };
}

/** @param {string|null} key the API key */
function hub(key) {
  /** By client, what it follows by the wish's id. @type {Map<Client, Map<string, Wish>>} */
  const clients = new Map();
  let connection = new AbortController();
  let timer;

  function sync(client, wanted) {
    const before = clients.get(client) ?? new Map();
    // What is known here of a wish is newer than what the client knew when it wrote.
    const after = new Map(wanted.map((wish) => [wish.id, before.get(wish.id) ?? { ...wish, client }]));
    if (after.size) clients.set(client, after);
    else clients.delete(client);
    if (after.size === before.size && [...after.keys()].every((id) => before.has(id))) return;
    clearTimeout(timer);
    timer = setTimeout(connect, GATHER_MS);
  }

  const wishes = () => [...clients.values()].flatMap((own) => [...own.values()]);

  function drop({ client, id }) {
    clients.get(client)?.delete(id);
    if (!clients.get(client)?.size) clients.delete(client);
  }

  function connect() {
    connection.abort();
    connection = new AbortController();
    if (clients.size) run(connection.signal);
  }

  /** Follows until nothing is left to follow, and comes back by itself after whatever it has had. */
  async function run(signal) {
    let pause = FIRST_PAUSE_MS;
    while (clients.size && !signal.aborted) {
      const streams = grouped(wishes());
      for (const wish of streams.splice(MOST).flatMap(({ followers }) => followers)) fail(wish, TOO_MANY);
      try {
        const response = await fetch(address(streams), { headers: headers(streams), signal, cache: "no-store" });
        if (response.status === 401) return refused();
        if (response.status === 204) return streams.forEach(({ followers }) => followers.forEach(end));
        if (response.status >= 400 && response.status < 500) {
          const problem = await response.json().catch(() => ({ status: response.status, detail: response.statusText }));
          return streams.forEach(({ followers }) => followers.forEach((wish) => fail(wish, problem)));
        }
        if (!response.ok) throw new Error(`status ${response.status}`);
        told("live");
        for await (const event of events(response.body)) {
          if (signal.aborted) return;
          pause = FIRST_PAUSE_MS;
          deliver(streams, event);
        }
      } catch {
        if (signal.aborted) return;
      }
      if (!clients.size) return;
      told("reconnecting");
      await rest(pause * (0.75 + Math.random() / 2), signal);
      pause = Math.min(2 * pause, LONGEST_PAUSE_MS);
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
    const position = id.split(",")[place];
    for (const wish of streams[place].followers) {
      wish.position = position;
      if (kind === "gone") fail(wish, GONE);
      else wish.client.post({ id: wish.id, event: { kind, data }, position });
      if (kind === LAST[kindOf(wish)]) end(wish);
    }
  }

  const told = (state) => wishes().forEach(({ client, id }) => client.post({ id, state }));

  function end(wish) {
    drop(wish);
    wish.client.post({ id: wish.id, state: "ended" });
  }

  function fail(wish, problem) {
    drop(wish);
    wish.client.post({ id: wish.id, problem });
  }

  /** Each client has to find a key, and comes back with it. */
  function refused() {
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
  detail: "Too many views are open in this browser to be live.",
};

/** One stream for all wishes of a path that have the same position; jobs first, as the API numbers them. */
function grouped(wishes) {
  const found = new Map();
  for (const wish of wishes) {
    const name = `${wish.path} ${wish.position}`;
    if (!found.has(name)) found.set(name, { path: wish.path, position: wish.position, followers: [] });
    found.get(name).followers.push(wish);
  }
  return [...found.values()].sort((a, b) => kindOf(a).localeCompare(kindOf(b)));
}

const kindOf = ({ path }) => path.split("/")[0];

function address(streams) {
  const of = (kind) => streams.map(({ path }) => path.split("/")).filter(([found]) => found === kind);
  const url = new URL(URL_OF_STREAM);
  for (const kind of ["jobs", "sweeps"])
    if (of(kind).length)
      url.searchParams.set(
        kind,
        of(kind)
          .map(([, id]) => id)
          .join(),
      );
  return url;
}

/** The events of a body (HTML standard, 9.2.6), as they come. */
async function* events(body) {
  const reader = body.pipeThrough(new TextDecoderStream()).getReader();
  let waiting = "";
  for (;;) {
    const { value, done } = await reader.read();
    if (done) return;
    const blocks = (waiting + value).split(/\r?\n\r?\n/);
    waiting = blocks.pop();
    for (const block of blocks) {
      const event = parsed(block);
      if (event) yield event;
    }
  }
}

/** @returns {{kind: string, id: string|undefined, data: any}|null} null of a comment */
function parsed(block) {
  const fields = {};
  for (const line of block.split(/\r?\n/)) {
    const [, name, value] = /^([^:]*):? ?(.*)$/.exec(line);
    fields[name] = name === "data" && "data" in fields ? `${fields.data}\n${value}` : value;
  }
  return fields.data === undefined
    ? null
    : { kind: fields.event ?? "message", id: fields.id, data: JSON.parse(fields.data) };
}

/** Waits; shorter where the browser finds its network again. */
function rest(milliseconds, signal) {
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
