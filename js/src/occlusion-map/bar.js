/** The controls: which class, how large a patch, how far apart, filled with what, and what is shown of it. */
import { button, segmented, select, slider, stepper } from '../lib/controls.js';
import { hear, make } from '../lib/frame.js';
import { count, fixed, percent } from '../lib/text.js';
import { baseOf, has } from './data.js';
import { box, keeper } from '../lib/parts.js';
import { SAVED } from './words.js';
import { max, min } from './maths.js';

/** @typedef {import('../lib/view.js').View} View */
/** @typedef {import('./state.js').State} State */

/** More classes than this are searched, not listed. */
const LISTED = 40;

/** "mean" -> {value: "mean", label: "Mean"} @param {string} value */
const option = (value) => ({ value, label: value && value[0].toUpperCase() + value.slice(1) });

/** Any class by its name. @param {View} view @param {State} state */
function finder({ get, set, caption }, state) {
  const field = make('input', 'dvw-field oc-find');
  const list = make('datalist');
  list.id = `oc-${Math.random().toString(36).slice(2)}`;
  Object.assign(field, { type: 'text', autocomplete: 'off', spellcheck: false });
  field.setAttribute('list', list.id);
  field.setAttribute('aria-label', 'Find a class');
  const names = () => /** @type {string[]} */ (get('_classes') ?? []);
  const rest = () => {
    field.value = '';
    field.placeholder = state.name(state.target());
  };
  hear(field, 'change', () => {
    const text = field.value.trim().toLowerCase();
    if (!text) return;
    const lower = names().map((name) => name.toLowerCase());
    const same = lower.indexOf(text);
    const found = same >= 0 ? same : lower.findIndex((name) => name.includes(text));
    if (found < 0) caption.say(`No class is called “${field.value}”.`, 'info');
    else set('target', found);
    rest();
  });
  hear(field, 'blur', rest);
  const el = box('oc-finder', field, list);
  const kept = keeper();
  return {
    el,
    follow() {
      el.hidden = names().length <= LISTED;
      kept(String(names().length), () =>
        list.append(...names().map((name) => Object.assign(make('option'), { value: name }))),
      );
      if (field !== field.ownerDocument.activeElement) rest();
    },
    /** @param {boolean} off */
    disable(off) {
      field.disabled = off;
    },
  };
}

/** The class, with its score for the whole image. @param {View} view @param {State} state */
function classes(view, state) {
  const { get, set } = view;
  const list = select({
    label: 'Class',
    options: /** @type {{value: number, label: string}[]} */ ([]),
    value: 0,
    onChange: (v) => set('target', v),
  });
  const find = finder(view, state);
  list.el.after(find.el);
  const kept = keeper();
  function follow() {
    const { sweep } = state;
    const target = state.target();
    const all = /** @type {string[]} */ (get('_classes') ?? []);
    const few = all.length <= LISTED;
    const ids = few && view.live ? [...all.keys()] : [...new Set([...(sweep?.sent ?? []), target])];
    const score = (/** @type {number} */ id) =>
      sweep && has(sweep, id) ? baseOf(sweep, id, state.score(sweep)) : Number.NaN;
    const rows = ids.map((id) => ({ value: id, score: score(id) })).sort((a, b) => (b.score || -99) - (a.score || -99));
    const options = rows.map(({ value, score }) => ({
      value,
      label: Number.isFinite(score) ? `${state.name(value)}  ${fixed(score)}` : state.name(value),
    }));
    kept(JSON.stringify(options), () => list.setOptions(options));
    list.set(target);
    find.follow();
    find.disable(!view.live);
  }
  return { list, find, follow };
}

/**
 * A slider whose ends may change.
 * @param {View} view @param {string} label @param {string} name of the trait @param {(v: number) => void} onInput
 */
