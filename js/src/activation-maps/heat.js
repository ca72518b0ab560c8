/**
 * Which pixels the cell under the pointer answers to. The kernel is asked once the pointer rests, for one image more
 * each time, until it has no more; one request is on its way at most, and what comes for a cell that was left is dropped.
 */
import { bytes } from '../lib/buffers.js';
import { sheet } from '../lib/canvas.js';
import { paint, VIRIDIS } from '../lib/color.js';
import { hear } from '../lib/frame.js';

/** A pointer that goes on asks for nothing yet, ms. */
const REST = 120;
/** From no answer, where the photo stays clear, to the strongest. */
const SHADE = { lo: 0, hi: 255, veil: 0.9 };

/** @typedef {{key: string, channel: number, row: number, column: number}} Unit */
/** @typedef {{images: number, answered: number, size: number, canvas: HTMLCanvasElement}} Heat */

/** @param {import('../lib/view.js').View} view */
export function heater({ request, redraw, signal, get }) {
  let [wanted, used, timer, busy] = ['', '', 0, false];
  /** @type {Heat | null} */
  let heat = null;
  hear(signal, 'abort', () => clearTimeout(timer));

  /** @param {Unit} unit */
  async function ask(unit) {
    const name = wanted;
    if (busy || timer || used === name || get('_live') === false || get('status') === 'running') return;
    busy = true;
    try {
      const { content, buffers } = await request('effective', { ...unit });
      if (content.done) used = name;
      if (content.shape && wanted === name) {
        const [h, w] = content.shape;
        heat = { ...content, canvas: sheet(paint(bytes(buffers[0]), VIRIDIS, SHADE), w, h) };
      }
    } catch {
      used = name; // refused: the box stays, nothing is lost
    }
    busy = false;
    redraw();
  }

  /** What has come for a unit so far; asks for more once it is asked about again and again. @param {Unit | null} unit */
  return (unit) => {
    const name = unit ? Object.values(unit).join() : '';
    if (name !== wanted) {
      [wanted, used, heat] = [name, '', null];
      clearTimeout(timer);
      if (unit)
        timer = window.setTimeout(() => {
          timer = 0;
          ask(unit);
        }, REST);
    } else if (unit) ask(unit);
    return heat;
  };
}
