/** A page with a small board of top patches, and a kernel that answers it. */
import { afterEach, beforeEach, vi } from 'vitest';
import topPatches from '../src/top-patches/index.js';
import { drawn, one, pretendWidth, readable, show } from './helpers.js';

export const K = 3;
const NAN = Number.NaN;

/** Rows of a layer: unit u answers 10·u + 3, +2, +1; unit 1 is dead; unit 2 has a false friend. @param {number} [count] @param {Record<string, any>} [more] */
export function content(count = 4, more = {}) {
  const all = Array.from({ length: count * K }, (_, i) => i);
  const unit = (/** @type {number} */ i) => Math.floor(i / K);
  const rows = [...Array(count).keys()];
  const statistics = [
    rows.map((u) => (u === 1 ? 0 : 10 * u + 3)),
    rows.map((u) => u / count),
    rows.map((u) => (u === 2 ? 2 / 3 : 1)),
    rows.map((u) => (u === 2 ? 4.2 : 0.5)),
    rows.map((u) => Number(u === 1)),
    rows.map((u) => u),
    rows.map((u) => (u === 2 ? 0.918 : 0)),
    rows.map(() => 0.75),
    rows.map(() => 0),
  ];
  return {
    _table: {
      ...{
        key: 'a',
        layer: 'conv3',
        basis: 'units',
        count,
        k: K,
        done: 20,
        total: 20,
        input: [16, 16],
        window: [5, 5],
      },
      ...{ field: 'receptive field 5 × 5 px', order: 'max', rows: [], friends: true, says: 'It stands apart.' },
      ...more,
    },
    _values: Float32Array.from(all, (i) => (unit(i) === 1 ? NAN : 10 * unit(i) + 3 - (i % K))),
    _labels: Int16Array.from(all, (i) => (unit(i) === 2 && i % K === 1 ? 1 : unit(i) % 2 ? 1 : 0)),
    _boxes: Int16Array.from(all.flatMap((i) => [0, i % 7, 5, (i % 7) + 5])),
    _odd: Float32Array.from(all, (i) => (unit(i) === 2 && i % K === 1 ? 0.62 : NAN)),
    _statistics: Float32Array.from(statistics.flat()),
  };
}

export const traits = {
  ...{ layer: 'conv3', basis: 'units', channel: 0, rank: -1, image: 0, sort: 'index', search: '', mode: 'board' },
  ...{ labels: true, names: {}, votes: [], gradient: 'none', status: 'done', _layers: ['conv3', 'fc'] },
  ...{ _bases: ['units'], _classes: ['dahlia', 'pagoda'], _tally: {}, _saved: new Uint8Array(), _saved_meta: [] },
};

/** Ids and names of the images of some rows. @param {number[]} units */
const shownOf = (units) => ({
  ids: units.map((u) => [0, 1, 2].map((r) => 10 * u + r)),
  names: units.map((u) => [0, 1, 2].map((r) => `${10 * u + r}.jpg`)),
});

/** What a patch is enlarged to. @param {any} asked */
export const enlarged = ({ unit, rank, key }) => ({
  ...{ key, unit, rank, id: 10 * unit + rank, name: `${10 * unit + rank}.jpg`, label: 'dahlia', size: [2, 2] },
  ...{
    box: [0, 1, 2, 2],
    place: [0, 1],
    value: 3,
    grid: [2, 2],
    lo: 0,
    hi: 3,
    why: '',
    friend: `About unit ${unit}.`,
    unmapped: '',
  },
  parts: { picture: { at: 0, codec: 'raw', shape: [2, 2, 1] }, map: { at: 1 } },
});

/** A kernel that answers at once. @param {any} asked @param {(content: any, buffers?: any[]) => void} reply */
export function kernel(asked, reply) {
  const about = { type: 'reply', rid: asked.rid, ok: true };
  if (asked.what === 'patches')
    reply({ ...about, key: asked.key, units: asked.units, cell: [8, 8], ...shownOf(asked.units) }, [new Uint8Array(4)]);
  else if (asked.what === 'enlarge') reply({ ...about, ...enlarged(asked) }, [new Uint8Array(4), new Uint8Array(4)]);
  else if (asked.type === 'request')
    reply({ ...about, number: asked.number ?? 0, k: K, cell: [8, 8] }, [new Uint8Array(1), new Uint8Array(1)]);
}

/** What was drawn: [method, arguments]. */
export const seen = { calls: /** @type {[string, any[]][]} */ ([]) };

/** A canvas that only remembers, and a board 440 px high. For the top of a test file. */
export function pretend() {
  beforeEach(() => {
    pretendWidth(900);
    Object.defineProperty(HTMLElement.prototype, 'clientHeight', { configurable: true, get: () => 440 });
    seen.calls = [];
    const pixels = { data: new Uint8ClampedArray(16) };
    const kept = /** @type {Record<string, any>} */ ({ getImageData: () => pixels });
    const ctx = new Proxy(kept, {
      get: (all, name) =>
        all[String(name)] ?? ((/** @type {any[]} */ ...args) => seen.calls.push([String(name), args])),
    });
    vi.spyOn(HTMLCanvasElement.prototype, 'getContext').mockImplementation(() => /** @type {any} */ (ctx));
    vi.stubGlobal('ImageData', class {});
    vi.stubGlobal('createImageBitmap', async () => ({}));
  });
  afterEach(() => {
    vi.restoreAllMocks();
    vi.unstubAllGlobals();
    document.body.replaceChildren();
  });
}

/** Frames and answers. */
export async function settled() {
  for (let i = 0; i < 4; i++) {
    await new Promise((resolve) => setTimeout(resolve, 0));
    await drawn();
  }
}

/** @param {Record<string, any>} [state] @param {typeof kernel} [answers] */
export async function open(state = {}, answers = kernel) {
  const shown = show(topPatches, { ...traits, ...content(), ...state }, answers);
  await settled();
  const { root, model } = shown;
  const board = one(root, '.tp-board');
  return {
    ...shown,
    board,
    /** What the rows say, in their order on the screen. */
    rows: () =>
      [...root.querySelectorAll('.tp-row')]
        .map((row) => /** @type {HTMLElement} */ (row))
        .sort((a, b) => Number.parseFloat(a.style.top) - Number.parseFloat(b.style.top)),
    titles: () => shownTitles(root),
    caption: () => readable(one(root, '.dvw-cap')),
    asked: (/** @type {string} */ what) => model.sent.filter((sent) => sent.what === what),
    tile: (/** @type {number} */ unit, /** @type {number} */ rank) =>
      one(root, `.tp-row[data-unit="${unit}"] .tp-tile[data-rank="${rank}"]`),
    async press(/** @type {string} */ key, /** @type {Record<string, unknown>} */ more = {}) {
      board.dispatchEvent(new KeyboardEvent('keydown', { key, bubbles: true, cancelable: true, ...more }));
      await settled();
    },
    async set(/** @type {Record<string, any>} */ values) {
      for (const [name, value] of Object.entries(values)) model.set(name, value);
      await settled();
    },
    button: (/** @type {string} */ label) =>
      /** @type {HTMLElement} */ ([...root.querySelectorAll('button')].find((found) => found.textContent === label)),
  };
}

/** @param {HTMLElement} root */
function shownTitles(root) {
  const rows = [...root.querySelectorAll('.tp-row')].map((row) => /** @type {HTMLElement} */ (row));
  rows.sort((a, b) => Number.parseFloat(a.style.top) - Number.parseFloat(b.style.top));
  return rows.map((row) => row.querySelector('b')?.textContent);
}
