// Compares a sweep with the article's published run.

import { get, getOnce } from "./api.js";
import { problem } from "./components.js";
import { toggleButton } from "./controls.js";
import { fill, h, refill } from "./dom.js";
import { fileLink, files } from "./file_links.js";

/** The metrics that the article published. */
export const METRICS = ["val_loss", "val_binary_accuracy"];
const VERDICTS = {
  agrees: "agree",
  ours_lower: "where ours are lower",
  ours_higher: "where ours are higher",
  undecided: "undecided (only one seed)",
};

/**
 * @param {{path: string, signal: AbortSignal, pressed: boolean, onchange: () => void}} about the sweep's path
 * @returns `runs()` gives the article's runs by activation, or null while the comparison is off
 */
export function comparePublished({ path, signal, pressed, onchange }) {
  let published = null;
  const toggle = toggleButton({ pressed, onclick: press }, "compare with the article");
  const element = h("div", { class: "reading", "aria-live": "polite" });

  async function press() {
    pressed = !pressed;
    toggle.setAttribute("aria-pressed", String(pressed));
    await renew();
    onchange();
  }

  async function renew() {
    if (!pressed) return fill(element);
    try {
      published ??= new Map((await getOnce("v1/published")).data.map((run) => [run.activation, run]));
      const beside = await get(`${path}/published`, signal);
      if (!pressed) return; // switched off meanwhile
      const csv = fileLink(`${path}/published?format=csv`, "CSV");
      refill(element, describeVerdicts(beside), files("Comparison with the article", [csv]));
    } catch (error) {
      if (!signal.aborted && pressed) fill(element, problem(error, renew));
    }
  }

  return { toggle, element, renew, pressed: () => pressed, runs: () => (pressed ? published : null) };
}

function describeVerdicts({ verdicts, departures }) {
  const total = Object.values(verdicts).reduce((sum, number) => sum + number, 0);
  const counts = Object.entries(verdicts).map(([verdict, number]) => `${number} ${VERDICTS[verdict]}`);
  return [
    h("p", {}, total ? `Of ${total} published figures: ${counts.join(", ")}.` : "No published figure to compare."),
    departures.length > 0 &&
      h("p", { class: "hint" }, `Differs from the published experiment in: ${departures.join(", ")}.`),
  ];
}
