/**
 * Many tiles on one canvas: only what is in sight is drawn, each row once until
 * its content changes; one tab stop, arrow keys move. Positions are counted from
 * 0 in reading order; what a position shows (its order) is the caller's business.
 */
import './grid.css';
import { context, density, fit, ring } from './canvas.js';
import { attributes, make, put } from './frame.js';
import { css } from './theme.js';

/** Room round the tiles for the rings. */
export const PAD = 6;

/**
 * @typedef {object} Shape
 * @property {number} count how many tiles
 * @property {number} columns tiles a row
 * @property {number} gap px between tiles
 * @property {number} [rowGap] px between rows, where it differs
 * @property {number} [aspect] width / height of a tile
 * @property {number} [rowHeight] px, instead of aspect
 */

/**
 * Where every tile lies.
 * @param {Shape & {width: number}} shape
 */
export function geometry({ count, columns, gap, rowGap = gap, aspect = 1, rowHeight, width }) {
  const w = Math.max(1, (width - 2 * PAD - gap * (columns - 1)) / columns);
  const h = rowHeight || w / aspect;
  const rows = Math.ceil(count / columns);
  return {
    w,
    h,
    rows,
    columns,
    width,
    pitch: h + rowGap,
    height: rows ? rows * (h + rowGap) - rowGap + 2 * PAD : 0,
    /** @param {number} i */
    box: (i) => ({ x: PAD + (i % columns) * (w + gap), y: PAD + Math.floor(i / columns) * (h + rowGap), w, h }),
    /** The tile under a point, -1 in a gap or outside. @param {number} x @param {number} y */
    at(x, y) {
      const c = Math.floor((x - PAD + gap / 2) / (w + gap));
      const r = Math.floor((y - PAD + rowGap / 2) / (h + rowGap));
      const i = r * columns + c;
      return c >= 0 && c < columns && r >= 0 && i < count ? i : -1;
    },
    /** First and one past the last tile that touch [top, bottom]. @param {number} top @param {number} bottom @returns {[number, number]} */
    span(top, bottom) {
      const first = Math.max(0, Math.floor((top - PAD) / (h + rowGap)));
      const last = Math.floor((bottom - PAD) / (h + rowGap));
      return [Math.min(count, first * columns), Math.min(count, (last + 1) * columns)];
    },
  };
}

/** @typedef {ReturnType<typeof geometry>} Geometry */

/**
 * Where a key leads from tile `i`; null when the key means nothing here.
 * @param {string} key @param {number} i @param {{count: number, columns: number, page: number, ctrl?: boolean}} grid
 * @returns {number | null}
 */
export function step(key, i, { count, columns, page, ctrl = false }) {
  const column = i % columns;
  const [last, bottom] = [count - 1, count - 1 - ((count - 1 - column) % columns)];
  /** @type {Record<string, number>} */
  const to = {
    ArrowRight: Math.min(last, i + 1),
    ArrowLeft: Math.max(0, i - 1),
    ArrowDown: Math.min(bottom, i + columns),
    ArrowUp: i < columns ? i : i - columns,
    PageDown: Math.min(bottom, i + page * columns),
    PageUp: Math.max(column, i - page * columns),
    Home: ctrl ? 0 : i - column,
    End: ctrl ? last : Math.min(last, i - column + columns - 1),
  };
  return to[key] ?? null;
}

/**
 * The canvas cannot be read by a screen reader, so one real grid cell stands
 * for the tile that has the focus.
 * @param {string} label
 */
function scaffold(label) {
  const [el, room, row, cell] = [
    make('div', 'dvw-grid'),
    make('div', 'dvw-grid-room'),
    make('div', 'dvw-unseen'),
    make('div'),
  ];
  const canvas = make('canvas');
  const id = `dvw-${Math.random().toString(36).slice(2)}`;
  attributes(el, { role: 'grid', tabindex: 0, 'aria-label': label, 'aria-activedescendant': id });
  attributes(room, { role: 'presentation', 'aria-hidden': true });
  attributes(row, { role: 'row' });
  attributes(cell, { role: 'gridcell', id });
  row.append(cell);
  room.append(canvas);
  el.append(room, row);
  return { el, room, canvas, row, cell };
}

/**
 * Rows painted once and kept while they are near, so that a scroll or a hover
 * costs a few copies and not hundreds of small pictures.
 * @param {(ctx: CanvasRenderingContext2D, i: number, x: number, y: number, w: number, h: number) => void} draw
 */
function rowStrips(draw) {
  /** @type {Map<number, HTMLCanvasElement>} */
  const kept = new Map();
  let now = '';

  /** @param {Geometry} geo @param {number} count @param {number} row @param {number} width */
  function strip(geo, count, row, width) {
    const canvas = make('canvas');
    context(canvas, true);
    const ctx = fit(canvas, width, geo.h);
    for (let i = row * geo.columns; i < Math.min(count, (row + 1) * geo.columns); i++) {
      draw(ctx, i, geo.box(i).x, 0, geo.w, geo.h);
    }
    kept.set(row, canvas);
    return canvas;
  }

  /** @param {CanvasRenderingContext2D} ctx @param {Geometry} geo @param {number} count @param {string} stamp @param {[number, number]} span @param {number} top */
  return (ctx, geo, count, stamp, [first, last], top) => {
    if (stamp !== now) kept.clear();
    now = stamp;
    const [from, to] = [Math.floor(first / geo.columns), Math.ceil(last / geo.columns)];
    const dpr = density();
    for (let row = from; row < to; row++) {
      const canvas = kept.get(row) ?? strip(geo, count, row, geo.width);
      // on whole device pixels, so that a copy stays sharp
      const y = Math.round((geo.box(row * geo.columns).y - top) * dpr) / dpr;
      ctx.drawImage(canvas, 0, y, geo.width, canvas.height / dpr);
    }
    for (const row of kept.keys()) if (row < 2 * from - to || row > 2 * to - from) kept.delete(row);
  };
}

