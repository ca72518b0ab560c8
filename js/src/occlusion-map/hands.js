/** Pointer, touch and keyboard on the picture. */
import { hear } from '../lib/frame.js';
import { clamp } from '../lib/clamp.js';
import { floor, min, max, round } from './maths.js';

/** @typedef {import('./state.js').Place} Place */
/** @typedef {import('./data.js').Sweep} Sweep */

/** CSS px that a click may slip. */
const SLIP = 4;
/** rows and columns that a key goes @type {Record<string, [number, number]>} */
const WAYS = { ArrowUp: [-1, 0], ArrowDown: [1, 0], ArrowLeft: [0, -1], ArrowRight: [0, 1] };

/**
 * Where the patch goes for a point: onto the lattice, and there to a position that is known, if one is near.
 * @param {Sweep} sweep @param {number} y @param {number} x pixel @param {boolean} live
 * @returns {Place}
 */
export function snap({ lattice, nearest, known }, y, x, live) {
  const p = lattice.at(y, x);
  const q = nearest[p];
  const far = q < 0 || (live && !known[p] && !lattice.covers(q, p));
  return lattice.box(far ? p : q);
}

/** The patch with its middle under a point, inside the image. @param {number[]} patch @param {{height: number, width: number}} image @param {number} y @param {number} x @returns {Place} */
export function centred([h, w], { height, width }, y, x) {
  return { y: clamp(round(y - h / 2), 0, max(0, height - h)), x: clamp(round(x - w / 2), 0, max(0, width - w)) };
}

/**
 * Where an arrow key leads: one position, or a pixel. Without a kernel to ask, positions that are not known are passed by.
 * @param {Sweep} sweep @param {Place} place @param {[number, number]} way @param {{fine: boolean, live: boolean, height: number, width: number}} how
 * @returns {Place}
 */
export function walk({ lattice, known, patch }, place, way, { fine, live, height, width }) {
  if (fine && live) {
    const [y, x] = [place.y + way[0], place.x + way[1]];
    return {
      y: clamp(y, 0, max(0, height - min(patch[0], height))),
      x: clamp(x, 0, max(0, width - min(patch[1], width))),
    };
  }
  let [row, column] = [next(lattice.y.starts, place.y, way[0]), next(lattice.x.starts, place.x, way[1])];
  while (!live && !known[row * lattice.columns + column]) {
    [row, column] = [row + way[0], column + way[1]];
    if (row < 0 || row >= lattice.rows || column < 0 || column >= lattice.columns) return place;
  }
  return { y: lattice.y.starts[row], x: lattice.x.starts[column] };
}

/** The next start in a direction; standing still, the nearest. @param {number[]} starts @param {number} v @param {number} by */
function next(starts, v, by) {
  if (!by) return starts.reduce((best, start, i) => (Math.abs(start - v) < Math.abs(starts[best] - v) ? i : best), 0);
  const found = by > 0 ? starts.findIndex((start) => start > v) : starts.filter((start) => start < v).length - 1;
  return found >= 0 ? found : by > 0 ? starts.length - 1 : 0;
}

/**
 * @param {HTMLElement} pic @param {import('../lib/view.js').View} view @param {import('./state.js').State} state
 * @param {() => void} moved by hand
 */
export function listen(pic, view, state, moved) {
  const { signal } = view;
  let press = /** @type {{x: number, y: number, slipped: boolean} | null} */ (null);

  /** @param {PointerEvent} e */
  function point(e) {
    const { sweep } = state;
    if (!sweep || !state.fits()) return;
    const r = pic.getBoundingClientRect();
    const image = state.image();
    const y = clamp(((e.clientY - r.top) / r.height) * image.height, 0, image.height - 1);
    const x = clamp(((e.clientX - r.left) / r.width) * image.width, 0, image.width - 1);
    const free = e.altKey && view.live;
    go(free ? centred(state.patch(), image, y, x) : snap(sweep, y, x, view.live));
  }

  /** @param {Place | null} place */
  function go(place) {
    state.move(place);
    moved();
  }

  /** @param {boolean} held */
  function hold(held) {
    state.held = held && state.place !== null;
    moved();
  }

  hear(
    pic,
    'pointerdown',
    (e) => {
      press = { x: e.clientX, y: e.clientY, slipped: false };
      pic.setPointerCapture?.(e.pointerId);
      if (e.pointerType === 'touch') point(e);
    },
    { signal },
  );
  hear(
    pic,
    'pointermove',
    (e) => {
      if (press) press.slipped ||= Math.hypot(e.clientX - press.x, e.clientY - press.y) > SLIP;
      if (press ? press.slipped : !state.held) point(e);
    },
    { signal },
  );
  hear(
    pic,
    'pointerup',
    (e) => {
      const clicked = press && !press.slipped && e.pointerType !== 'touch';
      press = null;
      if (!clicked) return;
      if (!state.held) point(e);
      hold(!state.held);
    },
    { signal },
  );
  hear(
    pic,
    'pointercancel',
    () => {
      press = null;
    },
    { signal },
  );
  hear(
    pic,
    'keydown',
    (/** @type {KeyboardEvent} */ e) => {
      const { sweep, place } = state;
      if (!sweep || !state.fits() || e.altKey || e.metaKey || e.ctrlKey) return;
      if (e.key === 'Enter' || e.key === ' ') hold(!state.held);
      else if (e.key === 'Escape' && state.held) hold(false);
      else if (e.key === 'Escape' && place) go(null);
      else if (WAYS[e.key]) {
        const image = state.image();
        const how = { fine: e.shiftKey, live: view.live, ...image };
        // the first key shows the middle, the next ones move from there
        go(
          place
            ? walk(sweep, place, WAYS[e.key], how)
            : snap(sweep, floor(image.height / 2), floor(image.width / 2), view.live),
        );
      } else return;
      e.preventDefault();
    },
    { signal },
  );
}
