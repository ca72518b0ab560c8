/**
 * Where thumbnails lie in graphics memory. Every level has slots in the layers of one texture array; who was not looked
 * at for longest gives its slot away. The sum stays below the ceiling whatever the number of images.
 */

/** Sides of a thumbnail, px. The first is the base: there for every image, before anything sharper. */
export const LEVELS = [8, 32, 64, 128];
/** Side of a layer, px. */
export const LAYER = 1024;
/** Bytes of graphics memory, at most. */
export const CEILING = 128 * 2 ** 20;
/** Layers a level may have; the base has 2 bytes a pixel, the others 4. */
const LAYERS = [16, 6, 5, 6];
const PIXEL = [2, 4, 4, 4];
/** Bytes a point: two positions of 16 bits a coordinate, a colour, flags. */
const POINT = 10;
/** Bytes set aside for what is drawn on: two buffers of the context and two canvases of 2.5 million pixels. */
const SCREEN = 40 * 2 ** 20;
/** With more images the smallest pictures are not kept for all: they would fill the memory of the page too. */
export const ROOTED = 262_144;

/** Slots in a layer. @param {number} level 0..3 */
export const perLayer = (level) => (LAYER / LEVELS[level]) ** 2;

/**
 * Layers of each level for so many images, and the bytes that all take.
 * @param {number} count
 */
export function plan(count) {
  const layers = LAYERS.map((most, k) =>
    Math.max(1, Math.min(k || count <= ROOTED ? most : 1, Math.ceil(count / perLayer(k)))),
  );
  const bytes = () => SCREEN + count * POINT + layers.reduce((sum, n, k) => sum + n * LAYER * LAYER * PIXEL[k], 0);
  // very many points leave less to the caches, which are larger than a screen needs
  for (let k = 0; bytes() > CEILING && layers.some((n) => n > 1); k = (k + 1) % layers.length) {
    if (layers[k] > 1) layers[k]--;
  }
  return { layers, bytes: bytes() };
}

/** The slots of one level. @param {number} capacity */
export function slots(capacity) {
  /** id -> slot, in order of the last look @type {Map<number, number>} */
  const held = new Map();
  const free = Array.from({ length: Math.min(capacity, 4096) }, (_, i) => i).reverse();
  let fresh = free.length;
  return {
    capacity,
    get size() {
      return held.size;
    },
    /** @param {number} id */
    has: (id) => held.has(id),
    /** The slot of an image that is looked at now, −1 where it has none. @param {number} id */
    look(id) {
      const slot = held.get(id);
      if (slot === undefined) return -1;
      held.delete(id);
      held.set(id, slot);
      return slot;
    },
    /** A slot for an image; the one that was not looked at for longest loses its own. @param {number} id @returns {{slot: number, lost: number}} */
    take(id) {
      const own = this.look(id);
      if (own >= 0) return { slot: own, lost: -1 };
      let [slot, lost] = [free.pop(), -1];
      if (slot === undefined && fresh < capacity) slot = fresh++;
      if (slot === undefined) {
        [lost, slot] = /** @type {[number, number]} */ (held.entries().next().value);
        held.delete(lost);
      }
      held.set(id, slot);
      return { slot, lost };
    },
    clear() {
      for (const slot of held.values()) free.push(slot);
      held.clear();
    },
  };
}

/** @typedef {ReturnType<typeof slots>} Slots */

/** The level that is sharp at a size on screen, in device pixels. @param {number} px */
export function levelFor(px) {
  if (px <= 11) return 0;
  if (px <= 40) return 1;
  return px <= 80 ? 2 : 3;
}
