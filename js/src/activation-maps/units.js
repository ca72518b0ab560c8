/** Layers without places: one number a unit, as bars with names or as stems. */
import { clamp } from '../lib/clamp.js';
import { block, fit } from '../lib/canvas.js';
import { make, put } from '../lib/frame.js';
import { css } from '../lib/theme.js';
import { extremes } from './contrast.js';
import { rank } from './order.js';
import { rankOf, subject, value } from './words.js';

/** @typedef {import('./data.js').Maps} Maps */
/** @typedef {CanvasRenderingContext2D} Ctx */
/** @typedef {(ctx: Ctx, i: number, x: number, y: number, w: number, h: number) => void} Painter */

/** Shorten to fit, with an ellipsis. @param {Ctx} ctx @param {string} text @param {number} room */
function clip(ctx, text, room) {
  let n = text.length;
  const cut = () => (n < text.length ? `${text.slice(0, n)}…` : text);
  while (n > 1 && ctx.measureText(cut()).width > room) n--;
  return cut();
}

/** Where a value lies between the ends, both ends holding 0. @param {Maps} maps */
function scaleOf(maps) {
  const [lo, hi] = extremes(maps);
  return (/** @type {number} */ v) => (v - lo) / (hi - lo || 1);
}

/** Name, bar from the zero line, value. @param {Element} root @param {Maps} maps @param {number} width @param {number} chosen @returns {Painter} */
export function barPainter(root, maps, width, chosen) {
  const [fg, ground, line, bar, accent] = ['fg', 'bg-3', 'line-2', 'bar', 'accent'].map((n) => css(root, `--dvw-${n}`));
  const font = `13px ${getComputedStyle(root).fontFamily}`;
  const at = scaleOf(maps);
  const ends = extremes(maps);
  const most = Math.max(-ends[0], ends[1]);
  const end = 8 * Math.max(...ends.map((v) => value(v, most).length));
  const longest = Math.max(...Array.from({ length: maps.count }, (_, i) => subject(maps, i).length));
  const names = Math.min(longest * 7, width * 0.4);
  return (ctx, i, x, y, w, h) => {
    const mid = y + h / 2;
    const [left, room] = [x + names + 16, w - names - end - 28];
    const [zero, tip] = [left + at(0) * room, left + at(maps.hi[i]) * room];
    ctx.font = i === chosen ? `600 ${font}` : font;
    ctx.textBaseline = 'middle';
    ctx.fillStyle = fg;
    ctx.textAlign = 'left';
    ctx.fillText(clip(ctx, subject(maps, i), names), x + 4, mid);
    ctx.textAlign = 'right';
    ctx.fillText(value(maps.hi[i], most), x + w - 4, mid);
    block(ctx, ground, left, mid - 5, room, 10);
    block(ctx, i === chosen ? accent : bar, Math.min(zero, tip), mid - 5, Math.abs(tip - zero), 10);
    block(ctx, line, Math.round(zero) - 0.5, mid - 9, 1, 18);
  };
}

/** A stem from the zero line. @param {Element} root @param {Maps} maps @param {number} chosen @returns {Painter} */
export function stemPainter(root, maps, chosen) {
  const [line, bar, accent] = ['line-2', 'bar', 'accent'].map((n) => css(root, `--dvw-${n}`));
  const at = scaleOf(maps);
  return (ctx, i, x, y, w, h) => {
    const [zero, tip] = [y + h * (1 - at(0)), y + h * (1 - at(maps.hi[i]))];
    block(ctx, i === chosen ? accent : bar, x, Math.min(zero, tip), w, Math.abs(tip - zero));
    block(ctx, line, x - 1, Math.min(y + h - 1, Math.round(zero)), w + 2, 1);
  };
}

/** The chosen unit in large: its number, its rank, and where it stands among all. */
export function numberPanel() {
  const el = make('div', 'am-number');
  const [big, place, canvas] = [make('span', 'am-big'), make('span', 'dvw-label'), make('canvas')];
  canvas.setAttribute('aria-hidden', 'true');
  el.append(big, place, canvas);
  return {
    el,
    /** @param {Element} root @param {Maps} maps @param {number} chosen @param {{w: number, h: number}} size */
    draw(root, maps, chosen, size) {
      el.style.height = `${size.h}px`;
      put(big, value(maps.hi[chosen]));
      put(place, rankOf(maps, chosen));
      const [w, h] = [Math.max(40, size.w - 32), 48];
      canvas.style.width = `${w}px`;
      const ctx = fit(canvas, w, h);
      const order = rank('strongest', maps.count, { strength: maps.hi, active: maps.active });
      const each = w / maps.count;
      const paint = stemPainter(root, maps, chosen);
      for (const [k, c] of order.entries()) paint(ctx, c, k * each, 0, each > 4 ? each - 1 : each, h);
      block(ctx, css(root, '--dvw-accent'), clamp((order.indexOf(chosen) + 0.5) * each - 1, 0, w - 2), 0, 2, h);
    },
  };
}
