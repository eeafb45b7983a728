// Links to files of the API.

import { key, request } from "./api.js";
import { h } from "./dom.js";

/** A link to a file of the API; with an API key the file is fetched here, because a link sends no key. */
export function fileLink(path, text, { name = "" } = {}) {
  return h(
    "a",
    {
      href: path,
      class: "file",
      download: name || true,
      onclick: async (event) => {
        if (key.get() === null) return;
        event.preventDefault();
        const response = await request(path);
        const url = URL.createObjectURL(await response.blob());
        const match = /filename="([^"]+)"/.exec(response.headers.get("Content-Disposition") ?? "");
        h("a", { href: url, download: match?.[1] ?? name }).click();
        setTimeout(() => URL.revokeObjectURL(url), 60_000);
      },
    },
    text,
  );
}

/** "Name: CSV Parquet PNG". */
export const files = (label, links) => h("p", { class: "files" }, h("span", {}, label), links);

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
