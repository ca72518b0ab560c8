// How numbers are written: real minus, `×` with spaces, thousands with a comma, `48 %`.

/**
 * A sentence in pieces, each set with textContent: labels and file names are untrusted.
 * @typedef {string | {b: string} | {mono: string} | {q: string} | {down: string} | {up: string} | {warn: string}} Part
 * @typedef {Part | Part[]} Parts
 */

const MINUS = '\u2212';

/** 1797 -> "1,797". Written by hand: a host's locale must not change what a lecture shows. @param {number} n */
export function count(n) {
  const digits = String(Math.abs(Math.round(n))).replace(/\B(?=(\d{3})+$)/g, ',');
  return n < 0 && digits !== '0' ? MINUS + digits : digits;
}

/** [3, 224, 336] -> "3 × 224 × 336" @param {ArrayLike<number>} shape */
export function size(shape) {
  return Array.from(shape, count).join(' × ');
}

/** -0.254 -> "−0.25", and never "−0.00". @param {number} v @param {number} [digits] */
export function fixed(v, digits = 2) {
  if (!Number.isFinite(v)) return Number.isNaN(v) ? 'not a number' : v > 0 ? '∞' : `${MINUS}∞`;
  const text = Math.abs(v).toFixed(digits);
  return v < 0 && Number(text) !== 0 ? MINUS + text : text;
}

/** 0.254 -> "+0.25"; a change that rounds to nothing has no sign. @param {number} v @param {number} [digits] */
export function signed(v, digits = 2) {
  const text = fixed(v, digits);
  return v > 0 && Number(Math.abs(v).toFixed(digits)) !== 0 ? `+${text}` : text;
}

/** 0.48 -> "48 %". Only a true 0 and a true 1 are shown as such. @param {number} share */
export function percent(share) {
  const whole = Math.round(share * 100);
  if (share > 0 && whole === 0) return '< 1 %';
  if (share < 1 && whole === 100) return '> 99 %';
  return `${whole} %`;
}

/** plural(1, "layer") -> "1 layer" @param {number} n @param {string} one @param {string} [many] */
export function plural(n, one, many = `${one}s`) {
  return `${count(n)} ${n === 1 ? one : many}`;
}
