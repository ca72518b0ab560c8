/** What the chosen kernel answers in the image, place by place, with the arithmetic. */
import { clamp } from '../lib/clamp.js';
import { block, sheet } from '../lib/canvas.js';
import { listen } from '../lib/cells.js';
import { DIVERGING, GREY, paint, VIRIDIS } from '../lib/color.js';
import { value } from '../lib/digits.js';
import { make, put, write } from '../lib/frame.js';
import { size } from '../lib/text.js';
import { css } from '../lib/theme.js';
import { patchOf, products, strongest, windowOf } from './answer.js';
import { largest } from './data.js';
import { picture } from './paint.js';
import { box, keeper } from '../lib/parts.js';
import { figure } from './figure.js';
import { about0, SAVED, sumOf } from './words.js';
import { floor, max, min, round, missing } from './maths.js';

/** @typedef {import('./data.js').Kernels} Kernels */
/** @typedef {import('./data.js').Input} Input */
/** @typedef {import('../lib/cells.js').Cell} Cell */

/** Tallest picture, and largest of the three small ones, CSS px. */
const TALL = 232;
const SMALL = 128;

/**
 * Inputs as they look: an image plane by plane in its own range, maps in the colours of maps.
 * @param {Float32Array} v (planes, h, w) @param {number[]} shape @param {Input} input @param {Kernels} k
 */
function look(v, [planes, h, w], { lo, hi, ends }, { reads }) {
  const shape = [h, w];
  const image = reads === 'image';
  const centred = (/** @type {number} */ n, /** @type {number[]} */ [from, to]) =>
    (2 * n - from - to) / (to - from || 1);
  if (planes === 3)
    return picture(
      v.map((n, i) => centred(n, ends[floor(i / h / w)])),
      { planes, shape },
      1,
    );
  const signed = lo < 0 && !image;
  const lut = image ? GREY : signed ? DIVERGING : VIRIDIS;
  return sheet(paint(v, lut, { lo: image ? lo : min(0, lo), hi, signed }), w, h);
}

/** @param {import('../lib/view.js').View} view @param {import('./state.js').State} state @param {() => void} onPlace */
export function responseRow(view, state, onPlace) {
  const { root, signal, get } = view;
  const [input, output, ...small] = Array.from({ length: 5 }, () => figure(root));
  const line = box('kg-line');
  const sums = box(
    'kg-sums',
    small[0].el,
    make('span', '', '×'),
    small[1].el,
    make('span', '', '='),
    small[2].el,
    line,
  );
  const [why, el] = [box('kg-why dvw-q'), box('kg-answer', input.el, sums, output.el)];
  /** @type {Cell | null} */
  let place = null;
  for (const { canvas } of [input, output])
    listen(canvas, {
      signal,
      full: () => state.response?.shape ?? null,
      cell: () => place,
      onCell(cell) {
        place = cell;
        onPlace();
      },
    });
  /** @type {ReturnType<typeof keeper<HTMLCanvasElement>>[]} */
  const [source, map] = [keeper(), keeper()];
  const drawn = keeper();

  /** What is known of the answer at the place. @param {Kernels} k */
  function answer(k) {
    const { input: read, response } = state;
    if (!response) return null;
    const [H, W] = response.shape;
    const at = place && place.row < H && place.column < W ? place : strongest(response);
    const tile = { ...k, ...state.chosen(k) };
    const patch = read?.shape[0] === tile.planes ? patchOf(read, tile, at) : null;
    const { sum, cells } = patch ? products(patch, tile.values, tile.planes) : { sum: null, cells: null };
    return {
      ...response,
      place: at,
      tile,
      read,
      patch,
      cells,
      sum,
      total: response.values[at.row * W + at.column],
    };
  }
  /** @typedef {NonNullable<ReturnType<typeof answer>>} Answer */

  /** @param {HTMLElement} node @param {number[]} cells */
  function room(node, cells) {
    const [rows, columns] = cells;
    const w = floor(min(node.clientWidth, (TALL * columns) / rows));
    return { w, h: round((w * rows) / columns), cells, aside: size(cells) };
  }

  /** @param {Kernels} k @param {Answer} now */
  function drawMaps(k, { tile, read, shape, values, channel, place: at }) {
    const stamp = `${state.version}`;
    const most = largest(values);
    input.el.hidden = !read;
    if (read)
      input.draw({
        ...room(input.el, read.shape.slice(1)),
        from: source(stamp, () => look(read.values, read.shape, read, k)),
        mark: windowOf(tile, at),
        title: k.reads === 'image' ? get('_image').name : `Input ${k.face === 'slices' ? state.source() : channel}`,
      });
    output.draw({
      ...room(output.el, shape),
      from: map(stamp, () =>
        sheet(paint(values, DIVERGING, { lo: -most, hi: most, signed: true }), shape[1], shape[0]),
      ),
      mark: { x: at.column, y: at.row, w: 1, h: 1 },
      title: `Answers of kernel ${channel}`,
      ends: about0(most),
    });
  }

  /** Numbers on plates, where all of them fit. @param {CanvasRenderingContext2D} ctx @param {Float32Array} v @param {number} columns @param {number} cell px */
  function label(ctx, v, columns, cell) {
    const most = largest(v);
    const texts = Array.from(v, (n) => (missing(n) ? '' : value(n, most).replace('0.', '.')));
    const wide = (/** @type {string} */ text) => (text ? ctx.measureText(text).width + 4 : 0);
    Object.assign(ctx, { textAlign: 'center', textBaseline: 'middle', font: '11px system-ui, sans-serif' });
    if (texts.some((text) => wide(text) > cell)) return;
    for (const [i, text] of texts.entries()) {
      const [x, y] = [((i % columns) + 0.5) * cell, (floor(i / columns) + 0.5) * cell];
      block(ctx, css(root, '--dvw-bg'), x - wide(text) / 2, y - 7, wide(text), 14);
      ctx.fillStyle = css(root, '--dvw-fg');
      ctx.fillText(text, x, y + 0.5);
    }
  }

  /** @param {Kernels} k @param {Answer} now */
  function drawSums(k, { patch, cells, tile, read }) {
    sums.classList.toggle('kg-alone', !patch);
    if (!patch || !read || !cells) return;
    const { shape, planes, values } = tile;
    const cell = clamp((sums.clientWidth - 64) / 3, 24, SMALL) / max(...shape);
    const shown = /** @type {const} */ ([
      ['Patch', patch, look(patch, [planes, ...shape], read, k)],
      ['Kernel', values, picture(values, tile, state.most(k, state.tile(k)))],
      ['Products', cells, picture(cells, { planes: 1, shape }, largest(cells))],
    ]);
    for (const [i, [title, v, from]] of shown.entries()) {
      const ctx = small[i].draw({ title, from, cells: shape, w: shape[1] * cell, h: shape[0] * cell });
      if (v.length === cells.length) label(ctx, v, shape[1], cell);
    }
  }

  /** @param {Kernels} k */
  function draw(k) {
    const now = answer(k);
    put(why, now ? '' : get('_fails') || (view.live ? '' : SAVED));
    why.hidden = !why.textContent;
    // what is on its way keeps the place of what was there
    el.hidden = !now && !(why.hidden && line.textContent);
    el.classList.toggle('dvw-stale', !now);
    if (!now) return null;
    drawn(
      [state.version, now.place.row, now.place.column, view.width, devicePixelRatio, css(root, '--dvw-fg-2')].join(),
      () => {
        drawMaps(k, now);
        drawSums(k, now);
        write(line, sumOf(k, now, state.source()));
      },
    );
    return now;
  }
  return { el, why, draw };
}
