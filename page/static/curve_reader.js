// Values and derivatives of curves over a range of x, and a cursor that both charts and their table share.

import { chartSlider } from "./chart_slider.js";
import { chart } from "./charts.js";
import { labelField, selectField } from "./controls.js";
import { html } from "./dom.js";
import { buildDerivativePicture, buildValuePicture, describeJump } from "./explore_charts.js";
import { fixed, number } from "./format.js";
import { activationName } from "./swatch.js";

const POINTS = 401;
const REACHES = ["3", "5", "10", "20"];
const FIRST_REACH = "5";
const LAST = POINTS - 1;
const START = 1; // the initial x

/**
 * @param {object} about
 * @param {AbortSignal} about.signal
 * @param {URLSearchParams} about.query of the address, for the first range and x
 * @param {(name: string) => import("./line_styles.js").Look} about.look
 * @param {() => void} about.onreach another range was chosen: its curves are to be shown
 * @param {() => void} about.onmove the cursor moved
 * @param {() => void} about.update renders the view
 */
export function createCurveReader({ signal, query, look, onreach, onmove, update }) {
  const values = chart({ name: "value", title: "Value f(x)", signal, size: "tall" });
  const slopes = chart({ name: "derivative", title: "Derivative f′(x)", signal, size: "tall" });
  const asked = query.get("x") ? Number(query.get("x")) : START;
  let reach = REACHES.includes(query.get("range")) ? query.get("range") : FIRST_REACH;
  let at = placeOf(Number.isFinite(asked) ? asked : START); // index on the grid
  let curves = [];
  let pointed = false;

  /** The x of an index on the grid, computed as the service does. */
  function xAt(place) {
    return (Number(reach) * (2 * place - LAST)) / LAST;
  }

  function placeOf(x) {
    return Math.min(LAST, Math.max(0, Math.round(((x + Number(reach)) / (2 * Number(reach))) * LAST)));
  }

  const template = () => html`
    <div class="two">${values.element}${slopes.element}</div>
    <div class="cursor">
      ${labelField("cursor", "x, for the values below", cursor(curves[0]?.x[at]))}
      ${selectField({
        id: "reach",
        label: "x from and to",
        choices: REACHES.map((text) => [text, `−${text} to ${text}`]),
        value: reach,
        onchange: chooseReach,
      })}
    </div>
    <div class="scroll">${curves.length > 0 && readout(curves, at, look)}</div>`;

  const cursor = (x) => html`
    <input type="range" id="cursor" min="0" max=${LAST} .value=${String(at)}
      aria-valuetext="x = ${number(x ?? 0, 3)}"
      @input=${({ currentTarget }) => moveTo(Number(currentTarget.value))}
      @focus=${({ currentTarget }) => setPointed(currentTarget.matches(":focus-visible"))}
      @blur=${() => setPointed(false)} />`;

  function chooseReach(value) {
    const x = xAt(at);
    reach = value;
    at = placeOf(x);
    onreach();
  }

  function draw() {
    if (curves.length && curves[0].x[LAST] !== Number(reach)) return; // the curves of another range are loading
    const about = { look, at, reach: Number(reach) };
    const drawing = [
      values.draw(buildValuePicture(curves, about)),
      slopes.draw(buildDerivativePicture(curves, about)),
    ];
    update();
    Promise.all(drawing).then(updateTips);
  }

  function moveTo(place) {
    if (place === at) return;
    at = place;
    onmove();
    draw();
  }

  /** Sets whether an x is pointed at. */
  function setPointed(now) {
    if (now === pointed) return;
    pointed = now;
    updateTips();
  }

  /** Updates the tooltips of both charts. */
  function updateTips() {
    if (!curves.length || signal.aborted) return;
    const rows = (key) =>
      curves.map((curve) => ({ own: look(curve.name), name: curve.name, text: number(curve[key][at], 4) }));
    valuesRead.tell(curves[0].x[at], rows("value"), pointed);
    slopesRead.tell(curves[0].x[at], rows("derivative"), pointed);
  }

  const moveCursor = ({ x, place = placeOf(x) }) => moveTo(place);
  const about = { signal, at: () => at, last: () => LAST, onmove: moveCursor, onshow: setPointed };
  const valuesRead = chartSlider(values, { ...about, label: "x of the values" });
  const slopesRead = chartSlider(slopes, { ...about, label: "x of the derivatives" });
  const resized = new ResizeObserver(updateTips);
  resized.observe(values.plot);
  signal.addEventListener("abort", () => resized.disconnect());

  return {
    template,
    /** The numbers at which the curves are to be evaluated. */
    grid: () => ({ start: -Number(reach), stop: Number(reach), points: POINTS }),
    /** @param {object[]} found curves from the API */
    show(found) {
      curves = found;
      draw();
    },
    /** What differs from the initial range and x. */
    toQuery: () => ({
      range: reach === FIRST_REACH ? null : reach,
      x: xAt(at) === START ? null : Number(xAt(at).toPrecision(6)),
    }),
  };
}

/** The table of values at the cursor. */
function readout(curves, at, look) {
  const x = curves[0].x[at];
  const row = (curve) => html`
    <tr>
      <th scope="row">${activationName(look(curve.name), curve.name)}</th>
      <td class="figure">${number(curve.value[at], 6)}</td>
      <td class="figure">${number(curve.derivative[at], 6)}${describeJump(curve, x)}</td>
    </tr>`;
  return html`
    <table class="readout">
      <caption class="hidden">Value and slope at the chosen x</caption>
      <thead>
        <tr>
          <th scope="col"><output>x = ${fixed(x, 3)}</output></th>
          <th scope="col" class="figure">f(x)</th>
          <th scope="col" class="figure">slope f′(x)</th>
        </tr>
      </thead>
      <tbody>${curves.map(row)}</tbody>
    </table>`;
}
