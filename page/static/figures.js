// Arrays of figures, of any length: spread into a call's arguments, a hundred thousand of them overflow the stack.

/** The least and the greatest of what is a number; infinite where none is. @returns {[number, number]} */
export function extent(values) {
  let [low, high] = [Infinity, -Infinity];
  for (const value of values) {
    if (value === null || value === undefined || Number.isNaN(value)) continue;
    if (value < low) low = value;
    if (value > high) high = value;
  }
  return [low, high];
}

/** The greatest, or something else where there is none. */
export function greatest(values, otherwise) {
  const [, high] = extent(values);
  return high === -Infinity ? otherwise : high;
}
