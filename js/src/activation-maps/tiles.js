/** All channels: maps as tiles, numbers as bars or stems. */
import { density, nothing, stretch } from '../lib/canvas.js';
import { hear } from '../lib/frame.js';
import { tileGrid } from '../lib/grid.js';
import { css } from '../lib/theme.js';
import { frames } from '../lib/view.js';
import { overview, silent } from './data.js';
import { colored } from './draw.js';
import { aspectOf, columnsFor, stemColumns } from './layout.js';
import { sharperShape } from './sharp.js';
import { barPainter, stemPainter } from './units.js';
import { nameOf } from './words.js';

/** @typedef {import('./data.js').Maps} Maps */
/** @typedef {import('./units.js').Painter} Painter */

/** A scroll that goes on asks for nothing yet, ms. */
const REST = 80;

/**
 * @param {import('../lib/view.js').View} view
 * @param {{state: ReturnType<typeof import('./state.js').stateOf>, sharp: ReturnType<typeof import('./sharp.js').sharpener>,
 *   tell: () => void, onHover: (channel: number) => void, onChoose: (channel: number) => void}} options
 */
export function channelGrid(view, { state, sharp, tell, onHover, onChoose }) {
  const { root, signal, get } = view;
  /** @type {Painter} */
  let paint = () => {};
  let [shown, chosen, timer] = ['', -1, 0];
  const grid = tileGrid({
    // scrolling and hovering draw the tiles alone, not the pictures above
    view: { root, signal, redraw: frames(draw, signal) },
    label: 'Channels',
    name: (slot) => (state.maps ? nameOf(state.maps, state.order[slot]) : ''),
    draw: (ctx, slot, ...box) => paint(ctx, state.order[slot], ...box),
    onHover: (slot) => onHover(state.order[slot]),
    onChoose: (slot) => onChoose(state.order[slot]),
  });
  const { el } = grid;
  el.classList.add('am-tiles');
  hear(signal, 'abort', () => {
    clearTimeout(timer);
  });

  /** @param {Maps} maps @returns {Painter} */
  function mapPainter(maps) {
    const look = state.look(maps);
    return (ctx, i, ...box) => {
      if (silent(maps, i)) nothing(ctx, root, ...box);
      else stretch(ctx, colored(maps, i, look, sharp.get(maps.key, i) ?? overview(maps, i)), ...box);
    };
  }

  /** Shape of the grid and painter of its tiles. @param {Maps} maps */
  function arrange(maps) {
    const width = el.clientWidth - 12;
    const { count, face, full } = maps;
    const shape = { count, columns: 1, gap: 4, rowGap: 4, rowHeight: 0 };
    if (face === 'maps') {
      // maps lie on an image: tiles have its proportions, as the large one has
      const { height, width: wide } = state.image();
      const aspect = maps.layout === 'other' || height < 2 ? aspectOf(...full) : aspectOf(height, wide);
      paint = mapPainter(maps);
      return { ...shape, columns: columnsFor({ width, count, cells: full[1], aspect }), aspect };
    }
    const bars = face === 'bars';
    paint = bars ? barPainter(root, maps, width, state.channel()) : stemPainter(root, maps, state.channel());
    return bars
      ? { ...shape, rowHeight: 24 }
      : { ...shape, columns: stemColumns(width, count), gap: 2, rowGap: 12, rowHeight: 44 };
  }

  /** Ask for what is in sight, once the scroll rests. @param {Maps} maps */
  function sharpen(maps) {
    clearTimeout(timer);
    if (!view.live || maps.face !== 'maps' || state.stale().maps) return;
    const [, h, w] = maps.shape;
    const shape = sharperShape([h, w], maps.full, grid.tileWidth() * density());
    if (!shape) return sharp.want(null);
    timer = window.setTimeout(() => {
      const channels = state.order.slice(...grid.visible()).filter((c) => !silent(maps, c));
      sharp.want({ key: maps.key, shape, channels });
    }, REST);
  }

  function draw() {
    const { maps, survey } = state;
    if (!maps) return;
    el.classList.toggle('dvw-stale', state.stale().maps);
    const slot = state.order.indexOf(state.channel());
    const order = [maps.layer, maps.call, get('order'), get('over')].join();
    // bars mark the chosen one themselves
    const marks = maps.face === 'maps' ? sharp.version() : slot;
    grid.update({
      ...arrange(maps),
      chosen: slot,
      stamp: [state.look(maps).stamp, order, survey?.done, css(root, '--dvw-fg-2'), marks].join(),
    });
    grid.draw();
    if (order !== shown && shown) el.scrollTop = 0;
    else if (slot !== chosen) grid.reveal(slot);
    [shown, chosen] = [order, slot];
    sharpen(maps);
    tell();
  }

  return { el, draw };
}
