/** How many tiles stand in a row. */
import { clamp } from '../lib/clamp.js';

const GAP = 4;
/** Tallest list of tiles before it scrolls, and before tiles get smaller. */
export const TALLEST = 480;

/** Width of a tile in `columns`. @param {number} width @param {number} columns */
const tile = (width, columns) => (width - GAP * (columns - 1)) / columns;

/**
 * 8 a row (6 where it is narrow); more when there are so many channels that the
 * list would scroll, down to tiles whose cells can still be told apart.
 * @param {{width: number, count: number, cells: number, aspect: number}} of cells: columns of one map
 */
export function columnsFor({ width, count, cells, aspect }) {
  const usual = width < 440 ? 6 : 8;
  const least = clamp(cells * 4, 28, 52);
  let columns = usual;
  const tall = () => Math.ceil(count / columns) * (tile(width, columns) / aspect + GAP) > TALLEST;
  while (tall() && tile(width, columns + 1) >= least) columns++;
  return columns;
}

/** Stems a row: a round number, so that a unit is found by counting. @param {number} width @param {number} count */
export function stemColumns(width, count) {
  const fits = [128, 100, 64, 50, 32, 25, 16].find((n) => width / n >= 6) ?? 10;
  return Math.min(fits, Math.max(1, count));
}

/** Thin maps (a sequence) are drawn no flatter than 4 : 1. @param {number} h @param {number} w */
export const aspectOf = (h, w) => clamp(w / h, 0.25, 4);
