// Charts: Plotly, fetched when the first one is drawn, in the page's own colours.

import { fill, h, refill } from "./dom.js";
import { extent } from "./figures.js";
import { number, raised, shortened, visible } from "./format.js";
import { problem, swatch } from "./parts.js";
import { changes } from "./theme.js";

const SOURCE = "static/vendor/plotly.min.js";
const CONFIG = { displayModeBar: false, responsive: true, showTips: false, doubleClick: "reset" };
const FINE_POINTER = matchMedia("(pointer: fine)");
export const MOST_MARKERS = 20; // on a line

let loading = null;

function plotly() {
  loading ??= new Promise((resolve, reject) => {
    const script = h("script", {
      src: SOURCE,
      onload: () => resolve(window.Plotly),
      onerror: () => {
        loading = null;
        reject(new Error("The charts' library did not load."));
      },
    });
    document.head.append(script);
  });
  return loading;
}

/** The colours that page.css has now. */
function palette() {
  const style = getComputedStyle(document.documentElement);
  const color = (name) => style.getPropertyValue(`--${name}`).trim();
  return {
    ink: color("ink"),
    faint: color("faint"),
    line: color("line"),
    panel: color("panel"),
    accent: color("accent"),
    looks: numbered((number) => color(`look-${number}`)),
    heat: [
      [0, color("heat-0")],
      [0.5, color("heat-1")],
      [1, color("heat-2")],
    ],
  };
}

/** As many as there are. */
function numbered(color) {
  const found = [];
  while (color(found.length)) found.push(color(found.length));
  return found;
}

/**
 * @typedef {object} Picture
 * @property {object[]} data Plotly's traces
 * @property {object} [layout] over the page's own
 * @property {string} [caption] the same for whoever does not see it
 * @property {{low: string, high: string, log?: boolean}|null} [scale] what the colours of a heat map mean
 * @property {{label: string, own?: import("./looks.js").Look}[]} [legend]
 */

/**
 * A figure that draws whatever it is given last, and again when the theme changes.
 *
 * @param {object} about
 * @param {string} about.name what it shows, as `data-chart`
 * @param {string} about.title
 * @param {AbortSignal} about.signal the view's lifetime
 * @param {string} [about.size] "tall" or "short"
 */
export function chart({ name, title, signal, size = "" }) {
  const plot = h("div", { class: `plot ${size}`, data: { chart: name } }, h("div", { class: "skeleton" }));
  const legend = h("ul", { class: "legend", hidden: true });
  const caption = h("figcaption");
  const scale = h("div");
  const heading = h("h2", { class: "title" }, title);
  const figure = h("figure", { "aria-label": title }, heading, legend, plot, scale, caption);
  let latest = null;
  let drawing = null; // drawings wait for each other: Plotly makes a new one in a step of its own
  let drawn = false;

  async function show() {
    if (latest === null || signal.aborted) return;
    const Plotly = await plotly();
    if (signal.aborted) return;
    const colors = palette();
    const picture = latest(colors);
    if (!drawn) plot.replaceChildren();
    await Plotly.react(plot, picture.data, merged(basis(colors), picture.layout ?? {}), CONFIG);
    refill(
      legend,
      (picture.legend ?? []).map(entry),
    );
    legend.hidden = !picture.legend?.length;
    fill(scale, picture.scale && scaled(picture.scale));
    caption.textContent = picture.caption ?? "";
    if (!drawn) {
      drawn = true;
      plot.dispatchEvent(new Event("drawn"));
    }
  }

  /** Draws the latest picture; whatever came before it and is not drawn yet is left out. */
  function queue() {
    if (drawing?.waiting) return drawing.waiting;
    if (drawing === null)
      return (drawing = {
        waiting: null,
        done: show()
          .catch(failed)
          .finally(() => {
            drawing = null;
          }),
      }).done;
    drawing.waiting = drawing.done.then(queue);
    return drawing.waiting;
  }

  const failed = (error) => {
    if (!drawn) fill(plot, h("div", { class: "empty" }, problem(error, queue)));
  };
  changes.addEventListener("change", queue, { signal });
  signal.addEventListener("abort", () => drawn && window.Plotly.purge(plot));
  return {
    element: figure,
    plot,
    /** The next picture shows something else. */
    rename(newName, newTitle) {
      plot.dataset.chart = newName;
      heading.textContent = newTitle;
      figure.setAttribute("aria-label", newTitle);
    },
    /** @param {(colors: ReturnType<typeof palette>) => Picture} picture */
    draw(picture) {
      latest = picture;
      return queue();
    },
  };
}

/** The colours from the lowest to the highest value. */
const scaled = ({ low, high, log }) =>
  h(
    "p",
    { class: "heat-scale" },
    h("span", {}, low),
    h("i", { "aria-hidden": "true" }),
    h("span", {}, high),
    log && h("span", {}, "(logarithmic)"),
  );

const entry = ({ label, own }) => h("li", { title: label }, own && swatch(own), h("span", {}, label));

export const FIRST = "The first epoch will appear here.";
export const NONE = "No epoch was recorded.";

