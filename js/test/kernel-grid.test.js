import { describe, expect, it } from 'vitest';
import { patchOf, products, strongest, windowOf } from '../src/kernel-grid/answer.js';
import {
  isDead,
  largest,
  mostOf,
  readExact,
  readFine,
  readInput,
  readKernels,
  readOrder,
  readResponse,
  tileOf,
} from '../src/kernel-grid/data.js';
import { lay } from '../src/kernel-grid/paint.js';
import { stack } from '../src/kernel-grid/plot.js';
import { frequency, SIDE, spectrum } from '../src/kernel-grid/spectrum.js';
import { columnsFor } from '../src/kernel-grid/tiles.js';
import { measured, ofFrequency, ofTile, ofWeight, said, sizes, sumOf, titleOf } from '../src/kernel-grid/words.js';

const META = {
  key: 'a',
  layer: 'conv1',
  kind: 'Conv2d',
  face: 'plane',
  fixed: 0,
  count: 3,
  planes: 1,
  shape: [1, 2],
  steps: 2,
  from: 1,
  codec: 'f4',
  full: [3, 1, 1, 2],
  groups: 1,
  reads: 'image',
  stride: [1, 1],
  padding: [0, 0],
  dilation: [1, 1],
  block: [1, 1],
};
const WEIGHTS = [0, 0, 1, -2, 0.5, Number.NaN, 3, 4, -5, 6, 0, 0];
/** @type {(over?: Record<string, any>) => (name: string) => any} */
const traits = (over = {}) => {
  const all = {
    side: 'inputs',
    order: 'index',
    _kernels_meta: META,
    _kernels: new Float32Array(WEIGHTS),
    _most: new Float32Array([0, 2, Number.NaN, 4, 6, 0]),
    _span: new Float32Array([2, 6]),
    ...over,
  };
  return (name) => all[/** @type {keyof typeof all} */ (name)];
};
/** @param {Record<string, any>} [over] @returns {import('../src/kernel-grid/data.js').Kernels} */
const kernels = (over) => /** @type {any} */ ({ ...readKernels(traits()), ...over });
/** @param {import('../src/lib/text.js').Part[]} parts */
const text = (parts) => parts.map((p) => (typeof p === 'string' ? p : Object.values(p)[0])).join('');

