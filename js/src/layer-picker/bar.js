// Search, how much it finds, and one button that opens or closes everything.
import { button, search } from '../lib/controls.js';
import { make } from '../lib/frame.js';
import { count, plural } from '../lib/text.js';

/** @typedef {import("../lib/view.js").View} View */

/**
 * @param {View} view
 * @param {{onQuery: (text: string) => void, onAll: () => void, onDown: () => void, onEnter: () => void}} heard
 */
export function createBar(view, { onQuery, onAll, onDown, onEnter }) {
  const field = search({ label: 'Search layers', onInput: onQuery });
  const found = make('span', 'dvw-label lp-found');
  found.setAttribute('role', 'status');
  const all = button({ label: 'Expand all', onClick: onAll });
  all.el.classList.add('lp-all');
  view.bar.append(field.el, found, all.el);
  field.field.addEventListener('keydown', (event) => {
    const act = { ArrowDown: onDown, Enter: onEnter }[event.key];
    if (!act) return;
    event.preventDefault();
    act();
  });
  return {
    focus: () => field.field.select(),
    /** @param {{query: string, hits: boolean[] | null, total: number, nested: boolean, allOpen: boolean}} state */
    show({ query, hits, total, nested, allOpen }) {
      field.set(query);
      const matches = hits?.filter(Boolean).length ?? 0;
      const text = hits ? `${count(matches)} of ${plural(total, 'layer')}` : plural(total, 'layer');
      if (found.textContent !== text) found.textContent = text;
      all.el.hidden = !nested;
      all.relabel(allOpen ? 'Collapse all' : 'Expand all');
    },
  };
}
