// A sweep beside what the article published.

import { get, once } from "./api.js";
import { pressable } from "./controls.js";
import { fill, h, refill } from "./dom.js";
import { fileLink, files, problem } from "./parts.js";

/** What the article has a curve of. */
export const METRICS = ["val_loss", "val_binary_accuracy"];
const VERDICTS = {
  agrees: "agree",
  ours_lower: "where ours are lower",
  ours_higher: "where ours are higher",
  undecided: "undecided: one seed says too little",
};

/**
 * @param {{path: string, signal: AbortSignal, pressed: boolean, onchange: () => void}} about the sweep's path
 * @returns what is drawn is at `runs()`: the article's by activation, or null while nobody wants to see them
 */
export function besidePublished({ path, signal, pressed, onchange }) {
  let published = null;
  const toggle = pressable({ pressed, onclick: press }, "beside the article’s run");
  const said = h("div", { class: "reading", "aria-live": "polite" });

  async function press() {
    pressed = !pressed;
    toggle.setAttribute("aria-pressed", String(pressed));
    await renew();
    onchange();
  }

  async function renew() {
    if (!pressed) return fill(said);
    try {
      published ??= new Map((await once("v1/published")).data.map((run) => [run.activation, run]));
      const beside = await get(`${path}/published`, signal);
      if (!pressed) return; // meanwhile
      const csv = fileLink(`${path}/published?format=csv`, "CSV");
      refill(said, told(beside), files("Beside the article’s run", [csv]));
    } catch (error) {
      if (!signal.aborted && pressed) fill(said, problem(error, renew));
    }
  }

  return { toggle, said, renew, pressed: () => pressed, runs: () => (pressed ? published : null) };
}

function told({ verdicts, departures }) {
  const total = Object.values(verdicts).reduce((sum, number) => sum + number, 0);
  const counted = Object.entries(verdicts).map(([verdict, number]) => `${number} ${VERDICTS[verdict]}`);
  return [
    h("p", {}, total ? `Of ${total} published figures: ${counted.join(", ")}.` : "No published figure to compare."),
    departures.length > 0 && h("p", { class: "hint" }, `Not quite the published experiment: ${departures.join(", ")}.`),
  ];
}
