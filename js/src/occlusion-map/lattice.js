/** Where the patches of a sweep lie, and which position stands for which part of the image. */
import { clamp } from '../lib/clamp.js';
import { abs, ceil, floor, min } from './maths.js';

/** @typedef {{y: number, x: number, h: number, w: number}} Box in pixels of the network's input */
/** @typedef {ReturnType<typeof axisOf>} Axis */
/** @typedef {ReturnType<typeof latticeOf>} Lattice */

/** A first, coarse lattice has about this many positions a side. */
const COARSE = 7;

/**
 * One side of the lattice: patches start every `stride` pixels, and the last one is cut off at the border.
 * A position stands for the pixels that lie nearest to the middle of its patch.
 * @param {number} from @param {number} to @param {number} patch @param {number} stride @param {number} count
 */
function axisOf(from, to, patch, stride, count) {
  const starts = Array.from({ length: count }, (_, i) => from + i * stride);
  const ends = starts.map((start) => min(to, start + patch));
  const middles = starts.map((start, i) => (start + ends[i]) / 2);
  const edges = [from, ...middles.slice(1).map((middle, i) => (middles[i] + middle) / 2), to];
  return {
    starts,
    ends,
    edges,
    /** The position whose part holds a pixel. @param {number} v */
    at: (v) => clamp(edges.filter((edge) => edge <= v).length - 1, 0, count - 1),
    /** The position whose patch starts there, −1 between them. @param {number} v */
    startingAt: (v) => starts.indexOf(v),
    // what a position of the coarse lattice may stand for, either way
    reach: ceil(ceil((count - 1) / (COARSE - 1)) / 2),
  };
}

/**
 * @param {{rows: number, columns: number, patch: [number, number], stride: [number, number], region: [number, number, number, number]}} meta
 */
export function latticeOf({ rows, columns, patch, stride, region: [top, left, bottom, right] }) {
  const y = axisOf(top, bottom, patch[0], stride[0], rows);
  const x = axisOf(left, right, patch[1], stride[1], columns);
  const row = (/** @type {number} */ p) => floor(p / columns);
  return {
    rows,
    columns,
    y,
    x,
    row,
    /** All that is covered. */
    whole: { y: top, x: left, h: bottom - top, w: right - left },
    /** The position that stands for a pixel. @param {number} v @param {number} u */
    at: (v, u) => y.at(v) * columns + x.at(u),
    /** The position whose patch starts exactly there, −1 for none. @param {number} v @param {number} u */
    startingAt: (v, u) =>
      y.startingAt(v) < 0 || x.startingAt(u) < 0 ? -1 : y.startingAt(v) * columns + x.startingAt(u),
    /** The pixels that a position hides. @param {number} p @returns {Box} */
    box(p) {
      const [i, j] = [row(p), p % columns];
      return { y: y.starts[i], x: x.starts[j], h: y.ends[i] - y.starts[i], w: x.ends[j] - x.starts[j] };
    },
    /** Whether a known position is near enough to stand for another one. @param {number} q @param {number} p */
    covers: (q, p) => abs(row(q) - row(p)) <= y.reach && abs((q % columns) - (p % columns)) <= x.reach,
    /** @param {Uint8Array} known */
    nearest: (known) => nearestOf(known, rows, columns, stride),
  };
}

/**
 * The nearest known position of each, in pixels; −1 where nothing is known at all. First along the rows, then over them.
 * @param {Uint8Array} known @param {number} rows @param {number} columns @param {[number, number]} stride
 */
export function nearestOf(known, rows, columns, [sy, sx]) {
  const beside = new Int32Array(known.length).fill(-1);
  for (let r = 0; r < rows; r++) {
    const start = r * columns;
    for (let c = 0, last = -1; c < columns; c++) {
      if (known[start + c]) last = c;
      beside[start + c] = last;
    }
    for (let c = columns - 1, last = -1; c >= 0; c--) {
      if (known[start + c]) last = c;
      const left = beside[start + c];
      if (last >= 0 && (left < 0 || last - c < c - left)) beside[start + c] = last;
    }
  }
  return Int32Array.from(known, (is, p) => (is ? p : over(beside, p, rows, columns, sy, sx)));
}

/** @param {Int32Array} beside @param {number} p @param {number} rows @param {number} columns @param {number} sy @param {number} sx */
function over(beside, p, rows, columns, sy, sx) {
  const [r, c] = [floor(p / columns), p % columns];
  let [best, found] = [Infinity, -1];
  for (let d = 0; d < rows && (d * sy) ** 2 < best; d++) {
    for (const i of d ? [r - d, r + d] : [r]) {
      const near = i >= 0 && i < rows ? beside[i * columns + c] : -1;
      const far = (d * sy) ** 2 + ((near - c) * sx) ** 2;
      if (near < 0 || far >= best) continue;
      [best, found] = [far, i * columns + near];
    }
  }
  return found;
}

/**
 * The positions that hang together with one of them, side by side.
 * @param {(p: number) => boolean} inside @param {number} start @param {Pick<Lattice, 'rows' | 'columns'>} lattice
 */
export function regionOf(inside, start, { rows, columns }) {
  const region = new Set([start]);
  for (const p of region) {
    const c = p % columns;
    const beside = [p - columns, p + columns, c ? p - 1 : -1, c < columns - 1 ? p + 1 : -1];
    for (const q of beside) if (q >= 0 && q < rows * columns && inside(q)) region.add(q);
  }
  return region;
}
