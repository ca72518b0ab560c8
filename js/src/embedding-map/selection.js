/** Which images are selected: one byte each, with what was selected before, and as it travels to Python and back. */

/** More ids than this travel as bits. */
export const LISTED = 20_000;
const REMEMBERED = 20;

/** @typedef {"replace" | "add" | "subtract"} How */

/** One bit an image, least significant first. @param {Uint8Array} flags */
export function toBits(flags) {
  const bits = new Uint8Array(Math.ceil(flags.length / 8));
  for (let i = 0; i < flags.length; i++) if (flags[i]) bits[i >> 3] |= 1 << (i & 7);
  return bits;
}

/** @param {Uint8Array} bits @param {number} count */
export function fromBits(bits, count) {
  const flags = new Uint8Array(count);
  for (let i = 0; i < count; i++) flags[i] = ((bits[i >> 3] ?? 0) >> (i & 7)) & 1;
  return flags;
}

/** @param {number} count */
export function selection(count = 0) {
  let flags = new Uint8Array(count);
  let [size, stamp] = [0, 0];
  /** @type {Uint8Array[]} */
  let before = [];

  /** @param {Uint8Array<ArrayBuffer>} next @param {boolean} remember */
  function become(next, remember) {
    if (next.every((v, i) => v === flags[i])) return false;
    if (remember) before = [...before.slice(1 - REMEMBERED), toBits(flags)];
    flags = next;
    size = flags.reduce((sum, v) => sum + v, 0);
    stamp++;
    return true;
  }

  return {
    get flags() {
      return flags;
    },
    get size() {
      return size;
    },
    get stamp() {
      return stamp;
    },
    get undoable() {
      return before.length > 0;
    },
    /** @param {number} many */
    reset(many) {
      [flags, size, before] = [new Uint8Array(many), 0, []];
      stamp++;
    },
    /** True when that changed anything. @param {Iterable<number>} ids @param {How} how */
    choose(ids, how) {
      const next = how === 'replace' ? new Uint8Array(flags.length) : flags.slice();
      for (const id of ids) if (id >= 0 && id < next.length) next[id] = how === 'subtract' ? 0 : 1;
      return become(next, true);
    },
    undo() {
      const last = before.pop();
      return last ? become(fromBits(last, flags.length), false) : false;
    },
    ids: () => [...flags.keys()].filter((i) => flags[i]),
    /** As traits. @returns {{selected: number[], _mask: DataView<ArrayBuffer>}} */
    traits() {
      const few = size <= LISTED;
      return { selected: few ? this.ids() : [], _mask: new DataView(few ? new ArrayBuffer(0) : toBits(flags).buffer) };
    },
    /** From Python, or from another page. @param {number[]} ids @param {Uint8Array} bits */
    follow(ids, bits) {
      const next = bits.length ? fromBits(bits, flags.length) : new Uint8Array(flags.length);
      if (!bits.length) for (const id of ids) if (id >= 0 && id < next.length) next[id] = 1;
      return become(next, true);
    },
  };
}

/** @typedef {ReturnType<typeof selection>} Selection */
