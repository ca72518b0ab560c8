/** The input picture and, beside it, the chosen channel, enlarged. */
import { dim, fit, hatch, stretch } from '../lib/canvas.js';
import { make } from '../lib/frame.js';
import { css } from '../lib/theme.js';
import { cellBox } from './draw.js';
import { boxOf, seenBy } from './words.js';

/** @typedef {{row: number, column: number}} Cell */
/** @typedef {{height: number, width: number}} ImageSize */
/** @typedef {import('./data.js').Maps} Maps */

/** Tallest picture, CSS px. */
const TALLEST = 460;

/** Text that is already there stays, so that nothing is laid out again. @param {Element} node @param {string} text */
export function put(node, text) {
  if (node.textContent !== text) node.textContent = text;
}

export function figure() {
  const el = make('div', 'am-fig');
  const head = make('div', 'am-fig-h dvw-label');
  const [left, right] = [make('span', 'am-name'), make('span')];
  const pic = make('div', 'am-pic');
  const canvas = make('canvas');
  pic.setAttribute('role', 'img');
  head.append(left, right);
  pic.append(canvas);
  el.append(head, pic);
  return {
    el,
    pic,
    canvas,
    /** @param {string} a @param {string} b @param {string} label for those who cannot see it */
    title(a, b, label) {
      put(left, a);
      put(right, b);
      pic.setAttribute('aria-label', label);
    },
  };
}

/** Where a key leads from a cell. @param {string} key @param {Cell} cell @param {[number, number]} full @returns {Cell | null} */
export function stepCell(key, { row, column }, [H, W]) {
  /** @type {Record<string, [number, number]>} */
  const to = {
    ArrowUp: [row - 1, column],
    ArrowDown: [row + 1, column],
    ArrowLeft: [row, column - 1],
    ArrowRight: [row, column + 1],
    Home: [row, 0],
    End: [row, W - 1],
    PageUp: [0, column],
    PageDown: [H - 1, column],
  };
  if (!to[key]) return null;
  const [r, c] = to[key];
  return { row: Math.min(H - 1, Math.max(0, r)), column: Math.min(W - 1, Math.max(0, c)) };
}

/**
 * Pointer and keyboard on a picture, as cells of the map.
 * @param {HTMLElement} pic
 * @param {{signal: AbortSignal, full: () => [number, number] | null, cell: () => Cell | null, onCell: (cell: Cell | null) => void}} options
 */
export function listen(pic, { signal, full, cell, onCell }) {
  pic.tabIndex = 0;
  const point = (/** @type {PointerEvent} */ e) => {
    const size = full();
    if (!size) return;
    const r = pic.getBoundingClientRect();
    const at = (/** @type {number} */ f, /** @type {number} */ n) => Math.min(n - 1, Math.max(0, Math.floor(f * n)));
    onCell({ row: at((e.clientY - r.top) / r.height, size[0]), column: at((e.clientX - r.left) / r.width, size[1]) });
  };
  const press = (/** @type {KeyboardEvent} */ e) => {
    const size = full();
    if (!size || e.altKey || e.metaKey || e.ctrlKey) return;
    if (e.key === 'Escape') return onCell(null);
    const middle = { row: size[0] >> 1, column: size[1] >> 1 };
    const to = stepCell(e.key, cell() ?? middle, size);
    if (!to) return;
    e.preventDefault();
    // the first key shows the middle, the next ones move from there
    onCell(cell() ? to : middle);
  };
  pic.addEventListener('pointermove', point, { signal });
  pic.addEventListener('pointerdown', point, { signal });
  pic.addEventListener('keydown', press, { signal });
}

/**
 * Size of both pictures, from the room there is; a tall one does not fill the screen.
 * @param {HTMLElement} pair @param {ImageSize} image
 */
export function measure(pair, { height, width }) {
  const columns = Number(css(pair, '--am-columns')) || 2;
  const room = Math.floor((pair.clientWidth - 16 * (columns - 1)) / columns);
  const w = Math.max(1, Math.floor(Math.min(room, (TALLEST * width) / height)));
  pair.style.setProperty('--am-w', w < room ? `${w}px` : '1fr');
  return { w, h: Math.max(24, Math.round((w * height) / width)) };
}

/**
 * A picture, a map over it, and the box round a cell.
 * @param {HTMLElement} root @param {HTMLCanvasElement} canvas @param {{w: number, h: number}} size
 * @param {(HTMLCanvasElement | null)[]} layers from below; hatched where there is none yet
 * @param {Maps | null} maps @param {Cell | null} cell @param {ImageSize | null} image of the input: dimmed outside what the cell sees
 */
export function drawPicture(root, canvas, { w, h }, layers, maps, cell, image) {
  Object.assign(canvas.style, { width: `${w}px`, height: `${h}px` });
  const ctx = fit(canvas, w, h);
  if (!layers[0]) hatch(ctx, 0, 0, w, h, css(root, '--dvw-void'), css(root, '--dvw-void-2'));
  for (const layer of layers) if (layer) stretch(ctx, layer, 0, 0, w, h);
  if (!cell || !maps) return;
  const box = (image ? seenBy : boxOf)(maps, image ?? { width: w, height: h }, cell.row, cell.column);
  if (image) {
    const k = w / image.width;
    for (const side of /** @type {const} */ (['x', 'y', 'w', 'h'])) box[side] *= k;
    dim(ctx, w, h, box);
  }
  cellBox(ctx, w, h, box);
}
