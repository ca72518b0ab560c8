/** The traits of one view, read when they have changed and put into order. */
import { clamp } from '../lib/clamp.js';
import { lookOf } from './contrast.js';
import { bytes } from '../lib/buffers.js';
import { context } from '../lib/canvas.js';
import { cut, overview, readExact, readMaps, readSurvey } from './data.js';
import { decode } from './draw.js';
import { rank } from './order.js';

/** @typedef {import('./data.js').Maps} Maps */
/** @typedef {import('./data.js').Values} Values */
/** @typedef {import('./data.js').Survey} Survey */

/** Full-resolution maps kept, so that a channel seen before is exact at once. */
const EXACT = 12;

/** @param {import('../lib/view.js').View} view */
export function stateOf(view) {
  const { get, on, redraw } = view;
  /** @type {Map<string, Values>} */
  const seen = new Map();
  let fresh = false;
  /** The tiles of a sheet, once it is decoded. */
  let unpacked = { key: '', tiles: new Uint8Array() };
  const state = {
    maps: /** @type {Maps | null} */ (null),
    survey: /** @type {Survey | null} */ (null),
    /** channel of each tile */
    order: /** @type {number[]} */ ([]),
    read,
    channel: () => clamp(get('channel') ?? 0, 0, (state.maps?.count ?? 1) - 1),
    /** @param {Maps} maps @param {number} channel */
    exact: (maps, channel) => seen.get(`${maps.key}|${channel}`) ?? null,
    /** @param {Maps} maps */
    look: (maps) => lookOf(maps, { scale: get('scale'), gamma: get('gamma') ?? 1, colors: get('colors') }),
    image: () => ({ height: 1, width: 1, name: '', label: '', ...get('_image') }),
    stale,
  };
  on('_tiles _tiles_meta _stats _map _map_meta _field_meta _survey _survey_meta order over'.split(' '), () => {
    fresh = false;
    redraw();
  });

  // Read in the next frame and not at once: hosts set the traits of one message one after the other.
  function read() {
    if (fresh) return;
    fresh = true;
    state.maps = readMaps(get, tiles()) ?? state.maps;
    const { maps } = state;
    if (!maps) return;
    remember(maps);
    state.survey = get('over') === 'all' ? readSurvey(get, maps) : null;
    const { active, strength, mean } = state.survey ?? maps;
    // a number has no places to average over: the strongest is the largest
    state.order = rank(get('order'), maps.count, { active, strength: maps.face === 'maps' ? strength : mean });
  }

  /** As they came, or of a sheet: none until it is decoded, and what was there stays. */
  function tiles() {
    const meta = get('_tiles_meta');
    const raw = bytes(get('_tiles'));
    if (meta?.codec !== 'jpeg') return raw;
    if (unpacked.key !== meta.key) unpack(raw, meta);
    return unpacked.tiles;
  }

  async function unpack(/** @type {Uint8Array<ArrayBuffer>} */ raw, /** @type {any} */ meta) {
    const mine = { key: meta.key, tiles: new Uint8Array() };
    unpacked = mine;
    const canvas = await decode(raw, { codec: 'jpeg', shape: meta.sheet });
    mine.tiles = cut(context(canvas).getImageData(0, 0, canvas.width, canvas.height).data, meta);
    fresh = false;
    redraw();
  }

  /** @param {Maps} maps */
  function remember(maps) {
    const exact = readExact(get, maps);
    if (!exact) return;
    const name = `${maps.key}|${exact.channel}`;
    seen.delete(name);
    seen.set(name, exact);
    for (const old of seen.keys()) if (seen.size > EXACT) seen.delete(old);
  }

  /** What on screen belongs to the layer, call or image from before. */
  function stale() {
    const { maps } = state;
    const old = (/** @type {'image' | 'layer' | 'call'} */ name) =>
      Boolean(maps && view.live && get('status') === 'running' && maps[name] !== get(name));
    return { image: old('image'), maps: old('image') || old('layer') || old('call') };
  }
  return state;
}

/** The best there is of a channel: exact, sharper than the overview, or the overview. @param {ReturnType<typeof stateOf>} state @param {Maps} maps @param {number} channel @param {Values | null} sharp */
export const best = (state, maps, channel, sharp) => state.exact(maps, channel) ?? sharp ?? overview(maps, channel);
