/** Numbers of positions as pictures of the size of the image. */
import { block, context, sheet } from '../lib/canvas.js';
import { DIVERGING, paint, VIRIDIS } from '../lib/color.js';
import { missing } from './maths.js';

/** @typedef {import('./lattice.js').Lattice} Lattice */

/** Ten categories, in light and in dark; whatever is beyond takes the last colour. */
const LIGHT = '616ff2 c88346 0e7d65 91033e 6140c9 666b02 7591dd b2629e 11440b 4e4970 788290'.split(' ');
const DARK = 'b5b4fc f9d476 369877 fe599c 9963e6 9bb446 93e9f9 fba9b1 628c06 7c98c8 858e9a'.split(' ');

/** The colour of the n-th category. @param {number} n @param {boolean} dark */
export const category = (n, dark) => (dark ? DARK : LIGHT)[Math.min(n, LIGHT.length - 1)];

/**
 * Each position fills the pixels that it stands for, in half pixels, where the middles of odd patches lie.
 * @param {Uint8ClampedArray} rgba one colour a position @param {Lattice} lattice @param {number} height @param {number} width
 */
export function expand(rgba, { x, y, columns }, height, width) {
  const fine = height * width > 1 << 18 ? 1 : 2;
  const colours = new Uint32Array(rgba.buffer);
  const [h, w] = [height * fine, width * fine];
  const out = new Uint32Array(h * w);
  const first = (/** @type {import('./lattice.js').Axis} */ { edges }, /** @type {number} */ i) =>
    Math.round(edges[i] * fine);
  for (let r = 0; r + 1 < y.edges.length; r++) {
    const [top, bottom] = [first(y, r), first(y, r + 1)];
    for (let c = 0; c < columns; c++)
      out.fill(colours[r * columns + c], top * w + first(x, c), top * w + first(x, c + 1));
    for (let i = top + 1; i < bottom; i++) out.copyWithin(i * w, top * w, top * w + w);
  }
  return { rgba: new Uint8ClampedArray(out.buffer), w, h };
}

/** @param {Uint8ClampedArray} rgba @param {Lattice} lattice @param {{height: number, width: number}} image */
function pictured(rgba, lattice, { height, width }) {
  const { rgba: out, w, h } = expand(rgba, lattice, height, width);
  return sheet(/** @type {Uint8ClampedArray<ArrayBuffer>} */ (out), w, h);
}

/** Orange where hiding lowers a score, blue where it raises it, clear where nothing changes. @param {Float32Array} effect @param {number} most @param {number} veil @param {Lattice} lattice @param {{height: number, width: number}} image */
export const heat = (effect, most, veil, lattice, image) =>
  pictured(paint(effect, DIVERGING, { lo: -most, hi: most, signed: true, veil }), lattice, image);

/** How much of a feature map is left, on the scale of viridis. @param {Float32Array} left @param {[number, number]} ends @param {number} veil @param {Lattice} lattice @param {{height: number, width: number}} image */
export function glow(left, [lo, hi], veil, lattice, image) {
  const rgba = paint(left, VIRIDIS, { lo, hi });
  for (const [p, v] of left.entries()) if (!missing(v)) rgba[4 * p + 3] = 255 * veil;
  return pictured(rgba, lattice, image);
}

/** The answers of the network as categories; what it also says of the whole image is paler. @param {Float32Array} winner @param {(id: number) => string} colour @param {number} usual @param {number} veil @param {Lattice} lattice @param {{height: number, width: number}} image */
export function mosaic(winner, colour, usual, veil, lattice, image) {
  const rgba = new Uint8ClampedArray(4 * winner.length);
  for (const [p, id] of winner.entries()) {
    if (missing(id)) continue;
    const rgb = Number.parseInt(colour(id), 16);
    rgba.set([rgb >> 16, (rgb >> 8) & 255, rgb & 255, 255 * veil * (id === usual ? 0.4 : 1)], 4 * p);
  }
  return pictured(rgba, lattice, image);
}

/** A colour over what is not known and not near to what is. @param {import('./data.js').Sweep} sweep @param {string} color @param {{height: number, width: number}} image */
export function blank({ lattice, nearest }, color, image) {
  const rgba = new Uint8ClampedArray(4 * nearest.length);
  for (const [p, q] of nearest.entries()) rgba[4 * p + 3] = q >= 0 && lattice.covers(q, p) ? 0 : 255;
  const canvas = pictured(rgba, lattice, image);
  const ctx = context(canvas);
  ctx.globalCompositeOperation = 'source-in';
  block(ctx, color, 0, 0, canvas.width, canvas.height);
  return canvas;
}

/**
 * The border of a region of positions: lines [y, x, y, x] in pixels of the image.
 * @param {Set<number>} region @param {Lattice} lattice @returns {number[][]}
 */
export function outline(region, { x, y, columns, row }) {
  const lines = [];
  for (const p of region) {
    const [r, c] = [row(p), p % columns];
    const [top, bottom, left, right] = [y.edges[r], y.edges[r + 1], x.edges[c], x.edges[c + 1]];
    if (!region.has(p - columns)) lines.push([top, left, top, right]);
    if (!region.has(p + columns)) lines.push([bottom, left, bottom, right]);
    if (!c || !region.has(p - 1)) lines.push([top, left, bottom, left]);
    if (c === columns - 1 || !region.has(p + 1)) lines.push([top, right, bottom, right]);
  }
  return lines;
}
