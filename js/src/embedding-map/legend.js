/** What the colours mean: categories to point at and to filter by, or the scale of a number. */
import { context, density, fit } from '../lib/canvas.js';
import { categories, COLOURED } from '../lib/categories.js';
import { VIRIDIS } from '../lib/color.js';
import { attributes, hear, make, put } from '../lib/frame.js';
import { box, keeper } from '../lib/parts.js';
import { isDark } from '../lib/theme.js';
import { count } from '../lib/text.js';
import { SEAM } from './seams.js';
import { ofEnd } from './words.js';

/** @typedef {import('./state.js').State} State */

/** Categories that are listed. */
const LISTED = 40;

/** @param {HTMLCanvasElement} canvas @param {(k: number) => string} color */
function strip(canvas, color) {
  canvas.width = 128;
  canvas.height = 1;
  const ctx = context(canvas);
  for (let k = 0; k < 128; k++) {
    ctx.fillStyle = color(k / 127);
    ctx.fillRect(k, 0, 1, 1);
  }
}

/** @param {string} name */
const titled = (name) =>
  name ? name[0].toUpperCase() + name.slice(1) + (/^(label|prediction|error)$/.test(name) ? 's' : '') : '';

/** @param {import('../lib/view.js').View} view @param {State} state @param {import('./art.js').Artist} art */
export function legend({ root, redraw }, state, art) {
  const title = make('div', 'em-h');
  const all = make('button', 'em-link', 'show all');
  all.type = 'button';
  const rows = box('em-rows');
  const says = make('div', 'dvw-label');
  const [lo, bar, hi] = [make('span'), make('canvas'), make('span')];
  const scale = box('dvw-scale', lo, bar, hi);
  const seam = box('dvw-scale em-seam', 'alike', make('canvas'), 'far apart');
  const head = box('em-heads', title, all);
  const el = box('em-part', head, rows, scale, says, seam);
  const kept = keeper();
  /** @type {{category: number, el: HTMLElement, icon: HTMLCanvasElement, many: HTMLElement, total: number, color: string, shown: HTMLCanvasElement | null, sharp: number}[]} */
  let list = [];

  hear(all, 'click', () => {
    state.kept = null;
    redraw();
  });

  /** @param {{category: number, count: number, index: number}} entry @param {string} name */
  function row({ category, count: total, index }, name) {
    const button = make('button', 'em-row');
    button.type = 'button';
    const color = categories(isDark(root))[Math.min(index, COLOURED)];
    const [icon, text, many] = [make('canvas'), make('span', 'em-cat', name), make('span', 'em-many')];
    button.append(icon, text, many);
    hear(button, 'click', () => filter(category));
    hear(button, 'pointerenter focus', () => point(category));
    hear(button, 'pointerleave blur', () => point(-1));
    return { category, el: button, icon, many, total, color, shown: null, sharp: 0 };
  }

  /** @param {number} category */
  function point(category) {
    state.pointed = category;
    redraw();
  }

  /** The first click keeps this one alone, further ones add or take away. @param {number} category */
  function filter(category) {
    const next = new Set(state.kept ?? []);
    if (!next.delete(category)) next.add(category);
    state.kept = next.size ? next : null;
    redraw();
  }

  /** How many of each are selected. */
  function selected() {
    const { values } = state.colours();
    const counts = new Map();
    if (!values || !state.chosen.size) return counts;
    const { flags } = state.chosen;
    for (let i = 0; i < flags.length; i++)
      if (flags[i]) counts.set(values.values[i], (counts.get(values.values[i]) ?? 0) + 1);
    return counts;
  }

  const chosen = keeper();

  function draw() {
    const { column, legend: entries, stamp } = state.colours();
    const grid = state.map.grid;
    seam.hidden = !grid;
    el.hidden = !column && !grid;
    kept(`${stamp} ${isDark(root)} ${column?.name}`, () => {
      put(title, titled(column?.name ?? ''));
      const names = column?.categories ?? [];
      list = entries.slice(0, LISTED).map((entry) => row(entry, names[entry.category]));
      rows.replaceChildren(...list.map((one) => one.el));
      rows.classList.toggle(
        'em-long',
        list.some(({ category, total }) => (names[category] ?? '').length + count(total).length > 10),
      );
      strip(
        bar,
        (t) => `rgb(${[...VIRIDIS.subarray(3 * Math.round(t * 255), 3 * Math.round(t * 255) + 3)].join(' ')})`,
      );
      strip(
        /** @type {HTMLCanvasElement} */ (seam.querySelector('canvas')),
        (t) => `rgb(${SEAM.join(' ')} / ${t ** 1.5})`,
      );
      const { lo: low = 0, hi: high = 1 } = column ?? {};
      put(lo, ofEnd(low, Math.max(Math.abs(low), Math.abs(high))));
      put(hi, ofEnd(high, Math.max(Math.abs(low), Math.abs(high))));
      put(
        says,
        [column?.says ?? '', entries.length > LISTED ? `and ${count(entries.length - LISTED)} more, in grey.` : '']
          .filter(Boolean)
          .join(' '),
      );
    });
    rows.hidden = column?.kind !== 'category';
    scale.hidden = column?.kind !== 'number';
    all.hidden = !state.kept;
    const counts = /** @type {Map<number, number>} */ (chosen(`${state.chosen.stamp} ${stamp}`, selected));
    for (const one of list) {
      const n = counts.get(one.category) ?? 0;
      put(one.many, n && n < one.total ? `${count(n)} of ${count(one.total)}` : count(one.total));
      attributes(one.el, { 'aria-pressed': state.kept?.has(one.category) ?? false });
      one.el.classList.toggle('em-out', state.kept !== null && !state.kept.has(one.category));
      icon(one);
    }
  }

  /** A typical image, else a dot, in the colour. @param {(typeof list)[number]} one */
  function icon(one) {
    const { category, icon: canvas, color } = one;
    const image = state.about().look === 'ink' ? art.thumb(state.typical(category), 1) : null;
    if (one.shown === image && one.sharp === density()) return;
    [one.shown, one.sharp] = [image, density()];
    const ctx = fit(canvas, 16, 16);
    if (image) return ctx.drawImage(image, 0, 0, 16, 16);
    ctx.fillStyle = color;
    ctx.beginPath();
    ctx.roundRect(2, 2, 12, 12, 3);
    ctx.fill();
  }

  return { el, draw };
}
