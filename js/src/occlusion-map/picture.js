/** The photo with a map over it and the patch on top. */
import { block, fit, nothing, ring, stretch, twoTone } from '../lib/canvas.js';
import { photo } from '../lib/photo.js';
import { css } from '../lib/theme.js';
import { max, min } from './maths.js';

/** @typedef {import('./lattice.js').Box} Box */
/** @typedef {{text: string, y: number, x: number}} Label */
/**
 * @typedef {object} Shown
 * @property {number} w @property {number} h CSS px
 * @property {number} height @property {number} width of the image in pixels of the network's input
 * @property {HTMLCanvasElement | null} over the map @property {boolean} stale it is of other settings
 * @property {number[][]} contour lines in pixels @property {Label[]} labels @property {HTMLCanvasElement | null} unknown what a cancelled sweep has not reached
 * @property {Box | null} region that was swept, where that is not all of the image
 * @property {Box | null} patch @property {boolean} held
 */

/** How much of what is below the patch its fill hides. */
const FILL = 0.55;
const PALE = 0.45;

/** Draws photo, map, contour, names and patch. @param {import('../lib/view.js').View} view */
export function painter(view) {
  const { root, get, on, redraw } = view;
  let loads = 0;
  /** The photo is of another image: the new one is being decoded. */
  let old = false;
  const picture = photo({
    ...view,
    get,
    on,
    redraw() {
      loads++;
      old = false;
      redraw();
    },
  });
  on('_picture', () => {
    old = true;
  });
  // the fill is one more picture: the same reader under other names
  const rename = (/** @type {string} */ name) => name.replace('_picture', '_filled');
  const filled = photo({
    ...view,
    redraw,
    get: (name) => get(rename(name)),
    on: (names, fn) => on([names].flat().map(rename), fn),
  });

  /** @param {CanvasRenderingContext2D} ctx @param {HTMLCanvasElement} from @param {Box} box @param {Shown} shown */
  function part(ctx, from, { y, x, h, w }, shown) {
    const [ky, kx] = [from.height / shown.height, from.width / shown.width];
    const [sy, sx] = [shown.h / shown.height, shown.w / shown.width];
    ctx.drawImage(from, x * kx, y * ky, w * kx, h * ky, x * sx, y * sy, w * sx, h * sy);
  }

  /** The hidden patch shows what the network sees there. @param {CanvasRenderingContext2D} ctx @param {Box} box @param {Shown} shown */
  function hide(ctx, box, shown) {
    const [sy, sx] = [shown.h / shown.height, shown.w / shown.width];
    const [x, y, w, h] = [box.x * sx, box.y * sy, box.w * sx, box.h * sy];
    const fill = filled(false);
    ctx.globalAlpha = FILL;
    if (fill) part(ctx, fill, box, shown);
    else block(ctx, '#808080', x, y, w, h);
    ctx.globalAlpha = 1;
    // inside the picture, so that no side of it is cut off
    const [l, t] = [max(2, x), max(2, y)];
    const [r, b] = [min(shown.w - 2, x + w), min(shown.h - 2, y + h)];
    if (shown.held) ring(ctx, l, t, r - l, b - t, 2, 3, css(root, '--dvw-accent'));
    twoTone(ctx, l, t, r - l, b - t, 2);
  }

  /** @param {CanvasRenderingContext2D} ctx @param {Shown} shown */
  function border(ctx, { contour, w, h, width, height }) {
    ctx.lineCap = 'square';
    for (const [color, lw] of /** @type {const} */ ([
      ['rgba(255,255,255,.8)', 4],
      ['#8f3300', 2],
    ])) {
      Object.assign(ctx, { strokeStyle: color, lineWidth: lw });
      ctx.beginPath();
      for (const [y, x, v, u] of contour) {
        const [at, to] = [pixel(x, w / width, w), pixel(u, w / width, w)];
        ctx.moveTo(at, pixel(y, h / height, h));
        ctx.lineTo(to, pixel(v, h / height, h));
      }
      ctx.stroke();
    }
  }
  /** Lines on the border of the picture stay inside. @param {number} v @param {number} scale @param {number} end */
  const pixel = (v, scale, end) => max(1, min(end - 1, v * scale));

  /** Names on plates. @param {CanvasRenderingContext2D} ctx @param {Shown} shown */
  function write(ctx, { labels, w, h, width, height }) {
    Object.assign(ctx, { textAlign: 'center', textBaseline: 'middle' });
    ctx.font = `600 12px ${getComputedStyle(root).fontFamily}`;
    for (const { text, y, x } of labels) {
      const wide = ctx.measureText(text).width + 12;
      const u = max(wide / 2, min(w - wide / 2, (x * w) / width));
      const v = max(10, min(h - 10, (y * h) / height));
      block(ctx, css(root, '--dvw-bg'), u - wide / 2, v - 10, wide, 20);
      ctx.fillStyle = css(root, '--dvw-fg');
      ctx.fillText(text, u, v + 0.5);
    }
  }

  /** @param {HTMLCanvasElement} canvas @param {Shown} shown */
  function draw(canvas, shown) {
    const { w, h, over, region, width, height } = shown;
    Object.assign(canvas.style, { width: `${w}px`, height: `${h}px` });
    const ctx = fit(canvas, w, h);
    const below = picture(Boolean(over));
    ctx.globalAlpha = old ? PALE : 1;
    if (below) stretch(ctx, below, 0, 0, w, h);
    else nothing(ctx, root, 0, 0, w, h);
    if (old) return;
    ctx.imageSmoothingEnabled = false; // what is drawn larger keeps its edges: no colour between two positions
    ctx.globalAlpha = shown.stale ? PALE : 1;
    if (over && below) ctx.drawImage(over, 0, 0, w, h);
    ctx.globalAlpha = 1 - PALE;
    if (shown.unknown) ctx.drawImage(shown.unknown, 0, 0, w, h);
    ctx.globalAlpha = 1;
    if (region) {
      const at = [region.x / width, region.y / height, region.w / width, region.h / height];
      ctx.setLineDash([6, 4]);
      ring(ctx, at[0] * w, at[1] * h, at[2] * w, at[3] * h, -1, 2, '#fff');
      ctx.setLineDash([]);
    }
    border(ctx, shown);
    if (shown.patch) hide(ctx, shown.patch, shown);
    write(ctx, shown);
  }
  return { draw, colour: () => picture(false), version: () => loads };
}
