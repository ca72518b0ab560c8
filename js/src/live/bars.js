/** Class scores as bars; a click marks a class, another lets it go. */
import { attributes, hear, make, put } from '../lib/frame.js';
import { box } from '../lib/parts.js';
import { fixed } from '../lib/text.js';
import { readScores, winners } from './data.js';

const MOST = 10;

/** @param {() => void} chosen @param {() => void} hovered */
function bar(chosen, hovered) {
  const el = make('button', 'lv-bar');
  el.type = 'button';
  const [name, track, value] = [make('span', 'lv-class'), make('span', 'lv-track'), make('span', 'lv-share')];
  const fill = make('i');
  track.append(fill);
  el.append(name, track, value);
  hear(el, 'click', chosen);
  hear(el, 'pointerenter focus', hovered);
  return {
    el,
    /** @param {import('./data.js').Score} score @param {boolean} first @param {boolean} marked */
    draw({ name: label, share }, first, marked) {
      put(name, label);
      name.title = label;
      put(value, Number.isNaN(share) ? '' : fixed(share));
      fill.style.width = `${100 * share || 0}%`;
      el.classList.toggle('lv-first', first);
      attributes(el, { 'aria-pressed': marked });
    },
  };
}

/** @param {import('../lib/view.js').View} view @param {{onHover: (id: number) => void}} options */
export function scoreBars(view, { onHover }) {
  const { get, set, model } = view;
  /** @type {import('./data.js').Score[]} */
  let shown = [];
  const rows = Array.from({ length: MOST }, (_, i) =>
    bar(
      () => mark(shown[i].id),
      () => shown[i] && onHover(shown[i].id),
    ),
  );
  const el = box('lv-bars', ...rows.map((row) => row.el));
  attributes(el, { role: 'group', 'aria-label': 'Class scores; press one to mark it' });

  /** @param {number} id */
  function mark(id) {
    const on = !(get('_aimed') && get('target') === id);
    if (on) model.set('target', id);
    set('_aimed', on);
  }
  return {
    el,
    draw() {
      shown = readScores(get, MOST);
      const best = winners(shown)[0];
      el.hidden = !get('_classes')?.length;
      const few = Math.min(MOST, get('_classes')?.length ?? 0);
      for (const [i, row] of rows.entries()) {
        const score = shown[i] ?? { id: -1, name: get('_classes')?.[i] ?? '', share: Number.NaN };
        row.el.hidden = i >= few;
        row.draw(score, score === best, score.id >= 0 && get('_aimed') && get('target') === score.id);
      }
    },
  };
}
