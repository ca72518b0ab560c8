/**
 * Sharper tiles for what is in sight. The overview holds every channel, small;
 * when tiles are drawn larger than that, the kernel is asked for the visible
 * ones, a handful at a time, and what came is kept while there is room.
 */

/** Bytes of one reply, well below the 1 MiB a message may have. */
export const REPLY = 900_000;
/** Bytes kept. */
const ROOM = 24 << 20;

/** @typedef {{values: Uint8Array, h: number, w: number}} Tile */
/** @typedef {{key: string, shape: [number, number], channels: number[]}} Want */

/**
 * The resolution worth asking for, or null when the overview is sharp enough.
 * @param {[number, number]} overview @param {[number, number]} full @param {number} devicePx width of a tile on the screen
 * @returns {[number, number] | null}
 */
export function sharperShape(overview, full, devicePx) {
  if (full[0] * full[1] <= overview[0] * overview[1] || devicePx <= overview[1] * 1.2) return null;
  const k = Math.min(1, devicePx / full[1]);
  // nearly full: take it whole, so that no cell is mixed from its neighbours
  if (k > 0.7) return full;
  return [Math.max(1, Math.ceil(full[0] * k)), Math.max(1, Math.ceil(full[1] * k))];
}

/**
 * @param {object} options
 * @param {(what: string, payload: Record<string, unknown>) => Promise<{content?: any, buffers: any[]}>} options.request
 * @param {(buffer: any) => Uint8Array} options.bytes
 * @param {() => void} options.changed new tiles have come
 * @param {number} [options.room]
 */
export function sharpener({ request, bytes, changed, room = ROOM }) {
  /** @type {Map<string, Tile>} oldest first */
  const kept = new Map();
  /** @type {Want | null} */
  let wanted = null;
  let busy = false;
  let held = 0;
  let failed = '';
  let version = 0;

  /** @param {Want} want @param {number} channel */
  const id = ({ key, shape }, channel) => `${key}|${shape[0]}x${shape[1]}|${channel}`;

  /** @param {string} name @param {Tile} tile */
  function keep(name, tile) {
    kept.set(name, tile);
    held += tile.values.length;
    for (const [old, { values }] of kept) {
      if (held <= room || old === name) break;
      kept.delete(old);
      held -= values.length;
    }
  }

  async function next() {
    if (busy || !wanted || wanted.key === failed) return;
    const asked = wanted;
    const { key, shape } = asked;
    const [h, w] = shape;
    const channels = asked.channels
      .filter((c) => !kept.has(id(asked, c)))
      .slice(0, Math.max(1, Math.floor(REPLY / (h * w))));
    if (!channels.length) return;
    busy = true;
    try {
      const { buffers } = await request('tiles', { key, channels, shape });
      const all = bytes(buffers[0]);
      if (all.length !== channels.length * h * w) failed = key;
      // the layer may have changed while the kernel worked
      else if (wanted?.key === key) {
        for (const [i, c] of channels.entries())
          keep(id(asked, c), { values: all.slice(i * h * w, (i + 1) * h * w), h, w });
      }
      version++;
      changed();
    } catch {
      // a refusal is final for this content: the overview stays, nothing is lost
      failed = key;
    }
    busy = false;
    next();
  }

  return {
    /** Grows with everything that comes. */
    version: () => version,
    /** @param {Want | null} want */
    want(want) {
      wanted = want;
      next();
    },
    /** The sharp tile of this content, if it has come. @param {string} key @param {number} channel @returns {Tile | null} */
    get(key, channel) {
      if (wanted?.key !== key) return null;
      const name = id(wanted, channel);
      const tile = kept.get(name) ?? null;
      if (tile) {
        kept.delete(name);
        kept.set(name, tile);
      }
      return tile;
    },
  };
}
