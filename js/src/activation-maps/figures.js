/** The input picture and, beside it, the chosen channel, enlarged. */
import { dim, fit, nothing, stretch, twoTone } from '../lib/canvas.js';
import { make, put } from '../lib/frame.js';
import { css } from '../lib/theme.js';
import { cellBox } from './draw.js';
import { boxOf, seenBy } from './words.js';

export { listen, stepCell } from '../lib/cells.js';

/** @typedef {import('../lib/cells.js').Cell} Cell */
/** @typedef {{height: number, width: number}} ImageSize */
/** @typedef {import('./data.js').Maps} Maps */

/** Tallest picture, CSS px. */
const TALLEST = 460;

export function figure() {
  const el = make('div', 'am-fig');
  const head = make('div', 'am-fig-h dvw-label');
  const [left, right] = [make('span', 'am-name'), make('span')];
  const pic = make('div', 'am-pic');
  const canvas = make('canvas');
  pic.setAttribute('role', 'img');
  head.append(left, right);
  pic.append(canvas);
  el.append(head, pic);
  return {
    el,
    pic,
    canvas,
    /** @param {string} a @param {string} b @param {string} label for those who cannot see it */
    title(a, b, label) {
      put(left, a);
      put(right, b);
      pic.setAttribute('aria-label', label);
    },
  };
}

/**
 * Size of both pictures, from the room there is; a tall one does not fill the screen.
 * @param {HTMLElement} pair @param {ImageSize} image
 */
export function measure(pair, { height, width }) {
  const columns = Number(css(pair, '--am-columns')) || 2;
  const room = Math.floor((pair.clientWidth - 16 * (columns - 1)) / columns);
  const w = Math.max(1, Math.floor(Math.min(room, (TALLEST * width) / height)));
  pair.style.setProperty('--am-w', w < room ? `${w}px` : '1fr');
  return { w, h: Math.max(24, Math.round((w * height) / width)) };
}

/**
 * A picture, a map over it, and the box round a cell.
 * @param {HTMLElement} root @param {HTMLCanvasElement} canvas @param {{w: number, h: number}} size
 * @param {(HTMLCanvasElement | null)[]} layers from below; hatched where there is none yet
 * @param {Maps | null} maps @param {Cell | null} cell @param {ImageSize | null} image of the input: dimmed outside what the cell sees
 * @param {boolean} [zoom] whether a small box is shown larger too
 */
export function drawPicture(root, canvas, { w, h }, layers, maps, cell, image, zoom = false) {
  Object.assign(canvas.style, { width: `${w}px`, height: `${h}px` });
  const ctx = fit(canvas, w, h);
  if (!layers[0]) nothing(ctx, root, 0, 0, w, h);
  for (const layer of layers) if (layer) stretch(ctx, layer, 0, 0, w, h);
  if (!cell || !maps) return;
  const box = (image ? seenBy : boxOf)(maps, image ?? { width: w, height: h }, cell.row, cell.column);
  if (image) {
    const k = w / image.width;
    for (const side of /** @type {const} */ (['x', 'y', 'w', 'h'])) box[side] *= k;
    dim(ctx, w, h, box);
  }
  cellBox(ctx, w, h, box);
  if (zoom && box.w < w / 4 && box.h < h / 4) magnify(ctx, w, h, layers, box);
}

/**
 * A box that is small on the screen, larger in a corner away from it.
 * @param {CanvasRenderingContext2D} ctx @param {number} w @param {number} h @param {(HTMLCanvasElement | null)[]} layers
 * @param {import('./words.js').Box} box
 */
function magnify(ctx, w, h, layers, box) {
  const k = (0.4 * Math.min(w, h)) / Math.max(box.w, box.h);
  const x = 2 * box.x > w - box.w ? 8 : w - 8 - k * box.w;
  for (const layer of layers) {
    if (!layer) continue;
    const by = layer.width / w;
    ctx.drawImage(layer, box.x * by, box.y * by, box.w * by, box.h * by, x, 8, k * box.w, k * box.h);
  }
  twoTone(ctx, x, 8, k * box.w, k * box.h, 1.5);
}
