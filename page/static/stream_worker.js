// A shared worker with one connection for the streams of all tabs.

import { createConnections } from "./shared_connection.js";

const CHECK_MS = 20_000;
const SILENT_MS = 70_000; // a tab with live content writes every 20 s; a crashed one does not unsubscribe

const connections = createConnections();
/** The time of each client's last message. */
const lastMessage = new Map();

self.addEventListener("connect", ({ ports: [port] }) => {
  const client = { post: (message) => port.postMessage(message) };
  port.addEventListener("message", ({ data }) => {
    if (data.subscriptions.length) lastMessage.set(client, Date.now());
    else lastMessage.delete(client);
    client.post({ acknowledged: true });
    connections.sync(client, data);
  });
  port.start();
});

setInterval(() => {
  for (const [client, at] of lastMessage) {
    if (Date.now() - at < SILENT_MS) continue;
    lastMessage.delete(client);
    connections.sync(client, { key: undefined, subscriptions: [] });
  }
}, CHECK_MS);