describe('what the kernel sent', () => {
  it('tiles of each checkpoint follow each other', () => {
    const k = kernels();
    expect([...tileOf(k, 0, 1)]).toEqual([1, -2]);
    expect([...tileOf(k, 1, 1)]).toEqual([-5, 6]);
  });

  it('is nothing until all of it has come', () => {
    expect(readKernels(() => undefined)).toBe(null);
    for (const half of [
      { _kernels: new Float32Array(11) },
      { _kernels: new Float32Array(13) },
      { _most: new Float32Array(3) },
      { _span: new Float32Array(1) },
      { _kernels_meta: { ...META, codec: 'u1' } },
    ])
      expect(readKernels(traits(half))).toBe(null);
  });

  it('packed weights are unpacked with the range of their own tile', () => {
    const k = kernels({ codec: 'u1', raw: new Uint8Array([0, 255, 0, 255, 0, 255]), steps: 1 });
    expect([...tileOf({ ...k, most: new Float32Array([1, 2, 4]) }, 0, 1)]).toEqual([-2, 2]);
  });

  it('a missing weight says nothing about the scale, and makes no kernel dead', () => {
    const k = kernels();
    expect([mostOf(k, 0, 2), mostOf(k, 0, 1)]).toEqual([0.5, 2]);
    expect([0, 1, 2].map((i) => isDead(k, 0, i))).toEqual([true, false, false]);
    expect(isDead(kernels({ raw: new Float32Array(12).fill(Number.NaN), most: new Float32Array(6) }), 0, 0)).toBe(
      false,
    );
    expect(largest([1, -3, Infinity, Number.NaN])).toBe(3);
  });

  it('tiles stand in the order that was asked for, and by index where there is none', () => {
    const rows = [2, 1, 0, 0, 2, 1, 1, 0, 2, 1, 2, 0, 2, 0, 1];
    const get = (/** @type {string} */ order) => traits({ order, _orders: new Float32Array(rows) });
    expect(readOrder(get('norm'), 3)).toEqual([2, 1, 0]);
    expect(readOrder(get('similarity'), 3)).toEqual([2, 0, 1]);
    expect(readOrder(get('index'), 3)).toEqual([0, 1, 2]);
    expect(readOrder(get('norm'), 4)).toEqual([0, 1, 2, 3]);
  });

  it('fine detail is the second of three measures of a checkpoint', () => {
    const get = traits({ _measures: Float32Array.from({ length: 18 }, (_, i) => i) });
    expect([...readFine(get, 3, 0), ...readFine(get, 3, 1)]).toEqual([3, 4, 5, 12, 13, 14]);
  });

  it('what belongs to another kernel is not taken', () => {
    const now = { layer: 'conv1', image: 0, step: 0, channel: 2, source: undefined };
    const about = { key: 'a', layer: 'conv1', image: 0, step: 0, channel: 2, source: 9, shape: [1, 1, 2] };
    const get = traits({
      _exact: new Float32Array([7, 8]),
      _exact_meta: { ...about },
      _response: new Float32Array([1, 2]),
      _response_meta: { ...about, shape: [1, 2], bias: 0.5 },
    });
    expect(readExact(get, kernels(), now)?.shape).toEqual([1, 2]);
    expect(readExact(get, kernels({ key: 'b' }), now)).toBe(null);
    expect(readExact(get, kernels(), { ...now, source: 3 })).toBe(null);
    expect([...(readResponse(get, { ...now, source: 3 })?.values ?? [])]).toEqual([1, 2]);
    for (const other of [{ channel: 1 }, { image: 1 }, { step: 1 }, { layer: 'conv2' }])
      expect(readResponse(get, { ...now, ...other })).toBe(null);
  });

  it('an input of 16 bits is read from any offset', () => {
    const raw = new Uint8Array(1 + 8);
    raw.set(new Uint8Array(new Uint16Array([0, 65535, 32768, 13107]).buffer), 1);
    const meta = { shape: [2, 1, 2], lo: -1, hi: 4, bits: 16 };
    const read = (/** @type {any} */ more) =>
      readInput(traits({ _input: new DataView(raw.buffer, 1, 8), _input_meta: { ...meta, ...more } }), {});
    expect([...(read({})?.values ?? [])].map((v) => Math.round(v * 100) / 100)).toEqual([-1, 4, 1.5, 0]);
    expect(read({})?.ends.slice(0, 2)).toEqual([
      [-1, 4],
      [-1, 4],
    ]);
    expect(read({ ends: [[0, 3]] })?.ends).toEqual([[0, 3]]);
    expect(read({ bits: 8 })).toBe(null);
  });
});

describe('an answer', () => {
  const k = { planes: 2, shape: [2, 2], stride: [3, 2], padding: [1, 0], dilation: [2, 3] };
  /** @type {any} */
  const kernel = k;
  const input = { values: Float32Array.from({ length: 40 }, (_, i) => i + 1), shape: [2, 4, 5] };
  const weights = Float32Array.from([1, 2, 3, 4, -1, 0.5, 2, -3]);

  /** The convolution, written out. @param {number} row @param {number} column */
  function convolved(row, column) {
    let sum = 0;
    for (let p = 0; p < 2; p++)
      for (let i = 0; i < 2; i++)
        for (let j = 0; j < 2; j++) {
          const [y, x] = [row * 3 - 1 + 2 * i, column * 2 + 3 * j];
          if (y >= 0 && y < 4 && x < 5) sum += weights[p * 4 + i * 2 + j] * input.values[p * 20 + y * 5 + x];
        }
    return sum;
  }

  it('is patch times kernel, with stride, padding and dilation', () => {
    for (const row of [0, 1])
      for (const column of [0, 1]) {
        const patch = patchOf(input, kernel, { row, column });
        expect(products(patch, weights, 2).sum).toBeCloseTo(convolved(row, column), 4);
      }
  });

  it('names what lies outside of the input, and its products', () => {
    const patch = patchOf(input, kernel, { row: 0, column: 1 });
    expect([...patch].map(Number.isNaN)).toEqual([true, true, false, true, true, true, false, true]);
    const { cells } = products(patch, weights, 2);
    expect([...cells].map(Number.isNaN)).toEqual([true, true, false, true]);
    expect(cells[2]).toBe(3 * 8 + 2 * 28);
  });

  it('reads a box that may begin outside', () => {
    expect(windowOf(kernel, { row: 0, column: 1 })).toEqual({ y: -1, x: 2, h: 3, w: 4 });
  });

  it('is looked at first where it is strongest, whatever its sign', () => {
    expect(strongest({ values: new Float32Array([1, -7, 3, 2, 0, 5]), shape: [2, 3] })).toEqual({ row: 0, column: 1 });
    expect(strongest({ values: new Float32Array([Number.NaN]), shape: [1, 1] })).toEqual({ row: 0, column: 0 });
  });
});

