/** A page with the little sweep, and what was drawn on it. */
import { afterEach, beforeEach, vi } from 'vitest';
import occlusionMap from '../src/occlusion-map/index.js';
import { drawn, one, pretendWidth, readable, show } from './helpers.js';
import { content, NAMES } from './occlusion-map.js';

export const traits = {
  ...{ image: 0, target: 0, patch: 4, stride: 2, fill: 'mean', score: 'probability', view: 'target', overlay: 0.85 },
  ...{ place: [], _classes: NAMES, _fills: ['mean', 'grey'], _layer: 'conv3', status: 'done' },
  _limits: { patch: [2, 6], stride: [1, 6] },
  _image: { index: 0, name: 'china.jpg', label: '', count: 3, height: 6, width: 9 },
};

/** What was drawn: [method, arguments, alpha], and RGBA of every picture that was made. */
export const seen = {
  calls: /** @type {[string, any[], number][]} */ ([]),
  images: /** @type {Uint8ClampedArray[]} */ ([]),
};

/** A canvas that only remembers. For the top of a test file. */
export function pretend() {
  beforeEach(() => {
    pretendWidth(648);
    seen.calls = [];
    const state = /** @type {Record<string, any>} */ ({ globalAlpha: 1, measureText: () => ({ width: 10 }) });
    const ctx = new Proxy(state, {
      get: (all, name) =>
        all[String(name)] ??
        ((/** @type {any[]} */ ...args) => seen.calls.push([String(name), args, state.globalAlpha])),
    });
    vi.spyOn(HTMLCanvasElement.prototype, 'getContext').mockImplementation(() => /** @type {any} */ (ctx));
    seen.images = [];
    vi.stubGlobal(
      'ImageData',
      class {
        constructor(/** @type {Uint8ClampedArray} */ rgba) {
          seen.images.push(rgba);
        }
      },
    );
  });
  afterEach(() => {
    vi.useRealTimers();
    vi.restoreAllMocks();
    vi.unstubAllGlobals();
    document.body.replaceChildren();
  });
}

/** @param {Record<string, unknown>} [state] @param {Parameters<typeof show>[2]} [kernel] */
export async function open(state = {}, kernel) {
  const shown = show(occlusionMap, { ...traits, ...content(), ...state }, kernel);
  const { root, model } = shown;
  const pic = one(root, '.oc-pic');
  // 10 CSS px to a pixel
  vi.spyOn(pic, 'getBoundingClientRect').mockReturnValue(
    /** @type {DOMRect} */ ({ left: 0, top: 0, width: 90, height: 60 }),
  );
  await drawn();
  const send = async (/** @type {string} */ type, /** @type {Record<string, unknown>} */ how) => {
    pic.dispatchEvent(
      Object.assign(new Event(type, { bubbles: true, cancelable: true }), { pointerType: 'mouse', ...how }),
    );
    await drawn();
  };
  return {
    ...shown,
    pic,
    /** The pointer, in pixels of the image. @param {number} y @param {number} x @param {Record<string, unknown>} [how] */
    move: (y, x, how) => send('pointermove', { clientX: 10 * x, clientY: 10 * y, ...how }),
    click: async (/** @type {number} */ y, /** @type {number} */ x) => {
      for (const type of ['pointerdown', 'pointerup']) await send(type, { clientX: 10 * x, clientY: 10 * y });
    },
    send,
    press: (/** @type {string} */ key, /** @type {Record<string, unknown>} */ how = {}) =>
      send('keydown', { key, ...how }),
    set: async (/** @type {Record<string, unknown>} */ values) => {
      for (const [name, value] of Object.entries(values)) model.set(name, value);
      await drawn();
    },
    caption: () => readable(one(root, '.dvw-cap')),
    bars: () => [...root.querySelectorAll('.oc-list > .oc-row:not([hidden])')].map((row) => row.textContent),
    asked: (/** @type {string} */ what) => model.sent.filter((message) => message.what === what),
    stale: (/** @type {string} */ selector) => one(root, selector).closest('.dvw-stale') !== null,
  };
}

/** A kernel whose answers are waited for; they give 0.2, 0.7 and 0.1. */
export function slow() {
  /** @type {(() => void)[]} */
  const waiting = [];
  const kernel = (/** @type {any} */ content, /** @type {(content: any, buffers?: any[]) => void} */ reply) => {
    const { key, y, x, rid, what } = content;
    const head = { type: 'reply', rid, ok: true, status: 'done' };
    const raw = Float32Array.from([0.2, 0.7, 0.1], Math.log);
    const place = { key, y, x, lse: 0, best: raw[1], second: raw[0], winner: 1, feature: 7 };
    if (what === 'place') waiting.push(() => reply({ ...head, ...place }, [raw]));
  };
  const answer = async () => {
    waiting.shift()?.();
    await drawn();
    await drawn();
  };
  return { kernel, answer };
}
