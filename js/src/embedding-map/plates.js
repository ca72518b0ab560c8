/** What is drawn over the map: names of clusters, the hovered image, lines to its neighbours, the lasso. All CSS px. */
import { css } from '../lib/theme.js';
import { count } from '../lib/text.js';
import { bounds } from './lasso.js';

/** @typedef {CanvasRenderingContext2D} Ctx */
/** @typedef {{text: string, x: number, y: number, color: string}} Label */
/** @typedef {{x: number, y: number, kept: boolean, art: HTMLCanvasElement | null}} End */
/** @typedef {{x: number, y: number, size: number, art: HTMLCanvasElement | null, chosen: boolean, solid: boolean}} Plate */
/** @typedef {{bg: string, fg: string, line: string, accent: string, onAccent: string, font: string}} Ink */

const PLATE = 44;
const MARK = 24;

/** @param {Element} root @returns {Ink} */
export function inkOf(root) {
  const [bg, fg, line, accent, onAccent, font] = ['bg', 'fg', 'fg-2', 'accent', 'on-accent', 'font'].map((name) =>
    css(root, `--dvw-${name}`),
  );
  return { bg, fg, line, accent, onAccent, font };
}

/** @param {Ctx} ctx @param {number} x @param {number} y @param {number} w @param {number} h @param {number} r */
function round(ctx, x, y, w, h, r) {
  ctx.beginPath();
  ctx.roundRect(x, y, w, h, r);
}

/** Names where most of a category lies; one that would cover another is left out. @param {Ctx} ctx @param {Label[]} labels @param {Ink} ink */
export function drawLabels(ctx, labels, ink) {
  ctx.font = `600 12px ${ink.font}`;
  ctx.textAlign = 'center';
  ctx.textBaseline = 'middle';
  /** @type {number[][]} */
  const taken = [];
  for (const { text, x, y, color } of labels) {
    const w = Math.max(24, ctx.measureText(text).width + 14);
    const box = [x - w / 2, y - 12, x + w / 2, y + 12];
    if (taken.some(([a, b, c, d]) => box[0] < c && box[2] > a && box[1] < d && box[3] > b)) continue;
    taken.push(box);
    round(ctx, box[0], box[1], w, 24, 12);
    ctx.fillStyle = ink.bg;
    ctx.fill();
    ctx.lineWidth = 2;
    ctx.strokeStyle = color;
    ctx.stroke();
    ctx.fillStyle = ink.fg;
    ctx.fillText(text, x, y + 0.5);
  }
}

/**
 * Solid to those that lie beside it, dashed to those that were torn away.
 * @param {Ctx} ctx @param {{x: number, y: number}} from @param {End[]} ends @param {Ink} ink
 */
export function drawLines(ctx, from, ends, ink) {
  const strokes = /** @type {[number, string][]} */ ([
    [3.5, ink.bg],
    [1.5, ink.fg],
  ]);
  const dash = (/** @type {End} */ { kept }) => ctx.setLineDash(kept ? [] : [5, 4]);
  for (const [width, color] of strokes) {
    [ctx.lineWidth, ctx.strokeStyle] = [width, color];
    for (const end of ends) {
      dash(end);
      ctx.beginPath();
      ctx.moveTo(from.x, from.y);
      ctx.lineTo(end.x, end.y);
      ctx.stroke();
    }
  }
  for (const end of ends) {
    const [left, top] = [Math.round(end.x - MARK / 2), Math.round(end.y - MARK / 2)];
    ctx.fillStyle = ink.bg;
    ctx.fillRect(left, top, MARK, MARK);
    if (end.art) ctx.drawImage(end.art, left + 1, top + 1, MARK - 2, MARK - 2);
    dash(end);
    ctx.strokeRect(left + 0.5, top + 0.5, MARK - 1, MARK - 1);
  }
  ctx.setLineDash([]);
}

/** An image on a plate, in front of all others. @param {Ctx} ctx @param {Plate} plate @param {Ink} ink */
export function drawPlate(ctx, { x, y, size, art, chosen, solid }, ink) {
  const side = Math.max(PLATE, size + 6);
  const [left, top] = [Math.round(x - side / 2), Math.round(y - side / 2)];
  ctx.fillStyle = ink.bg;
  ctx.fillRect(left - 1, top - 1, side + 2, side + 2);
  if (art) {
    const room = solid ? 2 : 4;
    const k = Math.min((side - 2 * room) / art.width, (side - 2 * room) / art.height);
    const [w, h] = [art.width * k, art.height * k];
    ctx.drawImage(art, left + (side - w) / 2, top + (side - h) / 2, w, h);
  }
  ctx.lineWidth = chosen ? 3 : 2;
  ctx.strokeStyle = chosen ? ink.accent : ink.fg;
  ctx.strokeRect(left, top, side, side);
}

/** A few chosen ones: their pictures, ringed, wherever there is room or not. @param {Ctx} ctx @param {{x: number, y: number, art: HTMLCanvasElement | null}[]} ends @param {number} size @param {Ink} ink */
export function drawChosen(ctx, ends, size, ink) {
  for (const { x, y, art } of ends) {
    const [left, top] = [Math.round(x - size / 2), Math.round(y - size / 2)];
    ctx.fillStyle = ink.bg;
    ctx.fillRect(left - 1, top - 1, size + 2, size + 2);
    if (art) ctx.drawImage(art, left, top, size, size);
    ctx.lineWidth = 2;
    ctx.strokeStyle = ink.accent;
    ctx.strokeRect(left - 1, top - 1, size + 2, size + 2);
  }
}

/** @param {Ctx} ctx @param {{x: number, y: number}} at @param {number} size @param {string} color */
export function drawRing(ctx, { x, y }, size, color) {
  ctx.lineWidth = 3;
  ctx.strokeStyle = color;
  ctx.strokeRect(x - size / 2 - 2, y - size / 2 - 2, size + 4, size + 4);
}

/** @param {Ctx} ctx @param {number[]} corners px @param {number} selected @param {boolean} open @param {Ink} ink */
export function drawLasso(ctx, corners, selected, open, ink) {
  if (corners.length < 4) return;
  ctx.beginPath();
  for (let i = 0; i < corners.length; i += 2) ctx.lineTo(corners[i], corners[i + 1]);
  ctx.closePath();
  ctx.globalAlpha = 0.09;
  ctx.fillStyle = ink.accent;
  ctx.fill();
  ctx.globalAlpha = 1;
  ctx.lineWidth = 1.5;
  ctx.strokeStyle = ink.accent;
  ctx.stroke();
  if (open || !selected) return;
  const [left, top, right] = bounds(corners);
  pill(ctx, `${count(selected)} selected`, (left + right) / 2, Math.max(16, top - 18), ink);
}

/** @param {Ctx} ctx @param {string} text @param {number} x @param {number} y @param {Ink} ink */
export function pill(ctx, text, x, y, ink) {
  ctx.font = `600 12px ${ink.font}`;
  ctx.textAlign = 'center';
  ctx.textBaseline = 'middle';
  const w = ctx.measureText(text).width + 24;
  round(ctx, x - w / 2, y - 13, w, 26, 13);
  ctx.fillStyle = ink.accent;
  ctx.fill();
  ctx.fillStyle = ink.onAccent;
  ctx.fillText(text, x, y + 0.5);
}
