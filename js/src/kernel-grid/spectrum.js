/** Which frequencies a kernel has. */
import { floor, max } from './maths.js';

/** Frequencies a side, odd so that zero lies in the middle: -0.5 to 0.5 cycles/pixel. */
export const SIDE = 33;
/** Weakest power shown, dB below the strongest. */
export const FLOOR = -40;

/** The frequency of row or column `i`, cycles/pixel. @param {number} i */
export const frequency = (i) => i / (SIDE - 1) - 0.5;

/**
 * Power at SIDE x SIDE frequencies, summed over the planes, zero frequency in the middle: the Fourier transform of the
 * kernel itself, not of a periodic repetition, so that 3 x 3 weights give a picture too. dB relative to the strongest.
 * @param {Float32Array} values (planes, h, w) @param {number[]} shape
 */
export function spectrum(values, [h, w]) {
  const power = new Float64Array(SIDE * SIDE);
  for (let f = 0; f < power.length; f++) {
    const [v, u] = [frequency(floor(f / SIDE)), frequency(f % SIDE)];
    for (let at = 0; at < values.length; at += h * w) {
      let [re, im] = [0, 0];
      for (let i = 0; i < h * w; i++) {
        const angle = 2 * Math.PI * (v * floor(i / w) + u * (i % w));
        re += values[at + i] * Math.cos(angle);
        im += values[at + i] * Math.sin(angle);
      }
      power[f] += re * re + im * im;
    }
  }
  const most = max(...power);
  return Float32Array.from(power, (p) => (most === 0 ? FLOOR : max(FLOOR, 10 * Math.log10(p / most))));
}
