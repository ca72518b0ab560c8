/** Edges between the cells of the grid: the true distance between neighbouring images, as colour. */
import { FULL } from './hash.js';

/** Far apart is orange, alike is nothing; the same in both themes. */
export const SEAM = [207, 95, 20];

/** How visible a distance is, 0..1. @param {number} v 0..255 */
const weight = (v) => (v / 255) ** 1.5;

/**
 * @param {{columns: number, rows: number, right: Uint8Array, down: Uint8Array}} grid
 * @param {import('./camera.js').Camera} camera @param {number} dpr @param {number} thick CSS px
 */
export function seams({ columns, rows, right, down }, camera, dpr, thick) {
  const side = Math.max(columns, rows);
  const pitch = FULL / side;
  const [ox, oy] = [((side - columns) / 2) * pitch, ((side - rows) / 2) * pitch];
  const { w, h } = camera.size;
  const [x0, y0] = camera.toMap(0, 0);
  const [x1, y1] = camera.toMap(w, h);
  const from = (/** @type {number} */ v, /** @type {number} */ o) => Math.max(0, Math.floor((v - o) / pitch) - 1);
  const [left, top] = [from(x0, ox), from(y0, oy)];
  const [last, bottom] = [Math.min(columns - 1, from(x1, ox) + 2), Math.min(rows - 1, from(y1, oy) + 2)];
  const cell = pitch * camera.now.scale * dpr;
  /** @type {import('./scene.js').Flat[]} */
  const out = [];
  for (let row = top; row <= bottom; row++) {
    for (let column = left; column <= last; column++) {
      const k = row * columns + column;
      const [x, y] = camera.toScreen(ox + (column + 0.5) * pitch, oy + (row + 0.5) * pitch).map((v) => v * dpr);
      const color = (/** @type {number} */ v) => [...SEAM.map((c) => c / 255), weight(v)];
      if (right[k]) out.push({ x: x + cell / 2, y, w: thick * dpr, h: cell, color: color(right[k]) });
      if (down[k]) out.push({ x, y: y + cell / 2, w: cell, h: thick * dpr, color: color(down[k]) });
    }
  }
  return out;
}
