/** Pointer and keyboard on a picture that is made of cells. */
import { clamp } from './clamp.js';
import { hear } from './frame.js';
import { step } from './grid.js';

/** @typedef {{row: number, column: number}} Cell */

/** Where a key leads from a cell; unlike tiles, cells end at the border of their row. @param {string} key @param {Cell} cell @param {[number, number]} full @returns {Cell | null} */
export function stepCell(key, { row, column }, [H, W]) {
  const to = step(key, row * W + column, { count: H * W, columns: W, page: H });
  if (to === null) return null;
  const next = { row: Math.floor(to / W), column: to % W };
  return next.row !== row && next.column !== column ? { row, column } : next;
}

/**
 * Pointer and keyboard on a picture, as cells of the map.
 * @param {HTMLElement} pic
 * @param {{signal: AbortSignal, full: () => [number, number] | null, cell: () => Cell | null, onCell: (cell: Cell | null) => void}} options
 */
export function listen(pic, { signal, full, cell, onCell }) {
  pic.tabIndex = 0;
  const point = (/** @type {PointerEvent} */ e) => {
    const size = full();
    if (!size) return;
    const r = pic.getBoundingClientRect();
    const at = (/** @type {number} */ f, /** @type {number} */ n) => clamp(Math.floor(f * n), 0, n - 1);
    onCell({ row: at((e.clientY - r.top) / r.height, size[0]), column: at((e.clientX - r.left) / r.width, size[1]) });
  };
  const press = (/** @type {KeyboardEvent} */ e) => {
    const size = full();
    if (!size || e.altKey || e.metaKey || e.ctrlKey) return;
    if (e.key === 'Escape') return onCell(null);
    const middle = { row: size[0] >> 1, column: size[1] >> 1 };
    const to = stepCell(e.key, cell() ?? middle, size);
    if (!to) return;
    e.preventDefault();
    // the first key shows the middle, the next ones move from there
    onCell(cell() ? to : middle);
  };
  hear(pic, 'pointermove pointerdown', point, { signal });
  hear(pic, 'keydown', press, { signal });
}