describe('the spectrum', () => {
  const wave = (/** @type {number} */ fy, /** @type {number} */ fx) =>
    Float32Array.from({ length: 256 }, (_, i) => Math.cos(2 * Math.PI * (fy * Math.floor(i / 16) + fx * (i % 16))));
  const peaks = (/** @type {Float32Array} */ db) =>
    [...db.keys()].filter((i) => db[i] > -0.5).map((i) => [frequency(Math.floor(i / SIDE)), frequency(i % SIDE)]);

  it('of a wave has its peaks at the frequency of the wave', () => {
    expect(peaks(spectrum(wave(0.125, 0.25), [16, 16]))).toEqual([
      [-0.125, -0.25],
      [0.125, 0.25],
    ]);
  });

  it('of a flat kernel peaks in the middle', () => {
    expect(peaks(spectrum(new Float32Array(49).fill(1), [7, 7]))).toEqual([[0, 0]]);
  });

  it('adds the power of the planes, and is dark where there are no weights', () => {
    const both = new Float32Array(512);
    both.set(wave(0, 0.25));
    both.set(wave(0.25, 0), 256);
    expect(peaks(spectrum(both, [16, 16])).length).toBe(4);
    expect(new Set(spectrum(new Float32Array(9), [3, 3]))).toEqual(new Set([-40]));
  });
});

describe('pixels', () => {
  it('0 is mid-grey in colour and the middle of the diverging map; a missing weight stays clear', () => {
    const out = new Uint32Array(2);
    lay(out, 2, 0, [0, 1, 0, -1, 0, Infinity], { planes: 3, shape: [1, 2] }, 1);
    expect([...new Uint8Array(out.buffer)]).toEqual([127, 127, 127, 255, 255, 0, 255, 255]);
    const flat = new Uint32Array(3);
    lay(flat, 3, 0, [0, 2, Number.NaN], { planes: 1, shape: [1, 3] }, 2);
    expect([...new Uint8Array(flat.buffer)].slice(0, 7)).toEqual([244, 243, 241, 255, 143, 51, 0]);
    expect(flat[2]).toBe(0);
  });

  it('a tile is laid into its own corner of the sheet', () => {
    const out = new Uint32Array(12);
    lay(out, 4, 5, [1, 1, 1, 1], { planes: 1, shape: [2, 2] }, 1);
    expect([...out.keys()].filter((i) => out[i])).toEqual([5, 6, 9, 10]);
  });

  it('tiles are 40 to 72 px, eight a row where it is narrow', () => {
    for (const count of [6, 32, 64, 512]) {
      const columns = columnsFor(680, count, 1);
      const tile = (680 - 6 * (columns - 1)) / columns;
      expect(tile).toBeGreaterThanOrEqual(40);
      expect(tile).toBeLessThanOrEqual(72);
    }
    expect(columnsFor(680, 512, 1)).toBeGreaterThan(columnsFor(680, 6, 1));
    expect(columnsFor(440, 32, 1)).toBe(8);
  });
});

describe('the dot plot', () => {
  it('stacks dots that would overlap and leaves out what cannot be told', () => {
    const { dots, radius } = stack([0.5, Number.NaN, 0.5, 0.9], 300);
    expect(dots.map(({ i }) => i)).toEqual([0, 2, 3]);
    expect(dots[0].y - dots[1].y).toBe(2 * radius + 1);
    expect([dots[0].x, dots[2].y]).toEqual([150, dots[0].y]);
  });

  it('keeps hundreds of dots above the axis and below the title', () => {
    const { dots } = stack(
      Array.from({ length: 512 }, (_, i) => 0.7 + 0.1 * Math.sin(i)),
      460,
    );
    expect(dots.every(({ y }) => y >= 18 && y < 84)).toBe(true);
  });
});

