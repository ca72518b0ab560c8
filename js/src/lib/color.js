/**
 * Colour maps and the one place where numbers become pixels.
 *
 * A map crosses the wire as numbers (float32, or uint8 with the range it was
 * quantised from); its colours are made here, so that another colour map,
 * range or gamma costs no trip to the kernel.
 */
import { clamp } from './clamp.js';

/**
 * @typedef {object} Shade how values are laid on a colour map
 * @property {number} lo value at the left end of the scale
 * @property {number} hi value at the right end of the scale
 * @property {number} [gamma] exponent on the distance from zero, 1 = linear
 * @property {boolean} [signed] zero in the middle, both ends equally far from it
 * @property {[number, number]} [from] what 0 and 255 stand for, for uint8 values
 * @property {number} [veil] if given: opacity grows with |value|, up to this (for laying over a photo)
 */

/** Evenly spaced stops "rrggbbrrggbb..." -> 256 colours. @param {string} stops @returns {Uint8Array} */
function lutOf(stops) {
  const last = stops.length / 6 - 1;
  const byte = (/** @type {number} */ stop, /** @type {number} */ k) => parseInt(stops.substr(stop * 6 + k * 2, 2), 16);
  const lut = new Uint8Array(768);
  for (let i = 0; i < 768; i++) {
    const at = (((i / 3) | 0) / 255) * last;
    const stop = Math.min(last - 1, at | 0);
    const a = byte(stop, i % 3);
    lut[i] = Math.round(a + (byte(stop + 1, i % 3) - a) * (at - stop));
  }
  return lut;
}

// 33 stops of matplotlib's 256; the error is below 2 of 255 everywhere
export const VIRIDIS = lutOf(
  '440154470d6048186a482374472d7b4536814240863f49893b528b375a8d33638d2f6a8e2c728e297a8e26818e23898e21908c' +
    '1f988b1f9f8821a68528ae8031b57b3ebc744cc26c5dc9636ece5882d34c96d83fabdc32c0df24d5e21aeae51afde725',
);
export const GREY = lutOf('000000ffffff');
export const DIVERGING = lutOf('08457e2470b065a1d2b1d0e8f4f4f2fbd0a6f09a52cf5f148f3300');

/** How far from 0 a value is, 0..1, where 1 is the farther end. @param {number} v @param {number} lo @param {number} hi */
const strength = (v, lo, hi) => Math.min(1, Math.abs(v) / Math.max(Math.abs(lo), Math.abs(hi))) || 0;

/** Where a value lies on the colour map, 0..1. @param {number} v @param {Shade} shade */
export function place(v, { lo, hi, gamma = 1, signed = false }) {
  if (signed) return 0.5 + (Math.sign(v) * strength(v, lo, hi) ** gamma) / 2;
  const t = hi > lo ? (v - lo) / (hi - lo) : 0;
  return clamp(t, 0, 1) ** gamma;
}

/** How much of the photo a value hides, 0..255. @param {number} v @param {Shade} shade */
function opacity(v, { lo, hi, veil }) {
  return veil === undefined ? 255 : Math.round(255 * veil * strength(v, lo, hi) ** 0.8);
}

/** One value -> one little-endian RGBA word; a NaN is left clear. @param {number} v @param {Uint8Array} lut @param {Shade} shade */
function word(v, lut, shade) {
  if (Number.isNaN(v)) return 0;
  const k = Math.round(place(v, shade) * 255) * 3;
  return ((opacity(v, shade) << 24) | (lut[k + 2] << 16) | (lut[k + 1] << 8) | lut[k]) >>> 0;
}

/** The value a quantised byte stands for. @param {number} q @param {number} lo @param {number} hi */
export const dequantise = (q, lo, hi) => lo + (q / 255) * (hi - lo);

/**
 * Values -> RGBA pixels.
 * @param {Uint8Array | Float32Array} values
 * @param {Uint8Array} lut 256 colours
 * @param {Shade} shade
 * @returns {Uint8ClampedArray<ArrayBuffer>}
 */
export function paint(values, lut, shade) {
  const out = new Uint32Array(values.length);
  if (values instanceof Uint8Array) {
    const [lo, hi] = shade.from ?? [shade.lo, shade.hi];
    // 256 possible values: look each up once, not once a pixel
    const table = Uint32Array.from({ length: 256 }, (_, q) => word(dequantise(q, lo, hi), lut, shade));
    for (let i = 0; i < out.length; i++) out[i] = table[values[i]];
  } else {
    for (let i = 0; i < out.length; i++) out[i] = word(values[i], lut, shade);
  }
  return new Uint8ClampedArray(out.buffer);
}

/**
 * A photo made grey and a little lighter, so that hue on it means one thing only; in place.
 * @template {Uint8ClampedArray} T @param {T} rgba @returns {T}
 */
export function greyed(rgba) {
  for (let i = 0; i < rgba.length; i += 4) {
    const g = 0.2126 * rgba[i] + 0.7152 * rgba[i + 1] + 0.0722 * rgba[i + 2];
    rgba[i] = rgba[i + 1] = rgba[i + 2] = 60 + 0.66 * g;
  }
  return rgba;
}

/**
 * The colour scale: the colours a map really has, from its lowest to its highest value.
 * @param {HTMLCanvasElement} canvas @param {Uint8Array} lut @param {Shade} [shade]
 */
export function ramp(canvas, lut, shade = { lo: 0, hi: 1 }) {
  const { lo, hi } = shade;
  canvas.width = 256;
  canvas.height = 1;
  const values = Float32Array.from({ length: 256 }, (_, i) => dequantise(i, lo, hi));
  canvas.getContext('2d')?.putImageData(new ImageData(paint(values, lut, { ...shade, veil: undefined }), 256, 1), 0, 0);
}
