// Binary traits and messages arrive as DataView (Jupyter), Uint8Array (Colab) or as a view into a larger buffer.

/**
 * The bytes that a view covers, without a copy; empty when there is nothing yet.
 * @param {ArrayBufferView | ArrayBuffer | null | undefined} v
 * @returns {Uint8Array<ArrayBuffer>}
 */
export function bytes(v) {
  if (!v) return new Uint8Array(0);
  if (v instanceof ArrayBuffer) return new Uint8Array(v);
  return new Uint8Array(/** @type {ArrayBuffer} */ (v.buffer), v.byteOffset, v.byteLength);
}

/**
 * The same bytes as little-endian float32; copied only when their offset is not a multiple of 4.
 * @param {ArrayBufferView | ArrayBuffer | null | undefined} v
 * @returns {Float32Array<ArrayBuffer>}
 */
export function floats(v) {
  const raw = bytes(v);
  const length = raw.byteLength >> 2;
  if (raw.byteOffset % 4) return new Float32Array(raw.slice().buffer, 0, length);
  return new Float32Array(raw.buffer, raw.byteOffset, length);
}
