/** The chosen kernel: large, as numbers, and its spectrum. A matrix is one large kernel. */
import { sheet } from '../lib/canvas.js';
import { listen } from '../lib/cells.js';
import { paint, VIRIDIS } from '../lib/color.js';
import { segmented } from '../lib/controls.js';
import { value } from '../lib/digits.js';
import { make, put } from '../lib/frame.js';
import { percent } from '../lib/text.js';
import { isDead, largest, normOf } from './data.js';
import { picture } from './paint.js';
import { box, keeper } from '../lib/parts.js';
import { figure } from './figure.js';
import { FLOOR, SIDE, spectrum } from './spectrum.js';
import { about0, COLOURS, titleOf } from './words.js';
import { max, min } from './maths.js';

/** @typedef {import('./data.js').Kernels} Kernels */
/** @typedef {import('../lib/cells.js').Cell} Cell */

/** Most weights a side whose numbers and spectrum are shown. */
const MANY = 32;
/** px: a kernel alone, one with its colour planes beside it, and one of those. */
const ALONE = 160;
const BESIDE = 132;
const SMALL = 41;

/** The weights of one plane. @param {Float32Array} values @param {number} columns @param {string} name */
function tableOf(values, columns, name) {
  const table = make('table');
  const most = largest(values);
  for (const [i, v] of values.entries()) {
    const row = i % columns ? table.rows[table.rows.length - 1] : table.insertRow();
    row.insertCell().textContent = value(v, most).replace('0.', '.');
  }
  table.createCaption().textContent = name;
  return table;
}

/**
 * @param {import('../lib/view.js').View} view @param {import('./state.js').State} state
 * @param {{cell: () => Cell | null, onCell: (cell: Cell | null, what: string) => void}} hears
 */
export function side({ root, signal }, state, { cell, onCell }) {
  let face = 'Weights';
  /** @type {Float32Array} */
  let db = new Float32Array();
  const chooser = segmented({
    label: 'Show',
    value: face,
    options: ['Weights', 'Numbers', 'Spectrum'].map((label) => ({ value: label, label })),
    onChange(v) {
      face = v;
      onCell(null, face);
    },
  }).el;
  const large = figure(root);
  const small = COLOURS.map(() => figure(root));
  const [numbers, note] = [box('kg-numbers'), box('dvw-tick')];
  numbers.tabIndex = 0;
  const pair = box('kg-pair', large.el, box('kg-planes', ...small.map((plane) => plane.el)));
  const el = box('kg-side', chooser, pair, numbers, note);
  listen(large.canvas, {
    signal,
    full: () => (face === 'Spectrum' ? [SIDE, SIDE] : state.k ? state.chosen(state.k).shape : null),
    cell,
    onCell: (at) => onCell(at, face),
  });
  /** @type {ReturnType<typeof keeper<HTMLCanvasElement | null>>} */
  const kept = keeper();

  /** Size in CSS px. @param {Kernels} k @param {number} h @param {number} w */
  function room(k, h, w) {
    if (k.face === 'matrix') {
      const wide = el.clientWidth;
      return [min(420, 24 * h, max(120, (wide * h) / w)), wide];
    }
    const unit = (face === 'Weights' && k.planes > 1 ? BESIDE : ALONE) / max(h, w);
    return [h * unit, w * unit];
  }

  /** The picture of the chosen face; numbers are set as text. @param {import('./data.js').Tile} k @param {number} most */
  function pictured(k, most) {
    const { values } = k;
    const n = k.shape[0] * k.shape[1];
    const planes = k.planes > 1 ? COLOURS : ['Weights'];
    const few = max(...k.shape) <= MANY;
    if (face === 'Weights') return picture(values, k, most);
    put(numbers, 'Too many weights.');
    if (!few) return null;
    if (face === 'Numbers') {
      const tables = planes.map((name, p) => tableOf(values.subarray(p * n, (p + 1) * n), k.shape[1], name));
      numbers.replaceChildren(...tables);
      return null;
    }
    db = spectrum(values, k.shape);
    return sheet(paint(db, VIRIDIS, { lo: FLOOR, hi: 0 }), SIDE, SIDE);
  }

  /** @param {Kernels} k */
  function draw(k) {
    if (k.face === 'matrix') face = 'Weights';
    const i = state.tile(k);
    const [tile, most] = [state.chosen(k), state.most(k, i)];
    const { values } = tile;
    const spectral = face === 'Spectrum';
    const cells = spectral ? [SIDE, SIDE] : tile.shape;
    const [h, w] = room(k, cells[0], cells[1]);
    const from = kept([state.version, i, face].join(), () => (isDead(k, state.at, i) ? null : pictured(tile, most)));
    const at = cell();
    const mark = at && { x: at.column, y: at.row, w: 1, h: 1 };
    el.dataset.face = face;
    large.draw({
      ...{ from, mark, cells, h, w },
      title: titleOf(k, i),
      aside: `norm ${value(normOf(values))}`,
      ends: spectral ? ['−40 dB', '0 dB', VIRIDIS] : about0(most),
    });
    for (const [p, plane] of small.entries()) {
      plane.el.hidden = k.planes < 2;
      const own = from && picture(values.subarray(p * cells[0] * cells[1]), { planes: 1, shape: cells }, most);
      plane.draw({ from: own, mark, cells, w: (w * SMALL) / BESIDE, h: (h * SMALL) / BESIDE, title: COLOURS[p] });
    }
    const share = state.fine[state.channel()];
    put(
      note,
      `−0.5 to 0.5 cycles/pixel, 0 in the middle${k.face !== 'slices' && share >= 0 ? `; ${percent(share)} above half of Nyquist` : ''}`,
    );
  }
  return { el, draw, decibel: (/** @type {Cell} */ { row, column }) => db[row * SIDE + column] };
}
