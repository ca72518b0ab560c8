/** Everything that a view of the map knows, beside what the traits say. */
import { bytes } from '../lib/buffers.js';
import { throttle } from '../lib/frame.js';
import { keeper } from '../lib/parts.js';
import { isDark } from '../lib/theme.js';
import { camera } from './camera.js';
import { paint, rampOf, numberAt } from './colours.js';
import { asker, columns } from './feed.js';
import { both, flagger, HIDDEN } from './flags.js';
import { bounds } from './lasso.js';
import { maps } from './maps.js';
import { showing } from './marks.js';
import { axes, points } from './points.js';
import { fromBits, selection } from './selection.js';

/** @typedef {import('./colours.js').Column} Column */
/** @typedef {import('./words.js').Card} Card */

const BEAT = 150; // ms between two messages while the pointer moves
const CARDS = 512;
/** Cards that may be on their way: more would only be a heap of questions for a kernel that is busy. */
const FLYING = 2;

/** @param {import('../lib/view.js').View} view */
export function stateOf(view) {
  const { get, set, model, signal, redraw, root } = view;
  const ask = asker(view);
  const [at, look, chosen, flags, shown] = [points(), camera(), selection(), flagger(), showing()];
  const motion = matchMedia('(prefers-reduced-motion: reduce)');
  const still = () => motion.matches;
  const map = maps(view, ask, at, still);
  const cols = columns(ask, redraw);
  /** @type {Map<number, Card | null>} */
  let cards = new Map();
  /** @type {{text: string, bits: Uint8Array | null, count: number}} */
  let found = { text: '', bits: null, count: 0 };
  const [painted, ramps] = [keeper(), keeper()];
  /** @type {ReturnType<typeof keeper<{id: number, distance: number, kept: boolean}[]>>} */
  const beside = keeper();
  const firsts = keeper();
  let asking = 0;
  let missing = new Set();

  const state = {
    ask,
    points: at,
    camera: look,
    chosen,
    flags,
    shown,
    map,
    still,
    /** under the pointer, −1 for none */
    hover: -1,
    /** the one that was: it stays on view when the pointer leaves, to be talked about and its neighbours clicked */
    last: -1,
    tool: /** @type {"pan" | "lasso" | "rectangle"} */ ('pan'),
    /** what a lasso does with who is inside */
    how: /** @type {import('./selection.js').How} */ ('replace'),
    /** categories that the legend keeps, null for all @type {Set<number> | null} */
    kept: /** @type {Set<number> | null} */ (null),
    /** category that the legend points at */
    pointed: -1,
    /** corners of what was drawn @type {number[]} */
    drawn: /** @type {number[]} */ ([]),
    drawing: false,
    about: () => get('_points') ?? {},
    count: () => get('_points')?.count ?? 0,
    /** the one that is spoken of: hovered now or before, else the current image */
    subject: () => [state.hover, state.last, state.current()].find((id) => id >= 0 && id < state.count()) ?? -1,
    /** the image that was chosen, −1 for none */
    current: () => (touched && get('image') < state.count() ? get('image') : -1),
    brief,
    typical,
    seen: (/** @type {number} */ id) => !(flags.values[id] & HIDDEN),
    neighbours,
    /** whose pictures should be sharp wherever they are */
    near: () => (state.subject() < 0 ? [] : [state.subject(), ...neighbours(state.subject()).map(({ id }) => id)]),
    get found() {
      return found;
    },
    columns: () => /** @type {Column[]} */ (get('_columns') ?? []),
    column,
    values: (/** @type {string} */ name) => (column(name) || name === 'rank' ? cols.get(name, state.count()) : null),
    colours,
    ramp: () => {
      const kind = colours().column?.kind ?? null;
      const stamp = `${kind} ${isDark(root)}`;
      return { stamp, rgba: /** @type {Uint8Array} */ (ramps(stamp, () => rampOf(kind, isDark(root)))) };
    },
    /** What is written of a point in the column of the colour. @param {string} name @param {number} id */
    read(name, id) {
      const [of, values] = [column(name), state.values(name)];
      if (!of || !values) return null;
      return of.kind === 'number' ? numberAt(of, values, id) : (of.categories?.[values.values[id]] ?? null);
    },
    card,
    search,
    choose,
    follow,
    reset() {
      cols.forget();
      cards = new Map();
      missing = new Set(state.about().missing ?? []);
      found = { text: '', bits: null, count: 0 };
      chosen.reset(state.count());
      [state.hover, state.last, state.kept, state.pointed, state.drawn] = [-1, -1, null, -1, []];
      followSelection();
      search(get('search') ?? '');
    },
    /** @param {number} id */
    point(id) {
      if (id === state.hover) return;
      state.hover = id;
      if (id >= 0) state.last = id;
      tell();
      redraw();
    },
    /** Python says who is hovered, or nobody. */
    followHover() {
      const id = get('hovered') ?? -1;
      if (id === state.hover) return;
      state.last = -1;
      state.point(id);
    },
    /** A click or Enter. @param {number} id */
    keep(id) {
      touched = true;
      set('image', id);
      redraw();
    },
    moved() {
      tellView();
      redraw();
    },
    followSelection,
    followView,
    /** @param {number} id */
    toggle: (id) => choose([id], chosen.flags[id] ? 'subtract' : 'add'),
    /** Nothing is selected or drawn. */
    clear() {
      [state.drawn, state.last] = [[], -1];
      choose([], 'replace');
    },
    /** @param {number[]} corners in units of the map @param {boolean} open still being drawn */
    draw(corners, open) {
      [state.drawn, state.drawing] = [corners, open];
      redraw();
    },
    /** The whole map. */
    fit() {
      look.fit(performance.now(), still());
      state.moved();
    },
    /** Flies to what was found, else to what is selected, else to the image that is spoken of. */
    flyTo() {
      const hit = found.count ? found.bits : chosen.size ? chosen.flags : null;
      const on = state.subject();
      const ids = hit ? [...hit.keys()].filter((i) => hit[i] && state.seen(i)) : on < 0 ? [] : [on];
      if (!ids.length || !at.count) return;
      const { xy } = at.rest();
      look.show(bounds(ids.flatMap((i) => [xy[2 * i], xy[2 * i + 1]])), performance.now(), still());
      state.moved();
    },
    /** Brings an image into sight. @param {number} id */
    reveal(id) {
      const [x, y] = at.rest().xy.subarray(2 * id, 2 * id + 2);
      const [left, top] = look.toScreen(x, y);
      const { w, h } = look.size;
      if (left < 24 || top < 24 || left > w - 24 || top > h - 24) {
        look.fly({ x, y, scale: look.now.scale }, performance.now(), still());
        state.moved();
      }
      redraw();
    },
    /** The image was chosen somewhere else. */
    attend() {
      touched = true;
      state.last = -1;
      redraw();
    },
    /** What the kernel works out anew for the same images. */
    renew: () => cols.renew('kept'),
    undo() {
      if (chosen.undo()) sendSelection();
      state.drawn = [];
      redraw();
    },
  };
  let touched = false;
  let told = '[]';
  const tell = throttle(() => set('hovered', state.hover), BEAT, signal);
  const tellView = throttle(
    () => {
      const square = map.shown?.square;
      if (!square) return;
      const { aim } = look;
      const [x, y] = axes(square).out(aim.x, aim.y);
      const next = look.follows ? [] : [x, y, ((look.size.w / aim.scale) * square.side) / 65535];
      told = JSON.stringify(next);
      set('view', next);
    },
    BEAT,
    signal,
  );

  /** @param {string} name */
  function column(name) {
    return state.columns().find((one) => one.name === name) ?? null;
  }

  function colours() {
    const of = column(get('colour') ?? 'label');
    const values = of && cols.get(of.name, state.count());
    const stamp = `${of?.name} ${values?.stamp} ${state.count()} ${get('_points')?.key} ${of?.categories?.length}`;
    const made = painted(stamp, () =>
      of && values ? paint(of, values, state.count()) : { index: new Uint8Array(state.count()).fill(255), legend: [] },
    );
    return { stamp, column: values ? of : null, values, .../** @type {import('./colours.js').Painted} */ (made) };
  }

  /** What is known of an image, asked for once. @param {number} id @returns {Card | null} */
  function card(id) {
    if (id < 0 || id >= state.count()) return null;
    const known = cards.get(id);
    if (known !== undefined || asking >= FLYING) return known ?? null;
    for (const old of cards.keys()) if (cards.size > CARDS) cards.delete(old);
    cards.set(id, null);
    const mine = cards;
    asking++;
    ask('card', { id }).then((reply) => {
      asking--;
      if (mine !== cards) return;
      if (reply) mine.set(id, reply.content);
      redraw();
    });
    return null;
  }

  /** What can be said of an image at once, and what its card adds. @param {number} id @returns {Card} */
  function brief(id) {
    const known = id === state.subject() ? card(id) : (cards.get(id) ?? null);
    const read = (/** @type {string} */ name) => {
      const got = state.read(name, id);
      return got === null ? undefined : got;
    };
    const [label, prediction, confidence] = ['label', 'prediction', 'confidence'].map(read);
    return {
      id,
      ...(label !== undefined && { label: String(label) }),
      ...(prediction !== undefined && { prediction: String(prediction) }),
      ...(typeof confidence === 'number' && Number.isFinite(confidence) && { confidence }),
      ...known,
    };
  }

  /** One image of a category: the first of those that are shown first. @param {number} category */
  function typical(category) {
    const { values, stamp } = colours();
    const list = /** @type {Map<number, number>} */ (
      firsts(`${stamp} ${shown.stamp}`, () => {
        const found = new Map();
        for (const id of shown.order) {
          const c = values?.values[id] ?? -1;
          if (!found.has(c)) found.set(c, id);
          if (found.size > 64) break;
        }
        return found;
      })
    );
    return list.get(category) ?? -1;
  }

  /** Nearest in the space of the features, and whether the map kept each beside it. @param {number} id @returns {{id: number, distance: number, kept: boolean}[]} */
  function neighbours(id) {
    const { neighbours: ids = [], distances = [] } = card(id) ?? {};
    if (!ids.length || !at.count) return [];
    const { key, hash, xy } = at.rest();
    return beside(`${id} ${key} ${ids}`, () => {
      const near = new Set(
        hash.nearest(xy[2 * id], xy[2 * id + 1], ids.length, (other) => other !== id && !missing.has(other)),
      );
      return ids.map((other, k) => ({ id: other, distance: distances[k], kept: near.has(other) }));
    });
  }

  /** @param {string} text */
  async function search(text) {
    found = { text, bits: null, count: 0 };
    redraw();
    if (!text) return;
    const reply = await ask('search', { text });
    if (found.text !== text) return;
    found = reply
      ? { text, bits: fromBits(bytes(reply.buffers[0]), state.count()), count: reply.content.count }
      : { text, ...byLabel(text) };
    redraw();
  }

  /** In a saved page there are labels and no names. @param {string} text */
  function byLabel(text) {
    const bits = new Uint8Array(state.count());
    const [of, values] = [column('label'), state.values('label')];
    const fit = (of?.categories ?? []).map((name) => name.toLowerCase().includes(text.toLowerCase()));
    let count = 0;
    for (let i = 0; values && i < bits.length; i++) count += bits[i] = fit[values.values[i]] ? 1 : 0;
    return { bits, count };
  }

  /** @param {Iterable<number>} ids @param {import('./selection.js').How} how */
  function choose(ids, how) {
    if (chosen.choose(ids, how)) sendSelection();
    redraw();
  }

  function sendSelection() {
    const traits = chosen.traits();
    model.set('selected', traits.selected);
    if (traits._mask.byteLength || bytes(get('_mask')).length) model.set('_mask', traits._mask);
    model.save_changes();
  }

  function followSelection() {
    if (chosen.flags.length !== state.count()) chosen.reset(state.count());
    if (chosen.follow(get('selected') ?? [], bytes(get('_mask')))) state.drawn = [];
    redraw();
  }

  /** From Python. */
  function followView() {
    const wished = get('view') ?? [];
    if (JSON.stringify(wished) === told) return; // it is what this page said
    const [x, y, width] = wished;
    const square = map.shown?.square;
    if (!square || look.size.w < 2) return;
    told = JSON.stringify(wished);
    if (width === undefined) {
      if (!look.follows) look.fit(performance.now(), still());
    } else {
      const [u, v] = axes(square).in(x, y);
      look.fly({ x: u, y: v, scale: (look.size.w * square.side) / (width * 65535) }, performance.now(), still());
    }
    redraw();
  }

  /** Who is hidden and who steps back. */
  function follow() {
    const { index } = colours();
    const values = colours().values?.values;
    const { kept, pointed } = state;
    const only =
      kept && values
        ? {
            stamp: `kept ${[...kept].sort()} ${colours().stamp}`,
            test: (/** @type {number} */ i) => kept.has(values[i]),
          }
        : null;
    const isolated =
      get('isolate') && chosen.size
        ? { stamp: `isolated ${chosen.stamp}`, test: (/** @type {number} */ i) => chosen.flags[i] === 1 }
        : null;
    const { bits, text } = found;
    const hit = bits && { stamp: `found ${text}`, test: (/** @type {number} */ i) => bits[i] === 1 };
    const inside =
      chosen.size && !isolated
        ? { stamp: `chosen ${chosen.stamp}`, test: (/** @type {number} */ i) => chosen.flags[i] === 1 }
        : null;
    const at =
      pointed >= 0 && values && index.length
        ? { stamp: `at ${pointed} ${colours().stamp}`, test: (/** @type {number} */ i) => values[i] === pointed }
        : null;
    flags.update(state.count(), state.about().missing ?? [], both(only, isolated), at ?? hit ?? inside);
  }

  return state;
}

/** @typedef {ReturnType<typeof stateOf>} State */
