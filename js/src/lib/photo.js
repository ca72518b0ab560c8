/** Pictures as the kernel sends them: raw bytes or a compressed file. */
import { bytes } from './buffers.js';
import { context, sheet } from './canvas.js';
import { greyed } from './color.js';

/** Raw (h, w, 1 or 3) bytes -> RGBA. @param {Uint8Array} raw @param {number} pixels @param {number} channels */
export function rgbaOf(raw, pixels, channels) {
  const out = new Uint8ClampedArray(pixels * 4).fill(255);
  for (let i = 0; i < pixels; i++) {
    for (let k = 0; k < 3; k++) out[i * 4 + k] = raw[i * channels + (k % channels)];
  }
  return out;
}

/** @param {HTMLCanvasElement} photo */
function greyOf(photo) {
  const { width, height } = photo;
  return sheet(greyed(new Uint8ClampedArray(context(photo).getImageData(0, 0, width, height).data)), width, height);
}

/** @param {Uint8Array<ArrayBuffer>} raw @param {{codec: string, shape: number[]}} meta */
export async function decode(raw, { codec, shape: [h, w, c] }) {
  if (codec === 'raw') return sheet(rgbaOf(raw, h * w, c), w, h);
  const canvas = sheet(new Uint8ClampedArray(w * h * 4), w, h);
  context(canvas).drawImage(await createImageBitmap(new Blob([raw])), 0, 0, w, h);
  return canvas;
}

/** The input picture; the old one stays until the new one is decoded. @param {import('./view.js').View} view */
export function photo({ get, redraw, on }) {
  let turn = 0;
  /** @type {HTMLCanvasElement | null} */
  let now = null;
  /** @type {HTMLCanvasElement | null} */
  let grey = null;
  async function load() {
    const mine = ++turn;
    const raw = bytes(get('_picture'));
    if (!raw.length) return;
    const next = await decode(raw, get('_picture_meta')).catch(() => null);
    if (!next || mine !== turn) return;
    now = next;
    grey = null;
    redraw();
  }
  on(['_picture', '_picture_meta'], load);
  load();
  return (/** @type {boolean} */ inGrey) => {
    if (!inGrey || !now) return now;
    grey ??= greyOf(now);
    return grey;
  };
}
