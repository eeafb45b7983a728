// Explore: curves of activations, the values at one x, and a card for each activation.

import { activationCard } from "../activation_card.js";
import { readActivations, readParameters, writeParameters } from "../activation_query.js";
import { setQuery } from "../address.js";
import { get, loadCatalog, queryString } from "../api.js";
import { chartSlider } from "../chart_slider.js";
import { chart } from "../charts.js";
import { heading, lede, problem } from "../components.js";
import { chips, labelField, select } from "../controls.js";
import { fill, h, refill } from "../dom.js";
import { buildDerivativePicture, buildValuePicture, describeJump } from "../explore_charts.js";
import { fixed, number } from "../format.js";
import { loadLineStyles } from "../line_styles.js";
import { activationName } from "../swatch.js";
import { abortPrevious, debounce } from "../timing.js";

const POINTS = 401;
const REACHES = ["3", "5", "10", "20"];
const LAST = POINTS - 1;
const START = 1; // the initial x

export async function view({ root, query, signal, title }) {
  title("Explore");
  const [all, look] = await Promise.all([loadCatalog(), loadLineStyles()]);
  const chosen = readActivations(all, query.get("names"), ["sigmoid", "relu", "gelu"]);
  const parameters = readParameters(all, query);
  signal.throwIfAborted();
  const state = {
    reach: REACHES.includes(query.get("range")) ? query.get("range") : "5",
    at: 0, // index on the grid
    curves: [],
    shownReach: "5", // range of the drawn curves
    pointed: false,
  };
  const next = abortPrevious(signal);

  const values = chart({ name: "value", title: "Value f(x)", signal, size: "tall" });
  const slopes = chart({ name: "derivative", title: "Derivative f′(x)", signal, size: "tall" });
  const cursor = h("input", {
    type: "range",
    min: 0,
    max: LAST,
    oninput: () => moveTo(Number(cursor.value)),
    onfocus: () => setPointed(cursor.matches(":focus-visible")),
    onblur: () => setPointed(false),
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
      "Each function in float64 and its derivative. Point at a curve, or move the slider, to read a value ",
      "and its slope. At a jump of the derivative, the filled dot is its value.",
    ),
    h(
      "section",
      { class: "panel stack", "aria-label": "Activations" },
      chips({
        choices: all,
        chosen,
        look,
        onchange: () => {
          renderCards();
          load();
        },
      }),
    ),
    wrong,
    h(
      "section",
      { class: "panel stack", "aria-label": "Curves" },
      h("div", { class: "two" }, values.element, slopes.element),
      h("div", { class: "cursor" }, labelField("x, for the values below", cursor), labelField("x from and to", reach)),
      readout,
    ),
    cards,
  );

  /** The x of an index on the grid, computed as the service does. */
  const xAt = (place) => (Number(state.reach) * (2 * place - LAST)) / LAST;
  const placeOf = (x) =>
    Math.min(LAST, Math.max(0, Math.round(((x + Number(state.reach)) / (2 * Number(state.reach))) * LAST)));
  const asked = query.get("x") ? Number(query.get("x")) : START;
  state.at = placeOf(Number.isFinite(asked) ? asked : START);

  const selected = () => all.filter((activation) => chosen.has(activation.name));

  function rememberChoice() {
    setQuery({
      names: [...chosen].join(","),
      range: state.reach === "5" ? null : state.reach,
      x: xAt(state.at) === START ? null : Number(xAt(state.at).toPrecision(6)),
      ...writeParameters(all, parameters, chosen),
    });
  }

  async function load() {
    rememberChoice();
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

  const rememberSoon = debounce(250, signal, rememberChoice); // browsers limit the rate of address changes
  const loadSoon = debounce(60, signal, load);
  const range = () => ({ start: -Number(state.reach), stop: Number(state.reach) });
  const curvePath = (activation, more = {}) =>
    `v1/activations/${activation.name}/curve` +
    queryString({ ...range(), points: POINTS, ...parameters[activation.name], ...more });

  function draw() {
    const { curves, shownReach, at } = state;
    if (shownReach !== state.reach) return; // the curves of another range are loading
    const drawing = [
      values.draw(buildValuePicture(curves, { look, at, reach: Number(shownReach) })),
      slopes.draw(buildDerivativePicture(curves, { look, at, reach: Number(shownReach) })),
    ];
    renderReadout();
    Promise.all(drawing).then(updateTips);
  }

  function moveTo(place) {
    if (place === state.at) return;
    state.at = place;
    rememberSoon();
    draw();
  }

  /** Sets whether an x is pointed at. */
  function setPointed(pointed) {
    if (pointed === state.pointed) return;
    state.pointed = pointed;
    updateTips();
  }

  /** Updates the tooltips of both charts. */
  function updateTips() {
    const { curves, at } = state;
    if (!curves.length || signal.aborted) return;
    const rows = (key) =>
      curves.map((curve) => ({ own: look(curve.name), name: curve.name, text: number(curve[key][at], 4) }));
    valuesRead.tell(curves[0].x[at], rows("value"), state.pointed);
    slopesRead.tell(curves[0].x[at], rows("derivative"), state.pointed);
  }

  function renderReadout() {
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
                h("th", { scope: "row" }, activationName(look(curve.name), curve.name)),
                h("td", { class: "figure" }, number(curve.value[state.at], 6)),
                h("td", { class: "figure" }, number(curve.derivative[state.at], 6), describeJump(curve, x)),
              ),
            ),
          ),
        ),
    );
  }

  function renderCards() {
    fill(
      cards,
      selected().map((activation) => {
        const values = (parameters[activation.name] ??= {});
        const file = (format) => curvePath(activation, { format });
        return activationCard(activation, { own: look(activation.name), values, file, onchange: loadSoon });
      }),
    );
  }

  const moveCursor = ({ x, place = placeOf(x) }) => moveTo(place);
  const about = { signal, at: () => state.at, last: LAST, onmove: moveCursor, onshow: setPointed };
  const valuesRead = chartSlider(values, { ...about, label: "x of the values" });
  const slopesRead = chartSlider(slopes, { ...about, label: "x of the derivatives" });
  const resized = new ResizeObserver(updateTips);
  resized.observe(values.plot);
  signal.addEventListener("abort", () => resized.disconnect());
  renderCards();
  await load();
}
