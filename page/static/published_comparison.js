// Compares a sweep with the article's published run.

import { get, getOnce } from "./api.js";
import { problem } from "./components.js";
import { toggleButton } from "./controls.js";
import { html } from "./dom.js";
import { fileLink, files } from "./file_links.js";

/** The metrics that the article published. */
export const PUBLISHED = ["val_loss", "val_binary_accuracy"];
const VERDICTS = {
  agrees: "agree",
  ours_lower: "where ours are lower",
  ours_higher: "where ours are higher",
  undecided: "undecided (only one seed)",
};

/**
 * @param {{path: string, signal: AbortSignal, pressed: boolean, onpress: () => void, update: () => void}} about
 *   `path` is the sweep's; `update` renders the view
 * @returns `runs()` gives the article's runs by activation, or null while the comparison is off
 */
export function comparePublished({ path, signal, pressed, onpress, update }) {
  let published = null;
  let content = null;

  async function press() {
    pressed = !pressed;
    await renew();
    onpress();
  }

  async function renew() {
    try {
      if (!pressed) return show(null);
      published ??= new Map((await getOnce("v1/published")).data.map((run) => [run.activation, run]));
      const comparison = await get(`${path}/published`, signal);
      if (pressed) show(summarize(comparison, fileLink(`${path}/published?format=csv`, "CSV")));
    } catch (error) {
      if (!signal.aborted && pressed) show(problem(error, renew));
    }
  }

  function show(found) {
    content = found;
    update();
  }

  return {
    toggle: () => toggleButton({ pressed, onclick: press }, "compare with the article"),
    summary: () => html`<div class="reading" aria-live="polite">${content}</div>`,
    renew,
    pressed: () => pressed,
    runs: () => (pressed ? published : null),
  };
}

function summarize({ verdicts, departures }, csv) {
  const total = Object.values(verdicts).reduce((sum, number) => sum + number, 0);
  const counts = Object.entries(verdicts).map(([verdict, number]) => `${number} ${VERDICTS[verdict]}`);
  const different = departures.join(", ");
  return html`
    <p>${total ? `Of ${total} published figures: ${counts.join(", ")}.` : "No published figure to compare."}</p>
    ${different && html`<p class="hint">Differs from the published experiment in: ${different}.</p>`}
    ${files("Comparison with the article", csv)}`;
}
