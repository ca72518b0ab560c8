// Units that tell the chosen images from the rest, the clearest first.
import { select } from '../lib/controls.js';
import { attributes, empty, hear, make } from '../lib/frame.js';
import { plural, signed } from '../lib/text.js';
import { widget } from '../lib/view.js';
import { EMPTY, HINT, ofUnit } from './words.js';
import './style.css';

/** @typedef {[number, number, number, number, string]} Row unit, effect, median inside, median outside, in a word */

/** @param {import('../lib/view.js').View} view */
function setup(view) {
  const { get, set, caption, redraw } = view;
  view.title('Separating units');
  const layer = select({ label: 'Layer', options: [], value: '', onChange: (value) => set('layer', value) });
  layer.el.classList.add('su-layer');
  view.bar.append(layer.el);
  const list = make('div', 'su-list');
  attributes(list, { role: 'listbox', 'aria-label': 'Units, the clearest first' });
  const none = empty(EMPTY, 'units.selected = [3, 14, 15]');
  view.body.append(list, none);
  caption.say(HINT, 'info');
  let [drawn, layers] = ['', ''];

  const about = (/** @type {Row} */ row) => caption.say(ofUnit(row, get('_about') ?? {}));

  /** @param {Row} row @param {boolean} chosen @param {boolean} first */
  function line(row, chosen, first) {
    const [unit, effect, , , word] = row;
    const node = make('button', 'su-row');
    node.type = 'button';
    attributes(node, {
      role: 'option',
      'aria-selected': chosen,
      tabindex: first ? 0 : -1,
      'data-unit': unit,
    });
    const bar = make('span', 'su-bar');
    const fill = make('i', effect < 0 ? 'su-less' : 'su-more');
    fill.style.width = `${Math.abs(effect) * 50}%`;
    bar.append(fill);
    const heard = (/** @type {string} */ text) => make('span', 'dvw-unseen', text); // by a screen reader
    node.append(
      heard('Unit '),
      make('span', 'su-unit', String(unit)),
      heard(': effect '),
      bar,
      make('b', 'su-effect', signed(effect)),
      heard(', '),
      make('span', 'su-word', word),
    );
    hear(node, 'pointerenter focus', () => about(row));
    hear(node, 'click', () => {
      about(row);
      set('unit', unit);
    });
    return node;
  }

  hear(list, 'keydown', (/** @type {KeyboardEvent} */ event) => {
    const nodes = /** @type {HTMLElement[]} */ ([...list.children]);
    const at = nodes.indexOf(/** @type {HTMLElement} */ (event.target));
    const to = { ArrowDown: at + 1, ArrowUp: at - 1, Home: 0, End: nodes.length - 1 }[event.key];
    const next = to === undefined ? undefined : nodes[to];
    if (at < 0 || !next) return;
    event.preventDefault();
    for (const node of nodes) attributes(node, { tabindex: node === next ? 0 : -1 });
    next.focus();
  });

  function options() {
    const names = /** @type {string[]} */ (get('_layers') ?? []);
    const key = JSON.stringify(names);
    if (key !== layers) layer.setOptions(names.map((name) => ({ value: name, label: name })));
    layers = key;
    layer.set(get('layer'));
    layer.disable(view.live ? null : 'A saved page has no kernel that could compute it.');
  }

  view.draw = () => {
    options();
    const rows = /** @type {Row[]} */ (get('_rows') ?? []);
    const { selected = 0, others = 0, units = 0 } = get('_about') ?? {};
    list.hidden = !rows.length;
    none.hidden = rows.length > 0;
    view.sub(rows.length ? `${plural(selected, 'image')} against ${others} · ${plural(units, 'unit')}` : '');
    const key = JSON.stringify([rows, get('unit')]);
    if (key === drawn) return;
    drawn = key;
    const focused = /** @type {HTMLElement | null} */ (list.querySelector(':focus'))?.dataset.unit;
    const there = Math.max(
      0,
      rows.findIndex(([unit]) => unit === get('unit')),
    );
    list.replaceChildren(...rows.map((row, i) => line(row, row[0] === get('unit'), i === there)));
    if (focused) /** @type {HTMLElement | null} */ (list.querySelector(`[data-unit="${focused}"]`))?.focus();
  };
  view.on(['layer', 'unit', '_rows', '_about', '_layers'], redraw);
}

export default widget(setup, { runs: true });
