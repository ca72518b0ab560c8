/** A picture with a line of text above it and, where it has colours of its own, their scale below. */
import { dim, fit, nothing, stretch, twoTone } from '../lib/canvas.js';
import { ramp } from '../lib/color.js';
import { attributes, make, put } from '../lib/frame.js';
import { box } from '../lib/parts.js';

/** @typedef {{x: number, y: number, w: number, h: number}} Box */
/**
 * @typedef {object} Shown
 * @property {string} title @property {string} [aside]
 * @property {(CanvasImageSource | null | undefined)[]} layers drawn one over the other; hatched where there is none
 * @property {Box} [part] which part of the first layer, in its pixels; the whole by default
 * @property {Box} [at] where a part lies in its square, 0 to 1; what is left is beyond the border of the image
 * @property {number[]} size height and width of the input, which decide the shape @property {number} width CSS px
 * @property {Box | null} [mark] in pixels of the input @property {boolean} [dark] darken what is outside of the mark
 * @property {[string, string, Uint8Array]} [scale]
 */

const WHOLE = { x: 0, y: 0, w: 1, h: 1 };

/** @param {HTMLElement} root @param {Node} [control] in place of the title */
export function figure(root, control) {
  const [left, right, lo, hi] = [make('span', 'tp-cut'), make('span'), make('span'), make('span')];
  const [canvas, strip] = [make('canvas'), make('canvas')];
  const why = make('span', 'tp-why dvw-label');
  const scale = box('dvw-scale', lo, strip, hi);
  const el = box('tp-fig', box('tp-line dvw-label', control ?? left, right), box('tp-pic', canvas, why), scale);
  attributes(canvas, { role: 'img' });
  return {
    el,
    /** Why there is no picture; '' where there is one. @param {string} text */
    say: (text) => put(why, text),
    /** @param {Shown} shown */
    draw({ title, aside = '', layers, part, at: place = WHOLE, size: [H, W], width, mark, dark, scale: ends }) {
      put(left, title);
      put(right, aside);
      attributes(canvas, { 'aria-label': `${title} ${aside}` });
      const [w, h] = part ? [width, width] : [width, (width * H) / W];
      const ctx = fit(canvas, w, h);
      canvas.style.height = `${h}px`;
      const there = layers.filter(Boolean);
      if (!there.length || part) nothing(ctx, root, 0, 0, w, h);
      for (const layer of /** @type {HTMLCanvasElement[]} */ (there)) {
        if (part) cut(ctx, layer, part, place, w);
        else stretch(ctx, layer, 0, 0, w, h);
      }
      if (mark && there.length) {
        const at = { x: (mark.x * w) / W, y: (mark.y * h) / H, w: (mark.w * w) / W, h: (mark.h * h) / H };
        if (dark) dim(ctx, w, h, at);
        twoTone(ctx, Math.max(at.x, 1), Math.max(at.y, 1), Math.min(at.w, w - 2), Math.min(at.h, h - 2), 2);
      }
      scale.hidden = !ends;
      if (!ends) return;
      put(lo, ends[0]);
      put(hi, ends[1]);
      ramp(strip, ends[2]);
    },
  };
}

/** A part in its place. @param {CanvasRenderingContext2D} ctx @param {CanvasImageSource} from @param {Box} part @param {Box} at @param {number} side */
function cut(ctx, from, part, at, side) {
  ctx.imageSmoothingEnabled = at.w * side < 3 * part.w;
  ctx.drawImage(from, part.x, part.y, part.w, part.h, at.x * side, at.y * side, at.w * side, at.h * side);
}
