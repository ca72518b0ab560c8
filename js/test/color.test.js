import { describe, expect, it } from 'vitest';
import { DIVERGING, dequantise, GREY, greyed, paint, place, VIRIDIS } from '../src/lib/color.js';

/** @param {Uint8Array} lut @param {number} i */
const hex = (lut, i) => `#${[...lut.slice(i * 3, i * 3 + 3)].map((v) => v.toString(16).padStart(2, '0')).join('')}`;
/** @param {Uint8ClampedArray} rgba @param {number} i */
const pixel = (rgba, i) => [...rgba.slice(i * 4, i * 4 + 4)];
/** @param {Uint8Array} lut @param {number} i */
const color = (lut, i) => [...lut.slice(i * 3, i * 3 + 3), 255];

describe('colour maps', () => {
  it('viridis goes from its dark to its bright end through its known middle', () => {
    expect([0, 255].map((i) => hex(VIRIDIS, i))).toEqual(['#440154', '#fde725']);
    const middle = [0x21, 0x91, 0x8c];
    for (const [k, v] of middle.entries()) expect(Math.abs(v - VIRIDIS[128 * 3 + k])).toBeLessThan(3);
  });

  it('the diverging map has the nine hexes of the look, blue below and orange above', () => {
    const stops = ['#08457e', '#2470b0', '#65a1d2', '#b1d0e8', '#f4f4f2', '#fbd0a6', '#f09a52', '#cf5f14', '#8f3300'];
    expect(hex(DIVERGING, 0)).toBe(stops[0]);
    expect(hex(DIVERGING, 255)).toBe(stops[8]);
    stops.forEach((stop, k) => {
      const at = Math.round((k / 8) * 255);
      const want = [1, 3, 5].map((i) => Number.parseInt(stop.slice(i, i + 2), 16));
      for (const [c, v] of want.entries()) expect(Math.abs(DIVERGING[at * 3 + c] - v)).toBeLessThan(6);
    });
  });

  it('grey goes from black to white in 256 equal steps', () => {
    expect([0, 100, 255].map((i) => hex(GREY, i))).toEqual(['#000000', '#646464', '#ffffff']);
  });
});

describe('numbers to colours', () => {
  it('a byte stands for its share of the way from lo to hi', () => {
    expect(dequantise(0, -2, 6)).toBe(-2);
    expect(dequantise(255, -2, 6)).toBe(6);
    expect(dequantise(51, 0, 5)).toBeCloseTo(1);
  });

  it('zero lies in the middle of a signed scale even when its ends differ', () => {
    const shade = { lo: -1, hi: 4, signed: true };
    expect(place(0, shade)).toBe(0.5);
    expect(place(4, shade)).toBe(1);
    expect(place(-4, shade)).toBe(0);
    expect(place(-1, shade)).toBeCloseTo(0.375);
  });

  it('zero lies at the dark end of an unsigned scale and values beyond the ends are clipped', () => {
    const shade = { lo: 0, hi: 4 };
    expect([-1, 0, 2, 4, 9].map((v) => place(v, shade))).toEqual([0, 0, 0.5, 1, 1]);
  });

  it('a gamma below 1 lifts weak values of both signs by the same amount', () => {
    expect(place(1, { lo: 0, hi: 4, gamma: 0.5 })).toBeCloseTo(0.5);
    const shade = { lo: -4, hi: 4, gamma: 0.5, signed: true };
    expect(place(1, shade)).toBeCloseTo(0.75);
    expect(place(-1, shade)).toBeCloseTo(0.25);
  });

  it('a map without any contrast is painted and not divided by zero', () => {
    expect(place(0, { lo: 0, hi: 0 })).toBe(0);
    expect(place(0, { lo: 0, hi: 0, signed: true })).toBe(0.5);
  });

  it('bytes are painted as the values they stand for, in the range of the scale', () => {
    const rgba = paint(new Uint8Array([0, 255]), GREY, { lo: 0, hi: 4, from: [0, 2] });
    expect(pixel(rgba, 0)).toEqual([0, 0, 0, 255]);
    expect(pixel(rgba, 1)).toEqual([128, 128, 128, 255]);
  });

  it('floats and the bytes made of them get the same colours', () => {
    const values = new Float32Array([-3, -1, 0, 2, 3]);
    const bytes = Uint8Array.from(values, (v) => Math.round(((v + 3) / 6) * 255));
    const shade = { lo: -3, hi: 3, signed: true, gamma: 0.7 };
    const [a, b] = [paint(values, DIVERGING, shade), paint(bytes, DIVERGING, { ...shade, from: [-3, 3] })];
    for (let i = 0; i < a.length; i++) expect(Math.abs(a[i] - b[i])).toBeLessThan(8);
    expect(pixel(a, 4)).toEqual(color(DIVERGING, 255));
    expect(pixel(a, 0)).toEqual(color(DIVERGING, 0));
  });

  it('a NaN leaves its pixel clear instead of looking like a value', () => {
    expect(pixel(paint(new Float32Array([Number.NaN, 1]), GREY, { lo: 0, hi: 1 }), 0)).toEqual([0, 0, 0, 0]);
  });

  it('over a photo nothing covers nothing and the maximum covers the veil', () => {
    const rgba = paint(new Float32Array([0, 1, -1, 0.5]), DIVERGING, { lo: -1, hi: 1, signed: true, veil: 0.85 });
    const alpha = [0, 1, 2, 3].map((i) => rgba[i * 4 + 3]);
    expect(alpha).toEqual([0, 217, 217, Math.round(255 * 0.85 * 0.5 ** 0.8)]);
  });

  it('a photo turned grey is lighter than black, darker than white and keeps no hue', () => {
    const rgba = greyed(new Uint8ClampedArray([0, 0, 0, 255, 255, 255, 255, 255, 255, 0, 0, 255]));
    expect(pixel(rgba, 0)).toEqual([60, 60, 60, 255]);
    expect(pixel(rgba, 1)).toEqual([228, 228, 228, 255]);
    expect(new Set(rgba.slice(8, 11)).size).toBe(1);
  });
});
