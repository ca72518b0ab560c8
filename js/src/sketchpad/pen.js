/** The pen: mouse, stylus, finger or keyboard, as points of a stroke. */
import { clamp } from '../lib/clamp.js';
import { hear } from '../lib/frame.js';

/** @typedef {import('./paper.js').Point} Point */

const STEP = 1 / 24; // of the sheet's width, for an arrow key
const FINE = 4; // times less with Shift

/** A stylus presses harder or softer, everything else draws evenly. @param {PointerEvent} event */
export const force = ({ pointerType, pressure }) => (pointerType === 'pen' && pressure ? 0.4 + 1.2 * pressure : 1);

/**
 * @param {HTMLElement} pad
 * @param {{signal: AbortSignal, aspect: () => number, may: () => boolean, down: (point: Point, erase: boolean) => void,
 *   move: (points: Point[]) => void, up: () => void, hover: (at: Point | null) => void, undo: () => void, clear: () => void,
 *   told: (down: boolean) => void}} hands aspect: height / width of the sheet
 */
export function pen(pad, { signal, aspect, may, down, move, up, hover, undo, clear, told }) {
  let active = -1;
  /** The keyboard's pen. */
  let [x, y, held] = [0.5, 0.5, false];

  /** @param {PointerEvent} event @returns {Point} */
  function at(event) {
    const edge = pad.getBoundingClientRect();
    return [
      (event.clientX - edge.left) / edge.width,
      ((event.clientY - edge.top) / edge.height) * aspect(),
      force(event),
    ];
  }
  function end() {
    if (active < 0) return;
    active = -1;
    up();
  }
  hear(
    pad,
    'pointerdown',
    (/** @type {PointerEvent} */ e) => {
      if (e.button > 0 && e.button !== 5) return; // 5: the rubber of a stylus
      e.preventDefault();
      pad.focus({ preventScroll: true });
      lift();
      if (active >= 0 || !may()) return; // a second finger draws nothing
      active = e.pointerId;
      try {
        pad.setPointerCapture(e.pointerId);
      } catch {
        // a pointer that is gone again already
      }
      down(at(e), e.button === 5);
    },
    { signal },
  );
  hear(
    pad,
    'pointermove',
    (/** @type {PointerEvent} */ e) => {
      hover(at(e));
      if (e.pointerId !== active) return;
      const all = e.getCoalescedEvents?.() ?? [];
      move((all.length ? all : [e]).map(at));
    },
    { signal },
  );
  hear(pad, 'pointerup pointercancel lostpointercapture', (e) => e.pointerId === active && end(), { signal });
  hear(pad, 'pointerleave', () => active < 0 && hover(null), { signal });

  function lift() {
    if (!held) return;
    held = false;
    up();
    told(false);
  }
  hear(pad, 'blur', lift, { signal });
  hear(pad, 'focus', () => pad.matches(':focus-visible') && hover([x, y, 1]), { signal });
  hear(
    pad,
    'keydown',
    (/** @type {KeyboardEvent} */ e) => {
      const go = { ArrowLeft: [-1, 0], ArrowRight: [1, 0], ArrowUp: [0, -1], ArrowDown: [0, 1] }[e.key];
      const back = e.key.toLowerCase() === 'z' && (e.ctrlKey || e.metaKey) && !e.shiftKey;
      if (!back && (e.altKey || e.metaKey || e.ctrlKey)) return;
      if (back) undo();
      else if (go) {
        const step = e.shiftKey ? STEP / FINE : STEP;
        [x, y] = [clamp(x + go[0] * step, 0, 1), clamp(y + go[1] * step, 0, aspect())];
        hover([x, y, 1]);
        if (held) move([[x, y, 1]]);
      } else if (e.key === ' ') {
        if (held) lift();
        else if (may() && active < 0) {
          held = true;
          down([x, y, 1], false);
          told(true);
        }
      } else if (e.key === 'Escape' && held) lift();
      else if (e.key === 'Delete' || e.key === 'Backspace') {
        lift();
        clear();
      } else return;
      e.preventDefault();
      e.stopPropagation();
    },
    { signal },
  );
}
