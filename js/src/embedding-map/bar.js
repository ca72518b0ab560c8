/** The controls: what the pointer does, what is shown, and how the map forms. */
import { button, search, segmented, select, slider } from '../lib/controls.js';
import { hear } from '../lib/frame.js';
import { box, keeper } from '../lib/parts.js';
import { count } from '../lib/text.js';
import { ofProbe, SAVED } from './words.js';

/** @typedef {import('../lib/view.js').View} View */
/** @typedef {import('./state.js').State} State */

/**
 * A slider that is made again when its ends change.
 * @param {(of: {min: number, max: number}) => Parameters<typeof slider>[0]} options
 */
function dial(options) {
  const el = box('em-dial');
  const kept = keeper();
  /** @type {ReturnType<typeof slider> | null} */
  let bar = null;
  return {
    el,
    /** @param {number} min @param {number} max @param {number} value @param {string | null} why off */
    follow(min, max, value, why) {
      kept(`${min} ${max}`, () => {
        bar = slider(options({ min, max }));
        el.replaceChildren(bar.el);
      });
      if (!el.querySelector('input')?.matches(':active')) bar?.set(value);
      bar?.disable(why);
    },
  };
}

/** @param {View} view @param {State} state */
function tools({ get, set, redraw }, state) {
  const tool = segmented({
    label: 'Tool',
    options: [
      { value: 'pan', label: 'Pan' },
      { value: 'lasso', label: 'Lasso' },
      { value: 'rectangle', label: 'Rectangle' },
    ],
    value: 'pan',
    onChange: (v) => {
      state.tool = /** @type {State["tool"]} */ (v);
      redraw();
    },
  });
  const how = segmented({
    label: 'Selects',
    options: [
      { value: 'replace', label: 'New' },
      { value: 'add', label: 'Add' },
      { value: 'subtract', label: 'Subtract' },
    ],
    value: 'replace',
    onChange: (v) => {
      state.how = /** @type {State["how"]} */ (v);
    },
  });
  const undo = button({ label: 'Undo', onClick: () => state.undo() });
  const isolate = button({ label: 'Isolate', pressed: false, onClick: () => set('isolate', !get('isolate')) });
  for (const part of [tool, how]) part.el.classList.add('em-bare');
  return {
    els: [tool.el],
    over: [how.el, undo.el, isolate.el],
    follow() {
      tool.set(state.tool);
      how.set(state.how);
      how.el.hidden = state.tool === 'pan';
      undo.el.hidden = state.tool === 'pan' && !state.chosen.undoable;
      undo.disable(state.chosen.undoable ? null : 'There is no selection to go back to.');
      isolate.set(Boolean(get('isolate')));
      isolate.el.hidden = !state.chosen.size && !get('isolate');
    },
  };
}

/** @param {View} view @param {State} state */
function looks({ get, set, live }, state) {
  const colour = select({
    label: 'Colour',
    options: /** @type {{value: string, label: string}[]} */ ([]),
    value: '',
    onChange: (v) => set('colour', v),
  });
  const find = search({
    label: 'Search labels and names',
    onInput: (text) => set('search', text),
  });
  hear(find.field, 'keydown', (/** @type {KeyboardEvent} */ e) => e.key === 'Enter' && state.flyTo());
  const arrangement = segmented({
    label: 'Arrange',
    options: [
      { value: 'map', label: 'Map' },
      { value: 'grid', label: 'Grid' },
    ],
    value: 'map',
    onChange: (v) => set('arrangement', v),
  });
  arrangement.el.classList.add('em-bare');
  const every = button({ label: 'Show all', pressed: false, onClick: () => set('every', !get('every')) });
  const names = keeper();
  return {
    find,
    els: [colour.el, arrangement.el, every.el, find.el],
    follow() {
      const list = state.columns().map(({ name }) => name);
      names(list.join('\n'), () => colour.setOptions(list.map((name) => ({ value: name, label: name }))));
      colour.set(get('colour') ?? 'label');
      colour.el.hidden = !list.length;
      find.set(get('search') ?? '');
      arrangement.set(get('arrangement') ?? 'map');
      const gridded = get('_grid')?.key === state.about().key;
      arrangement.disable(live || gridded ? null : SAVED);
      every.set(Boolean(get('every')));
    },
  };
}

