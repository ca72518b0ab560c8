/** Which images are shown as pictures, where and how large. */
import { declutter, levelOf, orderOf } from './declutter.js';
import { FULL } from './hash.js';
import { levelFor } from './slots.js';

/** @typedef {import('./camera.js').Camera} Camera */
/** @typedef {import('./points.js').Points} Points */

/** CSS px: the largest picture on the map. */
const LARGEST = 120;
/** Most pictures with "show all". */
const MOST = 20_000;
/** ms between two choices of who is shown while the map moves. */
const BEAT = 400;
/** Above this, who is in sight is found by the hash grid and not by going through the list. */
const LONG = 20_000;

/** CSS px of a thumbnail: it grows more slowly than the map. @param {number} size when the whole map is seen @param {number} zoom */
export const sizeAt = (size, zoom) => Math.min(Math.max(size, LARGEST), Math.max(8, size * Math.max(zoom, 1) ** 0.45));

/** Who is shown; kept while neither the map nor who may be shown changes. */
export function showing() {
  let [stamp, made] = ['', 0];
  /** @type {import('./declutter.js').Declutter | null} */
  let list = null;
  let flagged = /** @type {Uint8Array} */ (new Uint8Array(0));
  let all = new Uint32Array(0);
  let places = new Uint32Array(0);
  let known = 0;
  let order = { ranks: /** @type {ArrayLike<number> | null} */ (null), count: -1, ids: new Uint32Array(0) };

  return {
    /**
     * @param {Points} points @param {ArrayLike<number> | null} ranks @param {Uint8Array} flags bit 0: hidden @param {string} hidden stamp of the hidden ones
     * @param {number} now @param {boolean} running
     */
    choose(points, ranks, flags, hidden, now, running) {
      const { key, xy } = points.rest();
      const next = `${key} ${hidden} ${ranks !== null} ${points.count}`;
      if (list && next === stamp) return;
      if (list && running && now - made < BEAT && all.length <= points.count) return;
      if (order.ranks !== ranks || order.count !== points.count)
        order = { ranks, count: points.count, ids: orderOf(ranks, points.count) };
      flagged = flags;
      all = order.ids.filter((id) => !(flags[id] & 1));
      list = declutter(xy, all);
      [stamp, made, known] = [next, now, 0];
    },
    get stamp() {
      return made;
    },
    /** All that may be shown, most wanted first. */
    get order() {
      return all;
    },
    /** Those that are shown, in that order, as far as `upto` or `visible` has gone. @param {boolean} every */
    list: (every) => (every ? all : (list?.shown ?? all)),
    /** How many of the list are shown at a distance of `gap`. @param {number} gap */
    upto: (gap) => list?.at(levelOf(gap)) ?? 0,
    /**
     * Those in sight, in order of rank.
     * @param {Points} points @param {Camera} camera @param {number} gap @param {number} margin px @param {number} now @param {boolean} every
     */
    visible(points, camera, gap, margin, now, every) {
      if (!list) return [];
      const many = every ? all.length : list.at(levelOf(gap));
      const row = every ? all : list.shown;
      const { w, h } = camera.size;
      const [x0, y0] = camera.toMap(-margin, -margin);
      const [x1, y1] = camera.toMap(w + margin, h + margin);
      /** @type {number[]} */
      const found = [];
      const take = (/** @type {number} */ id) => {
        const [x, y] = points.at(id, now);
        if (x >= x0 && x <= x1 && y >= y0 && y <= y1) found.push(id);
      };
      const whole = x0 <= 0 && y0 <= 0 && x1 >= FULL && y1 >= FULL;
      if (many <= LONG || points.moving(now) || whole) {
        for (let k = 0; k < many && found.length < MOST; k++) take(row[k]);
        return found;
      }
      if (!every) index(many);
      const within = every
        ? (/** @type {number} */ id) => !(flagged[id] & 1)
        : (/** @type {number} */ id) => places[id] < many;
      points.rest().hash.touching(x0, y0, x1, y1, (id) => within(id) && take(id));
      if (every) return found.length > MOST ? found.slice(0, MOST) : found;
      found.sort((a, b) => places[a] - places[b]);
      return found.length > MOST ? found.slice(0, MOST) : found;
    },
  };

  /** @param {number} many */
  function index(many) {
    if (!list || known >= many) return;
    if (!known) places = new Uint32Array(order.count).fill(0xffffffff);
    for (; known < many; known++) places[list.shown[known]] = known;
  }
}

/**
 * Pictures on a grid fill their cells as soon as these are large enough.
 * @param {{columns: number, rows: number} | null} grid @param {number} scale CSS px to a unit
 */
export const cellSize = (grid, scale) => (grid ? (scale * FULL) / Math.max(grid.columns, grid.rows) : 0);

/**
 * The marks of these images for the scene, in device pixels.
 * @param {number[]} ids @param {Points} points @param {Camera} camera
 * @param {{size: number, dpr: number, now: number, alpha: (id: number) => number, frame: number, tint: (id: number) => number[]}} how
 */
export function marksOf(ids, points, camera, { size, dpr, now, alpha, frame, tint }) {
  const level = levelFor(size * dpr);
  return ids.map((id) => {
    const [x, y] = camera.toScreen(...points.at(id, now));
    return { id, x: x * dpr, y: y * dpr, size: Math.round(size * dpr), level, alpha: alpha(id), frame, tint: tint(id) };
  });
}

/** Where a point has many px to itself its dot is larger; [points to a px, size of a dot]. @type {[number, number][]} */
const SIZES = [
  [0.25, 1.25],
  [0.06, 1.6],
  [0.012, 2],
  [0.002, 2.5],
  [0, 3],
];

/** Size and opacity of dots: many points are smaller and clearer. @param {number} count @param {number} area CSS px of the canvas @param {number} zoom */
export function dotsOf(count, area, zoom) {
  const crowd = count / (Math.max(1, area) * Math.max(1, zoom * zoom));
  const size = SIZES.find(([least]) => crowd >= least)?.[1] ?? 4;
  return { size, alpha: Math.min(0.6, Math.max(0.22, 0.6 - 0.25 * Math.log10(1 + crowd * 20))) };
}
