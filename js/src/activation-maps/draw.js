/** Maps and pictures as canvases. */
import { bytes } from '../lib/buffers.js';
import { context, sheet, twoTone } from '../lib/canvas.js';
import { greyed, paint } from '../lib/color.js';
import { shadeOf } from './contrast.js';

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

/** Raw (h, w, 1 or 3) bytes -> RGBA. @param {Uint8Array} raw @param {number} pixels @param {number} channels */
export function rgbaOf(raw, pixels, channels) {
  const out = new Uint8ClampedArray(pixels * 4).fill(255);
  for (let i = 0; i < pixels; i++) {
    for (let k = 0; k < 3; k++) out[i * 4 + k] = raw[i * channels + (k % channels)];
  }
  return out;
}

/** @param {HTMLCanvasElement} photo */
function greyOf(photo) {
  const { width, height } = photo;
  return sheet(greyed(new Uint8ClampedArray(context(photo).getImageData(0, 0, width, height).data)), width, height);
}

/** @param {Uint8Array<ArrayBuffer>} raw @param {{codec: string, shape: number[]}} meta */
export async function decode(raw, { codec, shape: [h, w, c] }) {
  if (codec === 'raw') return sheet(rgbaOf(raw, h * w, c), w, h);
  const canvas = sheet(new Uint8ClampedArray(w * h * 4), w, h);
  context(canvas).drawImage(await createImageBitmap(new Blob([raw])), 0, 0, w, h);
  return canvas;
}

/** The input picture; the old one stays until the new one is decoded. @param {import('../lib/view.js').View} view */
export function photo({ get, redraw, on }) {
  let turn = 0;
  /** @type {HTMLCanvasElement | null} */
  let now = null;
  /** @type {HTMLCanvasElement | null} */
  let grey = null;
  async function load() {
    const mine = ++turn;
    const raw = bytes(get('_picture'));
    if (!raw.length) return;
    const next = await decode(raw, get('_picture_meta')).catch(() => null);
    if (!next || mine !== turn) return;
    now = next;
    grey = null;
    redraw();
  }
  on(['_picture', '_picture_meta'], load);
  load();
  return (/** @type {boolean} */ inGrey) => {
    if (!inGrey || !now) return now;
    grey ??= greyOf(now);
    return grey;
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