/**
 * @param {object} options
 * @param {{signal: AbortSignal, root: HTMLElement, redraw: () => void}} options.view
 * @param {string} options.label accessible name of the grid
 * @param {(i: number) => string} options.name accessible name of one tile
 * @param {(ctx: CanvasRenderingContext2D, i: number, x: number, y: number, w: number, h: number) => void} options.draw
 * @param {(i: number) => void} options.onHover the pointer is over tile i
 * @param {(i: number) => void} options.onChoose
 */
export function tileGrid({ view, label, name, draw, onHover, onChoose }) {
  const { el, room, canvas, row, cell } = scaffold(label);
  const strips = rowStrips(draw);
  const state = { hover: -1, chosen: -1, stamp: '', shape: /** @type {Shape} */ ({ count: 0, columns: 1, gap: 4 }) };
  let geo = geometry({ ...state.shape, width: 1 });
  const { signal } = view;

  /** @type {<K extends keyof HTMLElementEventMap>(type: K, fn: (e: HTMLElementEventMap[K]) => void) => void} */
  const on = (type, fn) => el.addEventListener(type, fn, { signal, passive: type === 'scroll' });
  const under = (/** @type {MouseEvent} */ e) => {
    const r = el.getBoundingClientRect();
    return geo.at(e.clientX - r.left, e.clientY - r.top + el.scrollTop);
  };
  /** @param {number} i */
  const hover = (i) => {
    if (i === state.hover) return;
    state.hover = i;
    if (i >= 0) onHover(i);
    view.redraw();
  };
  on('pointermove', (e) => hover(under(e)));
  on('pointerleave', () => hover(-1));
  on('click', (e) => under(e) >= 0 && onChoose(under(e)));
  for (const type of /** @type {const} */ (['scroll', 'focus', 'blur'])) on(type, () => view.redraw());
  on('keydown', (e) => {
    if (e.altKey || e.metaKey || !state.shape.count) return;
    const at = Math.max(0, state.chosen);
    const page = Math.max(1, Math.floor(el.clientHeight / geo.pitch) - 1);
    const to = e.key === 'Enter' || e.key === ' ' ? at : step(e.key, at, { ...state.shape, page, ctrl: e.ctrlKey });
    if (to === null) return;
    e.preventDefault();
    state.chosen = to; // the next key may come before the next frame
    onChoose(to);
    reveal(to);
  });

  /** Scroll as little as needed to show tile i. @param {number} i */
  function reveal(i) {
    if (i < 0) return;
    const { y, h } = geo.box(i);
    if (y - PAD < el.scrollTop) el.scrollTop = y - PAD;
    else if (y + h + PAD > el.scrollTop + el.clientHeight) el.scrollTop = y + h + PAD - el.clientHeight;
    view.redraw();
  }

  function tell() {
    const i = Math.max(0, state.chosen);
    const told = state.shape.count ? name(i) : '';
    put(cell, told);
    attributes(el, { 'aria-rowcount': geo.rows, 'aria-colcount': geo.columns });
    attributes(row, { 'aria-rowindex': Math.floor(i / geo.columns) + 1 });
    attributes(cell, { 'aria-colindex': (i % geo.columns) + 1, 'aria-selected': state.chosen >= 0 });
  }

  /** @param {CanvasRenderingContext2D} ctx @param {number} top */
  function rings(ctx, top) {
    const [bg, fg, accent] = ['--dvw-bg', '--dvw-fg', '--dvw-accent'].map((v) => css(view.root, v));
    /** @param {number} i @param {[number, number, string][]} list */
    const around = (i, list) => {
      if (i < 0 || i >= state.shape.count) return;
      const { x, y, w, h } = geo.box(i);
      for (const [from, width, color] of list) ring(ctx, x, y - top, w, h, from, width, color);
    };
    if (state.hover !== state.chosen)
      around(state.hover, [
        [0, 1, bg],
        [1, 1, fg],
      ]);
    around(state.chosen, [
      [0, 1, bg],
      [1, 3, accent],
    ]);
    if (el.matches(':focus-visible')) around(Math.max(0, state.chosen), [[4, 2, fg]]);
  }

  return {
    el,
    reveal,
    /** `stamp` is whatever decides how tiles look: rows are drawn again when it changes. @param {Partial<Shape> & {chosen?: number, stamp?: string}} next */
    update({ chosen = state.chosen, stamp = state.stamp, ...shape }) {
      Object.assign(state, { chosen, stamp });
      state.shape = { ...state.shape, ...shape };
    },
    /** First and one past the last tile in sight. @returns {[number, number]} */
    visible: () => geo.span(el.scrollTop, el.scrollTop + el.clientHeight),
    tileWidth: () => geo.w,
    draw() {
      const width = el.clientWidth;
      if (!width) return;
      geo = geometry({ ...state.shape, width });
      const height = `${geo.height}px`;
      if (room.style.height !== height) room.style.height = height;
      const seen = Math.min(el.clientHeight, geo.height);
      canvas.style.height = `${seen}px`;
      const top = el.scrollTop;
      const ctx = fit(canvas, width, seen);
      strips(ctx, geo, state.shape.count, `${state.stamp}|${width}|${density()}`, geo.span(top, top + seen), top);
      rings(ctx, top);
      tell();
    },
  };
}
