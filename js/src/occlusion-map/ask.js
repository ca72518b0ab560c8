/**
 * What only the kernel can say: the scores with the patch off the lattice, or of a class that was not sent. One request
 * of a kind is on its way at most; what was wanted meanwhile and is not any more is never asked for.
 */
import { floats } from '../lib/buffers.js';

/** @typedef {import('../lib/pump.js').Reply} Reply */

/** Answers kept. */
const MANY = 256;

/**
 * @template T
 * @param {{ask: (want: string) => Promise<T | null>, changed: () => void, failed: (reason: string) => void}} options
 */
export function single({ ask, changed, failed }) {
  /** @type {Map<string, T | null>} what came, null where it was refused */
  const kept = new Map();
  let wanted = '';
  let busy = false;
  async function next() {
    const mine = wanted;
    if (busy || !mine || kept.has(mine)) return;
    busy = true;
    /** @type {T | null} */
    let got = null;
    try {
      got = await ask(mine);
    } catch (error) {
      failed(/** @type {Error} */ (error).message);
    }
    busy = false;
    kept.set(mine, got);
    for (const old of kept.keys()) if (kept.size > MANY) kept.delete(old);
    changed();
    next();
  }
  return {
    /** What is known of it; asks when nothing is. @param {string} want '' for nothing */
    get(want) {
      wanted = want;
      next();
      return kept.get(want) ?? null;
    },
    /** Asked for and not answered yet. @param {string} want */
    pending: (want) => Boolean(want) && !kept.has(want),
  };
}

/** @param {import('../lib/view.js').View} view @param {() => import('./data.js').Sweep | null} sweep */
export function asker({ request, redraw, caption }, sweep) {
  /** @param {string} reason */
  const failed = (reason) => caption.say(reason, 'warning');
  const places = single({
    changed: redraw,
    failed,
    async ask(want) {
      const [key, y, x] = want.split(' ');
      const { content, buffers } = await request('place', { key, y: Number(y), x: Number(x) });
      const raw = floats(buffers[0]);
      if (content.key !== key) return null;
      const { lse, best, second, winner, feature } = content;
      return {
        raw: [...raw, ...[lse, best, second].map((v) => v ?? Number.NaN)],
        winner,
        feature: feature ?? Number.NaN,
      };
    },
  });
  const columns = single({
    changed: redraw,
    failed,
    async ask(want) {
      const [key, target] = want.split(' ');
      const { content, buffers } = await request('class', { key, target: Number(target) });
      const now = sweep();
      const values = floats(buffers[0]);
      if (content.key !== key || now?.key !== key || values.length !== now.count) return null;
      return { values, base: content.base ?? Number.NaN };
    },
  });
  return { places, columns };
}
