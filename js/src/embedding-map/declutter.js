/**
 * Which images are shown where there is no room for all: in order of rank, each that keeps its distance from those
 * already shown. Done once for every distance from coarse to fine, so an image that is shown stays when one zooms in,
 * nothing overlaps, and panning changes nothing. What the screen shows is then the head of one list.
 */

/** Distances shrink by this from one level to the next: a quarter of an octave of zoom. */
export const STEP = 2 ** 0.25;
/** Cells across the map at the finest level; who is still too close there is shown a few levels later. */
const FINEST = 2048;
const SIZE = 65536;
/** Levels from the finest to all. */
const REST = 4;

/** Distance that level `k` keeps, in units of the positions. @param {number} k */
export const gapOf = (k) => SIZE / STEP ** k;
/** The last level at which images of this distance fit. @param {number} gap */
export const levelOf = (gap) => Math.floor(Math.log(SIZE / Math.max(gap, 1)) / Math.log(STEP) + 1e-6);

const LAST = levelOf(SIZE / FINEST);

/**
 * @param {Uint16Array} xy @param {ArrayLike<number>} order ids, most wanted first
 */
export function declutter(xy, order) {
  const count = order.length;
  let waiting = Uint32Array.from(order);
  const shown = new Uint32Array(count);
  /** How many are shown at each level. @type {number[]} */
  const upto = [];
  let many = 0;

  /** One level finer. */
  function refine() {
    const k = upto.length;
    const gap = gapOf(k);
    const side = Math.ceil(SIZE / gap) + 2; // a free cell all round
    const taken = new Int32Array(side * side).fill(-1);
    const cell = (/** @type {number} */ id) =>
      (Math.floor(xy[2 * id + 1] / gap) + 1) * side + Math.floor(xy[2 * id] / gap) + 1;
    for (let i = 0; i < many; i++) taken[cell(shown[i])] = shown[i];
    const around = [-1, 1, -side, side, -side - 1, -side + 1, side - 1, side + 1];
    /** @param {number} id @param {number} c */
    const free = (id, c) => {
      if (taken[c] >= 0) return false;
      for (const step of around) {
        const other = taken[c + step];
        if (other < 0) continue;
        if (Math.abs(xy[2 * other] - xy[2 * id]) < gap && Math.abs(xy[2 * other + 1] - xy[2 * id + 1]) < gap)
          return false;
      }
      return true;
    };
    let left = 0;
    for (let i = 0; i < waiting.length; i++) {
      const id = waiting[i];
      const c = cell(id);
      if (free(id, c)) {
        taken[c] = id;
        shown[many++] = id;
      } else waiting[left++] = id;
    }
    waiting = waiting.subarray(0, left);
    upto.push(many);
  }

  /** The rest, where the map is zoomed so far that little is in sight. */
  function finish() {
    upto.push(...new Array(REST).fill(many), count);
    shown.set(waiting, many);
    waiting = waiting.subarray(0, 0);
    many = count;
  }

  return {
    shown,
    /** How many of `shown` are shown at a level; works out what is missing. @param {number} level */
    at(level) {
      if (level < 0) return 0;
      while (upto.length <= level && many < count) {
        if (upto.length <= LAST) refine();
        else finish();
      }
      return upto[Math.min(level, upto.length - 1)] ?? count;
    },
  };
}

/** @typedef {ReturnType<typeof declutter>} Declutter */

/** Ids in order of their rank. @param {ArrayLike<number> | null} ranks @param {number} count */
export function orderOf(ranks, count) {
  const order = new Uint32Array(count);
  if (!ranks || ranks.length !== count) return order.map((_, i) => i);
  // ranks are a permutation; where they are not, nobody is lost
  const seen = new Uint8Array(count);
  for (let i = 0; i < count; i++) {
    const r = ranks[i];
    if (!(r < count) || seen[r]) return Uint32Array.from(order.keys()).sort((a, b) => ranks[a] - ranks[b] || a - b);
    seen[r] = 1;
    order[r] = i;
  }
  return order;
}
