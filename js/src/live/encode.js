/** A canvas as what crosses the wire: raw where it is small, else JPEG. */
import { context } from '../lib/canvas.js';

const RAW = 64 * 1024;
const QUALITY = 0.92;

/** @param {Uint8ClampedArray} rgba @param {number} channels */
export function packed(rgba, channels) {
  const out = new Uint8Array((rgba.length / 4) * channels);
  for (let i = 0, k = 0; i < rgba.length; i += 4) {
    if (channels === 1) out[k++] = Math.round(0.299 * rgba[i] + 0.587 * rgba[i + 1] + 0.114 * rgba[i + 2]);
    else for (let c = 0; c < 3; c += 1) out[k++] = rgba[i + c];
  }
  return out;
}

/**
 * @param {HTMLCanvasElement} canvas opaque @param {number} channels
 * @returns {Promise<import('./ask.js').Frame | null>}
 */
export async function encode(canvas, channels) {
  const { width, height } = canvas;
  const shape = [height, width, channels];
  if (width * height * channels <= RAW) {
    const { data } = context(canvas, true).getImageData(0, 0, width, height);
    return { content: { codec: 'raw', shape }, data: packed(data, channels).buffer };
  }
  /** @type {Blob | null} */
  const blob = await new Promise((done) => canvas.toBlob(done, 'image/jpeg', QUALITY));
  return blob && { content: { codec: 'jpeg', shape }, data: await blob.arrayBuffer() };
}
