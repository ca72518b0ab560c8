/** What is seen, in words. */
import { DIVERGING } from '../lib/color.js';
import { value } from '../lib/digits.js';
import { percent, size } from '../lib/text.js';
import { frequency } from './spectrum.js';
import { abs, round } from './maths.js';

/** @typedef {import('./data.js').Kernels} Kernels */
/** @typedef {import('./data.js').Finding} Finding */
/** @typedef {import('../lib/text.js').Part} Part */
/** @typedef {import('../lib/cells.js').Cell} Cell */

export const COLOURS = ['red', 'green', 'blue'];
export const SAVED = 'Saved page: this needs a kernel that runs.';

/** @param {string} text */
const b = (text) => ({ b: text });

/** With its sign, in as many digits as say something beside `most`. @param {number} v @param {number} [most] */
export const weight = (v, most) => (v > 0 ? '+' : '') + value(v, most);

/** The ends of a scale that is symmetric about 0. @param {number} most @returns {[string, string, Uint8Array]} */
export const about0 = (most) => [weight(-most), weight(most), DIVERGING];

/** Whether a tile belongs to one output: a whole kernel, or the part that reads one input. @param {Kernels} k */
export const byKernel = ({ face, side }) => face !== 'slices' || side === 'outputs';

/** One tile. @param {Kernels} k @param {number} i */
export function titleOf(k, i) {
  if (k.face === 'matrix') return 'Weights';
  const [kernel, input] = byKernel(k) ? [i, k.fixed] : [k.fixed, i];
  return `Kernel ${kernel}${k.face === 'slices' ? `, input ${input}` : ''}`;
}

/** What follows the layer's name in the head. @param {Kernels} k */
export function sizes({ face, side, fixed, full, count }) {
  const d = side === 'inputs' ? 0 : 1;
  const names = ['output', 'input'];
  if (face === 'matrix') return `${size(full.slice(0, 2))} weights`;
  if (face !== 'slices') return `${size([count])} kernels of ${size(full.slice(face === 'rgb' ? 1 : 2))}`;
  return `${names[d]} ${fixed} of ${full[d]}: one tile per ${names[1 - d]} channel, ${count} of ${size(full.slice(2))}`;
}

/**
 * @param {Kernels} k @param {number} i
 * @param {{dead: boolean, norm: number, most: number, fine?: number, random?: number[], kinds?: string[]}} about
 * @returns {Part[]}
 */
export function ofTile(k, i, { dead, norm, most, fine = Number.NaN, random, kinds }) {
  const name = b(titleOf(k, i));
  if (dead) return [name, ' is dead: all weights are below 1e−8.'];
  const range = random?.[1] ? `; a random kernel has ${round(random[0] * 100)} to ${percent(random[1])}` : '';
  const told =
    fine >= 0 && k.face !== 'slices'
      ? [b(percent(fine)), ` fine detail${range}`]
      : ['weights up to ', b(value(most)), ', norm ', b(value(norm))];
  return [name, ': ', ...told, kinds ? `; flagged as ${kinds.join(', ')}.` : '.'];
}

/** "Row 2, column 3: red −0.08, ...". @param {Kernels} k @param {import('./data.js').Tile} tile @param {Cell} cell @param {number} most @returns {Part[]} */
export function ofWeight({ face, block }, { values, planes, shape: [h, w] }, { row, column }, most) {
  const at = Array.from({ length: planes }, (_, p) => values[(p * h + row) * w + column]);
  const told = at.flatMap((v, p) => [(p ? ', ' : '') + (planes > 1 ? `${COLOURS[p]} ` : ''), b(weight(v, most))]);
  if (face !== 'matrix') return [`Row ${row}, column ${column}: `, ...told, '.'];
  const many = block[0] * block[1];
  const start = `Output ${row * block[0]}, input ${column * block[1]}: `;
  return [start, ...told, many > 1 ? `, the largest of ${many}.` : '.'];
}

/** @param {Cell} cell @param {number} db @returns {Part[]} */
export function ofFrequency({ row, column }, db) {
  const [y, x] = [row, column].map((i) => b(value(abs(frequency(i)))));
  return [x, ' cycles/pixel across, ', y, ' down: ', b(`${value(db)} dB`), '.'];
}

/** @param {number} a @param {number} b */
const equals = (a, b) => abs(a - b) <= 0.005 + 0.001 * abs(b);

/** The sum, as it is read aloud. @param {Kernels} k @param {{total: number, sum: number | null, bias: number}} answer @param {number} source @returns {Part[]} */
export function sumOf(k, { total, sum, bias }, source) {
  const whole = b(value(total));
  if (sum !== null && !bias && k.face !== 'slices' && equals(sum, total)) return ['sum ', whole];
  if (sum === null) return ['answer ', whole];
  if (k.face === 'slices') return [`input ${source} gives `, b(weight(sum)), ' of ', whole];
  // what was rounded on its way here is not sold as an equation
  const equal = equals(sum + bias, total) ? '=' : '≈';
  const added = bias ? [bias < 0 ? ' − bias ' : ' + bias ', b(value(abs(bias)))] : [];
  return ['sum ', b(weight(sum)), ...added, ` ${equal} `, whole];
}

/** The sentence of a finding, the kernels it names semibold. @param {Finding} finding @returns {Part[]} */
export function said({ says, kernels }) {
  return says
    .split(/(\b\d[\d.]*\b(?! %| of| more| kernel))/)
    .map((piece, i) => (i % 2 && kernels.includes(Number(piece)) ? b(piece) : piece));
}

/** What was measured, then why it matters or, in full, what was looked for. @param {Finding} finding @param {boolean} full */
export function measured({ kind, status, number, threshold, measure, source, cause, advice }, full) {
  const [found, limit] = [number, threshold].map((v) => (v === null ? 'none' : value(v)));
  return full
    ? `${kind}: ${status}. Measured ${found}: ${measure}. Threshold ${limit}: ${source}.`
    : `Measured ${found}, threshold ${limit}. ${cause} ${advice}`;
}

/** Before the first move. */
export const HINT = 'Point at a picture to read it; click a tile to choose it.';
