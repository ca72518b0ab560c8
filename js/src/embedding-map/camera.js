/** What part of the map is seen: a middle, in the units of positions, and CSS px to such a unit. */
import { clamp } from '../lib/clamp.js';
import { FULL } from './hash.js';
import { eased } from './points.js';

/** Share of the canvas that the whole map takes: thumbnails need room at the border. */
const ROOM = 0.93;
const DEEPEST = 400;
/** A part of the map that is shown is at least so large, as a share of it: one image has some of its surroundings. */
const NEAREST = FULL * 0.06;
const FLIGHT = 450; // ms

/** @typedef {{x: number, y: number, scale: number}} Place */

export function camera() {
  const now = { x: FULL / 2, y: FULL / 2, scale: 0.01 };
  const size = { w: 1, h: 1 };
  let aspect = /** @type {[number, number]} */ ([1, 1]);
  let follows = true; // nobody has moved it: it shows the whole map, also after a change of size
  /** @type {{from: Place, to: Place, began: number} | null} */
  let flight = null;

  const fitted = () => Math.min(size.w / aspect[0], size.h / aspect[1]) * (ROOM / FULL);
  /** @param {Place} place */
  const put = ({ x, y, scale }) => {
    now.scale = clamp(scale, fitted() / 2, fitted() * DEEPEST);
    const room = FULL / 2;
    now.x = clamp(x, -room, FULL + room);
    now.y = clamp(y, -room, FULL + room);
  };

  return {
    now,
    size,
    get follows() {
      return follows;
    },
    /** Where it is, or will be when the flight is over. @returns {Place} */
    get aim() {
      return flight?.to ?? now;
    },
    /** How much larger than when the whole map is seen. */
    get zoom() {
      return now.scale / fitted();
    },
    /** @param {number} w @param {number} h @param {[number, number]} shape */
    resize(w, h, shape) {
      const wide = size.w ? (w - size.w) / 2 : 0;
      Object.assign(size, { w, h });
      aspect = shape;
      if (follows && !flight) put({ x: FULL / 2, y: FULL / 2, scale: fitted() });
      return wide;
    },
    /** @param {number} x @param {number} y */
    toScreen: (x, y) => [(x - now.x) * now.scale + size.w / 2, (y - now.y) * now.scale + size.h / 2],
    /** @param {number} x @param {number} y */
    toMap: (x, y) => [(x - size.w / 2) / now.scale + now.x, (y - size.h / 2) / now.scale + now.y],
    /** @param {number} dx px @param {number} dy */
    pan(dx, dy) {
      [flight, follows] = [null, false];
      put({ ...now, x: now.x - dx / now.scale, y: now.y - dy / now.scale });
    },
    /** What lies under a point of the screen stays there. @param {number} by @param {number} x @param {number} y */
    zoomAt(by, x, y) {
      [flight, follows] = [null, false];
      const before = now.scale;
      put({ ...now, scale: before * by });
      const k = 1 / before - 1 / now.scale;
      now.x += (x - size.w / 2) * k;
      now.y += (y - size.h / 2) * k;
    },
    /** @param {Place} to @param {number} time @param {boolean} [still] at once */
    fly(to, time, still = false) {
      follows = false;
      if (still) {
        flight = null;
        put(to);
      } else flight = { from: { ...now }, to, began: time };
    },
    /** A part of the map, with some room round it. @param {number[]} box left, top, right, bottom @param {number} time @param {boolean} [still] */
    show([left, top, right, bottom], time, still = false) {
      const [wide, high] = [Math.max(right - left, NEAREST), Math.max(bottom - top, NEAREST)];
      const scale = clamp(Math.min(size.w / wide, size.h / high) * 0.8, fitted(), fitted() * DEEPEST);
      this.fly({ x: (left + right) / 2, y: (top + bottom) / 2, scale }, time, still);
    },
    /** The whole map. @param {number} time @param {boolean} [still] */
    fit(time, still = false) {
      this.fly({ x: FULL / 2, y: FULL / 2, scale: fitted() }, time, still);
      follows = true;
    },
    /** Moves on a flight; true while there is one. @param {number} time */
    step(time) {
      if (!flight) return false;
      const t = clamp((time - flight.began) / FLIGHT, 0, 1);
      const [k, { from, to }] = [eased(t), flight];
      // in equal steps of zoom, and so that both ends are straight on the screen
      const scale = from.scale * (to.scale / from.scale) ** k;
      const s =
        Math.abs(to.scale / from.scale - 1) < 1e-3 ? k : (1 / from.scale - 1 / scale) / (1 / from.scale - 1 / to.scale);
      put({ x: from.x + (to.x - from.x) * s, y: from.y + (to.y - from.y) * s, scale });
      if (t >= 1) flight = null;
      return flight !== null;
    },
  };
}

/** @typedef {ReturnType<typeof camera>} Camera */
