/** Beside the map: the image that is spoken of, its true neighbours, what colours mean, how far to trust the map. */
import { density, fit } from '../lib/canvas.js';
import { button } from '../lib/controls.js';
import { attributes, hear, make, put } from '../lib/frame.js';
import { box, keeper } from '../lib/parts.js';
import { count, percent } from '../lib/text.js';
import { value } from '../lib/digits.js';
import { legend } from './legend.js';
import { ofNeighbours } from './words.js';

/** @typedef {import('./state.js').State} State */
/** @typedef {import('./art.js').Artist} Artist */

const FACE = 88;
const MANY = 10;
const UNMEASURED =
  'What it kept is measured once the map stands still. Near means alike; how far apart clusters lie, and how large they are, means little.';

/** A picture in a square, as large as fits; drawn when it changes. @param {HTMLCanvasElement} canvas */
function easel(canvas) {
  let drawn = /** @type {unknown[]} */ ([]);
  return (/** @type {number} */ side, /** @type {HTMLCanvasElement | null} */ art) => {
    const next = [side, art, density()];
    if (next.every((v, i) => v === drawn[i])) return;
    drawn = next;
    const ctx = fit(canvas, side, side);
    if (!art) return;
    const k = Math.min(side / art.width, side / art.height);
    ctx.drawImage(art, (side - art.width * k) / 2, (side - art.height * k) / 2, art.width * k, art.height * k);
  };
}

/** @param {string} text */
const heading = (text) => make('div', 'em-h', text);

/** @param {import('../lib/view.js').View} view @param {State} state @param {Artist} art */
function face({ get }, state, art) {
  const canvas = make('canvas', 'em-face');
  const [title, name, guess] = [make('div', 'em-title'), make('div', 'dvw-label em-name'), make('div', 'dvw-label')];
  const el = box('em-card', canvas, box('em-words', title, name, guess));
  canvas.setAttribute('aria-hidden', 'true');
  const show = easel(canvas);
  return {
    el,
    draw() {
      const id = state.subject();
      el.classList.toggle('em-none', id < 0);
      show(FACE, id < 0 ? null : art.original(id));
      const known = id < 0 ? null : state.brief(id);
      put(title, known ? known.label || `Image ${count(id)}` : 'No image yet');
      put(name, known ? known.name || `image ${count(id)}` : 'Point at one, or use the arrow keys.');
      const sure = typeof known?.confidence === 'number' ? `, ${percent(known.confidence)}` : '';
      put(guess, known?.prediction ? `recognised as ${known.prediction}${sure}` : '');
      const column = get('colour');
      const own =
        known && id >= 0 && !['label', 'prediction', 'confidence'].includes(column) ? state.read(column, id) : null;
      if (own !== null)
        put(
          guess,
          [guess.textContent, `${column} ${typeof own === 'number' ? value(own) : own}`].filter(Boolean).join(' · '),
        );
    },
  };
}

/** @param {State} state @param {Artist} art */
function near(state, art) {
  const tiles = Array.from({ length: MANY }, () => {
    const el = make('button', 'em-near');
    el.type = 'button';
    const [canvas, far] = [make('canvas'), make('span', 'dvw-tick')];
    el.append(canvas, far);
    return { el, canvas, far, show: easel(canvas), id: -1 };
  });
  for (const tile of tiles) {
    hear(tile.el, 'click', () => {
      if (tile.id < 0) return;
      const to = tile.id;
      state.keep(to);
      state.reveal(to);
    });
  }
  const [title, grid, note] = [
    heading('Nearest in feature space'),
    box('em-nears', ...tiles.map(({ el }) => el)),
    make('div', 'dvw-label em-note'),
  ];
  const el = box('em-part', title, grid, note);
  return {
    el,
    draw() {
      const id = state.subject();
      const list = id < 0 ? [] : state.neighbours(id);
      const known = id < 0 || state.card(id) !== null;
      el.hidden = known && id >= 0 && !list.length;
      el.classList.toggle('em-wait', !list.length);
      const side = tiles[0].canvas.clientWidth || 40;
      const most = Math.max(0, ...list.map(({ distance }) => distance ?? 0));
      for (const [k, tile] of tiles.entries()) {
        const one = list[k];
        tile.id = one?.id ?? -1;
        tile.el.disabled = !one;
        tile.el.classList.toggle('em-torn', Boolean(one) && !one.kept);
        tile.show(side, one ? art.thumb(one.id) : null);
        put(tile.far, one && Number.isFinite(one.distance) ? value(one.distance, most) : '\u00a0');
        const said = one
          ? `${state.brief(one.id).label || `image ${count(one.id)}`}, at ${value(one.distance ?? 0, most)}, ${one.kept ? 'beside it on the map' : 'torn away'}`
          : 'No neighbour yet';
        attributes(tile.el, { 'aria-label': said });
      }
      put(
        note,
        list.length
          ? ofNeighbours(list.filter(({ kept }) => kept).length, list.length)
          : 'Their distances are written below them.',
      );
    },
  };
}

/** @param {import('../lib/view.js').View} view @param {State} state */
function trust({ get, set, live, request, caption }, state) {
  const fill = make('i');
  const bar = make('div', 'em-trust');
  bar.append(fill);
  const text = make('div', 'dvw-label');
  const nothing = button({ label: 'Null map', pressed: false, onClick: () => set('null', !get('null')) });
  const seeds = button({
    label: 'Compare seeds',
    onClick: () => request('seeds', { key: state.about().key }).catch((e) => caption.say(e.message, 'info')),
  });
  const tests = box('em-group', nothing.el, seeds.el);
  const el = box('em-honest', box('', heading('How far to trust this map'), bar, tests), text);
  const kept = keeper();
  return {
    el,
    draw() {
      const says = get('_says') ?? {};
      const known = typeof says.kept === 'number';
      bar.hidden = !known;
      tests.hidden = !live || !(known || get('null'));
      nothing.set(Boolean(get('null')));
      fill.style.width = `${100 * (says.kept ?? 0)}%`;
      kept(JSON.stringify(says), () => {
        const lines = [...(says.sentences ?? []), says.meaning].filter(Boolean);
        put(text, lines.length ? lines.join(' ') : UNMEASURED);
      });
    },
  };
}

/** @param {import('../lib/view.js').View} view @param {State} state @param {import('./dom.js').Parts} places @param {Artist} art */
export function side(view, state, { right, below }, art) {
  const [kept, ...beside] = [trust(view, state), face(view, state, art), near(state, art), legend(view, state, art)];
  const parts = [kept, ...beside];
  below.append(kept.el);
  right.append(...beside.map(({ el }) => el));
  return () => {
    for (const part of parts) part.draw();
  };
}
