/** Pointer, wheel and touch on the map. */
import { hear } from '../lib/frame.js';
import { rectangle, within } from './lasso.js';
import { WHEEL } from './words.js';

/** CSS px that a click may slip. */
const SLIP = 4;
/** CSS px between two corners of a lasso. */
const STRIDE = 3;

/** @typedef {{x: number, y: number}} Place */

/**
 * @param {HTMLElement} pic @param {import('../lib/view.js').View} view @param {import('./state.js').State} state
 * @param {{pick: (x: number, y: number) => number}} paint
 */
export function hands(pic, { signal, caption }, state, paint) {
  const { camera } = state;
  /** pointers that are down @type {Map<number, Place>} */
  const down = new Map();
  /** @type {{x: number, y: number, slipped: boolean, draws: boolean, start: number[]} | null} */
  let press = null;

  /** @param {MouseEvent} e @returns {Place} */
  const at = (e) => {
    const r = pic.getBoundingClientRect();
    return { x: e.clientX - r.left, y: e.clientY - r.top };
  };
  /** @param {Place} place */
  const mapped = ({ x, y }) => camera.toMap(x, y);
  /** @param {string} kinds @param {(e: any) => void} fn @param {AddEventListenerOptions} [more] */
  const on = (kinds, fn, more) => hear(pic, kinds, fn, { signal, ...more });

  on('pointerdown', (e) => {
    if (e.button > 0) return;
    pic.focus({ preventScroll: true });
    pic.setPointerCapture?.(e.pointerId);
    const place = at(e);
    down.set(e.pointerId, place);
    if (down.size > 1) {
      if (press?.draws) state.draw([], false);
      press = null;
      return;
    }
    const draws = state.tool !== 'pan';
    press = { ...place, slipped: false, draws, start: mapped(place) };
    if (e.pointerType !== 'mouse') state.point(paint.pick(place.x, place.y));
  });

  on('pointermove', (e) => {
    const place = at(e);
    const before = down.get(e.pointerId);
    if (!before) return state.point(paint.pick(place.x, place.y));
    if (down.size === 2) pinch(e.pointerId, place);
    else if (press) drag(place, before);
    if (down.size === 2 || !press || press.slipped) down.set(e.pointerId, place);
  });

  /** @param {Place} place @param {Place} before */
  function drag(place, before) {
    if (!press) return;
    if (!press.slipped && Math.hypot(place.x - press.x, place.y - press.y) <= SLIP) return;
    const first = !press.slipped;
    press.slipped = true;
    if (!press.draws) {
      camera.pan(place.x - before.x, place.y - before.y);
      return state.moved();
    }
    if (state.tool === 'rectangle') {
      const [x, y] = mapped(place);
      return state.draw(rectangle(press.start[0], press.start[1], x, y), true);
    }
    const corners = first ? press.start.slice() : state.drawn;
    const [lx, ly] = camera.toScreen(corners[corners.length - 2], corners[corners.length - 1]);
    if (first || Math.hypot(place.x - lx, place.y - ly) >= STRIDE) state.draw([...corners, ...mapped(place)], true);
  }

  /** Two fingers: their middle stays where it is on the map. @param {number} id @param {Place} place */
  function pinch(id, place) {
    const [a, b] = [...down.values()];
    const [one, other] = [...down].map(([key, old]) => (key === id ? place : old));
    const middle = { x: (one.x + other.x) / 2, y: (one.y + other.y) / 2 };
    const by = Math.hypot(one.x - other.x, one.y - other.y) / Math.max(1, Math.hypot(a.x - b.x, a.y - b.y));
    camera.pan(middle.x - (a.x + b.x) / 2, middle.y - (a.y + b.y) / 2);
    camera.zoomAt(by, middle.x, middle.y);
    state.moved();
  }

  on('pointerup', (e) => {
    const was = press;
    down.delete(e.pointerId);
    press = null;
    if (!was) return;
    const place = at(e);
    if (was.slipped && was.draws) return finish(e);
    if (was.slipped) return;
    const id = paint.pick(place.x, place.y);
    if (id < 0) return state.clear();
    if (e.shiftKey) state.toggle(id);
    else state.keep(id);
  });

  /** @param {PointerEvent} e */
  function finish(e) {
    const how = e.shiftKey ? 'add' : e.altKey ? 'subtract' : state.how;
    const { xy, hash } = state.points.rest();
    /** @type {number[]} */
    const ids = [];
    within(hash, xy, state.drawn, (id) => state.seen(id) && ids.push(id));
    state.draw(state.drawn, false);
    state.choose(ids, how);
  }

  on('pointercancel', (e) => {
    down.delete(e.pointerId);
    if (press?.draws) state.draw([], false);
    press = null;
  });
  on('pointerleave', () => down.size || state.point(-1));
  on('dblclick', (e) => {
    const { x, y } = at(e);
    camera.zoomAt(e.shiftKey ? 0.5 : 2, x, y);
    state.moved();
  });
  on(
    'wheel',
    (e) => {
      if (!pic.matches(':focus') && !e.ctrlKey && !e.metaKey) return caption.say(WHEEL, 'info');
      e.preventDefault();
      const { x, y } = at(e);
      const unit = e.deltaMode === 1 ? 16 : e.deltaMode === 2 ? 400 : 1;
      const by = Math.max(-120, Math.min(120, e.deltaY * unit));
      camera.zoomAt(2 ** (-by / (e.ctrlKey ? 60 : 240)), x, y);
      state.point(paint.pick(x, y));
      state.moved();
    },
    { passive: false },
  );
}
