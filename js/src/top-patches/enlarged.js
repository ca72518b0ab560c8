/** What the kernel says about one patch: asked for one at a time, the newest wish only, and kept. */
import { bytes } from '../lib/buffers.js';
import { sheet } from '../lib/canvas.js';
import { dequantise, greyed, paint, VIRIDIS } from '../lib/color.js';
import { context } from '../lib/canvas.js';
import { decode } from '../lib/photo.js';

/** Most of the photo that the map hides. */
const VEIL = 0.85;
const KEPT = 400;

/**
 * @typedef {object} About
 * @property {number} id of the image @property {string} name @property {string} label @property {[number, number]} size of the input
 * @property {[number, number, number, number]} box top, left, bottom, right
 * @property {string} [friend] what was found of false friends in the row
 * @property {number} value @property {[number, number] | null} place @property {number[]} [grid] of the map
 * @property {number} lo @property {number} hi of the map
 * @property {string} why no picture @property {string} unmapped why no gradient
 * @property {HTMLCanvasElement | null} picture @property {HTMLCanvasElement | null} grey
 * @property {HTMLCanvasElement | null} map @property {HTMLCanvasElement | null} gradient
 */

/** @typedef {{stamp: string, about: About}} Kept */

/** A map of levels laid over a photo. @param {Uint8Array} levels @param {number[]} grid @param {number} lo @param {number} hi */
function veiled(levels, [h, w], lo, hi) {
  const values = Float32Array.from(levels, (q) => dequantise(q, lo, hi));
  return sheet(paint(values, VIRIDIS, { lo: Math.min(lo, 0), hi, veil: VEIL }), w, h);
}

/** @param {HTMLCanvasElement | null} picture */
function greyOf(picture) {
  if (!picture) return null;
  const { width, height } = picture;
  return sheet(greyed(new Uint8ClampedArray(context(picture).getImageData(0, 0, width, height).data)), width, height);
}

/** @param {any} content @param {any[]} buffers @returns {Promise<About>} */
async function opened(content, buffers) {
  const { parts } = content;
  const at = (/** @type {string} */ name) => (parts[name] ? bytes(buffers[parts[name].at]) : null);
  const shown = async (/** @type {string} */ name) => {
    const raw = at(name);
    return raw ? decode(raw, parts[name]) : null;
  };
  const [picture, gradient, levels] = [await shown('picture'), await shown('gradient'), at('map')];
  const map = levels && content.grid ? veiled(levels, content.grid, content.lo, content.hi) : null;
  return { ...content, picture, gradient, map, grey: greyOf(picture) };
}

/**
 * @param {object} options
 * @param {(what: string, payload: Record<string, unknown>) => Promise<import('../lib/pump.js').Reply>} options.request
 * @param {() => void} options.changed
 */
export function enlarger({ request, changed }) {
  /** @type {Map<string, Kept>} */
  const kept = new Map();
  /** @type {{id: string, stamp: string, ask: Record<string, unknown>} | null} */
  let wanted = null;
  let busy = false;
  /** @type {Map<string, string>} what was refused, and why */
  const refused = new Map();

  /** @param {string} id @param {string} stamp @param {any} content @param {any[]} buffers */
  async function keep(id, stamp, content, buffers) {
    kept.set(id, { stamp, about: await opened(content, buffers) });
    if (kept.size > KEPT) kept.delete(/** @type {string} */ (kept.keys().next().value));
    changed();
  }

  async function next() {
    if (busy || !wanted) return;
    const { id, stamp, ask } = wanted;
    if (kept.get(id)?.stamp === stamp || refused.has(id + stamp)) return;
    busy = true;
    try {
      const { content, buffers } = await request('enlarge', ask);
      await keep(id, stamp, content, buffers);
    } catch (error) {
      refused.set(id + stamp, error instanceof Error ? error.message : String(error));
      changed();
    }
    busy = false;
    next();
  }

  return {
    keep,
    /** @param {string} id @param {string} stamp of the values behind it @param {Record<string, unknown>} ask */
    want(id, stamp, ask) {
      wanted = { id, stamp, ask };
      next();
    },
    /** @param {string} id */
    get: (id) => kept.get(id)?.about ?? null,
    /** @param {string} id @param {string} stamp */
    why: (id, stamp) => refused.get(id + stamp) ?? '',
  };
}
