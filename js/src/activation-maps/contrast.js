/** Which value gets which colour: range, colour map, gamma. */
import { DIVERGING, GREY, VIRIDIS } from '../lib/color.js';

/** @typedef {import('./data.js').Maps} Maps */
/** @typedef {{scale: string, gamma: number, colors: string}} Chosen */
/**
 * `stamp` changes with anything that changes a colour; `ends` are those of the layer where all channels share a scale.
 * @typedef {{gamma: number, lut: Uint8Array, signed: boolean, stamp: string, ends: number[] | null}} Look
 */

/** @type {Record<string, Uint8Array>} */
const LUTS = { viridis: VIRIDIS, grey: GREY, diverging: DIVERGING };

/**
 * What the controls say, made definite for these maps.
 * @param {Maps} maps @param {Chosen} chosen @returns {Look}
 */
export function lookOf(maps, { scale, gamma, colors }) {
  const name = LUTS[colors] ? colors : maps.signed ? 'diverging' : 'viridis';
  return {
    gamma,
    lut: LUTS[name],
    signed: maps.signed || name === 'diverging',
    stamp: [maps.key, name, scale, gamma].join(),
    ends: scale === 'shared' ? extremes(maps) : null,
  };
}

/** Lowest and highest value of a whole layer and 0; a NaN says nothing. @param {Maps} maps */
export function extremes({ lo, hi }) {
  let [least, most] = [0, 0];
  for (const v of lo) if (v < least) least = v;
  for (const v of hi) if (v > most) most = v;
  return [least, most];
}

/**
 * The ends of the scale of one channel. Values that only go up start at 0;
 * values of both signs, and every diverging colour map, are symmetric about 0.
 * @param {Maps} maps @param {number} channel @param {Look} look
 * @returns {import('../lib/color.js').Shade}
 */
export function shadeOf(maps, channel, { gamma, signed, ends }) {
  const own = [maps.lo[channel], maps.hi[channel]];
  const [lo, hi] = ends ?? own;
  const most = Math.max(0, signed ? -lo : 0, hi);
  return { lo: signed ? -most : 0, hi: most, gamma, signed, from: /** @type {[number, number]} */ (own) };
}
