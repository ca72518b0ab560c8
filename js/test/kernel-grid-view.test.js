import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import kernelGrid from '../src/kernel-grid/index.js';
import { drawn, one, pretendWidth, readable, show } from './helpers.js';

const COUNT = 12;
const N = 3 * 2 * 2;
const FINE = Float32Array.from({ length: COUNT }, (_, i) => (i === 7 ? Number.NaN : 0.05 + i / 20));

/** @param {Record<string, unknown>} [more] */
const finding = (more) => ({
  ...{ kind: 'noisy', status: 'not found', number: 0.2, threshold: 0.25, measure: 'share of noise', source: 'demos' },
  ...{ kernels: [], says: 'No kernel looks like noise.', cause: 'Cause.', advice: 'Advice.' },
  ...more,
});
const verdict = {
  layer: 'conv1',
  headline: 'Healthy, with two kernels to look at',
  summary: '10 of 12 kernels are smooth.',
  random: [0.67, 0.83],
  findings: [
    finding({ kernels: [9], says: '9 looks like noise.' }),
    finding({ kind: 'dead', status: 'found', kernels: [7], says: '7 is dead.' }),
    finding({ kind: 'duplicate', number: null, says: 'No two kernels are the same.' }),
  ],
};

/** Kernel i has weights i + 1, negative ones in green; kernel 7 none. @param {Record<string, unknown>} [meta] @param {number} [steps] */
function content(meta = {}, steps = 1) {
  const most = Float32Array.from({ length: steps * COUNT }, (_, i) => (i % COUNT === 7 ? 0 : (i % COUNT) + 1));
  const shape = { count: COUNT, planes: 3, shape: [2, 2], full: [COUNT, 3, 2, 2], steps, from: 0, codec: 'f4' };
  const about = { key: 'a', layer: 'conv1', kind: 'Conv2d', face: 'rgb', fixed: 0, side: 'inputs', groups: 1 };
  const geometry = { reads: 'image', stride: [1, 1], padding: [0, 0], dilation: [1, 1], block: [1, 1] };
  return {
    _kernels: Float32Array.from(
      { length: steps * COUNT * N },
      (_, i) => most[Math.floor(i / N)] * ((i % N) >> 2 === 1 ? -1 : 1),
    ),
    _kernels_meta: { ...about, ...shape, ...geometry, ...meta },
    _most: most,
    _span: new Float32Array(steps).fill(COUNT),
  };
}
const slices = { face: 'slices', planes: 1, fixed: 4, full: [30, COUNT, 2, 2], key: 's', reads: 'maps' };
/** Tiles of one plane: a third of the numbers. @param {Record<string, unknown>} [meta] */
const sliced = (meta) => ({ ...content({ ...slices, ...meta }), _kernels: new Float32Array(COUNT * 4).fill(2) });

/** @param {number} channel */
const response = (channel) => ({
  _input: new Uint8Array(3 * 9).map((_, i) => (i % 3 === 2 ? 0 : 255)), // dark at the right
  _input_meta: { layer: 'conv1', image: 0, step: 0, channel, source: 0, shape: [3, 3, 3], lo: 0, hi: 1, bits: 8 },
  _response: new Float32Array([4.5, 5, 4.5, 4.5]).map((v) => v * (channel + 1)),
  _response_meta: { layer: 'conv1', image: 0, step: 0, channel, shape: [2, 2], bias: 0.5 },
});
const traits = {
  ...{ layer: 'conv1', channel: 2, source: 0, side: 'inputs', order: 'index', scale: 'each', image: 0, step: 0 },
  _layers: ['conv1', 'conv2'].map((name) => ({ name, label: name })),
  _steps: ['now'],
  _orders: Float32Array.from({ length: 5 * COUNT }, (_, i) => COUNT - 1 - (i % COUNT)),
  _measures: new Float32Array([...FINE, ...FINE, ...FINE]),
  _verdict: [verdict],
  _image: { index: 0, name: 'china.jpg', label: '', count: 1, height: 3, width: 3 },
  _fails: 'Give images to see what a kernel answers: KernelGrid(net, images).',
};

