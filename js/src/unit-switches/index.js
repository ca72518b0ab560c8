// Units turned off or held at a value, and what the network is without them.
import { button, segmented } from '../lib/controls.js';
import { attributes, hear, make } from '../lib/frame.js';
import { box } from '../lib/parts.js';
import { fixed, percent } from '../lib/text.js';
import { widget } from '../lib/view.js';
import { HINT, ofEffect, SAVED } from './words.js';
import './style.css';

/** @typedef {[string, number, number]} Switch */

const TRAITS = ['layer', 'channel', 'switches', '_units', '_effect', 'status'];

/** @param {import('../lib/view.js').View} view */
function setup(view) {
  const { get, set, caption, redraw } = view;
  view.title('Unit switches');
  const name = make('b', 'us-unit');
  const held = make('input', 'dvw-field us-held');
  Object.assign(held, { type: 'number', step: 'any', value: '1' });
  attributes(held, { 'aria-label': 'Held at' });
  const how = segmented({
    label: 'Unit',
    value: 'on',
    options: [
      { value: 'on', label: 'On' },
      { value: 'off', label: 'Off' },
      { value: 'held', label: 'Held at' },
    ],
    onChange: (value) => turn(value === 'on' ? null : value === 'off' ? 0 : Number(held.value) || 1),
  });
  how.el.querySelector('.dvw-label')?.replaceWith(name);
  const all = button({ label: 'All on again', onClick: () => set('switches', []) });
  const pick = button({ label: 'Select the changed images', onClick: () => set('selected', changed()) });
  how.el.append(held);
  how.el.classList.add('us-how');
  view.bar.append(how.el);
  const bars = make('div', 'us-bars');
  const list = make('ul', 'us-list');
  attributes(list, { 'aria-label': 'Switched units' });
  view.body.append(bars, list, box('us-foot', all.el, pick.el));
  hear(held, 'change', () => now() !== null && now() !== 0 && turn(Number(held.value) || 1));
  caption.say(HINT, 'info');
  let [drawn, told] = ['', ''];

  const switches = () => /** @type {Switch[]} */ (get('switches') ?? []);
  const changed = () => /** @type {number[]} */ (get('_effect')?.changed ?? []);
  const here = (/** @type {Switch} */ [layer, unit]) => layer === get('layer') && unit === get('channel');
  const now = () => switches().find(here)?.[2] ?? null;

  /** @param {number | null} value null: on */
  function turn(value) {
    const rest = switches().filter((one) => !here(one));
    set('switches', value === null ? rest : [...rest, [get('layer'), get('channel'), value]]);
    redraw();
  }

  /** @param {Switch} one */
  function line([layer, unit, value]) {
    const el = make('li', 'us-line');
    const text = make('span', '', `unit ${unit} of ${layer} `);
    const again = button({
      label: `Unit ${unit} of ${layer}: on again`,
      icon: 'plus',
      onClick: () =>
        set(
          'switches',
          switches().filter(([a, b]) => a !== layer || b !== unit),
        ),
    });
    again.disable(view.live ? null : SAVED);
    el.append(text, make('b', '', value === 0 ? 'off' : `held at ${fixed(value)}`), again.el);
    return el;
  }

  /** @param {string} label @param {number | null | undefined} share */
  function bar(label, share) {
    const el = make('div', 'us-bar');
    const track = make('span', 'us-track');
    const fill = make('i');
    fill.style.width = `${(share ?? 0) * 100}%`;
    track.append(fill);
    el.append(
      make('span', '', label),
      track,
      make('b', '', share === null || share === undefined ? '–' : percent(share)),
    );
    return el;
  }

  view.draw = () => {
    const value = now();
    const [layer, unit] = [get('layer') ?? '', get('channel') ?? 0];
    name.textContent = `Unit ${unit} of ${layer}`;
    how.set(value === null ? 'on' : value === 0 ? 'off' : 'held');
    if (value && document.activeElement !== held) held.value = String(value);
    const can = unit < (get('_units')?.[layer] ?? 0);
    how.disable(!view.live ? SAVED : can ? null : `${layer} has no unit ${unit} that could be switched.`);
    held.disabled = !view.live || !can;
    all.disable(!view.live ? SAVED : switches().length ? null : 'All units are on.');
    pick.disable(changed().length ? null : 'No image changes its class.');
    const effect = get('_effect') ?? {};
    const key = JSON.stringify([switches(), effect, view.live]);
    if (key === drawn) return;
    drawn = key;
    const labelled = effect.before !== null && effect.before !== undefined;
    bars.replaceChildren(
      ...(labelled ? [bar('accuracy, all units on', effect.before), bar('with the switches', effect.after)] : []),
    );
    const focus = list.contains(document.activeElement);
    list.replaceChildren(...switches().map(line));
    if (focus) all.el.focus();
    const says = ofEffect(effect, switches().length);
    const sentence = JSON.stringify(says);
    if (sentence !== told && says.length) caption.say(says);
    told = sentence;
  };
  view.on(TRAITS, redraw);
}

export default widget(setup, { runs: true });
