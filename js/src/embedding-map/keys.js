/** The keyboard on the map. */
import { hear } from '../lib/frame.js';

/** @type {Record<string, [number, number]>} */
const WAYS = { ArrowUp: [0, -1], ArrowDown: [0, 1], ArrowLeft: [-1, 0], ArrowRight: [1, 0] };
const PAN = 60; // px

/**
 * @param {HTMLElement} pic @param {import('../lib/view.js').View} view @param {import('./state.js').State} state
 * @param {Record<string, () => void>} acts what a key does
 */
export function keys(pic, { signal }, state, acts) {
  const { camera, points } = state;
  const middle = () => ({ x: camera.size.w / 2, y: camera.size.h / 2 });

  /** @param {number} by */
  function zoom(by) {
    const on = state.subject();
    const { x, y } = on >= 0 ? place(on) : middle();
    camera.zoomAt(by, x, y);
    state.moved();
  }

  /** @param {number} id */
  function place(id) {
    const [x, y] = camera.toScreen(...points.at(id, performance.now()));
    return { x, y };
  }

  /** To the next image in a direction; the first key shows the one in the middle. @param {[number, number]} way */
  function travel(way) {
    const from = state.subject();
    const [x, y] = camera.toMap(middle().x, middle().y);
    const { hash } = points.rest();
    const to = from < 0 ? hash.nearest(x, y, 1, state.seen)[0] : hash.toward(from, ...way, state.seen);
    if (to === undefined || to < 0) return;
    state.point(to);
    state.reveal(to);
  }

  /** @param {KeyboardEvent} e @returns {(() => void) | null} */
  function action(e) {
    const way = WAYS[e.key];
    if (way && e.shiftKey)
      return () => {
        camera.pan(-way[0] * PAN, -way[1] * PAN);
        state.moved();
      };
    if (way) return () => travel(way);
    const on = state.subject();
    /** @type {Record<string, () => void>} */
    const own = {
      Enter: () => on >= 0 && state.keep(on),
      s: () => on >= 0 && state.toggle(on),
      u: () => state.undo(),
      '+': () => zoom(1.5),
      '=': () => zoom(1.5),
      '-': () => zoom(1 / 1.5),
      0: () => state.fit(),
      Escape: () => state.clear(),
    };
    return own[e.key] ?? acts[e.key === ' ' ? 'Space' : e.key] ?? null;
  }

  hear(
    pic,
    'keydown',
    (/** @type {KeyboardEvent} */ e) => {
      if (e.altKey || e.metaKey || e.ctrlKey || !points.count) return;
      const act = action(e);
      if (!act) return;
      e.preventDefault();
      act();
    },
    { signal },
  );
}
