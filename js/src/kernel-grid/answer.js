/** The arithmetic of one answer: input patch x kernel, cell by cell. */
import { largest } from './data.js';
import { abs, floor, max, missing } from './maths.js';

/** @typedef {import('../lib/cells.js').Cell} Cell */
/** @typedef {Pick<import('./data.js').Kernels, 'planes' | 'shape' | 'stride' | 'padding' | 'dilation'>} Kernel */

/** The rows and columns of the input that an output place reads. @param {Kernel} k @param {Cell} place */
export function windowOf({ shape: [h, w], stride, padding, dilation }, { row, column }) {
  return {
    y: row * stride[0] - padding[0],
    x: column * stride[1] - padding[1],
    h: (h - 1) * dilation[0] + 1,
    w: (w - 1) * dilation[1] + 1,
  };
}

/**
 * What the kernel reads there, (planes, h, w); NaN outside of the input, where it reads 0.
 * @param {{values: Float32Array, shape: number[]}} input @param {Kernel} k @param {Cell} place
 */
export function patchOf({ values, shape: [, H, W] }, k, place) {
  const [h, w] = k.shape;
  const from = windowOf(k, place);
  return Float32Array.from({ length: k.planes * h * w }, (_, i) => {
    const y = from.y + (floor(i / w) % h) * k.dilation[0];
    const x = from.x + (i % w) * k.dilation[1];
    const inside = y >= 0 && y < H && x >= 0 && x < W;
    return inside ? values[(floor(i / h / w) * H + y) * W + x] : Number.NaN;
  });
}

/** Products summed over the planes, one a cell (NaN where there is no input), and their sum. @param {Float32Array} patch @param {Float32Array} kernel @param {number} planes */
export function products(patch, kernel, planes) {
  const cells = new Float32Array(patch.length / planes);
  let sum = 0;
  for (let i = 0; i < patch.length; i++) {
    const v = patch[i] * kernel[i];
    cells[i % cells.length] += v;
    if (!missing(patch[i])) sum += v;
  }
  return { cells, sum };
}

/** Where the layer answers most. @param {{values: Float32Array, shape: [number, number]}} response @returns {Cell} */
export function strongest({ values, shape: [, w] }) {
  const most = largest(values);
  const best = max(
    0,
    values.findIndex((v) => abs(v) === most),
  );
  return { row: floor(best / w), column: best % w };
}
