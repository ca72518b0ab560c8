/**
 * Very many dots on a slow graphics card: while the map moves fewer are drawn, and all of them as soon as it stands.
 * A fast card never sees this: the time is measured, from a drawing to the next frame.
 */

/** Fewer points than this are always drawn. */
const CROWD = 150_000;
/** ms of a frame: above it fewer dots are drawn, below the second more. */
const [SLOW, FAST] = [70, 25];
const FEWEST = 32;
/** ms without a move until all are drawn. */
const REST = 200;

/** @param {() => void} redraw @param {AbortSignal} signal */
export function pacer(redraw, signal) {
  let [thin, timer, where] = [1, 0, ''];
  signal.addEventListener('abort', () => clearTimeout(timer));
  return {
    /** Every how many-th dot to draw now. @param {number} count @param {string} place changes when the map moves */
    take(count, place) {
      const moves = where !== '' && place !== where;
      where = place;
      if (count < CROWD || !moves) return 1;
      clearTimeout(timer);
      if (thin > 1) timer = window.setTimeout(redraw, REST);
      const began = performance.now();
      requestAnimationFrame(() => {
        const ms = performance.now() - began;
        if (ms > SLOW) thin = Math.min(FEWEST, thin * 2);
        else if (ms < FAST) thin = Math.max(1, thin / 2);
      });
      return thin;
    },
  };
}
