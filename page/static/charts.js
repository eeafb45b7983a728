// Charts drawn by Plotly, which is loaded with the first chart, in the colours of page.css.

import { problem } from "./components.js";
import { create, html, render } from "./dom.js";
import { escapeInvisible, shorten } from "./format.js";
import { swatch } from "./swatch.js";
import { changes } from "./theme.js";

const SOURCE = "static/vendor/plotly.min.js";
const CONFIG = { displayModeBar: false, responsive: true, showTips: false, doubleClick: "reset" };
const FINE_POINTER = matchMedia("(pointer: fine)");
export const MAX_MARKERS = 20; // per line


let loading = null;

function loadPlotly() {
  loading ??= new Promise((resolve, reject) => {
    const script = Object.assign(document.createElement("script"), {
      src: SOURCE,
      onload: () => resolve(window.Plotly),
      onerror: () => {
        loading = null;
        reject(new Error("The chart library did not load."));
      },
    });
    document.head.append(script);
  });
  return loading;
}

/** Reads the current colours of page.css. */
function readPalette() {
  const style = getComputedStyle(document.documentElement);
  const color = (name) => style.getPropertyValue(`--${name}`).trim();
  return {
    ink: color("ink"),
    faint: color("faint"),
    line: color("line"),
    panel: color("panel"),
    accent: color("accent"),
    looks: collectColors((number) => color(`look-${number}`)),
    heat: [
      [0, color("heat-0")],
      [0.5, color("heat-1")],
      [1, color("heat-2")],
    ],
  };
}

/** Collects numbered colours until one is missing. */
function collectColors(color) {
  const found = [];
  while (color(found.length)) found.push(color(found.length));
  return found;
}

/**
 * @typedef {object} Picture
 * @property {object[]} data Plotly's traces
 * @property {object} [layout] overrides the page's own
 * @property {string} [caption] the content as text
 * @property {{low: string, high: string, log?: boolean}|null} [scale] the ends of a heat map's colour scale
 * @property {{label: string, own?: import("./line_styles.js").Look}[]} [legend]
 */

/**
 * A figure that draws the picture passed last, and redraws it when the theme changes.
 *
 * @param {object} about
 * @param {string} about.name the value of `data-chart`
 * @param {string} about.title
 * @param {AbortSignal} about.signal the view's lifetime
 * @param {string} [about.size] "tall" or "short"
 */
export function chart({ name, title, signal, size = "" }) {
  const plot = create(html`<div class="plot ${size}" data-chart=${name}><div class="skeleton"></div></div>`);
  const figure = create(html`<figure></figure>`);
  let shown = {}; // the picture that is drawn
  let latest = null;
  let drawing = null; // one at a time: Plotly creates a chart asynchronously
  let drawn = false;

  async function show() {
    if (latest === null || signal.aborted) return;
    const Plotly = await loadPlotly();
    if (signal.aborted) return;
    const colors = readPalette();
    const picture = latest(colors);
    if (!drawn) plot.replaceChildren();
    await Plotly.react(plot, picture.data, merge(baseLayout(colors), picture.layout ?? {}), CONFIG);
    shown = picture;
    renderFigure();
    if (!drawn) {
      drawn = true;
      plot.dispatchEvent(new Event("drawn"));
    }
  }

  function renderFigure() {
    const { legend = [], scale, caption = "" } = shown;
    figure.setAttribute("aria-label", title);
    render(
      html`
        <h2 class="title">${title}</h2>
        <ul class="legend" ?hidden=${!legend.length}>${legend.map(legendEntry)}</ul>
        ${plot}
        ${scale && scaleBar(scale)}
        <figcaption>${caption}</figcaption>`,
      figure,
    );
  }

  /** Draws the latest picture; pictures that were replaced before they were drawn are skipped. */
  function enqueue() {
    if (drawing?.waiting) return drawing.waiting;
    if (drawing === null)
      return (drawing = {
        waiting: null,
        done: show()
          .catch(showProblem)
          .finally(() => {
            drawing = null;
          }),
      }).done;
    drawing.waiting = drawing.done.then(enqueue);
    return drawing.waiting;
  }

  const showProblem = (error) => {
    if (!drawn) plot.replaceChildren(create(html`<div class="empty">${problem(error, enqueue)}</div>`));
  };
  renderFigure();
  changes.addEventListener("change", enqueue, { signal });
  signal.addEventListener("abort", () => drawn && window.Plotly.purge(plot));
  return {
    element: figure,
    plot,
    /** Changes what the next picture is about. */
    rename(newName, newTitle) {
      plot.dataset.chart = newName;
      title = newTitle;
      renderFigure();
    },
    /** @param {(colors: ReturnType<typeof readPalette>) => Picture} picture */
    draw(picture) {
      latest = picture;
      return enqueue();
    },
  };
}

/** The range of colours, from the lowest to the highest value. */
const scaleBar = ({ low, high, log }) => html`
  <p class="heat-scale">
    <span>${low}</span><i aria-hidden="true"></i><span>${high}</span>${log && html`<span>(logarithmic)</span>`}
  </p>`;

const legendEntry = ({ label, own }) => html`<li title=${label}>${own && swatch(own)}<span>${label}</span></li>`;

export const NO_EPOCH_YET = "The first epoch will appear here.";
export const NO_EPOCH = "No epoch was recorded.";

/** A text in the middle of an empty chart. */
export const noteAnnotation = (colors, text) => ({
  text,
  showarrow: false,
  xref: "paper",
  yref: "paper",
  x: 0.5,
  y: 0.5,
  font: { color: colors.faint, size: 13 },
});

const MAX_CHARACTERS = 80;
const ENTITIES = { "<": "&lt;", ">": "&gt;", "&": "&amp;", $: "&#36;", "%": "&#37;", "{": "&#123;" };

/** Escapes markup, formulas and `%{x}`, which Plotly would interpret. */
export const escapeForPlotly = (text) =>
  shorten(escapeInvisible(text), MAX_CHARACTERS).replace(/[<>&$%{]/g, (sign) => ENTITIES[sign]);

/** A trace in the style of its activation. */
export function buildLine(colors, own, { x, y, name, faint = false, markers = x.length < 30, ...more }) {
  const color = colors.looks[own.color];
  return {
    type: "scatter",
    mode: markers && !faint ? "lines+markers" : "lines",
    x,
    y,
    name,
    line: { color, dash: own.dash, width: faint ? 1 : 2.25 },
    marker: { color, symbol: own.symbol, size: 6, maxdisplayed: MAX_MARKERS },
    opacity: faint ? 0.35 : 1,
    hoverinfo: faint ? "skip" : undefined,
    ...more,
  };
}

/** Plotly fills the area between the lowest and the highest line. */
export function buildBand(colors, { own, label, epoch, low, high }) {
  const edge = {
    type: "scatter",
    mode: "lines",
    x: epoch,
    name: escapeForPlotly(label),
    hoverinfo: "skip",
    line: { width: 0, color: colors.looks[own.color] },
  };
  return [
    { ...edge, y: low },
    { ...edge, y: high, fill: "tonexty", fillcolor: `${colors.looks[own.color]}26` },
  ];
}

function baseLayout(colors) {
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

function merge(base, over) {
  const isObject = (value) => value !== null && typeof value === "object" && !Array.isArray(value);
  const made = { ...base };
  for (const [key, value] of Object.entries(over))
    made[key] = isObject(value) && isObject(base[key]) ? merge(base[key], value) : value;
  return made;
}