beforeEach(() => {
  pretendWidth(648);
  const kept = /** @type {Record<string, any>} */ ({ measureText: () => ({ width: 10 }) });
  const ctx = new Proxy(kept, { get: (all, name) => all[String(name)] ?? (() => {}) });
  vi.spyOn(HTMLCanvasElement.prototype, 'getContext').mockImplementation(() => /** @type {any} */ (ctx));
  vi.stubGlobal('ImageData', class {});
});
afterEach(() => {
  vi.useRealTimers();
  vi.restoreAllMocks();
  vi.unstubAllGlobals();
  document.body.replaceChildren();
});

/** @param {Record<string, unknown>} [state] */
async function open(state = {}) {
  const shown = show(kernelGrid, { ...traits, ...content(), ...state });
  await drawn();
  const { root } = shown;
  const press = async (/** @type {Element} */ el, /** @type {string} */ key) => {
    el.dispatchEvent(new KeyboardEvent('keydown', { key, bubbles: true, cancelable: true }));
    await drawn();
  };
  const set = async (/** @type {Record<string, unknown>} */ values) => {
    for (const [name, value] of Object.entries(values)) shown.model.set(name, value);
    await drawn();
  };
  const button = (/** @type {string} */ label) =>
    /** @type {HTMLElement} */ ([...root.querySelectorAll('button')].find((b) => b.textContent === label));
  return {
    ...shown,
    ...{ press, set, button },
    grid: one(root, '.dvw-grid'),
    caption: () => readable(one(root, '.dvw-cap')),
    side: () => readable(one(root, '.kg-pair')),
    failed: () => root.classList.contains('dvw-failed'),
  };
}

