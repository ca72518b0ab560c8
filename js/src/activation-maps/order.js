/** In which order channels are shown. */

/** @typedef {{strength: Float32Array, active: Float32Array}} Measures */

/** NaN (a network that overflowed) goes last, whatever the order. @param {number} v */
const last = (v) => (Number.isNaN(v) ? Infinity : v);

/**
 * Channels in the order of their tiles; ties keep their index order.
 * Sparsest: awake on the fewest cells first, but never awake last.
 * @param {string} order 'index' | 'strongest' | 'sparsest'
 * @param {number} count @param {Measures} measures
 * @returns {number[]}
 */
export function rank(order, count, { strength, active }) {
  const all = Array.from({ length: count }, (_, i) => i);
  /** @type {Record<string, (i: number) => number>} */
  const keys = {
    strongest: (i) => last(-strength[i]),
    sparsest: (i) => last(active[i] > 0 ? active[i] : Infinity),
  };
  const key = keys[order];
  if (!key) return all;
  const by = all.map(key);
  return all.sort((a, b) => (by[a] === by[b] ? a - b : by[a] < by[b] ? -1 : 1));
}

/** 1 for the largest; equal values share a place. @param {Float32Array} values @param {number} i */
export function placeOf(values, i) {
  let above = 0;
  for (const v of values) if (v > values[i]) above++;
  return above + 1;
}
