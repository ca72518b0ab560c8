/** Every layer as a strip of its channels, from the input to the scores: one tab stop, arrows choose layer and unit. */
import { density, fit, nothing, ring, sheet } from '../lib/canvas.js';
import { paint } from '../lib/color.js';
import { attributes, hear, make, put } from '../lib/frame.js';
import { box } from '../lib/parts.js';
import { rgbaOf } from '../lib/photo.js';
import { plural, size } from '../lib/text.js';
import { css } from '../lib/theme.js';
import { bytes } from '../lib/buffers.js';
import { lutOf, shadeOf } from './data.js';

/** @typedef {import('./data.js').Maps} Maps */

const TILE = 30; // px
const ROOM = 4; // px round the tiles, for the rings

/** All channels of a layer below each other. @param {Maps} maps */
export const painted = (maps) => sheet(paint(maps.values, lutOf(maps), shadeOf(maps)), maps.w, maps.h * maps.n);

/** @param {CanvasRenderingContext2D} ctx @param {HTMLCanvasElement} source @param {Maps} maps @param {number} i @param {[number, number, number, number]} to */
export function tile(ctx, source, { h, w }, i, to) {
  ctx.imageSmoothingEnabled = Math.max(to[2] / w, to[3] / h) < 3;
  ctx.drawImage(source, 0, i * h, w, h, ...to);
}

/** Where the tiles of a strip lie: one row, or several of small cells for many numbers. @param {Maps} maps @param {number} width */
export function arrange({ n, full, h, w }, width) {
  const room = width - 2 * ROOM;
  const number = full[0] * full[1] === 1;
  const small = number && n * (TILE + 2) > room ? (n * 8 > room ? 6 : 14) : 0;
  const wide = Math.min(3 * TILE, Math.max(TILE / 3, Math.round((TILE * (full[1] / full[0] || 1) * 10) / 10)));
  const [tw, th, gap] = small ? [small, small, 2] : [number ? TILE : w && h ? wide : TILE, TILE, 2];
  const columns = Math.max(1, Math.floor((room + gap) / (tw + gap)));
  const rows = Math.max(1, Math.floor((TILE + gap) / (th + gap)));
  return {
    shown: Math.min(n, columns * rows),
    /** @param {number} i @returns {[number, number, number, number]} */
    box: (i) => [ROOM + (i % columns) * (tw + gap), ROOM + Math.floor(i / columns) * (th + gap), tw, th],
    /** @param {number} x @param {number} y */
    at(x, y) {
      const [c, r] = [Math.floor((x - ROOM) / (tw + gap)), Math.floor((y - ROOM) / (th + gap))];
      const i = r * columns + c;
      return c >= 0 && c < columns && r >= 0 && i >= 0 && i < Math.min(n, columns * rows) ? i : -1;
    },
  };
}

/** "16 of 32 × 32", "10 numbers" @param {Maps} maps */
export const gives = ({ channels, full }) =>
  full[0] * full[1] === 1 ? plural(channels, 'number') : `${channels} of ${size(full)}`;

/** A layer before its first answer. @param {{layer: string, kind: string, channels: number, full: [number, number]}} row @returns {Maps} */
const empty = ({ channels, ...row }) => ({
  ...row,
  channels,
  n: Math.min(24, channels),
  h: 1,
  w: 1,
  lo: 0,
  hi: 1,
  values: new Uint8Array(),
  key: '',
});

/** One row: its name, its tiles. @param {string} kind */
function row(kind) {
  const [name, what, canvas] = [make('span', 'lv-name dvw-mono'), make('span', 'lv-what'), make('canvas')];
  const between = make('span', 'dvw-unseen'); // for a screen reader, which gets the name of a row from what is in it
  const label = box('lv-label', name, between, what);
  const place = box('lv-tiles', canvas);
  const el = box(`lv-row ${kind}`, label, place);
  return { el, name, between, what, canvas, place };
}

/**
 * @param {import('../lib/view.js').View} view
 * @param {{onHover: (layer: string, channel: number) => void, onChoose: (layer: string, channel: number) => void}} options
 */
