// A chart as a slider over x: mouse, touch or keyboard select an x, and a tooltip shows the values there.

import { create, html, render } from "./dom.js";
import { fixed } from "./format.js";
import { swatch } from "./swatch.js";

const STEPS = { ArrowLeft: -1, ArrowDown: -1, ArrowRight: 1, ArrowUp: 1, PageDown: -20, PageUp: 20 };

const describeX = (x) => `x = ${fixed(x, 3)}`;

/**
 * Turns a chart into a slider for x with a tooltip beside the cursor.
 *
 * @param {{element: HTMLElement, plot: HTMLElement}} figure
 * @param {object} about
 * @param {string} about.label the accessible name
 * @param {AbortSignal} about.signal
 * @param {() => number} about.at index of x, 0 to `about.last()`
 * @param {() => number} about.last
 * @param {(place: number) => void} about.onmove
 * @param {(shown: boolean) => void} about.onshow the pointer enters or leaves the chart
 * @param {(x: number) => string} [about.describe]
 */
export function chartSlider(figure, { label, signal, at, last, onmove, onshow, describe = describeX }) {
  const { element, plot } = figure;
  const tip = create(html`<div class="tip" aria-hidden="true" hidden></div>`);
  element.classList.add("read");
  plot.after(tip);
  for (const [name, value] of Object.entries({ role: "slider", tabindex: "0", "aria-label": label }))
    plot.setAttribute(name, value);
  plot.setAttribute("aria-valuemin", "0");

  /** The plot area within the figure. */
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
    const places = { Home: 0, End: last() };
    const place = event.key in STEPS ? at() + STEPS[event.key] : places[event.key];
    if (place === undefined) return;
    event.preventDefault();
    onshow(true);
    onmove({ place: Math.min(last(), Math.max(0, place)) });
  });
  document.addEventListener("pointerdown", ({ target }) => target.closest(".read") ?? onshow(false), { signal });

  return {
    /**
     * @param {number} x
     * @param {{own: import("./line_styles.js").Look, name: string, text: string}[]} rows
     * @param {boolean} shown
     */
    tell(x, rows, shown) {
      const text = describe(x);
      plot.setAttribute("aria-valuemax", String(last()));
      plot.setAttribute("aria-valuenow", String(at()));
      plot.setAttribute(
        "aria-valuetext",
        [text, ...rows.map(({ name, text: value }) => `${name} ${value}`)].join(", "),
      );
      const where = area();
      const axis = plot.layout?.xaxis.range;
      tip.hidden = !shown || !rows.length || !where || x < axis[0] || x > axis[1];
      if (tip.hidden) return;
      const line = ({ own, name, text: value }) =>
        html`<div>${swatch(own)}<span>${name}</span><span>${value}</span></div>`;
      render(html`<strong>${text}</strong>${rows.map(line)}`, tip);
      const share = (x - axis[0]) / (axis[1] - axis[0]);
      const left = where.left + share * where.width;
      tip.classList.toggle("before", share > 0.5);
      tip.style.setProperty("left", `${left}px`);
      tip.style.setProperty("top", `${where.top}px`);
    },
  };
}
