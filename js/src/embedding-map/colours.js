/** What the colour of a point says: a category, the ten most frequent with a colour of their own, or a number. */
import { categories, COLOURED, rgb } from '../lib/categories.js';
import { VIRIDIS } from '../lib/color.js';

/** @typedef {{name: string, kind: "category" | "number", categories?: string[], lo?: number, hi?: number, says?: string}} Column */
/** @typedef {{values: ArrayLike<number>, none: number}} Values */

/** Place on the ramp of points that have no value. */
export const NONE = 255;

/**
 * @typedef {object} Painted
 * @property {Uint8Array} index place on the ramp, a point each
 * @property {{category: number, count: number, index: number}[]} legend most frequent first; empty for numbers
 */

/** @param {Column} column @param {Values} data @param {number} count @returns {Painted} */
export function paint(column, { values, none }, count) {
  const index = new Uint8Array(count);
  if (column.kind === 'number') {
    for (let i = 0; i < count; i++) index[i] = values[i] === none ? NONE : (254 * values[i]) / (none - 1 || 1);
    return { index, legend: [] };
  }
  const counts = new Uint32Array((column.categories ?? []).length);
  for (let i = 0; i < count; i++) if (values[i] < counts.length) counts[values[i]]++;
  const order = [...counts.keys()].filter((c) => counts[c]).sort((a, b) => counts[b] - counts[a] || a - b);
  const own = new Uint8Array(counts.length).fill(COLOURED);
  // few categories keep the colours of their order, so that another column of the same classes looks the same
  const first = counts.length <= COLOURED ? [...counts.keys()] : order.slice(0, COLOURED);
  for (const [k, c] of first.entries()) own[c] = k;
  for (let i = 0; i < count; i++) index[i] = values[i] < counts.length ? own[values[i]] : NONE;
  const legend = order.map((category) => ({ category, count: counts[category], index: own[category] }));
  return { index, legend: counts.length <= COLOURED ? legend.sort((a, b) => a.category - b.category) : legend };
}

/** 256 colours, the last one for points without a value. @param {Column["kind"] | null} kind @param {boolean} dark */
export function rampOf(kind, dark) {
  const rgba = new Uint8Array(1024).fill(255);
  const ten = categories(dark).map(rgb);
  const neutral = ten[COLOURED];
  for (let i = 0; i < 256; i++) {
    const from = Math.min(255, Math.round((i * 255) / 254));
    const color =
      kind === 'number' && i !== NONE
        ? VIRIDIS.subarray(3 * from, 3 * from + 3)
        : kind === 'category'
          ? (ten[i] ?? neutral)
          : neutral;
    rgba.set(color, 4 * i);
  }
  return rgba;
}

/** The number that a place of a column stands for. @param {Column} column @param {Values} data @param {number} i */
export function numberAt({ lo = 0, hi = 1 }, { values, none }, i) {
  return values[i] === none ? Number.NaN : lo + (values[i] / (none - 1)) * (hi - lo);
}
