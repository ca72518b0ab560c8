/** The board: a row per unit. Only rows in sight exist; the grid itself has the focus, one cell in it is the active one. */
import { context } from '../lib/canvas.js';
import { clamp } from '../lib/clamp.js';
import { attributes, hear, make, put } from '../lib/frame.js';
import { box } from '../lib/parts.js';
import { cellOf, filled, nameKey, stampOf } from './data.js';
import { cellName, flagOf, mostly, numbers, short, shownAs, titleOf } from './words.js';

/** @typedef {import('./data.js').Table} Table */

const GAP = 8;
/** Room under a tile for its value, and between rows. */
const UNDER = 20;
const BETWEEN = 12;
/** CSS px: the column of names, and the largest and smallest tile. */
const HEAD = 136;
const LARGEST = 96;
const LEAST = 76;
/** CSS px: about how high the board is. It shows whole rows. */
const HIGH = 460;
/** Narrower than this, the unit stands above its patches, five a row. */
export const NARROW = 528;
/** Rows beyond the edge that are kept. */
const BEYOND = 3;

/** @typedef {{columns: number, tile: number, lines: number, above: number, pitch: number, narrow: boolean}} Layout */

/** Where rows lie. @param {number} width @param {number} k @param {boolean} naming @returns {Layout} */
export function layoutOf(width, k, naming) {
  const narrow = width < NARROW;
  const columns = narrow ? Math.min(k, 5) : k;
  const room = narrow ? width : width - HEAD - 12;
  const tile = clamp((room - GAP * (columns - 1)) / columns, 16, LARGEST);
  const lines = Math.ceil(k / columns);
  const above = narrow ? 26 + (naming ? 36 : 0) : 0;
  const high = lines * (tile + UNDER) + (lines - 1) * GAP;
  return { columns, tile, lines, above, narrow, pitch: Math.max(high + above, narrow ? 0 : LEAST) + BETWEEN };
}

/** One row. @param {number} k @param {(unit: number, text: string) => void} onName */
function rowOf(k, onName) {
  const [title, dead, sort, told, field] = [
    make('b'),
    make('span', 'tp-dead'),
    make('span', 'dvw-label'),
    make('span', 'dvw-tick'),
    make('input', 'dvw-field'),
  ];
  Object.assign(field, { type: 'text', placeholder: 'Name its concept', autocomplete: 'off', maxLength: 60 });
  hear(field, 'input', () => onName(Number(el.dataset.unit), field.value));
  const head = box('tp-unit', box('', title, dead), sort, told, field);
  const tiles = Array.from({ length: k }, (_, rank) => {
    const [canvas, tick] = [make('canvas'), make('span', 'dvw-tick')];
    const el = box('tp-tile', canvas, tick);
    attributes(el, { role: 'gridcell', 'aria-colindex': rank + 1 });
    el.dataset.rank = String(rank);
    return { el, canvas, tick, drawn: '' };
  });
  const set = box('tp-set', ...tiles.map(({ el }) => el));
  const el = box('tp-row', head, set);
  attributes(el, { role: 'row' });
  attributes(head, { role: 'rowheader' });
  attributes(set, { role: 'presentation' });
  return { el, title, dead, sort, told, field, tiles, seen: '' };
}

/** @typedef {ReturnType<typeof rowOf>} Row */

/** A row that has left is emptied for another unit: a canvas costs most when it is new. @param {Row} row */
function emptied(row) {
  row.seen = '';
  for (const tile of row.tiles) {
    tile.drawn = '';
    tile.el.classList.remove('tp-there');
  }
  return row;
}

/**
 * @param {import('../lib/view.js').View} view @param {import('./state.js').State} state
 * @param {ReturnType<typeof import('./sheets.js').thumbnails>} sheets
 * @param {{onHover: (unit: number, rank: number) => void, onChoose: (unit: number, rank: number) => void, onName: (unit: number, text: string) => void}} hears
 */
