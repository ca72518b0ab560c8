/** All kernels of a layer as tiles, drawn from one sheet. */
import { nothing, ring } from '../lib/canvas.js';
import { clamp } from '../lib/clamp.js';
import { geometry, tileGrid } from '../lib/grid.js';
import { css } from '../lib/theme.js';
import { isDead, tileOf } from './data.js';
import { atlas } from './paint.js';
import { keeper } from '../lib/parts.js';
import { byKernel, titleOf } from './words.js';
import { missing } from './maths.js';

/** @typedef {import('./data.js').Kernels} Kernels */

const GAP = 6;
/** Tallest grid before tiles get smaller. */
const TALL = 290;
const LEAST = 40;
const MOST = 72;

/** 8 a row where it is narrow; otherwise as many as keep the grid low, in tiles of 40 to 72 px. @param {number} width @param {number} count @param {number} aspect */
export function columnsFor(width, count, aspect) {
  if (width < 520) return 8;
  const tile = (/** @type {number} */ columns) => (width - GAP * (columns - 1)) / columns;
  let columns = Math.ceil((width + GAP) / (MOST + GAP));
  while (Math.ceil(count / columns) * (tile(columns) / aspect + GAP) > TALL && tile(columns + 1) >= LEAST) columns++;
  return columns;
}

/**
 * @param {import('../lib/view.js').View} view @param {import('./state.js').State} state
 * @param {{onHover: (i: number) => void, onChoose: (i: number) => void}} hears
 */
export function kernelGrid(view, state, { onHover, onChoose }) {
  const { root, get } = view;
  /** @type {ReturnType<typeof keeper<ReturnType<typeof atlas>>>} */
  const kept = keeper();
  let [shown, chosen] = ['', -1];
  /** There are tiles only when there are kernels. */
  const shownOf = () => /** @type {Kernels} */ (state.k);
  const grid = tileGrid({
    view,
    label: 'Kernels',
    name: (slot) => [titleOf(shownOf(), state.order[slot]), ...flagsOf(shownOf(), state.order[slot])].join(', '),
    draw: (ctx, slot, ...box) => paint(shownOf(), ctx, state.order[slot], box),
    onHover: (slot) => onHover(state.order[slot]),
    onChoose: (slot) => onChoose(state.order[slot]),
  });
  const { el } = grid;

  /** @param {Kernels} k @param {number} i */
  const flagsOf = (k, i) => (byKernel(k) && state.flags.get(i)) || [];
  const stamp = () => [state.version, css(root, '--dvw-fg-2')].join();

  /** Hatched where there is nothing: in a dead kernel, behind a weight that is not a number. @param {Kernels} k @param {CanvasRenderingContext2D} ctx @param {number} i @param {[number, number, number, number]} box */
  function paint(k, ctx, i, box) {
    const dead = isDead(k, state.at, i);
    const sheet = kept(stamp(), () => atlas(k, state.at, (n) => state.most(k, n)));
    if (dead || tileOf(k, state.at, i).some(missing)) nothing(ctx, root, ...box);
    if (!dead) sheet(ctx, i, box);
  }

  /** Dots on what was flagged, rings round what a finding or the plot speaks of. @param {Kernels} k @param {import('../lib/grid.js').Shape} shape @param {number[]} ringed */
  function marks(k, shape, ringed) {
    const ctx = el.querySelector('canvas')?.getContext('2d');
    if (!ctx) return;
    const geo = geometry({ ...shape, width: el.clientWidth });
    const [bg, fg, warn] = ['bg', 'fg', 'warn'].map((name) => css(root, `--dvw-${name}`));
    for (let slot = grid.visible()[0]; slot < grid.visible()[1]; slot++) {
      const i = state.order[slot];
      const { x, y, w, h } = geo.box(slot);
      const top = y - el.scrollTop;
      if (byKernel(k) && ringed.includes(i) && slot !== chosen) {
        for (const [from, color] of /** @type {const} */ ([
          [0, bg],
          [1, fg],
        ]))
          ring(ctx, x, top, w, h, from, 1, color);
      }
      if (!flagsOf(k, i).length) continue;
      for (const [radius, color] of /** @type {const} */ ([
        [5.5, bg],
        [3.5, warn],
      ])) {
        ctx.fillStyle = color;
        ctx.beginPath();
        ctx.arc(x + w - 0.5, top + 0.5, radius, 0, 7);
        ctx.fill();
      }
    }
  }

  /** @param {Kernels} k @param {number[]} ringed */
  function draw(k, ringed) {
    const aspect = clamp(k.shape[1] / k.shape[0], 0.25, 4);
    const shape = { count: k.count, columns: columnsFor(el.clientWidth - 12, k.count, aspect), gap: GAP, aspect };
    const slot = state.order.indexOf(state.tile(k));
    const order = k.layer + k.fixed + get('order');
    grid.update({ ...shape, chosen: slot, stamp: stamp() });
    grid.draw();
    if (slot !== chosen || order !== shown) grid.reveal(slot);
    [shown, chosen] = [order, slot];
    marks(k, shape, ringed);
  }
  return { el, draw };
}
