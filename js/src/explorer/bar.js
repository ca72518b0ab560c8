// The controls: which image, layer, unit and class; undo; tabs or a grid.
import { button, segmented, select, stepper } from '../lib/controls.js';
import { box } from '../lib/parts.js';
import { count } from '../lib/text.js';

/** @typedef {import("../lib/view.js").View} View */

const AUTO = -1;
const SAVED = 'A saved page has no kernel that could compute it.';

/** @param {View} view @param {(what: string, content?: Record<string, unknown>) => void} ask */
export function createBar(view, ask) {
  const set = (/** @type {string} */ name) => (/** @type {any} */ value) => view.set(name, value);
  const total = () => view.get('_network')?.count ?? 1;
  const image = stepper({
    label: 'Image',
    value: 1,
    min: 1,
    max: 1,
    format: (v) => `${count(v)} of ${count(total())}`, // as in the other panels, counted from 1 for people
    onChange: (v) => view.set('image', v - 1),
  });
  const layer = select({ label: 'Layer', options: [], value: '', onChange: set('layer') });
  const unit = stepper({ label: 'Unit', value: 0, min: 0, max: 0, onChange: set('channel') });
  const target = select({
    label: 'Class',
    options: [],
    value: AUTO,
    onChange: (value) => (value === AUTO ? ask('auto') : view.set('target', value)),
  });
  const marks = button({
    label: 'Mark patches',
    pressed: false,
    onClick: () => view.set('marks', !view.get('marks')),
  });
  const undo = button({ label: 'Undo', onClick: () => ask('undo') });
  const redo = button({ label: 'Redo', onClick: () => ask('redo') });
  const arrange = segmented({
    label: 'Panels',
    value: 'auto',
    options: [
      { value: 'auto', label: 'Fit' },
      { value: 'tabs', label: 'Tabs' },
      { value: 'grid', label: 'Grid' },
    ],
    onChange: set('arrangement'),
  });
  layer.el.classList.add('ex-layer');
  target.el.classList.add('ex-class');
  view.bar.append(image.el, layer.el, unit.el, target.el, marks.el, box('ex-steps', undo.el, redo.el), arrange.el);
  let [layers, classes] = ['', ''];

  /** Options are made again only when they are others. */
  function options() {
    const names = /** @type {[string, string, number][]} */ (view.get('_layers') ?? []);
    const known = JSON.stringify(names);
    if (known !== layers) layer.setOptions(names.map(([name]) => ({ value: name, label: name })));
    layers = known;
    const all = /** @type {string[]} */ (view.get('_classes') ?? []);
    const own = view.get('_now')?.own;
    const best = own ? 'Most probable' : `Most probable: ${all[view.get('target')] ?? ''}`;
    const key = best + JSON.stringify(all);
    if (key !== classes)
      target.setOptions([{ value: AUTO, label: best }, ...all.map((label, value) => ({ value, label }))]);
    classes = key;
    target.set(own ? view.get('target') : AUTO);
    return names;
  }

  return {
    show() {
      const names = options();
      const chosen = names.find(([name]) => name === view.get('layer'));
      image.setRange(1, Math.max(1, total()));
      image.set((view.get('image') ?? 0) + 1);
      layer.set(view.get('layer'));
      unit.setRange(0, Math.max(0, (chosen?.[2] ?? 1) - 1));
      unit.set(view.get('channel') ?? 0);
      arrange.set(view.get('arrangement'));
      arrange.el.hidden = !view.live; // a saved page shows the panels that were on screen
      marks.set(Boolean(view.get('marks')));
      marks.disable(view.live ? null : SAVED);
      const [back, forth] = view.get('_now')?.can ?? [false, false];
      undo.disable(view.live ? (back ? null : 'There is nothing to undo.') : SAVED);
      redo.disable(view.live ? (forth ? null : 'Nothing was undone.') : SAVED);
      for (const control of [image, layer, target]) control.disable(view.live ? null : SAVED);
    },
  };
}
