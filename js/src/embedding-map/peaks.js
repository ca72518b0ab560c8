/** Where most of each category lies: above that its name is written. */
import { FULL } from './hash.js';

const SIDE = 24;
/** Points that are looked at. */
const ENOUGH = 20_000;
/** Points are taken in steps of a prime, so that an order by category does not leave one out. */
const PRIME = 7919;
/** Standard deviations from the middle to the upper end: of points all over a disc hardly one lies higher. */
const ABOVE = 1.9;

/**
 * Middle of the fullest part of each category and its upper end, [x, y, top], or null where it has no points.
 * @param {Uint16Array} xy @param {ArrayLike<number>} values @param {number} categories @param {(id: number) => boolean} accept
 */
export function peaks(xy, values, categories, accept = () => true) {
  const ids = sample(xy.length >> 1);
  const cells = new Float32Array(categories * SIDE * SIDE);
  const cellOf = (/** @type {number} */ i) =>
    Math.floor((xy[2 * i + 1] * SIDE) / (FULL + 1)) * SIDE + Math.floor((xy[2 * i] * SIDE) / (FULL + 1));
  for (const i of ids) if (values[i] < categories && accept(i)) cells[values[i] * SIDE * SIDE + cellOf(i)]++;
  const best = Array.from({ length: categories }, (_, c) =>
    fullest(cells.subarray(c * SIDE * SIDE, (c + 1) * SIDE * SIDE)),
  );
  const sums = new Float64Array(categories * 4);
  for (const i of ids) {
    const c = values[i];
    if (!(c < categories) || best[c] < 0 || !accept(i)) continue;
    const cell = cellOf(i);
    const apart = Math.max(
      Math.abs(Math.floor(cell / SIDE) - Math.floor(best[c] / SIDE)),
      Math.abs((cell % SIDE) - (best[c] % SIDE)),
    );
    if (apart > 2) continue;
    sums[4 * c] += xy[2 * i];
    sums[4 * c + 1] += xy[2 * i + 1];
    sums[4 * c + 2] += xy[2 * i + 1] ** 2;
    sums[4 * c + 3]++;
  }
  return best.map((_, c) => {
    const [x, y, squares, n] = sums.subarray(4 * c, 4 * c + 4);
    if (!n) return null;
    const spread = Math.sqrt(Math.max(0, squares / n - (y / n) ** 2));
    return [x / n, y / n, y / n - ABOVE * spread];
  });
}

/** The cell with most points in it and round it. @param {Float32Array} cells */
function fullest(cells) {
  let [best, most] = [-1, 0];
  for (let c = 0; c < cells.length; c++) {
    if (!cells[c]) continue;
    let sum = 0;
    for (const dy of [-1, 0, 1]) {
      for (const dx of [-1, 0, 1]) {
        const [row, column] = [Math.floor(c / SIDE) + dy, (c % SIDE) + dx];
        if (row >= 0 && row < SIDE && column >= 0 && column < SIDE) sum += cells[row * SIDE + column];
      }
    }
    if (sum > most) [best, most] = [c, sum];
  }
  return best;
}

/** @param {number} count */
function sample(count) {
  if (count <= ENOUGH) return Uint32Array.from({ length: count }, (_, i) => i);
  return Uint32Array.from({ length: ENOUGH }, (_, k) => (k * PRIME) % count);
}
