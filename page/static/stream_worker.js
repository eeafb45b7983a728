// A shared worker: it has the one connection on which all tabs of a browser follow what they show.

import { switchboard } from "./hub.js";

const LOOK_MS = 20_000;
const SILENT_MS = 70_000; // a tab that shows something live writes every 20 s; one that crashed says no goodbye

const board = switchboard();
/** By client, when it wrote last. */
const heard = new Map();

self.addEventListener("connect", ({ ports: [port] }) => {
  const client = { post: (message) => port.postMessage(message) };
  port.addEventListener("message", ({ data }) => {
    if (data.wanted.length) heard.set(client, Date.now());
    else heard.delete(client);
    client.post({ heard: true });
    board.sync(client, data);
  });
  port.start();
});

setInterval(() => {
  for (const [client, at] of heard) {
    if (Date.now() - at < SILENT_MS) continue;
    heard.delete(client);
    board.sync(client, { key: undefined, wanted: [] });
  }
}, LOOK_MS);
