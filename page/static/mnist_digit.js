// A drawn digit in MNIST's format: scaled into 20 x 20, with its centre of mass in the centre of 28 x 28.
// Y. LeCun, C. Cortes and C. Burges, "The MNIST database of handwritten digits".

export const SIDE = 28;
const BOX = 20;

/**
 * @param {{data: Uint8ClampedArray, width: number, height: number}} ink brightness in the red channel
 * @returns {number[][]|null} 28 rows of 28 numbers 0..255; null for an empty drawing
 */
export function toMnist(ink) {
  const bounds = findBounds(ink);
  if (bounds === null) return null;
  const scale = BOX / Math.max(bounds.width, bounds.height);
  const small = shrink(ink, bounds, scale);
  return center(small);
}

const readBrightness = ({ data, width }, x, y) => data[4 * (y * width + x)];

function findBounds(ink) {
  let [left, top, right, bottom] = [ink.width, ink.height, -1, -1];
  for (let y = 0; y < ink.height; y += 1) {
    for (let x = 0; x < ink.width; x += 1) {
      if (readBrightness(ink, x, y) === 0) continue;
      left = Math.min(left, x);
      right = Math.max(right, x);
      top = Math.min(top, y);
      bottom = Math.max(bottom, y);
    }
  }
  return right < 0 ? null : { left, top, width: right - left + 1, height: bottom - top + 1 };
}

/** Each small pixel is the mean of the area it covers, which gives MNIST's grey edges. */
function shrink(ink, { left, top, width, height }, scale) {
  const columns = Math.max(1, Math.round(width * scale)),
    rows = Math.max(1, Math.round(height * scale));
  return Array.from({ length: rows }, (_, row) =>
    Array.from({ length: columns }, (_, column) =>
      averageOver(ink, left + (column * width) / columns, top + (row * height) / rows, width / columns, height / rows),
    ),
  );
}

function averageOver(ink, left, top, width, height) {
  let sum = 0,
    area = 0;
  for (let y = Math.floor(top); y < top + height; y += 1) {
    const tall = Math.min(y + 1, top + height) - Math.max(y, top);
    for (let x = Math.floor(left); x < left + width; x += 1) {
      const part = tall * (Math.min(x + 1, left + width) - Math.max(x, left));
      if (x < ink.width && y < ink.height) sum += part * readBrightness(ink, x, y);
      area += part;
    }
  }
  return sum / area;
}

function center(small) {
  let mass = 0,
    across = 0,
    down = 0;
  small.forEach((row, y) =>
    row.forEach((value, x) => {
      mass += value;
      across += value * (x + 0.5);
      down += value * (y + 0.5);
    }),
  );
  const shiftX = Math.round(SIDE / 2 - across / mass),
    shiftY = Math.round(SIDE / 2 - down / mass);
  return Array.from({ length: SIDE }, (_, y) =>
    Array.from({ length: SIDE }, (_, x) => Math.round(small[y - shiftY]?.[x - shiftX] ?? 0)),
  );
}

/** Sample digits as strokes on a unit square. */
export const SAMPLES = {
  0: [traceArc(0.5, 0.5, 0.2, 0.31, 0, 360)],
  1: [
    [
      [0.4, 0.28],
      [0.53, 0.18],
      [0.53, 0.82],
    ],
  ],
  2: [[...traceArc(0.5, 0.35, 0.19, 0.17, 190, 390), [0.62, 0.5], [0.32, 0.8], [0.72, 0.8]]],
  3: [[...traceArc(0.48, 0.34, 0.18, 0.16, 200, 440), ...traceArc(0.48, 0.65, 0.21, 0.17, 280, 520)]],
  4: [
    [
      [0.4, 0.2],
      [0.3, 0.55],
      [0.72, 0.55],
    ],
    [
      [0.62, 0.32],
      [0.6, 0.84],
    ],
  ],
  5: [[[0.68, 0.2], [0.38, 0.2], [0.35, 0.47], ...traceArc(0.48, 0.62, 0.2, 0.19, 245, 510)]],
  6: [[[0.6, 0.18], [0.45, 0.32], [0.35, 0.55], ...traceArc(0.5, 0.65, 0.16, 0.16, 180, -180)]],
  7: [
    [
      [0.3, 0.22],
      [0.7, 0.22],
      [0.46, 0.82],
    ],
  ],
  8: [[...traceArc(0.5, 0.35, 0.15, 0.15, 90, 450), ...traceArc(0.5, 0.66, 0.18, 0.16, 270, 630)]],
  9: [[...traceArc(0.5, 0.36, 0.16, 0.16, 0, 360), [0.66, 0.4], [0.6, 0.82]]],
};

/** Points on an elliptical arc, in degrees; 0 is right, 90 is down. */
function traceArc(x, y, radiusX, radiusY, from, to) {
  const steps = 24;
  return Array.from({ length: steps + 1 }, (_, step) => {
    const angle = ((from + ((to - from) * step) / steps) * Math.PI) / 180;
    return [x + radiusX * Math.cos(angle), y + radiusY * Math.sin(angle)];
  });
}
