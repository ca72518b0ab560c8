/** Pictures outside of the map: on the card, among the neighbours, under the pointer. */
import { bytes } from '../lib/buffers.js';
import { context, sheet } from '../lib/canvas.js';
import { decode } from '../lib/photo.js';

/** @typedef {import('./thumbs.js').Cell} Cell */
/** @typedef {Uint8Array | number[]} Tint */

const KEPT = 256;
/** Grey that JPEG leaves on the paper, of 255. */
const SMUDGE = 10;
const KEEN = 255 / (255 - 2 * SMUDGE);
const ORIGINALS = 32;
/** Pictures that may be on their way at once. */
const FLYING = 2;

/**
 * The ink of a picture in one colour, its paper clear.
 * @param {Uint8ClampedArray} rgba changed in place @param {number} ground grey of the paper @param {Tint} tint 0..255
 */
export function inked(rgba, ground, [r, g, b]) {
  const most = Math.max(ground, 255 - ground);
  for (let i = 0; i < rgba.length; i += 4) {
    const ink = (Math.abs(rgba[i + 1] - ground) * 255) / most;
    rgba.set([r, g, b, Math.max(0, Math.min(255, (ink - SMUDGE) * KEEN))], i);
  }
  return rgba;
}

/** @template V @param {Map<string, V>} map @param {number} most */
function trim(map, most) {
  for (const key of map.keys()) {
    if (map.size <= most) return;
    map.delete(key);
  }
}

/**
 * @param {import('./feed.js').Ask} ask @param {import('./thumbs.js').Thumbnails} thumbs
 * @param {{about: () => any, tint: (id: number) => Tint, changed: () => void}} of
 */
export function artist(ask, thumbs, { about, tint, changed }) {
  /** @type {Map<string, HTMLCanvasElement>} */
  let made = new Map();
  /** @type {Map<string, HTMLCanvasElement | null>} */
  let originals = new Map();
  let flying = 0;

  /** @param {HTMLCanvasElement} from @param {number} x @param {number} y @param {number} w @param {number} h @param {number} id */
  function cut(from, x, y, w, h, id) {
    const rgba = context(from, true).getImageData(x, y, w, h).data;
    const { look, ground = 0 } = about();
    return sheet(new Uint8ClampedArray(look === 'ink' ? inked(rgba, ground, tint(id)) : rgba), w, h);
  }

  /** @param {string} key @param {() => HTMLCanvasElement} make */
  function once(key, make) {
    const known = made.get(key) ?? make();
    made.delete(key);
    made.set(key, known);
    trim(made, KEPT);
    return known;
  }

  /** @param {number} id @param {number} [level] */
  function thumb(id, level = 3) {
    const cell = thumbs.best(id, level);
    if (!cell) return null;
    const { canvas, x, y, side } = cell;
    return once(`${id} ${side} ${[...tint(id)]}`, () => cut(canvas, x, y, side, side, id));
  }

  /** As it is, or as sharp as there is one. @param {number} id */
  function original(id) {
    const { key } = about();
    const name = `${key} ${id}`;
    const known = originals.get(name);
    if (known) return once(`${name} ${[...tint(id)]}`, () => cut(known, 0, 0, known.width, known.height, id));
    if (known === undefined && flying < FLYING) load(name, id);
    return thumb(id);
  }

  /** @param {string} name @param {number} id */
  async function load(name, id) {
    flying++;
    originals.set(name, null);
    const mine = originals;
    const reply = await ask('picture', { id });
    const canvas = reply && (await decode(bytes(reply.buffers[0]), reply.content).catch(() => null));
    flying--;
    if (mine !== originals) return;
    if (canvas) originals.set(name, canvas);
    trim(originals, ORIGINALS);
    changed();
  }

  return {
    thumb,
    original,
    forget() {
      [made, originals] = [new Map(), new Map()];
    },
  };
}

/** @typedef {ReturnType<typeof artist>} Artist */
