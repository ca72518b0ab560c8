/** How many digits of a number are worth showing. */
import { count, fixed } from './text.js';

/** A value in as many digits as say something, beside values up to `most`. @param {number} v @param {number} [most] */
export function value(v, most = Math.abs(v)) {
  if (v === 0) return '0';
  if (most >= 10000 && most < Infinity) return count(v);
  if (!(most < 0.1)) return fixed(v);
  if (most >= 0.001) return fixed(v, 1 - Math.floor(Math.log10(most)));
  return v.toExponential(1).replace(/-/g, '\u2212');
}
