/** What the kernel sent, as typed arrays with names. */
import { bytes, floats } from '../lib/buffers.js';
import { abs, sqrt, missing } from './maths.js';

/** @typedef {(name: string) => any} Get */
/**
 * The tiles of one layer, at one or several checkpoints.
 * @typedef {object} Kernels
 * @property {string} key @property {string} layer @property {string} kind
 * @property {'rgb' | 'plane' | 'slices' | 'matrix'} face what a tile is
 * @property {'inputs' | 'outputs'} side of slices: what the tiles are
 * @property {number} fixed of slices: the channel on the other side
 * @property {number} count tiles @property {number} planes of one tile @property {[number, number]} shape of one tile
 * @property {number} steps checkpoints inside @property {number} from the first of them @property {string} codec
 * @property {[number, number, number, number]} full the layer's weights @property {number} groups
 * @property {string} reads 'image', 'maps' or 'vector'
 * @property {[number, number]} stride @property {[number, number]} padding @property {[number, number]} dilation
 * @property {[number, number]} block of a matrix: weights behind one cell
 * @property {Uint8Array | Float32Array} raw @property {number} area values of one tile
 * @property {Float32Array} most largest |weight| of each tile @property {Float32Array} span of the layer
 */
/**
 * @typedef {{kind: string, status: string, number: number | null, threshold: number | null, measure: string, source: string,
 *   kernels: number[], says: string, cause: string, advice: string}} Finding
 * @typedef {{layer: string, headline: string, summary: string, random: number[], findings: Finding[]}} Verdict
 * @typedef {{values: Float32Array, shape: number[], lo: number, hi: number, ends: number[][]}} Input ends: black and white of each plane
 * @typedef {{values: Float32Array, shape: [number, number], channel: number, bias: number}} Response
 * @typedef {{values: Float32Array, planes: number, shape: [number, number]}} Tile
 * @typedef {Record<string, any>} Now what is chosen; undefined for what does not matter
 */

/** The orders that the kernel knows, in the rows of `_orders`. */
export const ORDERS = ['norm', 'orientation', 'colour', 'frequency', 'similarity'];

/** Weights below this are none. */
const NOTHING = 1e-8;

/** Null until all of it has come. @param {Get} get @returns {Kernels | null} */
export function readKernels(get) {
  const meta = { side: get('side'), ...get('_kernels_meta') };
  const { count, steps, planes, shape = [0] } = meta;
  const area = planes * shape[0] * shape[1];
  const raw = (meta.codec === 'u1' ? bytes : floats)(get('_kernels'));
  const [most, span] = [floats(get('_most')), floats(get('_span'))];
  const whole = raw.length === steps * count * area && most.length === steps * count && span.length === steps;
  return raw.length && whole ? { ...meta, raw, area, most, span } : null;
}

/** The weights (planes, h, w) of a tile. @param {Kernels} k @param {number} at checkpoint @param {number} i @returns {Float32Array} */
export function tileOf({ raw, area, count, most }, at, i) {
  const n = at * count + i;
  const part = raw.subarray(n * area, (n + 1) * area);
  return part instanceof Float32Array ? part : Float32Array.from(part, (q) => ((q / 255) * 2 - 1) * most[n]);
}

/** The largest finite |value|. @param {ArrayLike<number>} values */
export function largest(values) {
  let most = 0;
  for (let i = 0; i < values.length; i++) {
    const v = abs(values[i]);
    if (v > most && v < Infinity) most = v;
  }
  return most;
}

/** Euclidean length. @param {Float32Array} values */
export const normOf = (values) => sqrt(values.reduce((sum, v) => sum + v * v, 0));

/** Largest |weight| of a tile; infinite and missing weights say nothing about it. @param {Kernels} k @param {number} at @param {number} i */
export function mostOf(k, at, i) {
  const most = k.most[at * k.count + i];
  return most < Infinity ? most : largest(tileOf(k, at, i));
}

/** No weight that would do anything; one that is not a number is not nothing. @param {Kernels} k @param {number} at @param {number} i */
export const isDead = (k, at, i) => k.most[at * k.count + i] < NOTHING && !tileOf(k, at, i).some(missing);

/** Tiles in the order of their places. @param {Get} get @param {number} count */
export function readOrder(get, count) {
  const all = floats(get('_orders'));
  const row = ORDERS.indexOf(get('order'));
  const known = row >= 0 && all.length === ORDERS.length * count;
  return known ? [...all.subarray(row * count, (row + 1) * count)] : [...Array(count).keys()];
}

/** The share of fine detail of each kernel: the second of three measures of every checkpoint. @param {Get} get @param {number} out @param {number} step */
export const readFine = (get, out, step) =>
  floats(get('_measures')).subarray((3 * step + 1) * out, (3 * step + 2) * out);

/** What is about something else than what is chosen now is not taken. @param {any} meta @param {Now} now */
function fits(meta, now) {
  return Object.entries(now).every(([name, v]) => v === undefined || meta[name] === undefined || meta[name] === v);
}

/** Numbers and what is said about them; null until all have come. @param {Get} get @param {string} name @param {Now} now */
function read(get, name, now) {
  const meta = get(`${name}_meta`) ?? {};
  const packed = bytes(get(name));
  const values = meta.bits === 16 ? new Uint16Array(packed.slice().buffer) : meta.bits ? packed : floats(packed);
  const count = meta.shape?.reduce((/** @type {number} */ a, /** @type {number} */ n) => a * n);
  return count && values.length === count && fits(meta, now) ? { ...meta, values } : null;
}

/** The chosen tile as it is, where the tiles were packed or made smaller. @param {Get} get @param {Kernels} k @param {Now} now @returns {Tile | null} */
export function readExact(get, { key }, now) {
  const found = read(get, '_exact', { ...now, key });
  return found && { values: found.values, planes: found.shape[0], shape: found.shape.slice(1) };
}

/** What the chosen tile reads. @param {Get} get @param {Now} now @returns {Input | null} */
export function readInput(get, now) {
  const found = read(get, '_input', now);
  if (!found) return null;
  const { lo, hi, bits, shape } = found;
  const values = Float32Array.from(found.values, (q) => lo + (q / (2 ** bits - 1)) * (hi - lo));
  return { ...found, values, ends: found.ends ?? shape.map(() => [lo, hi]) };
}

/** What the layer answers. @param {Get} get @param {Now} now @returns {Response | null} */
export const readResponse = (get, now) => read(get, '_response', { ...now, source: undefined });
