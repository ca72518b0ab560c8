/** The chosen layer enlarged: one channel with its values, and all of them. */
import { fit, nothing, stretch, sheet } from '../lib/canvas.js';
import { listen } from '../lib/cells.js';
import { paint, ramp } from '../lib/color.js';
import { value } from '../lib/digits.js';
import { attributes, make, put } from '../lib/frame.js';
import { tileGrid } from '../lib/grid.js';
import { box } from '../lib/parts.js';
import { lutOf, peakOf, readStage, readUnit, shadeOf } from './data.js';
import { gives, painted, tile } from './strips.js';

/** @typedef {import('./data.js').Maps} Maps */
/** @typedef {import('../lib/cells.js').Cell} Cell */

const SIDE = 168; // px of the enlarged channel

/** Columns of tiles: all in sight where that leaves them large enough. @param {number} n @param {number} width @param {number} aspect @param {boolean} number */
export function columnsFor(n, width, aspect, number) {
  const least = number ? 14 : 26;
  let columns = 1;
  const side = () => (width - 12 - 3 * (columns - 1)) / columns;
  while (columns < n && (side() > 72 || (Math.ceil(n / columns) * (side() / aspect + 3) > SIDE && side() > least)))
    columns += 1;
  return columns;
}

/**
 * @param {import('../lib/view.js').View} view
 * @param {{onHover: (channel: number) => void, onCell: (cell: Cell | null) => void}} options
 */
export function stage(view, { onHover, onCell }) {
  const { get, set, root, signal } = view;
  /** @type {Maps | null} */
  let maps = null;
  /** @type {import('./data.js').Unit | null} */
  let unit = null;
  /** @type {Cell | null} */
  let cell = null;
  /** @type {HTMLCanvasElement | null} */
  let source = null;
  const [title, facts, large, canvas, scale] = [
    make('span', 'dvw-mono'),
    make('span', 'lv-what'),
    make('div', 'lv-unit'),
    make('canvas'),
    make('canvas'),
  ];
  const [low, high] = [make('span'), make('span')];
  large.append(canvas);
  attributes(large, { role: 'img', tabindex: 0 });
  const grid = tileGrid({
    view,
    label: 'Channels of the layer',
    name: (i) => (maps ? `channel ${i}, largest ${value(peakOf(maps, i))}` : ''),
    draw: (ctx, i, ...to) => maps && source && tile(ctx, source, maps, i, to),
    onHover,
    onChoose: (i) => {
      set('channel', i);
      onHover(i);
    },
  });
  grid.el.classList.add('lv-all');
  const el = box(
    'lv-stage',
    box('lv-stage-head', title, facts),
    box('lv-one', large, box('dvw-scale', low, scale, high)),
    grid.el,
  );
  listen(large, {
    signal,
    full: () => (unit ? [unit.h, unit.w] : null),
    cell: () => cell,
    onCell(next) {
      cell = next;
      onCell(next);
    },
  });

  function drawUnit() {
    const [h, w] = unit ? [unit.h, unit.w] : [1, 1];
    const [, height = 1, width = 1] = get('_network')?.input ?? [];
    const aspect = h * w === 1 ? 1 : width / height;
    const [wide, tall] = aspect > 1 ? [SIDE, SIDE / aspect] : [SIDE * aspect, SIDE];
    Object.assign(canvas.style, { width: `${wide}px`, height: `${tall}px` });
    const ctx = fit(canvas, wide, tall);
    const told = unit ? `Channel ${unit.channel} of ${unit.layer}, enlarged; arrows read its cells` : 'No answer yet';
    attributes(large, { 'aria-label': told });
    if (!unit || !maps) return nothing(ctx, root, 0, 0, wide, tall);
    stretch(ctx, sheet(paint(unit.values, lutOf(maps), shadeOf(maps)), w, h), 0, 0, wide, tall);
  }

  return {
    el,
    maps: () => maps,
    /** The value under the pointer, and where that is in the layer's own map. @param {Cell} at */
    read(at) {
      if (!unit || !maps || at.row >= unit.h || at.column >= unit.w) return null;
      const exact = unit.h === maps.full[0] && unit.w === maps.full[1];
      return { ...at, channel: unit.channel, value: unit.values[at.row * unit.w + at.column], exact };
    },
    /** @param {Maps[]} strips */
    draw(strips) {
      maps = readStage(get, strips);
      unit = readUnit(get, maps);
      put(title, maps?.layer ?? get('layer') ?? '');
      put(facts, maps ? `${maps.kind} · ${gives(maps)} · channel ${get('channel')} enlarged` : '');
      if (maps) {
        source = painted(maps);
        const number = maps.full[0] * maps.full[1] === 1;
        const aspect = number ? 1 : Math.min(4, Math.max(0.25, maps.full[1] / maps.full[0]));
        const columns = columnsFor(maps.n, grid.el.clientWidth, aspect, number);
        grid.update({
          count: maps.n,
          columns,
          gap: 3,
          aspect,
          chosen: Math.min(get('channel'), maps.n - 1),
          stamp: [maps.layer, maps.key, maps.h, maps.n, columns].join(),
        });
        put(low, value(maps.lo));
        put(high, value(maps.hi));
        ramp(scale, lutOf(maps), shadeOf(maps));
      }
      grid.draw();
      drawUnit();
    },
  };
}
