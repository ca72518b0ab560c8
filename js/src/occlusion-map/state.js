/** The traits of one view, read when they have changed and put into order, and where the patch is. */
import { throttle } from '../lib/frame.js';
import { asker } from './ask.js';
import * as data from './data.js';
import { keeper } from '../lib/parts.js';
import { max, min } from './maths.js';

/** @typedef {import('./data.js').Sweep} Sweep */
/** @typedef {import('./data.js').Answer} Answer */
/** @typedef {import('./data.js').Score} Score */
/** @typedef {{y: number, x: number}} Place the first row and column that are hidden */
/** @typedef {ReturnType<typeof stateOf>} State */

const SENT = '_sweep_meta _raw _lse _winner _runner _second _feature _known _base _base_feature _base_winner';
const TOLD = ' _classes _fills _limits _layer _image image target patch stride fill score view status';
/** ms between two messages about where the patch is: widgets that are linked follow. */
const BEAT = 120;
/** Scores that change less are not worth a colour: what is left of rounding. */
export const FAINT = 0.01;

/** @param {import('../lib/view.js').View} view */
export function stateOf(view) {
  const { get, set, on, redraw, signal } = view;
  let fresh = false;
  /** @type {{key: string, of: Map<number, number>}} */
  let coloured = { key: '', of: new Map() };
  const places = asker(view);
  /** @type {ReturnType<typeof keeper<ReturnType<typeof measured>>>} */
  const effect = keeper();
  const state = {
    sweep: /** @type {Sweep | null} */ (null),
    /** grows with everything that is read */
    version: 0,
    place: /** @type {Place | null} */ (null),
    /** the pointer does not move the patch */
    held: false,
    read,
    name,
    image: () => ({ index: 0, name: '', label: '', count: 1, height: 1, width: 1, ...get('_image') }),
    target: () => /** @type {number} */ (get('target') ?? 0),
    score,
    /** The sweep is of the settings that are chosen. */
    fits: () => Boolean(state.sweep && fits(state.sweep)),
    /** The map on screen is of other settings, or of a class or a feature map that has not come. */
    stale: () =>
      Boolean(
        state.sweep &&
          !(state.fits() && data.has(state.sweep, state.target()) && (get('view') ?? 'target') === state.face()),
      ),
    /** The view that can be shown: feature maps are computed when they are asked for. */
    face: () => (get('view') === 'feature' && !state.sweep?.feature.length ? 'target' : (get('view') ?? 'target')),
    /** @param {Sweep} sweep */
    effect: (sweep) =>
      effect([state.version, state.target(), score(sweep)].join(), () => measured(sweep, state.target(), score(sweep))),
    /** Sides of the patch, as chosen. */
    patch: () => (state.sweep && state.fits() ? state.sweep.patch : [get('patch'), get('patch')]),
    box,
    answer,
    move,
    colours,
  };
  on((SENT + TOLD).split(' '), () => {
    fresh = false;
    redraw();
  });
  on('overlay', redraw);
  on('place', follow);
  const tell = throttle(() => set('place', state.place ? [state.place.y, state.place.x] : []), BEAT, signal);
  follow();

  // Read in the next frame and not at once: hosts set the traits of one message one after the other.
  function read() {
    if (!fresh) {
      fresh = true;
      state.version++;
      state.sweep = data.readSweep(get) ?? state.sweep;
    }
  }

  /** @param {number} id */
  function name(id) {
    return get('_classes')?.[id] ?? `class ${id}`;
  }

  /** The score that this network has: what ends in a softmax has no logits. @param {Pick<Sweep, 'kind'>} sweep @returns {Score} */
  function score({ kind }) {
    const chosen = get('score') ?? 'probability';
    if (kind === 'other') return chosen === 'margin' ? chosen : 'logit';
    return kind === 'probabilities' && chosen === 'logit' ? 'probability' : chosen;
  }

  /** @param {Sweep} sweep */
  function fits({ image, patch, stride, fill }) {
    const now = { image, fill, patch: max(...patch), stride: max(...stride) };
    return Object.entries(now).every(([key, v]) => get(key) === undefined || get(key) === v);
  }

  /** What the network says with the patch where it is; null while that is not known. @returns {Answer | null} */
  function answer() {
    const { sweep, place } = state;
    if (!sweep || !place || !fits(sweep)) {
      places.get('');
      return null;
    }
    const p = sweep.lattice.startingAt(place.y, place.x);
    const here = sweep.known[p] === 1;
    // a class that was sent later is not in an answer that came before
    const late = sweep.sent.length < (get('_classes') ?? []).length ? ` ${state.target()}` : '';
    const found = places.get(here || !view.live ? '' : `${sweep.key} ${place.y} ${place.x}${late}`);
    return here ? data.answerAt(sweep, p) : found;
  }

  /** The pixels that the patch hides. @returns {import('./lattice.js').Box | null} */
  function box() {
    const { place, sweep } = state;
    if (!place) return null;
    const p = sweep && state.fits() ? sweep.lattice.startingAt(place.y, place.x) : -1;
    if (sweep && p >= 0) return sweep.lattice.box(p);
    const { height, width } = state.image();
    const [h, w] = state.patch();
    return { ...place, h: min(h, height - place.y), w: min(w, width - place.x) };
  }

  /** @param {Place | null} place */
  function move(place) {
    if (place?.y === state.place?.y && place?.x === state.place?.x) return;
    state.place = place && { y: place.y, x: place.x };
    tell();
    redraw();
  }

  /** From Python, or from a widget that is linked. */
  function follow() {
    const [y, x] = get('place') ?? [];
    state.place = y === undefined ? null : { y, x };
    redraw();
  }

  /** The category of each class that wins anywhere; who has one keeps it. @param {Sweep} sweep */
  function colours({ key, winner, base, known }) {
    if (coloured.key !== key) coloured = { key, of: new Map([[base.winner, 0]]) };
    const { of } = coloured;
    for (const [p, id] of winner.entries()) if (known[p] && id >= 0 && !of.has(id)) of.set(id, of.size);
    return of;
  }
  return state;
}

/** @param {Sweep} sweep @param {number} target @param {Score} score */
function measured(sweep, target, score) {
  const values = data.effects(sweep, target, score);
  let strongest = -1;
  for (const [p, v] of values.entries()) if (v > (values[strongest] ?? 0)) strongest = p;
  return {
    values,
    around: data.spread(sweep, values),
    most: max(data.largest(values), FAINT),
    /** position that lowers the score most, −1 where none does */
    strongest: values[strongest] >= FAINT ? strongest : -1,
  };
}
