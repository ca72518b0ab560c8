/** The traits of one view, read when they have changed and put into order. */
import { clamp } from '../lib/clamp.js';
import * as data from './data.js';
import { byKernel } from './words.js';

/** @typedef {import('./data.js').Kernels} Kernels */
/** @typedef {ReturnType<typeof stateOf>} State */

const SENT =
  '_kernels _kernels_meta _exact _exact_meta _input _input_meta _response _response_meta _most _span _orders';
const TOLD = ' _measures _verdict _fails _steps _image _layers layer channel source side order scale image step';

/** @param {import('../lib/view.js').View} view */
export function stateOf(view) {
  const { get, on, redraw } = view;
  let fresh = false;
  /** @param {number} v @param {number} [n] */
  const within = (v, n = 1) => clamp(v || 0, 0, n - 1);
  const state = {
    k: /** @type {Kernels | null} */ (null),
    /** the checkpoint shown, among those that are here */
    at: 0,
    /** grows with everything that is read */
    version: 0,
    order: /** @type {number[]} */ ([]),
    fine: /** @type {Float32Array} */ (new Float32Array()),
    verdict: /** @type {import('./data.js').Verdict | null} */ (null),
    input: /** @type {import('./data.js').Input | null} */ (null),
    response: /** @type {import('./data.js').Response | null} */ (null),
    /** kinds of findings of each kernel */
    flags: /** @type {Map<number, string[]>} */ (new Map()),
    read,
    channel: () => within(get('channel'), state.k?.full[0]),
    source: () => within(get('source'), state.k?.full[1]),
    /** The chosen tile. @param {Kernels} k */
    tile: (k) => (k.face === 'matrix' ? 0 : byKernel(k) ? state.channel() : state.source()),
    /** A tile as it is shown. @param {Kernels} k @param {number} i */
    values: (k, i) => data.tileOf(k, state.at, i),
    /** The chosen tile: exact where that was sent. @param {Kernels} k @returns {import('./data.js').Tile} */
    chosen: (k) =>
      data.readExact(get, k, now(k)) ?? { values: state.values(k, state.tile(k)), planes: k.planes, shape: k.shape },
    /** Largest value of the scale of a tile. @param {Kernels} k @param {number} i */
    most: (k, i) => (get('scale') === 'layer' ? data.largest(k.span) : data.mostOf(k, state.at, i)),
    stale: () => Boolean(view.live && state.k && get('status') !== 'error' && old(state.k)),
  };
  on((SENT + TOLD).split(' '), () => {
    fresh = false;
    redraw();
  });

  /** What decides which numbers belong to what is chosen. @param {Kernels} k */
  const now = (k) => ({
    layer: k.layer,
    image: get('image'),
    step: k.from + state.at,
    channel: state.channel(),
    source: k.face === 'slices' ? state.source() : undefined,
  });

  // Read in the next frame and not at once: hosts set the traits of one message one after the other.
  function read() {
    if (fresh) return;
    fresh = true;
    state.version++;
    state.k = data.readKernels(get) ?? state.k;
    const { k, flags } = state;
    if (!k) return;
    state.at = within(get('step') - k.from, k.steps);
    state.order = data.readOrder(get, k.count);
    const step = k.from + state.at;
    const verdict = get('_verdict')?.[step];
    state.verdict = verdict?.layer === k.layer ? verdict : null;
    state.fine = data.readFine(get, state.verdict ? k.full[0] : 0, step);
    flags.clear();
    for (const { kind, kernels } of state.verdict?.findings ?? [])
      for (const c of kernels) flags.set(c, [...(flags.get(c) ?? []), kind]);
    state.input = data.readInput(get, now(k));
    state.response = data.readResponse(get, now(k));
  }

  /** Of the layer or channel from before. @param {Kernels} k */
  const old = (k) =>
    k.layer !== get('layer') ||
    (k.face === 'slices' && (k.side !== get('side') || k.fixed !== (byKernel(k) ? state.source() : state.channel())));
  return state;
}
