// The images of the chosen cell, the surest first.
import { bytes } from '../lib/buffers.js';
import { context } from '../lib/canvas.js';
import { attributes, hear, make } from '../lib/frame.js';
import { ofCell } from './words.js';

/** @typedef {{ids?: number[], columns?: number, side?: number, names?: string[], sure?: number[]}} Meta */
/** @typedef {{id: number, name: string, sure: number}} Shown */

const MOST = 24;

/** @param {{changed: () => void, onHover: (shown: Shown) => void, onChoose: (id: number) => void}} does */
export function createImages({ changed, onHover, onChoose }) {
  const el = make('div', 'cm-images');
  const title = make('div', 'cm-title');
  const strip = make('div', 'cm-strip');
  attributes(strip, { role: 'listbox', 'aria-label': 'Images of the cell' });
  const rest = make('div', 'dvw-label');
  el.append(title, strip, rest);
  /** @type {ImageBitmap | null} */
  let sheet = null;
  /** @type {unknown} */
  let read = null;
  let drawn = '';
  let turn = 0;

  /** @param {ArrayBufferView} data */
  async function load(data) {
    const mine = ++turn;
    const raw = bytes(data);
    const next = raw.length ? await createImageBitmap(new Blob([raw])).catch(() => null) : null;
    if (mine !== turn) return;
    sheet = next;
    drawn = '';
    changed();
  }

  /** @param {Shown} shown @param {number} place @param {Meta} meta @param {boolean} chosen */
  function thumb(shown, place, { columns = 1, side = 64 }, chosen) {
    const node = make('button', 'cm-thumb');
    node.type = 'button';
    attributes(node, { role: 'option', 'aria-selected': chosen, 'aria-label': shown.name, 'data-id': shown.id });
    const canvas = make('canvas');
    canvas.width = canvas.height = side;
    if (sheet && place >= 0) {
      const [x, y] = [(place % columns) * side, Math.floor(place / columns) * side];
      context(canvas).drawImage(sheet, x, y, side, side, 0, 0, side, side);
    }
    node.append(canvas);
    hear(node, 'pointerenter focus', () => onHover(shown));
    hear(node, 'click', () => onChoose(shown.id));
    return node;
  }

  return {
    el,
    /** @param {{ids: number[], meta: Meta, data: any, image: number, cell: [number, number] | null, table: import('./words.js').Table}} now */
    show({ ids, meta, data, image, cell, table }) {
      el.hidden = !cell;
      if (data !== read) {
        read = data;
        load(data);
      }
      if (!cell) return;
      const key = JSON.stringify([cell, ids.length, meta.ids, image]);
      if (key === drawn) return;
      drawn = key;
      const parts = ofCell(table, ...cell);
      title.replaceChildren(
        ...parts.map((part) => (typeof part === 'string' ? part : make('b', '', Object.values(part)[0]))),
      );
      const focused = /** @type {HTMLElement | null} */ (strip.querySelector(':focus'))?.dataset.id;
      const known = meta.ids ?? [];
      const shown = ids.filter((id) => known.includes(id)).slice(0, MOST);
      strip.replaceChildren(
        ...shown.map((id) => {
          const place = known.indexOf(id);
          const about = { id, name: meta.names?.[place] ?? `image ${id}`, sure: meta.sure?.[place] ?? Number.NaN };
          return thumb(about, place, meta, id === image);
        }),
      );
      if (focused) /** @type {HTMLElement | null} */ (strip.querySelector(`[data-id="${focused}"]`))?.focus();
      const more = ids.length - shown.length;
      rest.textContent = more > 0 ? `and ${more} more` : '';
      strip.hidden = !shown.length;
    },
  };
}
