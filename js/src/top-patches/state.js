/** The traits of one view, read when they have changed, and the order of the rows. */
import { clamp } from '../lib/clamp.js';
import { fits, readTable, sorted } from './data.js';

/** @typedef {import('./data.js').Table} Table */
/** @typedef {ReturnType<typeof stateOf>} State */

const SENT = '_table _values _labels _odd _boxes _statistics _saved_meta _classes _layers _bases _tally _pair';
const TOLD = 'layer basis channel rank sort search mode labels names votes gradient status';

/** @param {import('../lib/view.js').View} view */
export function stateOf(view) {
  const { get, on, redraw } = view;
  let fresh = false;
  let stamp = '';
  let late = false;
  const state = {
    t: /** @type {Table | null} */ (null),
    /** units in the order of their rows */
    order: /** @type {number[]} */ ([]),
    /** a pointer over the rows keeps them where they are */
    held: false,
    read,
    channel: () => clamp(get('channel') ?? 0, 0, (state.t?.count ?? 1) - 1),
    rank: () => clamp(get('rank') ?? -1, 0, (state.t?.k ?? 1) - 1),
    classes: () => /** @type {string[]} */ (get('_classes') ?? []),
    names: () => /** @type {Record<string, string>} */ (get('names') ?? {}),
    mode: () => get('mode') ?? 'board',
    /** whether classes may be told */
    labels: () => get('labels') !== false && state.mode() !== 'vote',
    stale: () => Boolean(view.live && state.t && (state.t.layer !== get('layer') || state.t.basis !== get('basis'))),
  };
  on(`${SENT} ${TOLD}`.split(' '), () => {
    fresh = false;
    redraw();
  });

  // Read in the next frame and not at once: hosts set the traits of one message one after the other.
  function read() {
    if (!fresh) state.t = readTable(get) ?? state.t;
    fresh = true;
    const { t } = state;
    if (!t) return;
    const by = get('sort') ?? 'index';
    const chosen = [t.key, t.count, by, get('search'), state.labels() && get('labels'), by === 'index'].join('|');
    // While images still come, numbers change: rows stay where they are until all are seen and nobody points at them.
    if (get('status') === 'running' && by !== 'index') late = true;
    else if (late && !state.held) {
      late = false;
      stamp = '';
    }
    if (chosen === stamp) return;
    stamp = chosen;
    const known = { classes: state.classes(), names: state.names(), labels: state.labels() };
    state.order = sorted(t, by).filter((unit) => fits(t, unit, get('search') ?? '', known));
  }
  return state;
}
