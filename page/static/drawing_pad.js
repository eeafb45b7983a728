// A canvas to draw a digit with a mouse, a finger, a pen or the keyboard.

import { create, html } from "./dom.js";
import { SIDE } from "./mnist_digit.js";

const PIXELS = 280;
const CELL = PIXELS / SIDE;
const PEN = 22;
const STEPS = { ArrowLeft: [-1, 0], ArrowRight: [1, 0], ArrowUp: [0, -1], ArrowDown: [0, 1] };
const START = { x: 14, y: 8 };

/**
 * @param {object} about
 * @param {string} about.describedby the id of the instructions
 * @param {() => void} about.onchange the drawing changed
 * @param {() => void} about.onenter
 */
export function createPad({ describedby, onchange, onenter }) {
  const element = create(html`
    <div class="pad">
      <canvas aria-label="Digit" width=${PIXELS} height=${PIXELS} tabindex="0" role="img"
        aria-describedby=${describedby}></canvas>
    </div>`);
  const canvas = element.firstElementChild;
  const pen = canvas.getContext("2d", { willReadFrequently: true });
  const cursor = { ...START, down: false, shown: false };
  let ink = null; // the drawing without the keyboard cursor

  function stroke(points) {
    Object.assign(pen, { strokeStyle: "#fff", lineWidth: PEN, lineCap: "round", lineJoin: "round" });
    pen.beginPath();
    points.forEach(([x, y], index) => (index ? pen.lineTo(x, y) : pen.moveTo(x, y)));
    if (points.length === 1) pen.lineTo(points[0][0] + 0.01, points[0][1]);
    pen.stroke();
    ink = pen.getImageData(0, 0, PIXELS, PIXELS);
  }

  function clearPixels() {
    pen.fillStyle = "#000";
    pen.fillRect(0, 0, PIXELS, PIXELS);
    ink = pen.getImageData(0, 0, PIXELS, PIXELS);
    showCursor();
  }

  function showCursor() {
    if (!cursor.shown) return;
    Object.assign(pen, { strokeStyle: cursor.down ? "#e69f00" : "#6cb6ec", lineWidth: 2 });
    pen.strokeRect(cursor.x * CELL + 1, cursor.y * CELL + 1, CELL - 2, CELL - 2);
  }

  function hideCursor() {
    if (!cursor.shown) return;
    Object.assign(cursor, { shown: false, down: false });
    pen.putImageData(ink, 0, 0);
  }

  listenToPointer(canvas, { begin: hideCursor, stroke, onchange });

  canvas.addEventListener("keydown", (event) => {
    if (event.key === "Enter") return onenter();
    const step = STEPS[event.key];
    if (!step && event.key !== " ") return;
    event.preventDefault();
    const from = { ...cursor };
    if (step) moveBy(step);
    else cursor.down = !cursor.down;
    pen.putImageData(ink, 0, 0);
    if (cursor.down) {
      stroke([from, cursor].map(({ x, y }) => [(x + 0.5) * CELL, (y + 0.5) * CELL]));
      onchange();
    }
    cursor.shown = true;
    showCursor();
  });
  canvas.addEventListener("focus", () => {
    cursor.shown = canvas.matches(":focus-visible");
    showCursor();
  });
  canvas.addEventListener("blur", hideCursor);

  function moveBy([right, down]) {
    cursor.x = Math.min(SIDE - 1, Math.max(0, cursor.x + right));
    cursor.y = Math.min(SIDE - 1, Math.max(0, cursor.y + down));
  }

  clearPixels();
  return {
    element,
    ink: () => ink,
    clear() {
      clearPixels();
      onchange();
    },
    /** @param {[number, number][][]} strokes from 0 to 1 */
    show(strokes) {
      hideCursor();
      clearPixels();
      for (const points of strokes) stroke(points.map(([x, y]) => [x * PIXELS, y * PIXELS]));
      onchange();
    },
  };
}

function listenToPointer(canvas, { begin, stroke, onchange }) {
  let last = null;
  const at = (event) => {
    const box = canvas.getBoundingClientRect();
    return [((event.clientX - box.left) / box.width) * PIXELS, ((event.clientY - box.top) / box.height) * PIXELS];
  };
  canvas.addEventListener("pointerdown", (event) => {
    if (event.button !== 0) return;
    event.preventDefault();
    begin();
    canvas.setPointerCapture(event.pointerId);
    last = at(event);
    stroke([last]);
  });
  canvas.addEventListener("pointermove", (event) => {
    if (last === null) return;
    const passed = event.getCoalescedEvents?.().map(at) ?? [];
    const points = [last, ...(passed.length ? passed : [at(event)])];
    stroke(points);
    last = points.at(-1);
  });
  for (const kind of ["pointerup", "pointercancel"])
    canvas.addEventListener(kind, () => {
      if (last !== null) onchange();
      last = null;
    });
}
