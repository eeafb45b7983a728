// Explore: the curves of any activations together, what one point of them is, and what to know before using them.

import { setQuery } from "../address.js";
import { catalog, get, query as asQuery } from "../api.js";
import { card } from "../card.js";
import { chart, line } from "../charts.js";
import { chips, labelled, select } from "../controls.js";
import { debounced, fill, h, refill, superseding } from "../dom.js";
import { extent } from "../figures.js";
import { fixed, number } from "../format.js";
import { looks } from "../looks.js";
import { heading, lede, named, problem } from "../parts.js";
import { broken, reading } from "../reading.js";
import { chosenActivations, parametersIn, parametersOut } from "../selection.js";

const POINTS = 401;
const REACHES = ["3", "5", "10", "20"];
const TANGENT = 0.09; // of the width, to both sides
const LAST = POINTS - 1;
const START = 1; // where x stands at first

export async function view({ root, query, signal, title }) {
  title("Explore");
  const [all, look] = await Promise.all([catalog(), looks()]);
  const chosen = chosenActivations(all, query.get("names"), ["sigmoid", "relu", "gelu"]);
  const parameters = parametersIn(all, query);
  signal.throwIfAborted();
  const state = {
    reach: REACHES.includes(query.get("range")) ? query.get("range") : "5",
    at: 0, // a place on the grid
    curves: [],
    shownReach: "5", // of the curves
    pointed: false,
  };
  const next = superseding(signal);

  const values = chart({ name: "value", title: "Value f(x)", signal, size: "tall" });
  const slopes = chart({ name: "derivative", title: "Derivative f′(x)", signal, size: "tall" });
  const cursor = h("input", {
    type: "range",
    min: 0,
    max: LAST,
    oninput: () => moveTo(Number(cursor.value)),
    onfocus: () => point(cursor.matches(":focus-visible")),
    onblur: () => point(false),
  });
  const readout = h("div", { class: "scroll" });
  const cards = h("div", { class: "cards" });
  const wrong = h("div");
  const reach = select(
    {
      onchange: () => {
        const x = xAt(state.at);
        state.reach = reach.value;
        state.at = placeOf(x);
        load();
      },
    },
    REACHES.map((text) => [text, `−${text} to ${text}`]),
    state.reach,
  );

  fill(
    root,
    heading("Explore"),
    lede(
      "Each function in float64, with its derivative beside it. Point at a curve, or move the slider, to read a value ",
      "and its slope. Where a derivative jumps, the filled dot is what it is there.",
    ),
    h(
      "section",
      { class: "panel stack", "aria-label": "Activations" },
      chips({
        choices: all,
        chosen,
        look,
        onchange: () => {
          describe();
          load();
        },
      }),
    ),
    wrong,
    h(
      "section",
      { class: "panel stack", "aria-label": "Curves" },
      h("div", { class: "two" }, values.element, slopes.element),
      h("div", { class: "cursor" }, labelled("x, for the values below", cursor), labelled("x from and to", reach)),
      readout,
    ),
    cards,
  );

  /** The x of a place on the grid, as the service has it. */
  const xAt = (place) => (Number(state.reach) * (2 * place - LAST)) / LAST;
  const placeOf = (x) =>
    Math.min(LAST, Math.max(0, Math.round(((x + Number(state.reach)) / (2 * Number(state.reach))) * LAST)));
  const asked = query.get("x") ? Number(query.get("x")) : START;
  state.at = placeOf(Number.isFinite(asked) ? asked : START);

  const selected = () => all.filter((activation) => chosen.has(activation.name));

  function remember() {
    setQuery({
      names: [...chosen].join(","),
      range: state.reach === "5" ? null : state.reach,
      x: xAt(state.at) === START ? null : Number(xAt(state.at).toPrecision(6)),
      ...parametersOut(all, parameters, chosen),
    });
  }

  async function load() {
    remember();
    const mine = next();
    const shownReach = state.reach;
    try {
      const asked = selected().map((activation) => get(curvePath(activation), mine));
      const curves = await Promise.all(asked);
      Object.assign(state, { curves, shownReach });
      fill(wrong);
      draw();
    } catch (error) {
      if (!mine.aborted) fill(wrong, problem(error, load));
    }
  }

  const rememberSoon = debounced(250, signal, remember); // a browser refuses to be told of every step
  const loadSoon = debounced(60, signal, load);
  const range = () => ({ start: -Number(state.reach), stop: Number(state.reach) });
  const curvePath = (activation, more = {}) =>
    `v1/activations/${activation.name}/curve` +
    asQuery({ ...range(), points: POINTS, ...parameters[activation.name], ...more });

  function draw() {
    const { curves, shownReach, at } = state;
    if (shownReach !== state.reach) return; // the curves of another range are on their way
    const xs = curves[0]?.x;
    const drawing = [];
    for (const [figure, key] of [
      [values, "value"],
      [slopes, "derivative"],
    ]) {
      const done = figure.draw((colors) => ({
        data: [
          ...curves.map((curve) => {
            const whole = { x: curve.x, y: curve.value };
            const points = key === "value" ? whole : broken(curve.x, curve[key], jumpsOf(curve));
            return line(colors, look(curve.name), { ...points, name: curve.name, hoverinfo: "none" });
          }),
          ...(key === "derivative" ? curves.flatMap((curve) => dots(colors, look(curve.name), jumpsOf(curve))) : []),
          ...curves.map((curve) => mark(colors, look(curve.name), curve, key, at)),
        ],
        layout: {
          xaxis: { range: [-Number(shownReach), Number(shownReach)] },
          yaxis: { range: span(key) },
          hovermode: false,
          margin: { b: 28 },
          shapes: xs ? [upright(colors, xs[at])] : [],
          uirevision: shownReach,
        },
        caption: caption(key),
      }));
      drawing.push(done);
    }
    read();
    Promise.all(drawing).then(tell);
  }

  const upright = (colors, x) => ({
    type: "line",
    xref: "x",
    yref: "paper",
    x0: x,
    x1: x,
    y0: 0,
    y1: 1,
    layer: "below",
    line: { color: colors.faint, width: 1, dash: "dot" },
  });

  /** Open where the derivative only tends to, filled where it is. */
  function dots(colors, own, jumps) {
    const color = colors.looks[own.color];
    const dot = (points, fill) => ({
      type: "scatter",
      mode: "markers",
      hoverinfo: "skip",
      x: points.map(([x]) => x),
      y: points.map(([, y]) => y),
      marker: { size: 8, symbol: "circle", color: fill, line: { color, width: 2 } },
    });
    const open = jumps.flatMap(({ x, below, at, above }) => [below, above].filter((y) => y !== at).map((y) => [x, y]));
    if (!jumps.length) return [];
    return [dot(open, colors.panel), dot(jumps.map(({ x, at }) => [x, at]), color)];
  }

  /** The point under the cursor; on the value's curve with the tangent there. */
  function mark(colors, own, curve, key, at) {
    const x = curve.x[at],
      y = curve[key][at];
    const color = colors.looks[own.color];
    const base = {
      type: "scatter",
      hoverinfo: "skip",
      marker: { color, size: 9, symbol: own.symbol, line: { color: colors.panel, width: 2 } },
      line: { color, width: 1 },
    };
    if (key === "derivative") return { ...base, mode: "markers", x: [x], y: [y] };
    const reachX = TANGENT * 2 * Number(state.reach),
      slope = curve.derivative[at];
    return {
      ...base,
      mode: "lines+markers",
      x: [x - reachX, x, x + reachX],
      y: [y - slope * reachX, y, y + slope * reachX],
      marker: { ...base.marker, size: [0, 9, 0] },
    };
  }

  /** What is shown of the value's axis: all of a bounded function, and an unbounded one as far as x goes. */
  function span(key) {
    const found = state.curves.flatMap((curve) => curve[key]).filter((value) => value !== null);
    if (!found.length) return [-1, 1];
    const cap = key === "value" ? Number(state.reach) : 3;
    const low = Math.max(-cap, Math.min(...found)),
      high = Math.min(cap, Math.max(...found));
    const room = 0.06 * (high - low || 1);
    return [low - room, high + room];
  }

  function caption(key) {
    if (!state.curves.length) return "Choose an activation above.";
    const said = state.curves.map((curve) => {
      const [low, high] = extent(curve[key]).map((end) => number(end, 3));
      return `${curve.name} lies between ${low} and ${high}`;
    });
    return `${said.join("; ")}.`;
  }

  function moveTo(place) {
    if (place === state.at) return;
    state.at = place;
    rememberSoon();
    draw();
  }

  /** Whether somebody points at an x. */
  function point(pointed) {
    if (pointed === state.pointed) return;
    state.pointed = pointed;
    tell();
  }

  /** Beside the cursor, in both charts. */
  function tell() {
    const { curves, at } = state;
    if (!curves.length || signal.aborted) return;
    const rows = (key) =>
      curves.map((curve) => ({ own: look(curve.name), name: curve.name, text: number(curve[key][at], 4) }));
    valuesRead.tell(curves[0].x[at], rows("value"), state.pointed);
    slopesRead.tell(curves[0].x[at], rows("derivative"), state.pointed);
  }

  function read() {
    const x = state.curves[0]?.x[state.at];
    cursor.value = state.at;
    cursor.setAttribute("aria-valuetext", `x = ${number(x ?? 0, 3)}`);
    refill(
      readout,
      state.curves.length > 0 &&
        h(
          "table",
          { class: "readout" },
          h("caption", { class: "hidden" }, "Value and slope at the chosen x"),
          h(
            "thead",
            {},
            h(
              "tr",
              {},
              h("th", { scope: "col" }, h("output", {}, `x = ${fixed(x, 3)}`)),
              h("th", { scope: "col", class: "figure" }, "f(x)"),
              h("th", { scope: "col", class: "figure" }, "slope f′(x)"),
            ),
          ),
          h(
            "tbody",
            {},
            state.curves.map((curve) =>
              h(
                "tr",
                {},
                h("th", { scope: "row" }, named(look(curve.name), curve.name)),
                h("td", { class: "figure" }, number(curve.value[state.at], 6)),
                h("td", { class: "figure" }, number(curve.derivative[state.at], 6), jumpAt(curve, x)),
              ),
            ),
          ),
        ),
    );
  }

  function describe() {
    fill(
      cards,
      selected().map((activation) => {
        const values = (parameters[activation.name] ??= {});
        const file = (format) => curvePath(activation, { format });
        return card(activation, { own: look(activation.name), values, file, onchange: loadSoon });
      }),
    );
  }

  const moved = ({ x, place = placeOf(x) }) => moveTo(place);
  const about = { signal, at: () => state.at, last: LAST, onmove: moved, onshow: point };
  const valuesRead = reading(values, { ...about, label: "x of the values" });
  const slopesRead = reading(slopes, { ...about, label: "x of the derivatives" });
  const resized = new ResizeObserver(tell);
  resized.observe(values.plot);
  signal.addEventListener("abort", () => resized.disconnect());
  describe();
  await load();
}

const jumpsOf = (curve) => curve.jumps ?? [];

function jumpAt(curve, x) {
  const jump = jumpsOf(curve).find((one) => one.x === x);
  return jump && h("small", {}, `jumps from ${number(jump.below, 4)} to ${number(jump.above, 4)}`);
}
