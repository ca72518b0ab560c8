/** The parts of the picture that a class leans on most, cut out. */
import { density, fit } from '../lib/canvas.js';
import { attributes, hear, make, put } from '../lib/frame.js';
import { signed } from '../lib/text.js';
import { FAINT } from './state.js';
import { box } from '../lib/parts.js';
import { ofPart } from './words.js';
import { abs, max } from './maths.js';

/** @typedef {import('./lattice.js').Box} Box */
/** @typedef {import('./lattice.js').Lattice} Lattice */

const MANY = 4;
/** Parts overlap by a fifth at most. */
const APART = 0.8;

/**
 * The positions that lower a score most, none of them close to a stronger one.
 * @param {Float32Array} effect NaN where it is not known @param {Lattice} lattice @returns {number[]}
 */
export function decisive(effect, lattice) {
  const order = [...effect.keys()].filter((p) => effect[p] >= FAINT).sort((a, b) => effect[b] - effect[a]);
  /** @type {Box[]} */
  const taken = [];
  return order.filter((p) => {
    if (taken.length >= MANY) return false;
    const { y, x, h, w } = lattice.box(p);
    const free = taken.every((other) => max(abs(other.y - y) / h, abs(other.x - x) / w) >= APART);
    if (free) taken.push({ y, x, h, w });
    return free;
  });
}

/** @param {(p: number) => void} onChoose */
export function partRow(onChoose) {
  const title = box('oc-h');
  const none = box('dvw-label');
  const parts = Array.from({ length: MANY }, (_, i) => {
    const [el, canvas, text] = [make('button', 'oc-part'), make('canvas'), make('span', 'dvw-tick')];
    el.type = 'button';
    el.append(canvas, text);
    hear(el, 'click', () => onChoose(shown[i]));
    return { el, canvas, text };
  });
  /** @type {number[]} */
  let shown = [];
  const row = box('oc-parts', ...parts.map((part) => part.el), none);
  const el = box('', title, row);
  return {
    el,
    /**
     * @param {{title: string, none: string, positions: number[], effect: Float32Array, lattice: Lattice}} what
     * @param {HTMLCanvasElement | null} picture @param {{height: number, width: number}} image
     */
    draw(what, picture, { height, width }) {
      shown = what.positions;
      put(title, what.title);
      put(none, shown.length ? '' : what.none);
      for (const [i, { el, canvas, text }] of parts.entries()) {
        el.hidden = i >= shown.length;
        if (el.hidden) continue;
        const { y, x, h, w } = what.lattice.box(shown[i]);
        put(text, signed(-what.effect[shown[i]]));
        attributes(el, { 'aria-label': ofPart({ y, x, h, w }, -what.effect[shown[i]]) });
        if (!picture) continue;
        const side = max(el.clientWidth, 40);
        const k = side / max(h, w);
        const ctx = fit(canvas, side, side);
        const [ky, kx] = [picture.height / height, picture.width / width];
        ctx.imageSmoothingEnabled = k * density() < 3 * kx;
        const [dx, dy] = [(side - w * k) / 2, (side - h * k) / 2];
        ctx.drawImage(picture, x * kx, y * ky, w * kx, h * ky, dx, dy, w * k, h * k);
      }
    },
  };
}
