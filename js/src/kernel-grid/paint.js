/** Weights as pixels: 0 is mid-grey in colour and near-white in the diverging map, whatever the scale. */
import { clamp } from '../lib/clamp.js';
import { sheet } from '../lib/canvas.js';
import { DIVERGING } from '../lib/color.js';
import { tileOf } from './data.js';
import { floor, round, sqrt, missing } from './maths.js';

/** @typedef {import('./data.js').Kernels} Kernels */
/** @typedef {{planes: number, shape: number[]}} Tile */

/** Little-endian RGBA. @param {number} r @param {number} g @param {number} b */
const word = (r, g, b) => ((255 << 24) | (b << 16) | (g << 8) | r) >>> 0;

/** A value between -most and most -> 0..255, 0 in the middle; an infinite one lies at the end. @param {number} v @param {number} most */
const byte = (v, most) => clamp(127.5 * (1 + (most && v / most)), 0, 255);

/** The 256 colours, so that a pixel is one assignment. */
const WORDS = Uint32Array.from({ length: 256 }, (_, i) =>
  word(DIVERGING[3 * i], DIVERGING[3 * i + 1], DIVERGING[3 * i + 2]),
);

/**
 * Lay (planes, h, w) weights on a sheet of pixels; a weight that is not a number stays clear.
 * @param {Uint32Array} out @param {number} width of the sheet @param {number} start pixel of the corner
 * @param {ArrayLike<number>} v @param {Tile} tile @param {number} most
 */
export function lay(out, width, start, v, { planes, shape: [h, w] }, most) {
  const n = h * w;
  for (let i = 0; i < n; i++) {
    const [r, g, b] = planes > 1 ? [v[i], v[i + n], v[i + 2 * n]] : [v[i], 0, 0];
    if (missing(r + g + b)) continue;
    out[start + ((i / w) | 0) * width + (i % w)] =
      planes > 1 ? word(byte(r, most), byte(g, most), byte(b, most)) : WORDS[round(byte(r, most))];
  }
}

/** One tile, or one plane of it, as something drawImage takes. @param {ArrayLike<number>} values @param {Tile} tile @param {number} most */
export function picture(values, tile, most) {
  const [h, w] = tile.shape;
  const out = new Uint32Array(h * w);
  lay(out, w, 0, values, tile, most);
  return sheet(new Uint8ClampedArray(out.buffer), w, h);
}

/**
 * Every tile on one sheet: a few hundred small canvases would cost more than their pixels.
 * @param {Kernels} k @param {number} at checkpoint @param {(i: number) => number} most the scale of a tile
 */
export function atlas(k, at, most) {
  const [h, w] = k.shape;
  const columns = Math.ceil(sqrt(k.count));
  const width = columns * w;
  const out = new Uint32Array(width * Math.ceil(k.count / columns) * h);
  const corner = (/** @type {number} */ i) => [(i % columns) * w, floor(i / columns) * h];
  for (let i = 0; i < k.count; i++) {
    const [x, y] = corner(i);
    lay(out, width, y * width + x, tileOf(k, at, i), k, most(i));
  }
  const canvas = sheet(new Uint8ClampedArray(out.buffer), width, out.length / width);
  /** @param {CanvasRenderingContext2D} ctx @param {number} i @param {[number, number, number, number]} box */
  return (ctx, i, box) => {
    const [x, y] = corner(i);
    ctx.imageSmoothingEnabled = box[2] < w;
    ctx.drawImage(canvas, x, y, w, h, ...box);
  };
}
