/** Which points lie inside what was drawn. Corners are [x, y, x, y, ...] in the units of the positions. */
import { FULL } from './hash.js';

/** Even-odd rule; a point on the line may fall on either side. @param {ArrayLike<number>} corners @param {number} x @param {number} y */
export function inside(corners, x, y) {
  let odd = false;
  const n = corners.length;
  for (let i = 0, j = n - 2; i < n; j = i, i += 2) {
    const [xi, yi, xj, yj] = [corners[i], corners[i + 1], corners[j], corners[j + 1]];
    if (yi > y !== yj > y && x < ((xj - xi) * (y - yi)) / (yj - yi) + xi) odd = !odd;
  }
  return odd;
}

/** Cells of the grid that the line runs through, or runs close to. @param {ArrayLike<number>} corners @param {number} side @param {number} width of a cell */
function crossed(corners, side, width) {
  const marks = new Uint8Array(side * side);
  const last = side - 1;
  const at = (/** @type {number} */ v) => Math.floor(v / width);
  const n = corners.length;
  for (let i = 0, j = n - 2; i < n; j = i, i += 2) {
    const [dx, dy] = [corners[i] - corners[j], corners[i + 1] - corners[j + 1]];
    const pieces = Math.max(1, Math.ceil((2 * Math.max(Math.abs(dx), Math.abs(dy))) / width));
    for (let p = 0; p <= pieces; p++) {
      const [cx, cy] = [at(corners[j] + (dx * p) / pieces), at(corners[j + 1] + (dy * p) / pieces)];
      for (let row = Math.max(0, cy - 1); row <= Math.min(last, cy + 1); row++) {
        for (let column = Math.max(0, cx - 1); column <= Math.min(last, cx + 1); column++)
          marks[row * side + column] = 1;
      }
    }
  }
  return marks;
}

/**
 * Calls back with every point inside. Only cells that the line crosses are looked at point by point.
 * @param {import('./hash.js').HashGrid} hash @param {Uint16Array} xy @param {ArrayLike<number>} corners @param {(id: number) => void} fn
 */
export function within({ side, shift, starts, ids }, xy, corners, fn) {
  if (corners.length < 6) return;
  const width = 2 ** shift;
  const marks = crossed(corners, side, width);
  const [left, top, right, bottom] = bounds(corners).map((v) => Math.min(side - 1, Math.max(0, Math.floor(v / width))));
  for (let row = top; row <= bottom; row++) {
    for (let column = left; column <= right; column++) {
      const c = row * side + column;
      const whole = !marks[c];
      if (starts[c] === starts[c + 1]) continue;
      if (whole && !inside(corners, (column + 0.5) * width, (row + 0.5) * width)) continue;
      for (let k = starts[c]; k < starts[c + 1]; k++) {
        const id = ids[k];
        if (whole || inside(corners, xy[2 * id], xy[2 * id + 1])) fn(id);
      }
    }
  }
}

/** Left, top, right, bottom. @param {ArrayLike<number>} corners */
export function bounds(corners) {
  const box = [FULL * 4, FULL * 4, -FULL * 4, -FULL * 4];
  for (let i = 0; i < corners.length; i++) {
    const axis = i % 2;
    box[axis] = Math.min(box[axis], corners[i]);
    box[axis + 2] = Math.max(box[axis + 2], corners[i]);
  }
  return box;
}

/** The corners of a rectangle between two points. @param {number} x0 @param {number} y0 @param {number} x1 @param {number} y1 */
export const rectangle = (x0, y0, x1, y1) => [x0, y0, x1, y0, x1, y1, x0, y1];
