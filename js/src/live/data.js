/** The traits of a live widget, put into order. */
import { bytes, floats } from '../lib/buffers.js';
import { DIVERGING, VIRIDIS } from '../lib/color.js';

/**
 * @typedef {{layer: string, kind: string, channels: number, full: [number, number], n: number, h: number, w: number,
 *   lo: number, hi: number, values: Uint8Array<ArrayBuffer>, key: string}} Maps one layer: n of its channels as bytes
 * @typedef {{layer: string, channel: number, h: number, w: number, values: Float32Array<ArrayBuffer>}} Unit
 * @typedef {{id: number, name: string, share: number}} Score
 */

/** @param {any} meta @param {Uint8Array<ArrayBuffer>} raw @param {unknown} key @returns {Maps | null} */
function mapsOf(meta, raw, key) {
  const [n, h, w] = meta?.shape ?? [0, 0, 0];
  if (!n || raw.length < n * h * w) return null;
  const { layer, kind, channels, full, lo, hi } = meta;
  return { layer, kind, channels, full, n, h, w, lo, hi, values: raw.subarray(0, n * h * w), key: `${key}` };
}

/** All layers in call order. @param {(name: string) => any} get @returns {Maps[]} */
export function readStrips(get) {
  const { key, layers = [] } = get('_strips_meta') ?? {};
  const raw = bytes(get('_strips'));
  let at = 0;
  const found = [];
  for (const meta of layers) {
    const maps = mapsOf(meta, raw.subarray(at), key);
    if (!maps) break; // the bytes of another answer: the next message brings the rest
    at += maps.values.length;
    found.push(maps);
  }
  return found;
}

/** The chosen layer: large where the kernel sent it so, else as its strip has it. @param {(name: string) => any} get @param {Maps[]} strips */
export function readStage(get, strips) {
  const meta = get('_stage_meta') ?? {};
  const strip = strips.find(({ layer }) => layer === get('layer'));
  if (meta.layer !== get('layer')) return strip ?? null;
  return mapsOf(meta, bytes(get('_stage')), meta.key) ?? strip ?? null;
}

/** The chosen channel: exact where the kernel sent it, else as the stage has it. @param {(name: string) => any} get @param {Maps | null} stage @returns {Unit | null} */
export function readUnit(get, stage) {
  const { layer, channel, shape: [h, w] = [0, 0] } = get('_unit_meta') ?? {};
  const at = get('channel');
  const values = floats(get('_unit'));
  if (layer === get('layer') && channel === at && h && values.length >= h * w) return { layer, channel, h, w, values };
  if (!stage || at >= stage.n) return null;
  const { lo, hi, h: rows, w: columns } = stage;
  const part = stage.values.subarray(at * rows * columns, (at + 1) * rows * columns);
  const plain = Float32Array.from(part, (q) => lo + (q / 255) * (hi - lo));
  return { layer: stage.layer, channel: at, h: rows, w: columns, values: plain };
}

/** @param {{lo: number, hi: number}} range */
export const shadeOf = ({ lo, hi }) => ({ lo, hi, signed: lo < 0, from: /** @type {[number, number]} */ ([lo, hi]) });
/** @param {{lo: number}} range */
export const lutOf = ({ lo }) => (lo < 0 ? DIVERGING : VIRIDIS);

/** A channel's largest value in size, with its sign. @param {Maps} maps @param {number} channel */
export function peakOf({ values, h, w, lo, hi }, channel) {
  let most = 0;
  for (let i = channel * h * w; i < (channel + 1) * h * w; i += 1) {
    const value = lo + (values[i] / 255) * (hi - lo);
    if (Math.abs(value) > Math.abs(most)) most = value;
  }
  return most;
}

/** Few classes keep their order, so that bars change their length and not their place; of many, the best. @param {(name: string) => any} get @param {number} most @returns {Score[]} */
export function readScores(get, most) {
  const names = get('_classes') ?? [];
  const shares = floats(get('_scores'));
  if (!names.length || shares.length < names.length) return [];
  const all = names.map((/** @type {string} */ name, /** @type {number} */ id) => ({ id, name, share: shares[id] }));
  if (all.length <= most) return all;
  const best = [...all].sort((a, b) => b.share - a.share).slice(0, most);
  const target = get('_aimed') ? all[get('target')] : null;
  return target && !best.includes(target) ? [...best.slice(0, -1), target] : best;
}

/** The most probable first. @param {Score[]} scores */
export const winners = (scores) => [...scores].sort((a, b) => b.share - a.share);
