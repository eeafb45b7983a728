// Links to files of the API.

import { key, request } from "./api.js";
import { html } from "./dom.js";

/** A link to a file of the API; with an API key the file is fetched here, because a link sends no key. */
export function fileLink(path, text, { name = "" } = {}) {
  const fetchWithKey = async (event) => {
    if (key.get() === null) return;
    event.preventDefault();
    const response = await request(path);
    const href = URL.createObjectURL(await response.blob());
    const match = /filename="([^"]+)"/.exec(response.headers.get("Content-Disposition") ?? "");
    Object.assign(document.createElement("a"), { href, download: match?.[1] ?? name }).click();
    setTimeout(() => URL.revokeObjectURL(href), 60_000);
  };
  return html`<a class="file" href=${path} download=${name} @click=${fetchWithKey}>${text}</a>`;
}

/** "Name: CSV Parquet PNG". */
export const files = (label, links) => html`<p class="files"><span>${label}</span>${links}</p>`;

const TABLES = { csv: "CSV", ndjson: "NDJSON", parquet: "Parquet" };

/** Links to a table of the API in each format. */
export const tableFiles = (label, path) =>
  files(
    label,
    Object.entries(TABLES).map(([format, text]) => fileLink(`${path}?format=${format}`, text)),
  );

/** @param {(format: "png"|"svg") => string} path */
export const drawingFiles = (label, path) =>
  files(
    label,
    ["png", "svg"].map((format) => fileLink(path(format), format.toUpperCase())),
  );