/** @param {View} view @param {State} state */
function layers({ get, set, live }, state) {
  const { map } = state;
  /** @type {string[]} */
  let names = [];
  /** @param {number} v */
  const said = (v) => {
    if (map.blend === null && !names.includes(get('layer'))) return `none: ${get('layer')} is shown`;
    const k = Math.round(v);
    const probe = ofProbe(state.about().probe?.[k] ?? null);
    return `${names[k] ?? ''}${probe ? ` · ${probe}` : ''}`;
  };
  const bar = dial(({ min, max }) => ({
    label: 'Layer',
    min,
    max,
    step: 0.01,
    value: 0,
    format: said,
    onInput: (v) => map.morph(v),
  }));
  bar.el.classList.add('em-layers');
  hear(bar.el, 'change', (e) => {
    const k = Math.round(Number(/** @type {HTMLInputElement} */ (e.target).value));
    map.morph(k);
    if (live && names[k] !== undefined) set('layer', names[k]);
  });
  // whole layers with the keyboard
  hear(bar.el, 'keydown', (e) => {
    const by = /** @type {Record<string, number>} */ ({ ArrowRight: 1, ArrowUp: 1, ArrowLeft: -1, ArrowDown: -1 })[
      e.key
    ];
    if (!by) return;
    e.preventDefault();
    const k = Math.max(0, Math.min(names.length - 1, Math.round(at()) + by));
    map.morph(k);
    if (live) set('layer', names[k]);
  });
  const at = () => map.blend ?? Math.max(0, names.indexOf(get('layer')));
  return {
    els: [bar.el],
    follow() {
      names = state.about().layers ?? [];
      bar.el.hidden = names.length < 2 && (!live || (get('layers') ?? []).length < 2);
      const why = names.length < 2 ? 'The maps of the other layers come when this one is done.' : null;
      bar.follow(0, Math.max(1, names.length - 1), at(), why);
    },
  };
}

/** @param {View} view @param {State} state */
function forming({ get, set, live, request, caption }, state) {
  const { map } = state;
  const tell = (/** @type {string} */ what) =>
    request(what, { key: state.about().key }).catch((e) => caption.say(e.message, 'info'));
  const play = button({ label: 'Play', onClick: () => toggle() });
  const step = button({ label: 'Step', onClick: () => tell('step') });
  const again = button({ label: 'Restart', onClick: () => tell('restart') });
  const perplexity = dial(({ min, max }) => ({
    label: 'Perplexity',
    min,
    max,
    step: 1,
    value: min,
    format: (v) => count(v),
    onInput: (v) => set('perplexity', v),
  }));
  /** @type {number[]} */
  let frames = [];
  const last = () => frames.length - 1;
  const moment = dial(({ min, max }) => ({
    label: 'Moment',
    min,
    max,
    step: 1,
    value: max,
    format: (v) => (v >= last() ? 'now' : `iteration ${count(frames[v] ?? 0)}`),
    onInput: (v) => map.scrub(v >= last() ? null : frames[v]),
  }));
  const toggle = () => set('playing', !get('playing'));
  return {
    els: [play.el, step.el, again.el, perplexity.el, moment.el],
    toggle: () => live && state.about().steps && toggle(),
    /** @param {number} by */
    perplexity(by) {
      const [lo, hi] = state.about().perplexities ?? [1, 1];
      if (live && state.about().steps) set('perplexity', Math.max(lo, Math.min(hi, (get('perplexity') ?? lo) + by)));
    },
    follow() {
      const { steps: stepping = false, perplexities, keyframes = [], engine = '' } = state.about();
      const begun = Boolean(engine);
      const steps = stepping || (live && !begun); // room is kept for what comes
      const why = !live ? SAVED : begun ? null : 'The map has not begun.';
      play.relabel(get('playing') ? 'Pause' : 'Play');
      for (const control of [play, step, again]) {
        control.el.hidden = !steps;
        control.disable(why);
      }
      step.disable(why ?? (get('playing') ? 'Pause the map first; then it goes step by step.' : null));
      perplexity.el.hidden = !steps || !perplexities;
      const [lo, hi] = begun && perplexities ? [Math.ceil(perplexities[0]), Math.floor(perplexities[1])] : [1, 100];
      perplexity.follow(lo, hi, get('perplexity') || 30, why);
      frames = keyframes;
      moment.el.hidden = frames.length < 2 && !steps;
      const at = map.moment === null ? last() : frames.indexOf(map.moment);
      const none = frames.length < 2 ? 'There are no moments to go back to yet.' : null;
      moment.follow(0, Math.max(1, last()), at < 0 ? Math.max(1, last()) : at, none);
    },
  };
}

/** @param {View} view @param {State} state @param {HTMLElement} over on the map: what comes and goes moves nothing there */
export function controls(view, state, over) {
  const [hand, look, layer, form] = [tools(view, state), looks(view, state), layers(view, state), forming(view, state)];
  const more = button({ label: 'More', pressed: false, onClick: () => more.set(view.bar.classList.toggle('em-open')) });
  more.el.classList.add('em-more');
  view.bar.append(
    box('em-group', ...hand.els, more.el),
    box('em-group em-rare', ...look.els),
    box('em-group em-rare em-form', ...form.els),
    box('em-group', ...layer.els),
  );
  over.append(...hand.over);
  const groups = /** @type {HTMLElement[]} */ ([...view.bar.children, over]);
  return {
    find: look.find,
    toggle: form.toggle,
    perplexity: form.perplexity,
    follow() {
      for (const part of [hand, look, layer, form]) part.follow();
      for (const group of groups) group.hidden = [...group.children].every((el) => el.hasAttribute('hidden'));
    },
  };
}
