// What curves are at one x, told where somebody points: with a mouse, a finger or the keyboard.

import { fill, h } from "./dom.js";
import { fixed } from "./format.js";
import { swatch } from "./parts.js";

const STEPS = { ArrowLeft: -1, ArrowDown: -1, ArrowRight: 1, ArrowUp: 1, PageDown: -20, PageUp: 20 };

/**
 * Makes a chart a slider for x with its reading beside the cursor.
 *
 * @param {{element: HTMLElement, plot: HTMLElement}} figure
 * @param {object} about
 * @param {string} about.label what the chart shows
 * @param {AbortSignal} about.signal
 * @param {() => number} about.at where x stands, as a place of 0 to `about.last`
 * @param {number} about.last
 * @param {(place: number) => void} about.onmove
 * @param {(shown: boolean) => void} about.onshow somebody points at the chart, or does no longer
 */
export function reading(figure, { label, signal, at, last, onmove, onshow }) {
  const { element, plot } = figure;
  const tip = h("div", { class: "tip", "aria-hidden": "true", hidden: true });
  element.classList.add("read");
  plot.after(tip);
  for (const [name, value] of Object.entries({ role: "slider", tabindex: "0", "aria-label": label }))
    plot.setAttribute(name, value);
  plot.setAttribute("aria-valuemin", "0");
  plot.setAttribute("aria-valuemax", String(last));

  /** The axes' rectangle, within the figure. */
  function area() {
    const box = plot.querySelector(".nsewdrag")?.getBoundingClientRect();
    if (!box?.width) return null;
    const around = element.getBoundingClientRect();
    return { left: box.left - around.left, top: box.top - around.top, width: box.width, page: box.left };
  }

  function point(event) {
    const where = area();
    const axis = plot.layout?.xaxis.range;
    if (!where || !axis) return;
    const share = (event.clientX - where.page) / where.width;
    if (share < 0 || share > 1) return;
    onshow(true);
    onmove({ x: axis[0] + share * (axis[1] - axis[0]) });
  }

  plot.addEventListener("pointermove", point);
  plot.addEventListener("pointerdown", point);
  plot.addEventListener("pointerleave", ({ pointerType }) => pointerType === "mouse" && onshow(false));
  plot.addEventListener("focus", () => plot.matches(":focus-visible") && onshow(true));
  plot.addEventListener("blur", () => onshow(false));
  plot.addEventListener("keydown", (event) => {
    if (event.key === "Escape") return onshow(false);
    const places = { Home: 0, End: last };
    const place = event.key in STEPS ? at() + STEPS[event.key] : places[event.key];
    if (place === undefined) return;
    event.preventDefault();
    onshow(true);
    onmove({ place: Math.min(last, Math.max(0, place)) });
  });
  document.addEventListener("pointerdown", ({ target }) => target.closest(".read") ?? onshow(false), { signal });

  return {
    /**
     * @param {number} x
     * @param {{own: import("./looks.js").Look, name: string, text: string}[]} rows
     * @param {boolean} shown
     */
    tell(x, rows, shown) {
      const text = `x = ${fixed(x, 3)}`;
      plot.setAttribute("aria-valuenow", String(at()));
      plot.setAttribute("aria-valuetext", [text, ...rows.map(({ name, text: said }) => `${name} ${said}`)].join(", "));
      const where = area();
      const axis = plot.layout?.xaxis.range;
      tip.hidden = !shown || !rows.length || !where || x < axis[0] || x > axis[1];
      if (tip.hidden) return;
      fill(
        tip,
        h("strong", {}, text),
        rows.map(({ own, name, text: said }) => h("div", {}, swatch(own), h("span", {}, name), h("span", {}, said))),
      );
      const share = (x - axis[0]) / (axis[1] - axis[0]);
      const left = where.left + share * where.width;
      tip.classList.toggle("before", share > 0.5);
      tip.style.setProperty("left", `${left}px`);
      tip.style.setProperty("top", `${where.top}px`);
    },
  };
}

/**
 * A curve with both limits of each jump in place of whatever is there, and nothing between them.
 *
 * @param {number[]} x ascending
 * @param {(number|null)[]} y
 * @param {{x: number, below: number, above: number}[]} jumps
 */
export function broken(x, y, jumps) {
  const points = x.map((at, index) => [at, y[index]]);
  const limits = jumps.flatMap((jump) => [
    [jump.x, jump.below],
    [jump.x, null],
    [jump.x, jump.above],
  ]);
  const known = new Set(jumps.map((jump) => jump.x));
  const all = [...points.filter(([at]) => !known.has(at)), ...limits].sort(([a], [b]) => a - b); // stable
  return { x: all.map(([at]) => at), y: all.map(([, value]) => value) };
}
