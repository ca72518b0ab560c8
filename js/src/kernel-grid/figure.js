/** A picture with all that belongs to it. */
import { fit, nothing, stretch, twoTone } from '../lib/canvas.js';
import { ramp } from '../lib/color.js';
import { attributes, make, put } from '../lib/frame.js';
import { box } from '../lib/parts.js';
import { max, min } from './maths.js';

/**
 * @typedef {object} Shown
 * @property {HTMLCanvasElement | null} from hatched where there is nothing
 * @property {number[]} cells rows and columns @property {number} w @property {number} h CSS px
 * @property {{x: number, y: number, w: number, h: number} | null} [mark] a box, in cells
 * @property {string} title @property {string} [aside] @property {[string, string, Uint8Array]} [ends] of the colour scale
 */

/** A picture with a title above, a box on it and its colour scale below. @param {HTMLElement} root */
export function figure(root) {
  const [left, right, lo, hi] = [make('span', 'kg-cut'), make('span'), make('span'), make('span')];
  const [canvas, strip] = [make('canvas'), make('canvas')];
  const scale = box('dvw-scale', lo, strip, hi);
  const el = box('kg-fig', box('kg-h dvw-label', left, right), canvas, scale);
  return {
    el,
    canvas,
    /** @param {Shown} shown */
    draw({ from, cells, w, h, mark, title, aside = '', ends }) {
      put(left, title);
      put(right, aside);
      attributes(canvas, { role: 'img', 'aria-label': `${title} ${aside}`, style: `width:${w}px;height:${h}px` });
      const ctx = fit(canvas, w, h);
      nothing(ctx, root, 0, 0, w, h);
      if (from) stretch(ctx, from, 0, 0, w, h);
      if (mark) {
        const [sx, sy] = [w / cells[1], h / cells[0]];
        // inside its edge where there is room, outside where it is small, and never cut off by the border
        const out = min(mark.w * sx, mark.h * sy) < 12 ? 2 : -1;
        const [x, y] = [max(2, mark.x * sx - out), max(2, mark.y * sy - out)];
        const [right, bottom] = [min(w - 2, (mark.x + mark.w) * sx + out), min(h - 2, (mark.y + mark.h) * sy + out)];
        twoTone(ctx, x, y, right - x, bottom - y, 1.5);
      }
      scale.hidden = !ends;
      if (ends) {
        put(lo, ends[0]);
        put(hi, ends[1]);
        ramp(strip, ends[2], { lo: 0, hi: 1 });
      }
      return ctx;
    },
  };
}
