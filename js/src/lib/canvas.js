/** Small drawing helpers, all in CSS pixels. */
import { clamp } from './clamp.js';
import { css } from './theme.js';

/** @typedef {CanvasRenderingContext2D} Ctx */

/**
 * `small`: kept in main memory. A hundred small pictures are painted there faster than they travel to the GPU.
 * @param {HTMLCanvasElement} canvas @param {boolean} [small] @returns {Ctx}
 */
export function context(canvas, small = false) {
  const ctx = canvas.getContext('2d', { willReadFrequently: small });
  if (!ctx) throw new Error('This browser gives no 2d canvas.');
  return ctx;
}

/** Device pixels to a CSS pixel. */
export const density = () => clamp(window.devicePixelRatio || 1, 1, 3);

/** Sharp on every screen: size in device pixels, drawn in CSS pixels, cleared. @param {HTMLCanvasElement} canvas @param {number} w @param {number} h */
export function fit(canvas, w, h) {
  const dpr = density();
  const k = Math.max(1, Math.round(w * dpr));
  const l = Math.max(1, Math.round(h * dpr));
  if (canvas.width !== k || canvas.height !== l) {
    canvas.width = k;
    canvas.height = l;
  }
  const ctx = context(canvas);
  ctx.setTransform(k / Math.max(w, 1), 0, 0, l / Math.max(h, 1), 0, 0);
  ctx.clearRect(0, 0, w, h);
  return ctx;
}

/** RGBA pixels as something drawImage takes. @param {Uint8ClampedArray<ArrayBuffer>} rgba @param {number} w @param {number} h */
export function sheet(rgba, w, h) {
  const canvas = document.createElement('canvas');
  canvas.width = w;
  canvas.height = h;
  context(canvas, true).putImageData(new ImageData(rgba, w, h), 0, 0);
  return canvas;
}

/**
 * Draw a map or picture into a rectangle; cells of 3 px and more keep their edges,
 * so that the coarseness of a deep map is seen.
 * @param {Ctx} ctx @param {HTMLCanvasElement} source @param {number} x @param {number} y @param {number} w @param {number} h
 */
export function stretch(ctx, source, x, y, w, h) {
  const cell = Math.max(w / source.width, h / source.height);
  ctx.imageSmoothingEnabled = cell < 3;
  ctx.imageSmoothingQuality = cell < 0.6 ? 'medium' : 'low';
  ctx.drawImage(source, x, y, w, h);
}

/** A line that shows on any picture: dark, white, dark. @param {Ctx} ctx @param {number} x @param {number} y @param {number} w @param {number} h @param {number} lw */
export function twoTone(ctx, x, y, w, h, lw) {
  ring(ctx, x, y, w, h, -lw / 2 - 1, lw + 2, 'rgba(0,0,0,.75)');
  ring(ctx, x, y, w, h, -lw / 2, lw, '#fff');
}

/** Darken a picture outside a box. @param {Ctx} ctx @param {number} w @param {number} h @param {{x: number, y: number, w: number, h: number}} box */
export function dim(ctx, w, h, box) {
  ctx.fillStyle = 'rgba(0,0,0,.38)';
  ctx.beginPath();
  ctx.rect(0, 0, w, h);
  ctx.rect(box.x, box.y, box.w, box.h);
  ctx.fill('evenodd');
}

/** "Nothing here". @param {Ctx} ctx @param {number} x @param {number} y @param {number} w @param {number} h @param {string} ground @param {string} line */
export function hatch(ctx, x, y, w, h, ground, line) {
  ctx.save();
  ctx.beginPath();
  ctx.rect(x, y, w, h);
  ctx.clip();
  block(ctx, ground, x, y, w, h);
  ctx.strokeStyle = line;
  ctx.lineWidth = 1;
  ctx.beginPath();
  for (let d = 7; d < w + h; d += 7) {
    ctx.moveTo(x + d, y);
    ctx.lineTo(x + d - h, y + h);
  }
  ctx.stroke();
  ctx.restore();
}

/** "Nothing here", in the colours of the theme. @param {Ctx} ctx @param {Element} root @param {[number, number, number, number]} box */
export function nothing(ctx, root, ...box) {
  hatch(ctx, ...box, css(root, '--dvw-void'), css(root, '--dvw-void-2'));
}

/**
 * A ring round a rectangle, `from` px away from it and `width` px thick.
 * @param {Ctx} ctx @param {number} x @param {number} y @param {number} w @param {number} h
 * @param {number} from @param {number} width @param {string} color
 */
export function ring(ctx, x, y, w, h, from, width, color) {
  const d = from + width / 2;
  ctx.strokeStyle = color;
  ctx.lineWidth = width;
  ctx.lineJoin = 'miter';
  ctx.strokeRect(x - d, y - d, w + 2 * d, h + 2 * d);
}

/** A filled rectangle. @param {Ctx} ctx @param {string} color @param {number} x @param {number} y @param {number} w @param {number} h */
export function block(ctx, color, x, y, w, h) {
  ctx.fillStyle = color;
  ctx.fillRect(x, y, w, h);
}
