/** Maps and pictures as canvases. */
import { sheet, twoTone } from '../lib/canvas.js';
import { paint } from '../lib/color.js';
import { shadeOf } from './contrast.js';

export { decode, photo, rgbaOf } from '../lib/photo.js';

/** @typedef {import('./data.js').Maps} Maps */
/** @typedef {import('./data.js').Values} Values */
/** @typedef {import('./contrast.js').Look} Look */

/**
 * One channel in its colours. With `veil` it lets a photo through where nothing happens.
 * @param {Maps} maps @param {number} channel @param {Look} look @param {Values} from @param {number} [veil]
 */
export function colored(maps, channel, look, { values, h, w }, veil) {
  return sheet(paint(values, look.lut, { ...shadeOf(maps, channel, look), veil }), w, h);
}

/** The same, painted again only when something has changed. */
export function keeper() {
  let stamp = '';
  /** @type {HTMLCanvasElement} */
  let canvas;
  return (/** @type {Parameters<typeof colored>} */ ...[maps, channel, look, from, veil]) => {
    const next = [look.stamp, channel, veil, from.h, from.w, from.values.BYTES_PER_ELEMENT].join();
    if (stamp !== next) canvas = colored(maps, channel, look, from, veil);
    stamp = next;
    return canvas;
  };
}

/**
 * A two-tone box round a cell: inside its edge where there is room, outside where
 * the cell is only a few pixels, and never cut off by the picture's border.
 * @param {CanvasRenderingContext2D} ctx @param {number} w @param {number} h of the picture
 * @param {{x: number, y: number, w: number, h: number}} box
 */
export function cellBox(ctx, w, h, box) {
  const out = Math.min(box.w, box.h) < 14 ? 2 : -1.5;
  const x = Math.max(1.5, box.x - out);
  const y = Math.max(1.5, box.y - out);
  twoTone(ctx, x, y, Math.min(w - 1.5, box.x + box.w + out) - x, Math.min(h - 1.5, box.y + box.h + out) - y, 1.5);
}