/** What a chart says in place of curves. */
export const note = (colors, text) => ({
  text,
  showarrow: false,
  xref: "paper",
  yref: "paper",
  x: 0.5,
  y: 0.5,
  font: { color: colors.faint, size: 13 },
});

const MOST_COLUMNS = 80;
const ENTITIES = { "<": "&lt;", ">": "&gt;", "&": "&amp;", $: "&#36;", "%": "&#37;", "{": "&#123;" };

/** A text that Plotly draws as it is: it would read markup, formulas and `%{x}` in it. */
export const plain = (text) => shortened(visible(text), MOST_COLUMNS).replace(/[<>&$%{]/g, (sign) => ENTITIES[sign]);

/** A line in a look. */
export function line(colors, own, { x, y, name, faint = false, markers = x.length < 30, ...more }) {
  const color = colors.looks[own.color];
  return {
    type: "scatter",
    mode: markers && !faint ? "lines+markers" : "lines",
    x,
    y,
    name,
    line: { color, dash: own.dash, width: faint ? 1 : 2.25 },
    marker: { color, symbol: own.symbol, size: 6, maxdisplayed: MOST_MARKERS },
    opacity: faint ? 0.35 : 1,
    hoverinfo: faint ? "skip" : undefined,
    ...more,
  };
}

function basis(colors) {
  const axis = {
    gridcolor: colors.line,
    linecolor: colors.line,
    zerolinecolor: colors.faint,
    zerolinewidth: 1,
    tickcolor: colors.line,
    automargin: true,
    fixedrange: !FINE_POINTER.matches,
    title: { font: { size: 12, color: colors.faint }, standoff: 8 },
    exponentformat: "e",
  };
  return {
    font: { family: "system-ui, sans-serif", size: 12, color: colors.faint },
    paper_bgcolor: "rgba(0,0,0,0)",
    plot_bgcolor: "rgba(0,0,0,0)",
    margin: { l: 48, r: 12, t: 8, b: 40 },
    xaxis: { ...axis },
    yaxis: { ...axis },
    showlegend: false,
    hovermode: "closest",
    dragmode: FINE_POINTER.matches ? "zoom" : false,
    hoverlabel: {
      bgcolor: colors.panel,
      bordercolor: colors.line,
      font: { color: colors.ink, size: 12 },
      align: "left",
    },
    uirevision: "kept",
  };
}

function merged(base, over) {
  const isObject = (value) => value !== null && typeof value === "object" && !Array.isArray(value);
  const made = { ...base };
  for (const [key, value] of Object.entries(over))
    made[key] = isObject(value) && isObject(base[key]) ? merged(base[key], value) : value;
  return made;
}

/**
 * A logarithmic axis, its ticks at round numbers written out: Plotly's own powers of ten are inline styles, which the
 * page's policy forbids.
 *
 * @param {(number|null)[]} values what is drawn on it
 */
export function decades(values) {
  const [least, most] = extent(values.filter((value) => value > 0));
  if (least > most) return { type: "log" };
  const ticks = most / least < 2 ? evenly(least, most) : most / least < 100 ? within(least, most) : whole(least, most);
  return {
    type: "log",
    tickmode: "array",
    tickvals: ticks,
    ticktext: ticks.map((tick) => (tick >= 1e-3 && tick < 1e4 ? number(tick) : power(tick))),
  };
}

function evenly(least, most) {
  const rough = (most - least || least) / 4;
  const unit = 10 ** Math.floor(Math.log10(rough));
  const step = unit * [1, 2, 5, 10].find((digit) => digit * unit >= rough);
  const first = Math.floor(least / step);
  return Array.from({ length: Math.ceil(most / step) - first + 1 }, (_, index) => rounded((first + index) * step));
}

const rounded = (value) => Number(value.toPrecision(12)); // 0.30000000000000004 is 0.3

function within(least, most) {
  const digits = most / least < 5 ? [1, 1.5, 2, 2.5, 3, 4, 5, 6, 7, 8, 9] : [1, 2, 3, 5];
  const ticks = [];
  for (let exponent = Math.floor(Math.log10(least)); exponent <= Math.ceil(Math.log10(most)); exponent += 1)
    ticks.push(...digits.map((digit) => Number(`${digit}e${exponent}`)));
  return ticks;
}

function whole(least, most) {
  const [low, high] = [Math.log10(least), Math.log10(most)];
  const step = Math.ceil((high - low) / 7);
  const first = Math.floor(low / step) * step;
  const length = Math.ceil((high - first) / step) + 1;
  return Array.from({ length }, (_, index) => Number(`1e${first + index * step}`));
}

const power = (tick) => {
  const [digit, exponent] = tick.toExponential().split("e");
  return `${digit === "1" ? "" : `${digit}·`}10${raised(Number(exponent))}`;
};

/** Ticks at whole numbers only, as an axis of epochs or layers has them. */
export const counted = (title, last) => ({
  title: { text: title },
  tickformat: "d",
  ...(last < 8 ? { dtick: 1 } : { nticks: 8 }),
  zeroline: false,
});