function dial({ get, live }, label, name, onInput) {
  const el = box('oc-dial');
  const kept = keeper();
  /** @type {ReturnType<typeof slider> | null} */
  let bar = null;
  const px = (/** @type {number} */ v) => `${v} px`;
  return {
    el,
    follow() {
      const [lo, hi] = get('_limits')?.[name] ?? [1, 1];
      kept(`${lo} ${hi}`, () => {
        bar = slider({ label, min: lo, max: max(hi, lo), step: 1, value: lo, format: px, onInput });
        el.replaceChildren(bar.el);
      });
      bar?.set(get(name) ?? lo);
      bar?.disable(live ? null : SAVED);
    },
  };
}

/** Patch and stride, which is never longer than the patch is wide: else parts of the image would never be hidden. @param {View} view */
function sides(view) {
  const { model, get, set } = view;
  return [
    dial(view, 'Patch', 'patch', (v) => {
      model.set('stride', min(get('stride'), v));
      set('patch', v);
    }),
    dial(view, 'Stride', 'stride', (v) => {
      model.set('patch', max(get('patch'), v));
      set('stride', v);
    }),
  ];
}

/** @param {View} view @param {State} state */
export function controls(view, state) {
  const { get, set, bar, live } = view;
  /** @param {string} label @param {string} name @param {string[]} values */
  const choice = (label, name, values) => ({
    label,
    value: values[0],
    options: values.map(option),
    onChange: (/** @type {string} */ v) => set(name, v),
  });
  const target = classes(view, state);
  const sizes = sides(view);
  const fill = select(choice('Fill', 'fill', ['']));
  const shown = segmented(choice('View', 'view', ['target']));
  const score = select(choice('Score', 'score', ['probability']));
  const overlay = slider({
    label: 'Overlay',
    min: 0,
    max: 1,
    step: 0.05,
    value: 0,
    format: percent,
    onInput: (v) => set('overlay', v),
  });
  const total = () => state.image().count || 1;
  const which = (/** @type {number} */ v) => `${count(v)} of ${count(total())}`;
  const image = stepper({
    label: 'Image',
    value: 1,
    min: 1,
    max: 1,
    format: which,
    onChange: (v) => set('image', v - 1),
  });
  const more = button({ label: 'More', pressed: false, onClick: () => more.set(bar.classList.toggle('oc-open')) });
  more.el.classList.add('oc-more');
  overlay.el.classList.add('oc-short');
  const group = box('oc-group oc-rare', fill.el, shown.el, score.el, overlay.el);
  bar.append(box('oc-group', image.el, target.list.el, target.find.el, more.el, ...sizes.map(({ el }) => el)), group);
  for (const control of live ? [] : [fill, image]) control.disable(SAVED);

  const [fills, views, scores] = [keeper(), keeper(), keeper()];
  function follow() {
    const names = /** @type {string[]} */ (get('_fills') ?? []);
    fills(names.join(), () => fill.setOptions(names.map(option)));
    fill.set(get('fill'));
    const faces = [
      { value: 'target', label: 'Class' },
      { value: 'feature', label: 'Feature map' },
      { value: 'winner', label: 'Winner' },
    ].filter(({ value }) => value !== 'feature' || (live ? get('_layer') : state.sweep?.feature.length));
    views(String(faces.length), () => shown.setOptions(faces));
    shown.set(get('view') ?? 'target');
    const kind = state.sweep?.kind ?? 'logits';
    const kinds = {
      logits: ['probability', 'logit', 'margin'],
      probabilities: ['probability', 'margin'],
      other: ['logit', 'margin'],
    }[kind];
    scores(kind, () =>
      score.setOptions(
        kinds.map((value) => (kind === 'other' && value === 'logit' ? { value, label: 'Score' } : option(value))),
      ),
    );
    score.set(state.sweep ? state.score(state.sweep) : get('score'));
    overlay.set(get('overlay') ?? 0.85);
    image.el.hidden = total() < 2;
    image.el.style.setProperty('--oc-field', `${which(total()).length * 7 + 12}px`);
    image.setRange(1, total());
    image.set((get('image') ?? 0) + 1);
    target.follow();
    for (const size of sizes) size.follow();
  }
  return follow;
}
