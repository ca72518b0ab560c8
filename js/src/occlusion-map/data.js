/** What the kernel sent of a sweep, as typed arrays with names, and the scores that follow from it. */
import { bytes, floats } from '../lib/buffers.js';
import { latticeOf } from './lattice.js';
import { exp, missing } from './maths.js';

/** @typedef {(name: string) => any} Get */
/** @typedef {'probability' | 'logit' | 'margin'} Score */
/**
 * What a network said about one image: raw scores by class id, their log-sum-exp, the best two.
 * @typedef {object} Answer
 * @property {(id: number) => number} raw NaN for a class that was not sent
 * @property {number} lse @property {number} best @property {number} second @property {number} winner
 * @property {number} feature summed activation of the strongest map
 */
/**
 * The scores with the patch in each position of a lattice; arrays hold one number a position.
 * @typedef {object} Sweep
 * @property {string} key @property {number} image @property {[number, number]} patch @property {[number, number]} stride
 * @property {string} fill @property {number} done @property {number} total @property {number | null} seconds_left
 * @property {number[]} sent class ids @property {'logits' | 'probabilities' | 'other'} kind
 * @property {number} lo @property {number} hi @property {Uint16Array | Uint8Array} raw (positions, sent), in `bits` a number @property {number} bits
 * @property {Float32Array} lse @property {Float32Array} runner the best score @property {Float32Array} second
 * @property {Float32Array} winner class id @property {Float32Array} feature
 * @property {Uint8Array} known @property {number} count positions
 * @property {import('./lattice.js').Lattice} lattice
 * @property {Int32Array} nearest known position of each, −1 while there is none
 * @property {Answer} base of the whole image
 */

/** Copied only where the bytes do not start at an even place. @param {any} v */
function words(v) {
  const raw = bytes(v);
  return raw.byteOffset % 2
    ? new Uint16Array(raw.slice().buffer)
    : new Uint16Array(raw.buffer, raw.byteOffset, raw.byteLength >> 1);
}

/** Null until a sweep has come whole, with one position at least. @param {Get} get @returns {Sweep | null} */
export function readSweep(get) {
  const meta = { rows: 0, columns: 0, sent: [], ...get('_sweep_meta') };
  const { rows, columns, sent, kind } = meta;
  const count = rows * columns;
  const raw = (meta.bits === 8 ? bytes : words)(get('_raw'));
  const known = bytes(get('_known'));
  const [lse, winner, runner, second, feature, base] = [
    ...['_lse', '_winner', '_runner', '_second', '_feature', '_base'],
  ].map((name) => floats(get(name)));
  const whole =
    raw.length === count * sent.length &&
    known.length === count &&
    winner.length === count &&
    base.length === sent.length + 3 &&
    (kind !== 'logits' || lse.length === count);
  if (!count || !whole || !known.includes(1)) return null;
  const lattice = latticeOf(meta);
  return {
    ...meta,
    ...{ count, raw, known, lse, winner, runner, second, feature, lattice },
    nearest: lattice.nearest(known),
    base: answerOf(meta, base, { winner: get('_base_winner'), feature: get('_base_feature') }),
  };
}

/** Raw scores of the sent classes, then lse, best and second. @param {Pick<Sweep, 'sent'>} sweep @param {Float32Array} base @param {{winner: number, feature: number}} more @returns {Answer} */
export function answerOf({ sent }, base, more) {
  const [lse, best, second] = base.subarray(sent.length);
  return { ...more, lse, best, second, raw: (id) => base[sent.indexOf(id)] ?? Number.NaN };
}

/** Whether the scores of a class are here. @param {Sweep} sweep @param {number} id */
export const has = ({ sent }, id) => sent.includes(id);

/** Raw score of a class in a position. @param {Sweep} sweep @param {number} p @param {number} id */
function rawAt({ sent, raw, lo, hi, bits }, p, id) {
  const k = sent.indexOf(id);
  return k < 0 ? Number.NaN : lo + (raw[p * sent.length + k] / (2 ** bits - 1)) * (hi - lo);
}

/** What the network said with the patch in a position. @param {Sweep} sweep @param {number} p @returns {Answer} */
export function answerAt(sweep, p) {
  const { lse, runner, second, winner, feature } = sweep;
  return {
    raw: (id) => rawAt(sweep, p, id),
    lse: lse[p],
    best: runner[p],
    second: second[p],
    winner: winner[p],
    feature: feature[p],
  };
}

/**
 * The score of a class: its probability, what the network returned, or how far that is above the best other class.
 * @param {Pick<Sweep, 'kind'>} sweep @param {Answer} answer @param {number} id @param {Score} score
 */
export function scoreOf({ kind }, answer, id, score) {
  const raw = answer.raw(id);
  if (score === 'margin') return raw - (answer.winner === id ? answer.second : answer.best);
  return score === 'probability' && kind === 'logits' ? exp(raw - answer.lse) : raw;
}

/** The same of the whole image. @param {Sweep} sweep @param {number} id @param {Score} score */
export const baseOf = (sweep, id, score) => scoreOf(sweep, sweep.base, id, score);

/**
 * By how much hiding lowers the score of a class in each position; NaN where that is not known.
 * @param {Sweep} sweep @param {number} id @param {Score} score
 */
export function effects(sweep, id, score) {
  const base = baseOf(sweep, id, score);
  return Float32Array.from(sweep.known, (is, p) =>
    is ? base - scoreOf(sweep, answerAt(sweep, p), id, score) : Number.NaN,
  );
}

/** What is known of each position, spread over the ones around it; NaN where nothing is. @param {Sweep} sweep @param {ArrayLike<number>} values */
export function spread({ nearest, lattice }, values) {
  return Float32Array.from(nearest, (q, p) => (q >= 0 && lattice.covers(q, p) ? values[q] : Number.NaN));
}

/** The largest finite |value|. @param {ArrayLike<number>} values */
export function largest(values) {
  let most = 0;
  for (let i = 0; i < values.length; i++) {
    const v = Math.abs(values[i]);
    if (v > most && v < Infinity) most = v;
  }
  return most;
}

/** The lowest and the highest finite value. @param {ArrayLike<number>} values @returns {[number, number]} */
export function ends(values) {
  let [lo, hi] = [Infinity, -Infinity];
  for (let i = 0; i < values.length; i++) {
    const v = values[i];
    if (missing(v) || Math.abs(v) === Infinity) continue;
    if (v < lo) lo = v;
    if (v > hi) hi = v;
  }
  return lo <= hi ? [lo, hi] : [0, 0];
}