describe('kernel grid', () => {
  it('says which layer it shows, the chosen kernel, the verdict and what to do first', async () => {
    const { root, caption, side } = await open();
    expect(readable(one(root, '.dvw-head'))).toContain('conv1 · 12 kernels of 3 × 2 × 2');
    expect(side()).toContain('Kernel 2norm 10.39');
    expect(side()).toContain('−3.00+3.00');
    expect(readable(one(root, '.kg-headline'))).toBe('Healthy, with two kernels to look at');
    expect(caption()).toContain('click a tile to choose it');
  });

  it('an arrow key chooses the next kernel in the order of the tiles and tells it', async () => {
    const { model, grid, press, caption, set } = await open();
    await press(grid, 'ArrowRight');
    expect([model.get('channel'), caption()]).toEqual([
      3,
      'Kernel 3: 20 % fine detail; a random kernel has 67 to 83 %.',
    ]);
    await set({ order: 'norm' });
    await press(grid, 'ArrowRight');
    expect(model.get('channel')).toBe(2);
  });

  it('a dead kernel is told to be dead, a flagged one what for', async () => {
    const { grid, press, caption, set } = await open({ channel: 6 });
    await press(grid, 'ArrowRight');
    expect(caption()).toBe('Kernel 7 is dead: all weights are below 1e−8.');
    await set({ channel: 8 });
    await press(grid, 'ArrowRight');
    expect(caption()).toContain('Kernel 9: 50 % fine detail; a random kernel has 67 to 83 %; flagged as noisy.');
    expect(grid.querySelector('[role=gridcell]')?.textContent).toBe('Kernel 9, noisy');
  });

  it('tiles of inputs choose the source, tiles of outputs the channel', async () => {
    const { model, grid, press, set, root } = await open({ ...sliced(), channel: 4, source: 1 });
    expect(readable(one(root, '.dvw-head'))).toContain('output 4 of 30: one tile per input channel, 12 of 2 × 2');
    await press(grid, 'ArrowRight');
    expect([model.get('channel'), model.get('source')]).toEqual([4, 2]);
    const pale = () => one(root, '.dvw-body').classList.contains('kg-stale');
    expect(pale()).toBe(false);
    await set({ channel: 5 });
    expect(pale()).toBe(true);
    await set({ channel: 4 });
    await set({ ...sliced({ side: 'outputs', fixed: 2, full: [COUNT, 30, 2, 2], key: 't' }), side: 'outputs' });
    await press(grid, 'ArrowRight');
    expect([model.get('channel'), model.get('source')]).toEqual([5, 2]);
  });

  it('one scale for the layer is written at the ends of the colours', async () => {
    const { button, side } = await open();
    button('Layer').click();
    await drawn();
    expect(side()).toContain('−12.00+12.00');
  });

  it('the weights are numbers in a table, plane by plane', async () => {
    const { root, button } = await open();
    button('Numbers').click();
    await drawn();
    const tables = [...root.querySelectorAll('.kg-numbers table')];
    expect(tables.map((t) => t.querySelector('caption')?.textContent)).toEqual(['red', 'green', 'blue']);
    expect([...tables[1].querySelectorAll('td')].map((td) => td.textContent)).toEqual(Array(4).fill('−3.00'));
  });

  it('arrow keys read the weights of the large kernel, and frequencies of its spectrum', async () => {
    const { root, press, caption, button } = await open();
    const large = one(root, '.kg-pair canvas');
    await press(large, 'ArrowLeft');
    await press(large, 'ArrowLeft');
    expect(caption()).toBe('Row 1, column 0: red +3.00, green −3.00, blue +3.00.');
    button('Spectrum').click();
    await drawn();
    await press(large, 'ArrowUp');
    expect(caption()).toBe('0 cycles/pixel across, 0 down: 0 dB.');
  });

  it('without images it says why there is no answer', async () => {
    const { root } = await open();
    expect(readable(one(root, '.kg-why'))).toContain('Give images');
    expect(one(root, '.kg-answer').hidden).toBe(true);
  });

  it('starts at the strongest answer, writes the sum, and moves by one place with the arrow keys', async () => {
    const { root, press, caption } = await open({ ...response(0), channel: 0, _fails: '' });
    const line = () => readable(one(root, '.kg-line'));
    expect(line()).toBe('sum +2.00 + bias 0.50 ≈ 5.00');
    const map = one(root, '.kg-answer > .kg-fig:last-child canvas');
    await press(map, 'ArrowUp');
    await press(map, 'ArrowUp');
    expect(line()).toBe('sum +2.00 + bias 0.50 ≈ 5.00');
    await press(map, 'ArrowLeft');
    expect(line()).toBe('sum +4.00 + bias 0.50 = 4.50');
    expect(caption()).toBe('Kernel 0 at row 0, column 0: sum +4.00 + bias 0.50 = 4.50.');
  });

  it('the answer of the kernel before is pale until the new one has come', async () => {
    const { root, set } = await open({ ...response(0), channel: 0, _fails: '' });
    const pale = () => one(root, '.kg-answer').classList.contains('dvw-stale');
    await set({ channel: 1 });
    expect([pale(), one(root, '.kg-answer').hidden]).toEqual([true, false]);
    await set(response(1));
    expect([pale(), readable(one(root, '.kg-line'))]).toEqual([false, 'sum +4.00 + bias 0.50 ≈ 10.00']);
  });

  it('lists what was found with its number, and all checks behind a disclosure', async () => {
    const { root } = await open();
    const [found, all] = [...root.querySelectorAll('.kg-list')].map((list) => /** @type {HTMLElement} */ (list));
    expect(found.children.length).toBe(2);
    expect(readable(found)).toContain('7 is dead.Measured 0.20, threshold 0.25. Cause. Advice.');
    expect(readable(one(root, 'summary'))).toBe('All 3 checks');
    expect(all.children.length).toBe(3);
    expect(readable(all)).toContain('duplicate: not found. Measured none: share of noise. Threshold 0.25: demos.');
  });

  it('clicking a finding chooses its first kernel', async () => {
    const { model, button } = await open();
    button('9 looks like noise.').click();
    expect(model.get('channel')).toBe(9);
  });

  it('has one dot for each kernel that can be told, flagged ones with their number', async () => {
    const { root } = await open();
    const dots = [...root.querySelectorAll('.kg-dots')].map((path) => path.getAttribute('d')?.split('M').length ?? 0);
    expect(dots.map((n) => n - 1)).toEqual([10, 1]);
    expect([...root.querySelectorAll('.kg-number')].map((t) => t.textContent)).toEqual(['9']);
    expect(Number(root.querySelector('.kg-chosen')?.getAttribute('r'))).toBeGreaterThan(4);
  });

  it('shows no plot where fine detail cannot be told', async () => {
    const { root } = await open({ _measures: new Float32Array(3 * COUNT).fill(Number.NaN) });
    expect(one(root, '.kg-plot').hidden).toBe(true);
  });

  it('half of a message never throws, and what was there stays', async () => {
    const { root, set, failed } = await open();
    await set({ _kernels_meta: content({ count: 99, layer: 'conv2', key: 'b' })._kernels_meta, layer: 'conv2' });
    expect([failed(), one(root, '.dvw-body').classList.contains('kg-stale')]).toEqual([false, true]);
    expect(readable(one(root, '.dvw-head'))).toContain('conv1 · 12 kernels');
    await set(content({ layer: 'conv2', key: 'b' }));
    expect([failed(), one(root, '.dvw-body').classList.contains('kg-stale')]).toEqual([false, false]);
    expect(readable(one(root, '.dvw-head'))).toContain('conv2 · 12 kernels');
    expect(one(root, '.kg-verdict').classList.contains('dvw-stale')).toBe(true);
  });

  it('draws before anything has come', async () => {
    const { root, failed } = await open({
      ...Object.fromEntries(Object.keys(content()).map((k) => [k, undefined])),
      _verdict: [],
      _measures: null,
      _image: {},
      _steps: [],
    });
    expect([failed(), readable(one(root, '.dvw-head'))]).toEqual([false, 'Kernelsconv1']);
  });

  it('a matrix is one picture whose weights are read', async () => {
    const meta = { face: 'matrix', planes: 1, count: 1, shape: [12, 12], full: [12, 12, 1, 1], key: 'm' };
    const { root, press, caption, failed } = await open({
      ...content(meta),
      _most: new Float32Array([12]),
      _kernels: Float32Array.from({ length: 144 }, (_, i) => i / 12),
    });
    expect(readable(one(root, '.dvw-head'))).toContain('12 × 12 weights');
    await press(one(root, '.kg-pair canvas'), 'ArrowUp');
    expect([caption(), failed()]).toEqual(['Output 6, input 6: +6.50.', false]);
  });

  it('plays the checkpoints twice a second, from the start when at the end, and stops there', async () => {
    const { model, button, root } = await open({
      ...content({}, 3),
      _steps: ['epoch 1', 'epoch 5', 'epoch 30'],
      step: 2,
      _verdict: [verdict, verdict, verdict],
      _measures: new Float32Array(9 * COUNT),
    });
    expect(readable(one(root, '.dvw-bar'))).toContain('epoch 30');
    vi.useFakeTimers();
    button('Play').click();
    expect(model.get('step')).toBe(0);
    vi.advanceTimersByTime(500);
    expect([model.get('step'), button('Pause')?.textContent]).toEqual([1, 'Pause']);
    vi.advanceTimersByTime(5000);
    expect([model.get('step'), button('Play')?.textContent]).toEqual([2, 'Play']);
  });

  it('a saved page sends nothing, keeps order, scale and choice, and says what needs a kernel', async () => {
    const held = { _layers: [{ name: 'conv1', label: 'conv1' }] }; // the layers of the page
    const { model, root, grid, press, button, set } = await open({ ...response(2), ...held, _fails: '', _live: false });
    const send = vi.spyOn(model, 'send');
    button('Layer').click();
    await press(grid, 'ArrowRight');
    expect([model.get('channel'), model.get('scale'), send.mock.calls.length]).toEqual([3, 'layer', 0]);
    expect(readable(one(root, '.kg-why'))).toBe('Saved page: this needs a kernel that runs.');
    await set({ channel: 2 });
    expect(readable(one(root, '.kg-line'))).toContain('sum +6.00 + bias 0.50 ≈ 15.00');
    expect(/** @type {HTMLSelectElement} */ (one(root, 'select')).disabled).toBe(true);
  });

  it('a closed view draws and plays nothing any more', async () => {
    const { model, close, button } = await open({ ...content({}, 3), _steps: ['a', 'b', 'c'] });
    vi.useFakeTimers();
    button('Play').click();
    close();
    vi.advanceTimersByTime(2000);
    expect([model.get('step'), document.querySelector('.dvw')]).toEqual([0, null]);
  });
});
