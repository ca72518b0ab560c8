/** What the kernel sent, as typed arrays with names. */
import { bytes, floats } from '../lib/buffers.js';
import { dequantise } from '../lib/color.js';

/** @typedef {(name: string) => any} Get */
/**
 * Every channel of a layer at overview resolution; lo, hi, ... hold one number a channel.
 * @typedef {object} Maps
 * @property {string} key @property {string} layer @property {number} call @property {number} image
 * @property {[number, number, number]} shape @property {[number, number]} full @property {boolean} signed
 * @property {string} layout @property {number} extra @property {string[]} names
 * @property {number} count @property {Uint8Array} tiles @property {'maps' | 'bars' | 'stems'} face
 * @property {Float32Array} lo @property {Float32Array} hi @property {Float32Array} mean
 * @property {Float32Array} active @property {Float32Array} strength @property {Float32Array} token
 * @property {Float32Array | null} field what each row and column sees: tops, bottoms, lefts, rights
 * @property {{size?: [number, number] | null, status?: string}} sees how large that is without a border, and how sure
 */
/** @typedef {{done: number, total: number, max: Float32Array, mean: Float32Array, active: Float32Array, strength: Float32Array}} Survey */
/** @typedef {{values: Uint8Array | Float32Array, h: number, w: number}} Values one channel, as bytes of its tile or exact */

/** Split (rows, n) floats into named rows. @template {string} K @param {Float32Array} all @param {number} n @param {K[]} names */
function rows(all, n, names) {
  return /** @type {Record<K, Float32Array>} */ (
    Object.fromEntries(names.map((k, i) => [k, all.subarray(i * n, i * n + n)]))
  );
}

/**
 * How a layer is shown: pictures, labelled bars, or one stem a unit.
 * @param {Pick<Maps, 'layout' | 'shape' | 'full' | 'names'>} meta @returns {'maps' | 'bars' | 'stems'}
 */
export function faceOf({ layout, shape, full, names }) {
  if (layout !== 'vector' && full[0] * full[1] > 1) return 'maps';
  return names.length === shape[0] || shape[0] <= 32 ? 'bars' : 'stems';
}

/** Cut a sheet, one grey tile a cell, into tiles. @param {Uint8ClampedArray} rgba @param {{shape: number[], cell: number[], sheet: number[]}} meta */
export function cut(rgba, { shape: [count, h, w], cell: [ch, cw], sheet: [, wide] }) {
  const tiles = new Uint8Array(count * h * w);
  const columns = wide / cw;
  for (let i = 0; i < tiles.length; i++) {
    const [c, y] = [(i / h / w) | 0, ((i / w) | 0) % h];
    tiles[i] = rgba[4 * ((((c / columns) | 0) * ch + y) * wide + (c % columns) * cw + (i % w))];
  }
  return tiles;
}

/** Null until a layer has been computed. @param {Get} get @param {Uint8Array} [tiles] @returns {Maps | null} */
export function readMaps(get, tiles = bytes(get('_tiles'))) {
  const meta = { extra: 0, names: [], ...get('_tiles_meta') };
  const [count, h, w] = meta.shape ?? [0];
  const all = floats(get('_stats'));
  if (!count || tiles.length < count * h * w || all.length < 6 * count) return null;
  return {
    ...meta,
    ...rows(all, count, ['lo', 'hi', 'mean', 'active', 'strength', 'token']),
    ...readField(get, meta),
    count,
    tiles,
    face: faceOf(meta),
  };
}

/** What the cells can see of the image, once it is known. @param {Get} get @param {Pick<Maps, 'key' | 'full'>} meta */
function readField(get, { key, full: [H, W] }) {
  const about = get('_field_meta') ?? {};
  const field = floats(get('_field'));
  const sees = about.key === key ? about : {};
  return { field: sees.key && field.length === 2 * (H + W) ? field : null, sees };
}

/** The overview tile of a channel. @param {Maps} maps @param {number} channel @returns {Values} */
export function overview({ shape: [, h, w], tiles }, channel) {
  return { values: tiles.subarray(channel * h * w, (channel + 1) * h * w), h, w };
}

/** The full-resolution map, if it belongs to these tiles. @param {Get} get @param {Maps} maps @returns {Values & {channel: number} | null} */
export function readExact(get, { key }) {
  const { channel, shape: [h, w] = [0, 0], ...meta } = get('_map_meta') ?? {};
  const values = floats(get('_map'));
  return meta.key === key && values.length && values.length === h * w ? { channel, values, h, w } : null;
}

/** Whether the survey is of this layer and call. @param {Get} get @param {Maps | null} maps */
export function surveyed(get, maps) {
  const about = get('_survey_meta');
  return about && maps && about.layer === maps.layer && about.call === maps.call ? about : null;
}

/** Statistics over all images. @param {Get} get @param {Maps} maps @returns {Survey | null} */
export function readSurvey(get, maps) {
  const about = surveyed(get, maps);
  const all = floats(get('_survey'));
  if (!about || all.length < 4 * maps.count) return null;
  return { ...about, ...rows(all, maps.count, ['max', 'mean', 'active', 'strength']) };
}

/** Every cell is exactly 0. @param {Maps} maps @param {number} channel */
export const silent = ({ lo, hi }, channel) => lo[channel] === 0 && hi[channel] === 0;

/**
 * The value of a cell of the full map: exact from float32, otherwise from the tile.
 * @param {Maps} maps @param {Values | null} exact @param {number} channel @param {number} row @param {number} column
 */
export function valueAt(maps, exact, channel, row, column) {
  if (exact) return exact.values[row * exact.w + column];
  const { values, h, w } = overview(maps, channel);
  const at = (/** @type {number} */ i, /** @type {number} */ n, /** @type {number} */ all) =>
    Math.floor(((i + 0.5) / all) * n);
  return dequantise(
    values[at(row, h, maps.full[0]) * w + at(column, w, maps.full[1])],
    maps.lo[channel],
    maps.hi[channel],
  );
}
