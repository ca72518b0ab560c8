/** The controls: which layer, in which order, on which scale, of which checkpoint. */
import { button, segmented, select, slider, stepper } from '../lib/controls.js';
import { hear } from '../lib/frame.js';
import { ORDERS } from './data.js';
import { box, keeper } from '../lib/parts.js';
import { SAVED } from './words.js';
import { count } from '../lib/text.js';
import { min } from './maths.js';

/** @typedef {import('../lib/view.js').View} View */

/** ms: two checkpoints a second. */
const BEAT = 500;

/**
 * A slider whose ends may change.
 * @param {View} view @param {string} label @param {(v: number) => string} format
 */
function dial({ get, set }, label, format) {
  const el = box('kg-group');
  /** @type {ReturnType<typeof slider> | null} */
  let bar = null;
  let made = '';
  return {
    el,
    /** @param {string} name of the trait @param {number[]} ends @param {boolean} on */
    follow(name, [min, max], on) {
      el.hidden = !on;
      const next = [name, min, max, format(max)].join();
      if (next !== made) {
        bar = slider({ label, min, max, step: 1, value: min, format, onInput: (v) => set(name, v) });
        el.style.setProperty('--kg-label', `${format(max).length}ch`);
        el.replaceChildren(bar.el);
        made = next;
      }
      bar?.set(get(name));
      bar?.disable(max > min ? null : SAVED);
    },
  };
}

/** Plays the checkpoints. @param {View} view @param {() => number[]} ends */
function player({ get, set, signal }, ends) {
  let timer = 0;
  const { el, relabel } = button({ label: 'Play', onClick: () => (timer ? stop() : start()) });
  function stop() {
    clearInterval(timer);
    timer = 0;
    relabel('Play');
  }
  function start() {
    const [first, last] = ends();
    if (get('step') >= last) set('step', first);
    relabel('Pause');
    timer = window.setInterval(() => {
      set('step', min(last, get('step') + 1));
      if (get('step') >= last) stop();
    }, BEAT);
  }
  hear(signal, 'abort', stop);
  return el;
}

/** @param {View} view @param {import('./state.js').State} state */
export function controls(view, state) {
  const { get, set, live } = view;
  /** @param {string} label @param {string} name @param {string[]} values */
  const choice = (label, name, values) => ({
    label,
    value: values[0],
    options: values.map((value) => ({ value, label: value[0].toUpperCase() + value.slice(1) })),
    onChange: (/** @type {string} */ v) => set(name, v),
  });
  const images = () => get('_image')?.count || 1;
  const steps = () => get('_steps') ?? [''];
  /** The checkpoints that can be shown: in a saved page those that were sent. */
  const ends = () => (live || !state.k ? [0, steps().length - 1] : [state.k.from, state.k.from + state.k.steps - 1]);
  const layer = select({ ...choice('Layer', 'layer', []), options: [], value: '' });
  const order = select(choice('Order', 'order', ['index', ...ORDERS]));
  const scale = segmented(choice('Scale', 'scale', ['each', 'layer']));
  const side = segmented(choice('Show', 'side', ['inputs', 'outputs']));
  /** @param {string} label @param {(v: number) => string} format @param {(v: number) => void} onChange */
  const number = (label, format, onChange) => stepper({ label, value: 0, min: 0, max: 0, format, onChange });
  const fixed = number('Of channel', String, (v) => set(get('side') === 'inputs' ? 'channel' : 'source', v));
  const which = (/** @type {number} */ v) => `${count(v)} of ${count(images())}`;
  const image = number('Image', which, (v) => set('image', v - 1));
  const step = dial(view, 'Checkpoint', (v) => steps()[v] ?? '');
  const play = player(view, ends);
  view.bar.append(layer.el, order.el, scale.el, side.el, fixed.el, image.el, step.el, play);
  for (const control of live ? [] : [layer, side, fixed, image])
    if (control !== layer || !get('_layers')?.[1]) control.disable(SAVED); // a saved page names the layers that it holds

  /** @type {ReturnType<typeof keeper<void>>} */
  const kept = keeper();
  function follow() {
    const { k } = state;
    const { face, full = [1, 1] } = k ?? {};
    const sliced = face === 'slices';
    const d = get('side') === 'inputs' ? 0 : 1;
    const layers = get('_layers') ?? [];
    layer.setOptions(
      layers.map((/** @type {{name: string, label: string}} */ { name, label }) => ({ value: name, label })),
    );
    for (const [name, control] of Object.entries({ layer, order, scale, side })) control.set(get(name));
    layer.el.hidden = layers.length < 2;
    order.el.hidden = face === 'matrix';
    side.el.hidden = !sliced;
    fixed.el.hidden = !sliced;
    fixed.setRange(0, full[d] - 1);
    fixed.set(get(d ? 'source' : 'channel'));
    image.el.hidden = images() < 2;
    image.el.style.setProperty('--kg-field', `${which(images()).length * 7 + 12}px`);
    image.setRange(1, images());
    image.set((get('image') ?? 0) + 1);
    play.hidden = steps().length < 2;
    step.follow('step', ends(), !play.hidden);
  }
  return () => kept(`${state.version}`, follow);
}
