/** The controls: what is shown, in which order, how it is coloured. */
import { button, segmented, select, slider, stepper } from '../lib/controls.js';
import { make } from '../lib/frame.js';
import { count, fixed, percent } from '../lib/text.js';
import { KERNEL } from './words.js';

/** @typedef {import('../lib/view.js').View} View */

/** "Index" -> {value: "index", label: "Index"} @param {string[]} labels */
const options = (...labels) => labels.map((label) => ({ value: label.toLowerCase(), label }));

/** A group wraps as one. @param {View} view @param {{el: HTMLElement}[]} controls */
function group({ bar }, ...controls) {
  const el = make('div', 'am-group');
  el.append(...controls.map((c) => c.el));
  bar.append(el);
  return el;
}

/**
 * Other maps, in one message. What was measured over all images belonged to the
 * old ones, so the order goes back to this image.
 * @param {View} view @param {Record<string, unknown>} traits
 */
function choose({ model }, traits) {
  for (const [name, v] of Object.entries({ ...traits, over: 'image' })) model.set(name, v);
  model.save_changes();
}

/** @param {View} view */
function sources(view) {
  const { get } = view;
  const total = () => Math.max(1, get('_image')?.count ?? 1);
  const format = (/** @type {number} */ v) => `${count(v)} of ${count(total())}`;
  const image = stepper({
    label: 'Image',
    value: 1,
    min: 1,
    max: 1,
    format,
    onChange: (v) => view.set('image', v - 1),
  });
  const layer = select({
    label: 'Layer',
    options: options(),
    value: '',
    onChange: (v) => choose(view, { layer: v, call: 0 }),
  });
  const call = segmented({
    label: 'Call',
    options: /** @type {{value: number, label: string}[]} */ ([]),
    value: 0,
    onChange: (v) => choose(view, { call: v }),
  });

  function follow() {
    const layers = /** @type {{name: string, label: string, called: number}[]} */ (get('_layers') ?? []);
    const called = layers.find(({ name }) => name === get('layer'))?.called ?? 1;
    image.el.hidden = total() < 2;
    layer.el.hidden = !layers.length;
    call.el.hidden = called < 2;
    image.el.style.setProperty('--am-field', `${format(total()).length * 7 + 12}px`);
    image.setRange(1, total());
    image.set((get('image') ?? 0) + 1);
    layer.setOptions(layers.map(({ name, label }) => ({ value: name, label: label || name })));
    layer.set(get('layer'));
    call.setOptions(Array.from({ length: called }, (_, i) => ({ value: i, label: `${i + 1}` })));
    call.set(get('call') ?? 0);
    // a saved page names the layers that it holds
    for (const control of [image, layer, call])
      control.disable(view.live || (control === layer && layers[1]) ? null : KERNEL);
  }
  return { image, layer, call, follow };
}

/** @param {View} view @param {(over: string) => void} onOver */
function looks(view, onOver) {
  const set = (/** @type {string} */ name) => (/** @type {any} */ v) => view.set(name, v);
  const pick = (/** @type {string} */ label, /** @type {string} */ name, /** @type {string[]} */ ...labels) => ({
    label,
    value: labels[0].toLowerCase(),
    onChange: set(name),
    options: options(...labels),
  });
  const slide = (/** @type {string} */ label, /** @type {string} */ name) => ({
    label,
    step: 0.05,
    value: 0,
    onInput: set(name),
  });
  return {
    order: segmented(pick('Order', 'order', 'Index', 'Strongest', 'Sparsest')),
    over: segmented({
      label: 'Over',
      value: 'image',
      onChange: onOver,
      options: [
        { value: 'image', label: 'This image' },
        { value: 'all', label: 'All images' },
      ],
    }),
    scale: segmented(pick('Scale', 'scale', 'Each', 'Shared')),
    gamma: slider({ ...slide('Gamma', 'gamma'), min: 0.3, max: 1.5, format: fixed }),
    colors: select(pick('Colours', 'colors', 'Auto', 'Viridis', 'Grey', 'Diverging')),
    overlay: slider({ ...slide('Overlay', 'overlay'), min: 0, max: 1, format: percent }),
  };
}

/** @param {View} view @param {(over: string) => void} onOver */
export function controls(view, onOver) {
  const source = sources(view);
  const look = looks(view, onOver);
  // where it is narrow the rarely used ones wait behind a button
  const more = button({ label: 'More', pressed: false, onClick: () => more.set(view.bar.classList.toggle('am-open')) });
  more.el.classList.add('am-more');
  group(view, source.image, source.layer, source.call, look.overlay).classList.add('am-source');
  group(view, look.order, look.over, more);
  const pixels = group(view, look.scale, look.gamma, look.colors);
  for (const el of [pixels, look.overlay.el]) el.classList.add('am-pixels');

  function follow() {
    source.follow();
    for (const [name, control] of Object.entries(look)) {
      /** @type {{set: (v: any) => void}} */ (control).set(view.get(name));
    }
    look.over.disable(view.live || view.get('_survey_meta')?.total ? null : KERNEL);
  }
  view.on([...Object.keys(look), 'image', 'layer', 'call', '_layers', '_image', '_survey_meta', '_live'], follow);
  follow();
  return {
    /** Numbers have no pixels to colour. @param {boolean} maps */
    face(maps) {
      for (const el of [pixels, more.el, look.overlay.el]) el.hidden = !maps;
    },
  };
}
