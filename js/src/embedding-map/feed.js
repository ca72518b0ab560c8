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
    return (
      entry.level >= payload.level && // the only size that was saved may be a larger one
      payload.ids.some((/** @type {number} */ id) => entry.ids.includes(id))
    );
  return ['id', 'from', 'name', 'iteration', 'layer'].every((k) => payload[k] === undefined || payload[k] === entry[k]);
}

/** ms before a question that nobody answered is put again; then twice as long. */
const PATIENCE = 8000;
const TRIES = 4;

/**
 * Puts a question again when its answer got lost; a kernel that is only busy is asked ever more rarely.
 * @param {() => Promise<Reply>} put @param {number} patience @returns {Promise<Reply | null>} null: refused
 */
function persist(put, patience) {
  return new Promise((resolve) => {
    let [left, wait] = [TRIES, patience];
    let timer = /** @type {ReturnType<typeof setTimeout> | undefined} */ (undefined);
    /** @param {Reply | null} reply */
    const end = (reply) => {
      clearTimeout(timer);
      left = 0;
      resolve(reply);
    };
    const go = () => {
      if (left-- <= 0) return;
      put().then(end, () => end(null));
      timer = setTimeout(go, wait);
      wait *= 2;
    };
    go();
  });
}

/** @param {Pick<import('../lib/view.js').View, 'get' | 'live' | 'request'>} view @param {number} [patience] @returns {Ask} */
export function asker(view, patience = PATIENCE) {
  return async (what, payload) => {
    const key = view.get('_points')?.key;
    if (!view.live) {
      const store = /** @type {any[]} */ (view.get('_store') ?? []);
      const entry = store.find((one) => fits(one, what, payload));
      if (!entry) return null;
      const raw = bytes(view.get('_stored'));
      return { content: entry, buffers: entry.buffers.map((/** @type {number[]} */ [a, b]) => raw.subarray(a, b)) };
    }
    const put = () => view.request(what, { key, ...payload });
    // thumbnails see to that themselves
    const reply = what === 'thumbs' ? await put().catch(() => null) : await persist(put, patience);
    return reply && reply.content.key === key && key === view.get('_points')?.key ? reply : null;
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

/** @typedef {{values: ArrayLike<number>, none: number, stamp: number}} Values */

/**
 * Columns, each asked for once.
 * @param {Ask} ask @param {() => void} changed
 */
export function columns(ask, changed) {
  /** @type {Map<string, Values | null>} */
  let kept = new Map();
  let [stamp, many] = [0, 0];

  /** @param {string} name */
  async function load(name) {
    const mine = kept;
    const got = await whole(ask, 'column', { name }, many, () => mine === kept);
    if (!got || mine !== kept) return;
    const { bits } = got.content;
    mine.set(name, { values: integers(got.raw, bits), none: 2 ** bits - 1, stamp: ++stamp });
    changed();
  }

  return {
    forget() {
      kept = new Map();
    },
    /** Asks again; what is there stays until the answer comes. @param {string} name */
    renew: (name) => kept.has(name) && load(name),
    /** @param {string} name @param {number} count */
    get(name, count) {
      if (!kept.has(name) && count) {
        many = count;
        kept.set(name, null);
        load(name);
      }
      return kept.get(name) ?? null;
    },
  };
}
