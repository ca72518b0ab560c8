/** The controls: which layer, which rows, in which order, and what is done with them. */
import { button, search, segmented, select } from '../lib/controls.js';
import { keeper } from '../lib/parts.js';
import { SAVED } from './words.js';

const SORTS = {
  index: 'Number',
  maximum: 'Maximum',
  sparsity: 'Sparsity',
  purity: 'Class purity',
  friends: 'False friends',
};
const MODES = { board: 'Board', name: 'Name', vote: 'Vote' };

/** @param {Record<string, string>} names */
const options = (names) => Object.entries(names).map(([value, label]) => ({ value, label }));

/** @param {import('../lib/view.js').View} view @param {import('./state.js').State} state */
export function controls({ get, set, bar, live }, state) {
  /** @param {string} label @param {string} name @param {Record<string, string>} names */
  const choice = (label, name, names) => ({
    label,
    value: 'index',
    options: options(names),
    onChange: (/** @type {string} */ v) => set(name, v),
  });
  const layer = select(choice('Layer', 'layer', {}));
  const basis = select(choice('Rows', 'basis', {}));
  const sort = select(choice('Sort', 'sort', SORTS));
  const find = search({ label: 'Number, class or name', onInput: (v) => set('search', v) });
  const mode = segmented({ label: 'Mode', value: 'board', options: options(MODES), onChange: change });
  const reveal = button({ label: 'Reveal', pressed: false, onClick: () => set('labels', !get('labels')) });
  mode.el.classList.add('tp-mode');
  bar.append(layer.el, basis.el, sort.el, find.el, mode.el, reveal.el);
  if (!live) for (const one of [layer, basis]) one.disable(SAVED);

  /** Classes would give the answer away. @param {string} v */
  function change(v) {
    set('mode', v);
    set('labels', v === 'board');
  }

  /** @type {ReturnType<typeof keeper<void>>} */
  const kept = keeper();
  return () => {
    const [layers, bases] = [get('_layers') ?? [], get('_bases') ?? []];
    kept(JSON.stringify([layers, bases]), () => {
      layer.setOptions(layers.map((/** @type {string} */ name) => ({ value: name, label: name })));
      basis.setOptions(
        bases.map((/** @type {string} */ name) => ({ value: name, label: name[0].toUpperCase() + name.slice(1) })),
      );
    });
    const voting = state.mode() === 'vote';
    layer.el.hidden = layers.length < 2;
    basis.el.hidden = bases.length < 2 || voting;
    sort.el.hidden = find.el.hidden = voting;
    mode.setOptions(options(MODES).filter(({ value }) => value !== 'vote' || bases.length > 1));
    layer.set(get('layer'));
    basis.set(get('basis'));
    sort.set(get('sort') ?? 'index');
    find.set(get('search') ?? '');
    mode.set(state.mode());
    reveal.el.hidden = state.mode() === 'board';
    const { votes = 0, least = 0 } = get('_tally') ?? {};
    const early = voting && votes < least;
    reveal.disable(early ? `Which row was which is revealed after ${least} votes.` : null);
    reveal.set(get('labels') !== false && !early);
  };
}
