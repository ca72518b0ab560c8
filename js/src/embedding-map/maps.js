/** Which arrangement of the images is shown: the map as it forms, a moment of it, one of several layers, the grid. */
import { bytes } from '../lib/buffers.js';
import { whole } from './feed.js';
import { gridLayout, layoutOf, words } from './points.js';

/** @typedef {import('./points.js').Layout} Layout */

const CHANGE = 450; // ms of a change of layout
/** Bytes of moments that are kept. */
const KEPT = 64 * 2 ** 20;
/** Moments are asked for ahead where all of them together are smaller than this. */
const AHEAD = 8 * 2 ** 20;

/**
 * @param {import('../lib/view.js').View} view @param {import('./feed.js').Ask} ask @param {import('./points.js').Points} points
 * @param {() => boolean} still no motion is wanted
 */
export function maps({ get, redraw }, ask, points, still) {
  /** @type {Map<number, Layout>} */
  let moments = new Map();
  /** @type {Map<number, Layout>} */
  let layers = new Map();
  /** what is on its way @type {Set<string>} */
  let open = new Set();
  let generation = -1;
  let key = '';
  /** @type {{iteration: number, layout: Layout, layer: string} | null} */
  let latest = null;
  /** @type {{layout: Layout, columns: number, rows: number, stamp: string, right: Uint8Array, down: Uint8Array, ids: Int32Array} | null} */
  let cells = null;
  /** @type {Layout | null} */
  let shown = null;
  let arranged = get('arrangement');
  let [moment, blend, arrived] = [/** @type {number | null} */ (null), /** @type {number | null} */ (null), 0];

  const about = () => get('_points') ?? {};
  const valid = (/** @type {number} */ of, /** @type {string} */ images) => () => of === generation && images === key;

  /** @param {string} name @param {string} what @param {Record<string, any>} payload @param {(got: NonNullable<Awaited<ReturnType<typeof whole>>>) => void} then */
  async function fetch(name, what, payload, then) {
    if (open.has(name)) return;
    const mine = open;
    mine.add(name);
    const got = await whole(ask, what, { generation, ...payload }, about().count ?? 0, valid(generation, key));
    if (mine !== open || !got || (got.content.generation ?? generation) !== generation) return;
    then(got);
    mine.delete(name);
    redraw();
  }

  /** @param {number} iteration @param {Layout} layout */
  function keep(iteration, layout) {
    moments.delete(iteration);
    moments.set(iteration, layout);
    for (const old of moments.keys()) {
      if (moments.size * layout.xy.byteLength <= KEPT) break;
      moments.delete(old);
    }
  }

  /** The newest frame. @param {number} now */
  function readFrame(now) {
    const frame = get('_frame') ?? {};
    if (frame.generation !== generation || frame.key !== key) return;
    const layer = frame.layer ?? get('layer');
    if (latest && latest.iteration === frame.iteration && latest.layer === layer) return;
    const raw = bytes(get('_xy'));
    const { count = 0 } = about();
    const take = (/** @type {Uint8Array} */ values, /** @type {any} */ { lo, hi }) => {
      if (latest && latest.layer === layer && latest.iteration > frame.iteration) return; // a piece that came late
      const layout = layoutOf(values, lo, hi);
      latest = { iteration: frame.iteration, layout, layer };
      if ((about().keyframes ?? []).includes(frame.iteration)) keep(frame.iteration, layout);
      if (moment === null && blend === null) settle(now);
      arrived = now;
    };
    if (raw.length === 4 * count && count) take(raw, frame);
    else if (!raw.length && count)
      fetch(`frame ${frame.iteration}`, 'positions', { iteration: frame.iteration }, ({ raw: all, content }) =>
        take(all, content),
      );
  }

  /** Goes to what is to be shown. @param {number} now */
  function settle(now) {
    const next = target();
    if (!next || next === shown) return;
    const gap = now - arrived;
    const live = get('status') === 'running' && shown !== null && cells?.layout !== shown && cells?.layout !== next;
    const ms = !shown || still() ? 0 : live && arrived ? Math.min(CHANGE, Math.max(60, gap)) : CHANGE;
    points.go(next.xy, now, ms);
    shown = next;
  }

  /** @returns {Layout | null} */
  function target() {
    if (get('arrangement') === 'grid' && cells) return cells.layout;
    if (moment !== null) return moments.get(moment) ?? shown;
    return latest?.layout ?? null;
  }

  function readGrid() {
    const grid = get('_grid') ?? {};
    const stamp = `${grid.key} ${grid.generation} ${grid.columns}`;
    if (get('arrangement') !== 'grid' || cells?.stamp === stamp) return;
    if (grid.key !== key || grid.generation !== generation) return;
    fetch(`grid ${stamp}`, 'grid', {}, ({ raw, buffers }) => {
      const places = words(raw);
      const ids = new Int32Array(grid.columns * grid.rows).fill(-1);
      for (let i = 0; i < places.length; i += 2) ids[places[i + 1] * grid.columns + places[i]] = i / 2;
      const { columns, rows } = grid;
      const [right, down] = [bytes(buffers[1]), bytes(buffers[2])];
      cells = { layout: gridLayout(places, columns, rows), columns, rows, stamp, right, down, ids };
    });
  }

  /** The moment that is wanted, and while nothing else is to be done the others. */
  function readMoments() {
    const { keyframes = [], count = 0 } = about();
    const ask1 = (/** @type {number} */ iteration) => {
      if (moments.has(iteration)) return;
      fetch(`moment ${iteration}`, 'positions', { iteration }, ({ raw, content }) =>
        keep(iteration, layoutOf(raw, content.lo, content.hi)),
      );
    };
    if (moment !== null) ask1(moment);
    if (moment !== null && keyframes.length * count * 4 <= AHEAD && open.size < 2) {
      const next = keyframes.find((/** @type {number} */ k) => !moments.has(k) && !open.has(`moment ${k}`));
      if (next !== undefined) ask1(next);
    }
  }

  /** @param {number} now */
  function readLayers(now) {
    const names = about().layers ?? [];
    // once the map itself is that of the layer, it is followed again: it may go on, or become a grid
    if (latest?.layer === names[blend ?? -1] && get('layer') === latest?.layer) blend = null;
    if (arranged !== get('arrangement')) [arranged, blend] = [get('arrangement'), null];
    if (blend === null) return;
    const [a, b] = [Math.floor(blend), Math.min(names.length - 1, Math.floor(blend) + 1)];
    for (const layer of [a, b]) {
      if (layers.has(layer)) continue;
      fetch(`layer ${layer}`, 'positions', { layer }, ({ raw, content }) =>
        layers.set(layer, layoutOf(raw, content.lo, content.hi)),
      );
    }
    const [from, to] = [layers.get(a), layers.get(b)];
    if (!from || !to) return;
    points.hold(from.xy, to.xy, a === b ? 1 : blend - a);
    shown = blend - a < 0.5 ? from : to;
    arrived = now;
  }

  return {
    /** Reads what has changed. @param {number} now */
    follow(now) {
      const next = about();
      if (next.generation !== generation || next.key !== key) {
        const other = next.key !== key;
        [generation, key] = [next.generation, next.key];
        [moments, open, moment, cells] = [new Map(), new Set(), null, null];
        layers = new Map();
        if (other) [latest, shown, blend] = [null, null, null];
        if (latest) latest.iteration = -1;
      }
      readFrame(now);
      readGrid();
      readMoments();
      readLayers(now);
      if (blend === null) settle(now);
    },
    get shown() {
      return shown;
    },
    get iteration() {
      return moment ?? latest?.iteration ?? 0;
    },
    get moment() {
      return moment;
    },
    get blend() {
      return blend;
    },
    get grid() {
      return get('arrangement') === 'grid' && shown === cells?.layout ? cells : null;
    },
    /** A moment of how the map formed, null for the newest. @param {number | null} iteration */
    scrub(iteration) {
      [moment, blend] = [iteration, null];
      redraw();
    },
    /** Between two layers; null lets go. @param {number | null} v */
    morph(v) {
      [blend, moment] = [v, null];
      redraw();
    },
  };
}

/** @typedef {ReturnType<typeof maps>} Maps */
