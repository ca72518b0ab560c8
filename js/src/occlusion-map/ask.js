/**
 * What only the kernel can say: the scores with the patch off the lattice. One request is on its way at most; what was
 * wanted meanwhile and is not any more is never asked for.
 */
import { floats } from '../lib/buffers.js';
import { answerOf } from './data.js';

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
  };
}

/**
 * Asks for places off the lattice, as "key y x". What comes has the classes that are sent now, which may be others later.
 * @param {import('../lib/view.js').View} view
 */
export function asker({ get, request, redraw, caption }) {
  return single({
    changed: redraw,
    failed: (reason) => caption.say(reason, 'warning'),
    async ask(want) {
      const [key, y, x] = want.split(' ');
      const { content, buffers } = await request('place', { key, y: Number(y), x: Number(x) });
      const [raw, { sent }] = [floats(buffers[0]), get('_sweep_meta')];
      if (content.key !== key || raw.length !== sent.length) return null;
      const [lse, best, second, feature] = ['lse', 'best', 'second', 'feature'].map(
        (name) => content[name] ?? Number.NaN,
      );
      return answerOf({ sent }, Float32Array.from([...raw, lse, best, second]), { winner: content.winner, feature });
    },
  });
}
