import { readSweep } from '../src/occlusion-map/data.js';

/** Class names of the little sweep. */
export const NAMES = ['pagoda', 'lake', 'trees'];
/** 6 x 9 px, patch 4, stride 2: 2 x 4 positions, the last of a row 3 px wide. */
export const META = {
  ...{ key: 'k1', image: 0, fill: 'mean', rows: 2, columns: 4, kind: 'logits', bits: 16, sent: [0, 1, 2] },
  patch: /** @type {[number, number]} */ ([4, 4]),
  stride: /** @type {[number, number]} */ ([2, 2]),
  region: /** @type {[number, number, number, number]} */ ([0, 0, 6, 9]),
};

const log = Math.log;
/** Logits of every position: like the whole image, [6, 3, 1] / 10, but 2 (5, 4, 1) and 5 (flat but for the pagoda). */
const ROWS = Array.from({ length: 8 }, (_, p) =>
  p === 5 ? [-1, 0, 0] : p === 2 ? [log(5), log(4), 0] : [log(6), log(3), 0],
);
const BASE = [log(6), log(3), 0];

/** @param {number[]} row */
const lseOf = (row) => log(row.reduce((sum, v) => sum + Math.exp(v), 0));
/** @param {number[]} row */
const sorted = (row) => [...row].sort((a, b) => b - a);

/** The traits of a sweep as the kernel sends them. @param {{unknown?: number[], meta?: Record<string, unknown>}} [options] */
export function content({ unknown = [], meta = {} } = {}) {
  const [lo, hi] = [-2, 3];
  const known = ROWS.map((_, p) => !unknown.includes(p));
  const one = (/** @type {(row: number[], p: number) => number} */ of) =>
    Float32Array.from(ROWS, (row, p) => (known[p] ? of(row, p) : Number.NaN));
  return {
    _sweep_meta: { ...META, lo, hi, done: 8 - unknown.length, total: 8, seconds_left: null, ...meta },
    _raw: Uint16Array.from(ROWS.flat(), (v, i) =>
      known[Math.floor(i / 3)] ? ((v - lo) / (hi - lo)) * 65535 + 0.5 : 0,
    ),
    _lse: one(lseOf),
    _runner: one((row) => sorted(row)[0]),
    _second: one((row) => sorted(row)[1]),
    _winner: one((row, p) => (p === 5 ? 1 : row.indexOf(sorted(row)[0]))),
    _feature: one((_, p) => (p === 5 ? 5 : 20)),
    _known: Uint8Array.from(known, Number),
    _base: Float32Array.from([...BASE, lseOf(BASE), BASE[0], BASE[1]]),
    _base_feature: 20,
    _base_winner: 0,
  };
}

/** @param {Parameters<typeof content>[0]} [options] */
export function sweepOf(options) {
  const sent = /** @type {Record<string, any>} */ (content(options));
  return /** @type {import('../src/occlusion-map/data.js').Sweep} */ (readSweep((key) => sent[key]));
}
