// @ts-check
/** Justified rows: photos side by side fill the width, each at its own ratio. No DOM, no state. */

export const GAP = 4;
const MIN_RATIO = 0.3;
const MAX_RATIO = 4;

/** @typedef {{from: number, to: number, y: number, height: number}} Row of photos `from` up to `to` */

/** @param {number} ratio width by height; panoramas are cropped */
export const clamp = (ratio) => Math.min(MAX_RATIO, Math.max(MIN_RATIO, ratio || 1.5));

/**
 * Break photos into rows as close to the target height as full rows allow. Rows depend on the
 * photos before them only, so photos that arrive at the end move nothing. The last row is not
 * stretched.
 * @param {number[]} ratios
 * @param {number} width of the grid, in pixels
 * @param {number} target height of a row, in pixels
 * @returns {{rows: Row[], height: number}}
 */
export function justify(ratios, width, target) {
  /** @type {Row[]} */
  const rows = [];
  let [from, sum, y] = [0, 0, 0];
  const end = (/** @type {number} */ to, /** @type {number} */ height) => {
    rows.push({ from, to, y, height });
    y += height + GAP;
    from = to;
    sum = 0;
  };
  for (let at = 0; at < ratios.length; at++) {
    const ratio = clamp(ratios[at]);
    const height = (width - GAP * (at - from)) / (sum + ratio);
    if (height > target) {
      sum += ratio;
      continue;
    }
    const without = at > from ? (width - GAP * (at - from - 1)) / sum : Infinity;
    if (without / target < target / height) {
      end(at, without);
      sum = ratio;
      if (width / ratio <= target) end(at + 1, width / ratio);
    } else {
      end(at + 1, height);
    }
  }
  if (from < ratios.length) end(ratios.length, target);
  return { rows, height: y };
}

/**
 * About how high photos will be of which only the sum of their ratios is known.
 * @param {number} sum
 * @param {number} width
 * @param {number} target
 */
export const estimate = (sum, width, target) => Math.max(1, Math.ceil((sum * target) / width)) * (target + GAP);

/** @param {Row[]} rows @param {number} y @returns {number} the first row that ends below y */
export function firstBelow(rows, y) {
  let [low, high] = [0, rows.length];
  while (low < high) {
    const middle = (low + high) >> 1;
    if (rows[middle].y + rows[middle].height < y) low = middle + 1;
    else high = middle;
  }
  return low;
}