export function layerStrips(view, { onHover, onChoose }) {
  const { get, root, signal } = view;
  /** @type {{maps: Maps, row: ReturnType<typeof row>, at: ReturnType<typeof arrange>}[]} */
  const rows = [];
  let [hover, channel] = ['', -1];
  const list = make('div', 'lv-list');
  attributes(list, { role: 'listbox', 'aria-label': 'Layers', tabindex: 0 });
  const input = row('lv-input');
  const el = box('lv-strips', input.el, list);
  put(input.name, 'input');

  /** @param {number} i @param {PointerEvent} event */
  function under(i, event) {
    const edge = rows[i].row.canvas.getBoundingClientRect();
    return rows[i].at.at(event.clientX - edge.left, event.clientY - edge.top);
  }
  /** @param {string} layer @param {number} at */
  function point(layer, at) {
    if (layer === hover && at === channel) return;
    [hover, channel] = [layer, at];
    if (layer) onHover(layer, at);
    view.redraw();
  }
  /** @param {number} count */
  function grow(count) {
    while (rows.length < count) {
      const i = rows.length;
      const made = row('lv-layer');
      attributes(made.el, { role: 'option', id: `lv-${Math.random().toString(36).slice(2)}` });
      hear(made.el, 'pointermove', (e) => point(rows[i].maps.layer, under(i, e)), { signal });
      hear(made.el, 'pointerleave', () => point('', -1), { signal });
      hear(made.el, 'click', (e) => onChoose(rows[i].maps.layer, under(i, e)), { signal });
      list.append(made.el);
      rows.push({ maps: /** @type {any} */ (null), row: made, at: /** @type {any} */ (null) });
    }
    for (const gone of rows.splice(count)) gone.row.el.remove();
  }

  hear(
    list,
    'keydown',
    (/** @type {KeyboardEvent} */ e) => {
      if (e.altKey || e.metaKey || e.ctrlKey || !rows.length) return;
      const here = rows.findIndex(({ maps }) => maps.layer === get('layer'));
      const [by, along] = [
        { ArrowDown: 1, ArrowUp: -1, Home: -rows.length, End: rows.length }[e.key],
        { ArrowRight: 1, ArrowLeft: -1 }[e.key],
      ];
      if (by === undefined && along === undefined) return;
      e.preventDefault();
      const next = rows[Math.min(rows.length - 1, Math.max(0, here + (by ?? 0)))].maps;
      const unit = along ? Math.min(next.channels - 1, Math.max(0, get('channel') + along)) : -1;
      onChoose(next.layer, unit);
      onHover(next.layer, unit);
    },
    { signal },
  );

  /** What the network got. */
  function drawInput() {
    const { shape: [h, w, c] = [0, 0, 0] } = get('_input_meta') ?? {};
    const raw = bytes(get('_input'));
    const wide = h ? Math.min(160, Math.round((TILE * 1.6 * w) / h)) : TILE;
    const ctx = fitTo(input.canvas, wide + 2 * ROOM, TILE * 1.6 + 2 * ROOM);
    put(input.what, size(get('_network')?.input ?? []));
    if (!h || raw.length < h * w * c) return nothing(ctx, root, ROOM, ROOM, wide, TILE * 1.6);
    ctx.imageSmoothingEnabled = w > wide * density();
    ctx.drawImage(sheet(rgbaOf(raw, h * w, c), w, h), ROOM, ROOM, wide, TILE * 1.6);
  }

  /** @param {HTMLCanvasElement} canvas @param {number} w @param {number} h */
  function fitTo(canvas, w, h) {
    Object.assign(canvas.style, { width: `${w}px`, height: `${h}px` });
    return fit(canvas, w, h);
  }

  return {
    el,
    /** @param {Maps[]} strips none yet: the rows are there, and hatched */
    draw(strips) {
      const shown = strips.length ? strips : (get('_rows') ?? []).map(empty);
      grow(shown.length);
      drawInput();
      const [bg, fg, accent] = ['--dvw-bg', '--dvw-fg', '--dvw-accent'].map((name) => css(root, name));
      const width = rows[0]?.row.place.clientWidth || 0;
      for (const [i, maps] of shown.entries()) {
        const { row: one } = rows[i];
        const at = arrange(maps, width);
        Object.assign(rows[i], { maps, at });
        const chosen = maps.layer === get('layer');
        put(one.name, maps.layer);
        one.name.title = maps.layer;
        put(one.what, gives(maps));
        put(one.between, `, ${maps.kind}, `);
        attributes(one.el, { 'aria-selected': chosen });
        if (chosen) attributes(list, { 'aria-activedescendant': one.el.id });
        const ctx = fitTo(one.canvas, width, TILE + 2 * ROOM);
        if (!maps.key) {
          for (let k = 0; k < at.shown; k += 1) nothing(ctx, root, ...at.box(k));
          continue;
        }
        const source = painted(maps);
        for (let k = 0; k < at.shown; k += 1) tile(ctx, source, maps, k, at.box(k));
        const unit = get('channel');
        if (maps.layer === hover && channel >= 0 && channel < at.shown) {
          ring(ctx, ...at.box(channel), 0, 1, bg);
          ring(ctx, ...at.box(channel), 1, 1, fg);
        }
        if (!chosen || unit >= at.shown) continue;
        ring(ctx, ...at.box(unit), 0, 1, bg);
        ring(ctx, ...at.box(unit), 1, 3, accent);
      }
    },
  };
}