export function board(view, state, sheets, { onHover, onChoose, onName }) {
  const { redraw } = view;
  const room = box('tp-room');
  const none = box('dvw-empty');
  const el = box('tp-board', room, none);
  const id = `tp-${Math.random().toString(36).slice(2)}`;
  attributes(el, { role: 'grid', tabindex: 0, 'aria-label': 'Units and their patches' });
  attributes(room, { role: 'presentation' });
  /** @type {Map<number, Row>} by unit */
  const rows = new Map();
  let layout = layoutOf(1, 1, false);
  let known = '';

  /** @param {Event} event @returns {[number, number] | null} */
  const under = ({ target }) => {
    const tile = /** @type {HTMLElement} */ (target).closest?.('.tp-tile');
    const row = tile?.closest('.tp-row');
    return tile && row
      ? [Number(/** @type {HTMLElement} */ (row).dataset.unit), Number(/** @type {HTMLElement} */ (tile).dataset.rank)]
      : null;
  };
  hear(el, 'scroll', redraw, { passive: true });
  hear(el, 'focus blur', redraw);
  hear(el, 'pointerenter pointerleave', ({ type }) => {
    state.held = type === 'pointerenter';
    redraw();
  });
  hear(el, 'pointerover', (event) => {
    const at = under(event);
    if (at) onHover(...at);
  });
  hear(el, 'click', (event) => {
    const at = under(event);
    if (at) onChoose(...at);
  });
  hear(el, 'keydown', (/** @type {KeyboardEvent} */ event) => {
    const { t, order } = state;
    if (!t || !order.length || event.target !== el || event.altKey || event.metaKey) return;
    const to = keyed(event, t, order);
    if (!to) return;
    event.preventDefault();
    onChoose(...to);
    reveal(order.indexOf(to[0]));
  });

  /** Where a key leads. @param {KeyboardEvent} event @param {Table} t @param {number[]} order @returns {[number, number] | null} */
  function keyed({ key, ctrlKey }, t, order) {
    const row = Math.max(0, order.indexOf(state.channel()));
    const rank = state.rank();
    const [last, end] = [order.length - 1, Math.max(0, filled(t, order[row]) - 1)];
    const page = Math.max(1, Math.floor(el.clientHeight / layout.pitch) - 1);
    /** @type {Record<string, [number, number]>} */
    const to = {
      ArrowRight: [row, Math.min(rank + 1, end)],
      ArrowLeft: [row, Math.max(rank - 1, 0)],
      ArrowDown: [Math.min(row + 1, last), rank],
      ArrowUp: [Math.max(row - 1, 0), rank],
      PageDown: [Math.min(row + page, last), rank],
      PageUp: [Math.max(row - page, 0), rank],
      Home: [ctrlKey ? 0 : row, 0],
      End: [ctrlKey ? last : row, end],
      Enter: [row, rank],
      ' ': [row, rank],
    };
    const found = to[key];
    return found ? [order[found[0]], found[1]] : null;
  }

  /** Scroll as little as needed. @param {number} row */
  function reveal(row) {
    if (row < 0) return;
    const [top, high] = [row * layout.pitch, layout.pitch];
    if (top < el.scrollTop) el.scrollTop = top;
    else if (top + high > el.scrollTop + el.clientHeight) el.scrollTop = top + high - el.clientHeight;
    redraw();
  }

  /** First and one past the last row in sight. @param {number} count @returns {[number, number]} */
  const span = (count) => {
    const [from, high] = [el.scrollTop, el.clientHeight || HIGH];
    return [Math.min(count, Math.floor(from / layout.pitch)), Math.min(count, Math.ceil((from + high) / layout.pitch))];
  };

  /** @param {Table} t @param {Row} row @param {number} unit */
  function fill(t, row, unit) {
    const [classes, labels, mode] = [state.classes(), state.labels(), state.mode()];
    const sort = view.get('sort');
    const name = state.names()[nameKey(t, unit)] ?? '';
    const at = unit * t.k;
    const own = [stampOf(t, unit), t.labels.subarray(at, at + t.k).join(), t.odd.subarray(at, at + t.k).join()];
    const stamp = [...own, ...numbers(t, unit, sort, labels), labels, mode, name, t.done, t.friends].join('|');
    if (stamp === row.seen) return;
    row.seen = stamp;
    const naming = mode === 'name';
    put(row.title, name && !naming ? `${titleOf(t, unit)}: ${name}` : titleOf(t, unit));
    put(row.dead, flagOf(t, unit));
    row.dead.hidden = !flagOf(t, unit);
    put(row.sort, labels ? mostly(t, unit, classes) : '');
    put(row.told, t.statistics.dead[unit] > 0 ? '' : numbers(t, unit, sort, labels));
    row.field.hidden = !naming;
    attributes(row.field, { 'aria-label': `Your name for ${titleOf(t, unit)}` });
    if (row.field.value !== name) row.field.value = name;
    for (const [rank, { el: tile, tick }] of row.tiles.entries()) {
      const [v, label] = [t.values[at + rank], t.labels[at + rank]];
      const friend = !Number.isNaN(t.odd[at + rank]);
      const shown = labels && label >= 0 ? shownAs(classes, label) : '';
      tile.classList.toggle('tp-odd', friend);
      tile.classList.toggle('tp-none', Number.isNaN(v));
      put(tick, Number.isNaN(v) ? '' : [short(v), ...(friend ? [shown || 'odd'] : [])].join(' '));
      attributes(tile, { 'aria-label': cellName(t, unit, rank, shown) });
    }
  }

  /** @param {Table} t @param {Row} row @param {number} unit */
  function paint(t, row, unit) {
    const found = sheets.row(t.key, unit);
    const picture = found && sheets.pictureOf(found.sheet);
    if (!found || !picture) return;
    const [height, width] = found.cell;
    for (const [rank, tile] of row.tiles.entries()) {
      if (tile.drawn === found.stamp) continue;
      tile.drawn = found.stamp;
      const there = found.ids[rank] >= 0;
      tile.el.classList.toggle('tp-there', there);
      if (!there) continue;
      const { canvas } = tile;
      const ctx = context(canvas, true);
      if (canvas.width === width && canvas.height === height) ctx.clearRect(0, 0, width, height);
      else Object.assign(canvas, { width, height });
      const { part, at } = cellOf(t, unit, rank, found);
      const to = /** @type {const} */ ([at.x * width, at.y * height, part.w, part.h]);
      ctx.drawImage(picture, part.x, part.y, part.w, part.h, ...to);
    }
  }

  /** @param {Table} t */
  function draw(t) {
    const { order } = state;
    const stamp = [t.key, t.k].join('|');
    if (stamp !== known) {
      rows.clear();
      room.replaceChildren();
      el.scrollTop = 0;
      known = stamp;
    }
    layout = layoutOf(view.width - 12, t.k, state.mode() === 'name');
    el.classList.toggle('tp-narrow', layout.narrow);
    el.style.setProperty('--tp-tile', `${layout.tile}px`);
    el.style.setProperty('--tp-columns', String(layout.columns));
    const shownRows = clamp(Math.round(HIGH / layout.pitch), 1, t.count);
    el.style.height = `${shownRows * layout.pitch + 4}px`;
    room.style.height = `${Math.max(0, order.length * layout.pitch - BETWEEN + 4)}px`;
    attributes(el, { 'aria-rowcount': order.length, 'aria-colcount': t.k });
    none.hidden = order.length > 0;
    put(none, order.length ? '' : `No row fits “${view.get('search')}”: search a number, a class or a name.`);
    const [first, last] = span(order.length);
    const shown = order.slice(Math.max(0, first - BEYOND), last + BEYOND);
    place(t, shown, Math.max(0, first - BEYOND));
    sheets.want(t.key, [...new Set([...order.slice(first, last), ...shown])], (unit) => stampOf(t, unit));
  }

  /** @param {Table} t @param {number[]} shown @param {number} from */
  function place(t, shown, from) {
    /** @type {Row[]} */
    const spare = [];
    for (const [unit, row] of rows) {
      if (shown.includes(unit)) continue;
      rows.delete(unit);
      // whoever writes there names the old unit
      if (row.el.querySelector(':focus')) row.el.remove();
      else spare.push(row);
    }
    const [channel, rank, focused] = [state.channel(), state.rank(), el.matches(':focus-visible')];
    for (const [i, unit] of shown.entries()) {
      let row = rows.get(unit);
      if (!row) {
        const used = spare.pop();
        row = used ? emptied(used) : rowOf(t.k, onName);
        row.el.dataset.unit = String(unit);
        rows.set(unit, row);
        if (!used) room.append(row.el);
      }
      row.el.style.top = `${(from + i) * layout.pitch}px`;
      attributes(row.el, { 'aria-rowindex': from + i + 1, 'aria-selected': unit === channel });
      fill(t, row, unit);
      paint(t, row, unit);
      for (const [r, { el: tile }] of row.tiles.entries()) {
        const active = unit === channel && r === rank;
        attributes(tile, { 'aria-selected': active });
        if (active) tile.id = id;
        else tile.removeAttribute('id');
        tile.classList.toggle('tp-focus', active && focused);
      }
    }
    for (const row of spare) row.el.remove();
    attributes(el, { 'aria-activedescendant': rows.has(channel) ? id : '' });
  }
  return { el, draw, reveal };
}
