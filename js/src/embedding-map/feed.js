/**
 * What the page asks for, by id and in pieces: every reply names the images (`key`) it speaks of, and a reply about
 * others than those shown now is dropped. A saved page answers itself from what was recorded.
 */
import { bytes } from '../lib/buffers.js';
import { words } from './points.js';

/** @typedef {{content: any, buffers: any[]}} Reply */
/** @typedef {(what: string, payload: Record<string, any>) => Promise<Reply | null>} Ask null: nothing of it can be had */

/** Whether a recorded reply is what was asked for. @param {any} entry @param {string} what @param {Record<string, any>} payload */
function fits(entry, what, payload) {
  if (entry.what !== what) return false;
  if (what === 'thumbs')
    return entry.level === payload.level && payload.ids.some((/** @type {number} */ id) => entry.ids.includes(id));
  return ['id', 'from', 'name', 'iteration', 'layer'].every((k) => payload[k] === undefined || payload[k] === entry[k]);
}

/** @param {Pick<import('../lib/view.js').View, 'get' | 'live' | 'request'>} view @returns {Ask} */
export function asker(view) {
  return async (what, payload) => {
    const key = view.get('_points')?.key;
    if (!view.live) {
      const store = /** @type {any[]} */ (view.get('_store') ?? []);
      const entry = store.find((one) => fits(one, what, payload));
      if (!entry) return null;
      const raw = bytes(view.get('_stored'));
      return { content: entry, buffers: entry.buffers.map((/** @type {number[]} */ [a, b]) => raw.subarray(a, b)) };
    }
    try {
      const reply = await view.request(what, { key, ...payload });
      return reply.content.key === view.get('_points')?.key && reply.content.key === key ? reply : null;
    } catch {
      return null; // refused: the map was replaced meanwhile, or the view is closed
    }
  };
}

/**
 * All pieces of something, one after the other, as one run of bytes; null when one of them is not to be had.
 * @param {Ask} ask @param {string} what @param {Record<string, any>} payload @param {number} count @param {() => boolean} valid
 */
export async function whole(ask, what, payload, count, valid) {
  /** @type {Uint8Array | null} */
  let all = null;
  let first = /** @type {Reply | null} */ (null);
  for (let from = 0; from < count; ) {
    const reply = await ask(what, { ...payload, from });
    if (!reply || !valid() || !(reply.content.count > 0) || reply.content.from !== from) return null;
    first ??= reply;
    const part = bytes(reply.buffers[0]);
    all ??= new Uint8Array((part.length / reply.content.count) * count);
    all.set(part, (part.length / reply.content.count) * from);
    from += reply.content.count;
  }
  return all && first && { raw: all, content: first.content, buffers: first.buffers };
}

/** Values of a column, as the integers they travel as. @param {Uint8Array} raw @param {number} bits */
export function integers(raw, bits) {
  if (bits === 8) return raw;
  if (bits === 16) return words(raw);
  const even = raw.byteOffset % 4 ? raw.slice() : raw;
  return new Uint32Array(even.buffer, even.byteOffset, even.byteLength >> 2);
}

/**
 * Columns, each asked for once.
 * @param {Ask} ask @param {() => void} changed
 */
export function columns(ask, changed) {
  /** @type {Map<string, {values: ArrayLike<number>, none: number} | null>} */
  let kept = new Map();
  return {
    forget() {
      kept = new Map();
    },
    /** @param {string} name @param {number} count */
    get(name, count) {
      if (!kept.has(name) && count) {
        const mine = kept;
        mine.set(name, null);
        whole(ask, 'column', { name }, count, () => mine === kept).then((got) => {
          if (!got || mine !== kept) return;
          const { bits } = got.content;
          mine.set(name, { values: integers(got.raw, bits), none: 2 ** bits - 1 });
          changed();
        });
      }
      return kept.get(name) ?? null;
    },
  };
}
