/**
 * Where every image lies: now, where it came from, and how far it is on its way. All positions of the page are 16-bit
 * pairs in one square, x to the right and y down, whatever the numbers of the map; `square` leads back to these.
 */
import { clamp } from '../lib/clamp.js';
import { FULL, hashGrid } from './hash.js';

/** @typedef {{x: number, y: number, side: number}} Square the data at the left and lower end of the map, and its side */
/** @typedef {{xy: Uint16Array, square: Square, aspect: [number, number]}} Layout positions, and the share of the square that they fill */

/**
 * Positions off the wire: u = lo + q / 65535 * (hi - lo) a axis, y upwards.
 * @param {Uint8Array} raw @param {[number, number]} lo @param {[number, number]} hi @returns {Layout}
 */
export function layoutOf(raw, lo, hi) {
  const [w, h] = [hi[0] - lo[0], hi[1] - lo[1]];
  const side = Math.max(w, h) || 1;
  const square = { x: (lo[0] + hi[0] - side) / 2, y: (lo[1] + hi[1] - side) / 2, side };
  const q = words(raw);
  const xy = new Uint16Array(q.length);
  const [kx, ky] = [w / side, h / side];
  const [ox, oy] = [((1 - kx) * FULL) / 2 + 0.5, FULL - ((1 - ky) * FULL) / 2 + 0.5];
  for (let i = 0; i < q.length; i += 2) {
    xy[i] = q[i] * kx + ox;
    xy[i + 1] = oy - q[i + 1] * ky;
  }
  return { xy, square, aspect: [kx, ky] };
}

/** Cells of a grid as positions, row 0 on top. @param {Uint16Array} cells column, row, ... @param {number} columns @param {number} rows @returns {Layout} */
export function gridLayout(cells, columns, rows) {
  const side = Math.max(columns, rows);
  const pitch = FULL / side;
  const [ox, oy] = [(side - columns) / 2 + 0.5, (side - rows) / 2 + 0.5];
  const xy = new Uint16Array(cells.length);
  for (let i = 0; i < cells.length; i += 2) {
    xy[i] = (cells[i] + ox) * pitch;
    xy[i + 1] = (cells[i + 1] + oy) * pitch;
  }
  return { xy, square: { x: -ox + 0.5, y: rows - side + oy - 0.5, side }, aspect: [columns / side, rows / side] };
}

/** Little-endian 16-bit numbers at any offset. @param {Uint8Array} raw */
export function words(raw) {
  const even = raw.byteOffset % 2 ? raw.slice() : raw;
  return new Uint16Array(even.buffer, even.byteOffset, even.byteLength >> 1);
}

/** From the data's own coordinates to the page's, and back. @param {Square} square */
export const axes = ({ x, y, side }) => ({
  in: (/** @type {number} */ a, /** @type {number} */ b) => [((a - x) / side) * FULL, FULL - ((b - y) / side) * FULL],
  out: (/** @type {number} */ a, /** @type {number} */ b) => [x + (a / FULL) * side, y + (1 - b / FULL) * side],
});

/** Slows down towards its end. @param {number} t */
export const eased = (t) => 1 - (1 - t) ** 3;

export function points() {
  /** @type {[Uint16Array, Uint16Array]} */
  let [from, to] = [new Uint16Array(0), new Uint16Array(0)];
  let [began, lasts, held] = [0, 0, /** @type {number | null} */ (null)];
  let stamp = 0;
  /** @type {{stamp: string, xy: Uint16Array, hash: import('./hash.js').HashGrid | null}} */
  let rest = { stamp: '', xy: to, hash: null };

  /** How far the points are from `from` to `to`, 0..1. @param {number} now */
  const share = (now) => held ?? (lasts ? eased(clamp((now - began) / lasts, 0, 1)) : 1);

  /** Where all points are at some moment. @param {number} now */
  function mixed(now) {
    const t = share(now);
    if (t >= 1 || from.length !== to.length) return to;
    if (t <= 0) return from;
    const xy = new Uint16Array(to.length);
    for (let i = 0; i < xy.length; i++) xy[i] = from[i] + (to[i] - from[i]) * t + 0.5;
    return xy;
  }

  return {
    get count() {
      return to.length >> 1;
    },
    get from() {
      return from.length === to.length ? from : to;
    },
    get to() {
      return to;
    },
    /** Changes with the buffers, not with the time. */
    get stamp() {
      return stamp;
    },
    share,
    moving: (/** @type {number} */ now) => held === null && lasts > 0 && now < began + lasts,
    /** From where they are now to other places. @param {Uint16Array} xy @param {number} now @param {number} ms */
    go(xy, now, ms) {
      if (xy === to && held === null) return;
      from = ms > 0 && to.length === xy.length ? mixed(now) : xy;
      [to, began, lasts, held] = [xy, now, ms, null];
      stamp++;
    },
    /** Between two maps, by hand. @param {Uint16Array} a @param {Uint16Array} b @param {number} t */
    hold(a, b, t) {
      if (a !== from || b !== to) stamp++;
      [from, to, held, lasts] = [a, b, t, 0];
    },
    /** One point, in the units of the page. @param {number} id @param {number} now @returns {[number, number]} */
    at(id, now) {
      const t = share(now);
      const a = from.length === to.length ? from : to;
      return [a[2 * id] + (to[2 * id] - a[2 * id]) * t, a[2 * id + 1] + (to[2 * id + 1] - a[2 * id + 1]) * t];
    },
    /** What lies where; while the points move, where they go to. */
    rest() {
      const key = `${stamp} ${held}`;
      if (rest.stamp !== key) rest = { stamp: key, xy: held === null ? to : mixed(0), hash: null };
      const { xy } = rest;
      return {
        key,
        xy,
        get hash() {
          rest.hash ??= hashGrid(xy);
          return rest.hash;
        },
      };
    },
  };
}

/** @typedef {ReturnType<typeof points>} Points */
