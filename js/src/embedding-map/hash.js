/**
 * A hash grid over positions: who is under the pointer, nearest in the map, inside a box. Built by a counting sort in
 * a few ms, and needs no kernel. Positions are pairs of 16 bits: 0 is the left or upper end of the map, FULL the other.
 */

export const FULL = 65535;

/** @typedef {(id: number) => boolean} Accept */

/** @param {Uint16Array} xy @param {number} count */
export function hashGrid(xy, count = xy.length >> 1) {
  const bits = Math.min(10, Math.max(0, Math.ceil(Math.log2(Math.sqrt(count / 2) || 1))));
  const [side, shift] = [1 << bits, 16 - bits];
  const starts = new Uint32Array(side * side + 1);
  const cellOf = (/** @type {number} */ i) => ((xy[2 * i + 1] >> shift) << bits) | (xy[2 * i] >> shift);
  for (let i = 0; i < count; i++) starts[cellOf(i) + 1]++;
  for (let c = 0; c < side * side; c++) starts[c + 1] += starts[c];
  const ids = new Uint32Array(count);
  const fill = starts.slice();
  for (let i = 0; i < count; i++) ids[fill[cellOf(i)]++] = i;

  const cell = (/** @type {number} */ v) => Math.min(side - 1, Math.max(0, Math.floor(v) >> shift));

  /** Calls back with every point of the cells that touch a box. @param {number} x0 @param {number} y0 @param {number} x1 @param {number} y1 @param {(id: number) => void} fn */
  function touching(x0, y0, x1, y1, fn) {
    const [left, right] = [cell(x0), cell(x1)];
    for (let row = cell(y0); row <= cell(y1); row++) {
      const stop = starts[(row << bits) + right + 1];
      for (let k = starts[(row << bits) + left]; k < stop; k++) fn(ids[k]);
    }
  }

  /** How far a point is, squared. @param {number} i @param {number} x @param {number} y */
  const far = (i, x, y) => (xy[2 * i] - x) ** 2 + (xy[2 * i + 1] - y) ** 2;

  /** Calls back with every point of the cells `ring` cells away from that of (x, y). @param {number} x @param {number} y @param {number} ring @param {(id: number) => void} fn */
  function round(x, y, ring, fn) {
    const [cx, cy] = [cell(x), cell(y)];
    for (let row = Math.max(0, cy - ring); row <= Math.min(side - 1, cy + ring); row++) {
      const edge = row === cy - ring || row === cy + ring;
      for (let column = cx - ring; column <= cx + ring; column += edge || !ring ? 1 : 2 * ring) {
        if (column < 0 || column >= side) continue;
        const c = (row << bits) + column;
        for (let k = starts[c]; k < starts[c + 1]; k++) fn(ids[k]);
      }
    }
  }

  /** The `many` nearest, nearest first. @param {number} x @param {number} y @param {number} many @param {Accept} [accept] @param {number} [reach] farthest that counts */
  function nearest(x, y, many, accept = () => true, reach = Number.POSITIVE_INFINITY) {
    /** @type {{id: number, d: number}[]} */
    const found = [];
    let limit = reach * reach;
    const take = (/** @type {number} */ id) => {
      const d = far(id, x, y);
      if (d > limit || !accept(id)) return;
      let at = found.length;
      while (at > 0 && (found[at - 1].d > d || (found[at - 1].d === d && found[at - 1].id > id))) at--;
      found.splice(at, 0, { id, d });
      if (found.length > many) found.pop();
      if (found.length === many) limit = Math.min(limit, found[many - 1].d);
    };
    for (let ring = 0; ring < side; ring++) {
      if (ring && ((ring - 1) * 2 ** shift) ** 2 > limit) break;
      round(x, y, ring, take);
    }
    return found.map(({ id }) => id);
  }

  /**
   * The nearest point in a direction: within 60 degrees of it, and nearer where it is straight ahead.
   * @param {number} from @param {number} dx −1, 0 or 1 @param {number} dy @param {Accept} [accept]
   */
  function toward(from, dx, dy, accept = () => true) {
    const [x, y] = [xy[2 * from], xy[2 * from + 1]];
    let [best, least] = [-1, Number.POSITIVE_INFINITY];
    const take = (/** @type {number} */ id) => {
      const [along, across] = [
        (xy[2 * id] - x) * dx + (xy[2 * id + 1] - y) * dy,
        Math.abs((xy[2 * id] - x) * dy - (xy[2 * id + 1] - y) * dx),
      ];
      if (id === from || along <= 0 || across > 1.75 * along || !accept(id)) return;
      const cost = along + 2 * across;
      if (cost < least) [best, least] = [id, cost];
    };
    for (let ring = 0; ring < side && (ring - 1) * 2 ** shift <= least; ring++) round(x, y, ring, take);
    return best;
  }

  return { touching, nearest, toward, side, shift, starts, ids };
}

/** @typedef {ReturnType<typeof hashGrid>} HashGrid */