describe('words', () => {
  const rgb = kernels({ face: 'rgb', planes: 3, count: 32, full: [32, 3, 7, 7] });
  const slices = kernels({ face: 'slices', side: 'inputs', fixed: 5, count: 64, full: [128, 64, 3, 3] });

  it('the head says how many kernels of which size, or of what slices are', () => {
    expect(sizes(rgb)).toBe('32 kernels of 3 × 7 × 7');
    expect(sizes(slices)).toBe('output 5 of 128: one tile per input channel, 64 of 3 × 3');
    expect(sizes({ ...slices, side: 'outputs', count: 128 })).toBe(
      'input 5 of 64: one tile per output channel, 128 of 3 × 3',
    );
    expect(sizes(kernels({ face: 'matrix', full: [10, 768, 1, 1] }))).toBe('10 × 768 weights');
    expect([titleOf(slices, 3), titleOf({ ...slices, side: 'outputs' }, 3)]).toEqual([
      'Kernel 5, input 3',
      'Kernel 3, input 5',
    ]);
  });

  it('a kernel is told by its fine detail beside that of random ones', () => {
    const about = { dead: false, norm: 0.6, most: 0.11, fine: 0.08, random: [0.67, 0.83] };
    expect(text(ofTile(rgb, 20, about))).toBe('Kernel 20: 8 % fine detail; a random kernel has 67 to 83 %.');
    expect(text(ofTile(rgb, 9, { ...about, fine: 0.78, kinds: ['noisy'] }))).toContain('; flagged as noisy.');
    expect(text(ofTile(rgb, 7, { ...about, dead: true }))).toBe('Kernel 7 is dead: all weights are below 1e−8.');
    expect(text(ofTile(slices, 3, about))).toBe('Kernel 5, input 3: weights up to 0.11, norm 0.60.');
    expect(text(ofTile(rgb, 3, { ...about, fine: Number.NaN }))).toContain('weights up to 0.11');
  });

  it('a weight is told with its colours, one of a matrix with its channels', () => {
    const values = new Float32Array([0, -0.08, 0, 0.11, 0, 0.02]);
    expect(text(ofWeight(rgb, { values, planes: 3, shape: [1, 2] }, { row: 0, column: 1 }, 0.11))).toBe(
      'Row 0, column 1: red −0.08, green +0.11, blue +0.02.',
    );
    const tile = { values, planes: 1, shape: /** @type {[number, number]} */ ([3, 2]) };
    const one = kernels({ face: 'matrix', block: [1, 1] });
    expect(text(ofWeight(one, tile, { row: 1, column: 1 }, 0.11))).toBe('Output 1, input 1: +0.11.');
    expect(text(ofWeight({ ...one, block: [2, 4] }, tile, { row: 1, column: 1 }, 0.11))).toBe(
      'Output 2, input 4: +0.11, the largest of 8.',
    );
  });

  it('a sum is an equation only where it is one', () => {
    expect(text(sumOf(rgb, { total: 1.34, sum: 1.24, bias: 0.1 }, 0))).toBe('sum +1.24 + bias 0.10 = 1.34');
    expect(text(sumOf(rgb, { total: -1.34, sum: -1.24, bias: -0.1 }, 0))).toBe('sum −1.24 − bias 0.10 = −1.34');
    expect(text(sumOf(rgb, { total: 1.5, sum: 1.24, bias: 0.1 }, 0))).toContain('≈');
    expect(text(sumOf(slices, { total: 1.34, sum: 0.2, bias: 0.1 }, 7))).toBe('input 7 gives +0.20 of 1.34');
    expect(text(sumOf(rgb, { total: 1.34, sum: null, bias: 0 }, 0))).toBe('answer 1.34');
    expect(text(sumOf(rgb, { total: -1.34, sum: -1.34, bias: 0 }, 0))).toBe('sum −1.34');
    expect(text(sumOf(rgb, { total: 1.34, sum: 1.5, bias: 0 }, 0))).toBe('sum +1.50 ≈ 1.34');
  });

  it('a frequency is told without its sign, as there are always two', () => {
    expect(text(ofFrequency({ row: 8, column: 16 }, -12))).toBe('0 cycles/pixel across, 0.25 down: −12.00 dB.');
  });

  const finding = {
    ...{ kind: 'noisy', status: 'found', number: 0.52, threshold: null, measure: 'share of noise', source: 'demos' },
    ...{
      kernels: [9, 22, 32, 52],
      says: '9 and 22 of 32 kernels: 52 % above 0.52, 9 more.',
      cause: 'C.',
      advice: 'A.',
    },
  };
  it('kernels that a finding names are semibold, other numbers are not', () => {
    expect(said(finding).filter((p) => typeof p !== 'string')).toEqual([{ b: '9' }]);
    expect(said({ ...finding, says: '9, 22 and 32 are noise.' }).filter((p) => typeof p !== 'string').length).toBe(3);
    expect(text(said(finding))).toBe(finding.says);
  });

  it('a finding always has its number', () => {
    expect(measured(finding, false)).toBe('Measured 0.52, threshold none. C. A.');
    expect(measured({ ...finding, number: null, threshold: 0.25 }, true)).toBe(
      'noisy: found. Measured none: share of noise. Threshold 0.25: demos.',
    );
  });
});
