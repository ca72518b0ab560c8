import { describe, expect, it } from 'vitest';
import { count, fixed, percent, plural, signed, size } from '../src/lib/text.js';

describe('numbers in words', () => {
  it.each([
    [0, '0'],
    [999, '999'],
    [1797, '1,797'],
    [11_689_512, '11,689,512'],
    [-1234, '−1,234'],
  ])('count writes %d as %s', (n, text) => expect(count(n)).toBe(text));

  it('size puts a spaced times sign between thousands with commas', () => {
    expect(size([3, 224, 336])).toBe('3 × 224 × 336');
    expect(size([1024])).toBe('1,024');
    expect(size([])).toBe('');
  });

  it.each([
    [0.846, 2, '0.85'],
    [-0.254, 2, '−0.25'],
    [-0.001, 2, '0.00'],
    [32.46, 1, '32.5'],
    [Number.NaN, 2, 'not a number'],
    [Number.NEGATIVE_INFINITY, 2, '−∞'],
  ])('fixed writes %d with %d digits as %s', (v, digits, text) => expect(fixed(v, digits)).toBe(text));

  it('signed gives every change a sign, and no sign to none', () => {
    expect([signed(0.25), signed(-0.25), signed(0.001), signed(0)]).toEqual(['+0.25', '−0.25', '0.00', '0.00']);
  });

  it('percent keeps nothing and all for exactly nothing and all', () => {
    expect([0, 0.001, 0.48, 0.999, 1].map(percent)).toEqual(['0 %', '< 1 %', '48 %', '> 99 %', '100 %']);
  });

  it('plural counts', () => {
    expect([plural(1, 'layer'), plural(1200, 'layer')]).toEqual(['1 layer', '1,200 layers']);
  });
});
