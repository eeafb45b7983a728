// Explore: the curves of any activations together, what one point of them is, and what to know before using them.

import { setQuery } from "../address.js";
import { catalog, get, query as asQuery } from "../api.js";
import { card } from "../card.js";
import { chart, line } from "../charts.js";
import { chips, labelled, select } from "../controls.js";
import { debounced, fill, h, superseding } from "../dom.js";
import { fixed, number } from "../format.js";
import { looks } from "../looks.js";
import { heading, lede, named, problem } from "../parts.js";
import { chosenActivations, parametersIn, parametersOut } from "../selection.js";

const POINTS = 401;
const REACHES = ["3", "5", "10", "20"];
const TANGENT = 0.09; // of the width, to both sides

export async function view({ root, query, signal, title }) {
  title("Explore");
  const [all, look] = await Promise.all([catalog(), looks()]);
  const chosen = chosenActivations(all, query.get("names"), ["sigmoid", "relu", "gelu"]);
  const parameters = parametersIn(all, query);
  const state = { reach: REACHES.includes(query.get("range")) ? query.get("range") : "5", at: 1, curves: [] };
  const next = superseding(signal);

  const values = chart({ name: "value", title: "Value f(x)", signal, size: "tall" });
  const slopes = chart({ name: "derivative", title: "Derivative f′(x)", signal, size: "tall" });
  const cursor = h("input", {
    type: "range",
    min: 0,
    max: POINTS - 1,
    value: 240,
    oninput: () => moveTo(Number(cursor.value)),
  });
  const readout = h("div", { class: "scroll" });
  const cards = h("div", { class: "cards" });
  const wrong = h("div");
  const reach = select(
    {
      onchange: () => {
        state.reach = reach.value;
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
      "and its slope.",
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

  const selected = () => all.filter((activation) => chosen.has(activation.name));

  function remember() {
    setQuery({
      names: [...chosen].join(","),
      range: state.reach === "5" ? null : state.reach,
      ...parametersOut(all, parameters, chosen),
    });
  }

  async function load() {
    remember();
    const mine = next();
    try {
      const asked = selected().map((activation) => get(curvePath(activation), mine));
      state.curves = await Promise.all(asked);
      fill(wrong);
      draw();
    } catch (error) {
      if (!mine.aborted) fill(wrong, problem(error, load));
    }
  }

  const loadSoon = debounced(60, signal, load);
  const range = () => ({ start: -Number(state.reach), stop: Number(state.reach) });
  const curvePath = (activation, more = {}) =>
    `v1/activations/${activation.name}/curve` +
    asQuery({ ...range(), points: POINTS, ...parameters[activation.name], ...more });

  function draw() {
    for (const [figure, key] of [
      [values, "value"],
      [slopes, "derivative"],
    ]) {
      figure.draw((colors) => ({
        data: [
          ...state.curves.map((curve) =>
            line(colors, look(curve.name), { x: curve.x, y: curve[key], name: curve.name, hoverinfo: "none" }),
          ),
          ...state.curves.map((curve) => mark(colors, look(curve.name), curve, key)),
        ],
        layout: {
          xaxis: { range: [-Number(state.reach), Number(state.reach)] },
          yaxis: { range: span(key) },
          hovermode: "x",
          margin: { b: 28 },
          uirevision: state.reach,
        },
        caption: caption(key),
      }));
    }
    read();
  }

  /** The point under the cursor; on the value's curve with the tangent there. */
  function mark(colors, own, curve, key) {
    const x = curve.x[state.at],
      y = curve[key][state.at];
    const color = colors.looks[own.color];
    const base = {
      type: "scatter",
      hoverinfo: "skip",
      marker: { color, size: 9, symbol: own.symbol, line: { color: colors.panel, width: 2 } },
      line: { color, width: 1 },
    };
    if (key === "derivative") return { ...base, mode: "markers", x: [x], y: [y] };
    const reachX = TANGENT * 2 * Number(state.reach),
      slope = curve.derivative[state.at];
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
    return (
      state.curves
        .map((curve) => `${curve.name} runs from ${number(curve[key][0], 3)} to ${number(curve[key].at(-1), 3)}`)
        .join("; ") + "."
    );
  }

  function moveTo(place) {
    state.at = place;
    cursor.value = place;
    draw();
  }

  function read() {
    const x = state.curves[0]?.x[state.at];
    cursor.setAttribute("aria-valuetext", `x = ${number(x ?? 0, 3)}`);
    fill(
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
                h("td", { class: "figure" }, number(curve.derivative[state.at], 6)),
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

  for (const figure of [values, slopes]) {
    figure.plot.addEventListener("drawn", () => {
      figure.plot.on(
        "plotly_hover",
        ({ points: [point] }) => point.pointNumber !== state.at && moveTo(point.pointNumber),
      );
    });
  }
  state.at = 240;
  describe();
  await load();
}
