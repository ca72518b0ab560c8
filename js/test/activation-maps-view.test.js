import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import activationMaps from '../src/activation-maps/index.js';
import { drawn, one, pretendWidth, readable, show } from './helpers.js';

const COUNT = 12;
const traits = {
  layer: 'block',
  call: 0,
  channel: 9,
  image: 2,
  order: 'index',
  over: 'image',
  scale: 'each',
  gamma: 1,
  colors: 'auto',
  overlay: 0,
  _layers: [
    { name: 'conv1', label: 'conv1', called: 1 },
    { name: 'block', label: 'block', called: 2 },
  ],
  _image: { name: 'china.jpg', label: 'pagoda', count: 1797, height: 8, width: 16 },
  _picture: new Uint8Array(8 * 16 * 3),
  _picture_meta: { codec: 'raw', shape: [8, 16, 3] },
};

/** @param {Record<string, unknown>} [meta] */
function content(meta = {}) {
  const stats = new Float32Array(6 * COUNT);
  for (let i = 0; i < COUNT; i += 1) {
    stats[COUNT + i] = i + 1;
    stats[2 * COUNT + i] = stats[4 * COUNT + i] = i === 5 ? 99 : 1;
    stats[3 * COUNT + i] = i === 7 ? 0.01 : 0.5;
  }
  const shape = [COUNT, 2, 4];
  const about = {
    key: 'a',
    layer: 'block',
    call: 0,
    image: 2,
    shape,
    full: [2, 4],
    signed: false,
    layout: 'maps',
    extra: 0,
    names: [],
  };
  return { _tiles: new Uint8Array(COUNT * 8).fill(255), _tiles_meta: { ...about, ...meta }, _stats: stats };
}
const vector = () => content({ layout: 'vector', full: [1, 1], shape: [COUNT, 1, 1], key: 'v' });

/** happy-dom draws nothing: every canvas takes all calls. */
function pretendCanvas() {
  const ctx = new Proxy(/** @type {Record<string, any>} */ ({}), {
    get: (kept, name) => kept[String(name)] ?? (() => ({ width: 10, data: new Uint8ClampedArray(4 * 8 * 16) })),
  });
  vi.spyOn(HTMLCanvasElement.prototype, 'getContext').mockImplementation(() => /** @type {any} */ (ctx));
  vi.stubGlobal('ImageData', class {});
}

beforeEach(() => {
  pretendWidth(648);
  pretendCanvas();
});
afterEach(() => {
  vi.restoreAllMocks();
  vi.unstubAllGlobals();
  document.body.replaceChildren();
});

/** @param {Record<string, unknown>} [state] */
async function open(state = {}) {
  const shown = show(activationMaps, { ...traits, ...content(), ...state });
  await drawn();
  const caption = () => readable(one(shown.root, '.dvw-cap'));
  const button = (/** @type {string} */ label) =>
    /** @type {HTMLElement} */ ([...shown.root.querySelectorAll('button')].find((b) => b.textContent === label));
  const press = async (/** @type {Element} */ el, /** @type {string} */ key) => {
    el.dispatchEvent(new KeyboardEvent('keydown', { key, bubbles: true, cancelable: true }));
    await drawn();
  };
  return {
    ...shown,
    caption,
    button,
    press,
    grid: one(shown.root, '.dvw-grid'),
    map: /** @type {HTMLElement} */ (shown.root.querySelectorAll('.am-pic')[1]),
  };
}

describe('activation maps', () => {
  it('says which layer, image and channel it shows, and what to do first', async () => {
    const { root, caption } = await open();
    expect(readable(one(root, '.dvw-head'))).toContain('block · 12 channels of 2 × 4');
    expect(readable(one(root, '.am'))).toContain('china.jpg · pagoda8 × 16 px');
    expect(readable(one(root, '.am'))).toContain('Channel 9awake on 50 %');
    expect(caption()).toContain('click a tile to enlarge its channel');
  });

  it('after an error the caption speaks of the maps again', async () => {
    const { model, caption } = await open({ status: 'done', error: '' });
    for (const [status, error] of [
      ['error', 'The network failed.'],
      ['done', ''],
    ]) {
      model.set('error', error);
      model.set('status', status);
      await drawn();
      expect(caption()).toContain(error ? 'before the error was removed' : 'click a tile to enlarge its channel');
    }
  });

  it('draws nothing from a sheet before it is decoded, and keeps what was there', async () => {
    vi.stubGlobal('createImageBitmap', () => new Promise(() => {}));
    const { root, model } = await open();
    const sheet = { codec: 'jpeg', cell: [8, 8], sheet: [24, 32], key: 'b', layer: 'conv1' };
    const next = content(sheet);
    for (const [name, value] of Object.entries({ ...next, _tiles: new Uint8Array(9) })) model.set(name, value);
    await drawn();
    expect(readable(one(root, '.dvw-head'))).toContain('block · 12 channels');
  });

  it('an arrow key in the grid chooses the next channel and tells it', async () => {
    const { model, grid, press, caption } = await open();
    await press(grid, 'ArrowRight');
    expect(model.get('channel')).toBe(10);
    expect(caption()).toBe('Channel 10: up to 11.00, awake on 50 % of the cells.');
  });

  it('in another order the next tile is another channel', async () => {
    const { model, grid, press } = await open({ order: 'strongest', channel: 5 });
    await press(grid, 'ArrowRight');
    expect(model.get('channel')).toBe(0);
  });

  it('a value read before its map has come is called about, then it is exact', async () => {
    const { model, map, press, caption } = await open();
    await press(map, 'ArrowUp');
    expect(caption()).toContain('Channel 9 is about 10.00 at row 1, column 2; one cell stands for 4 × 4 px');
    model.set('_map', new Float32Array([0, 0, 0, 0, 0, 0, 9.87, 0]));
    model.set('_map_meta', { key: 'a', channel: 9, shape: [2, 4] });
    await drawn();
    expect(caption()).toContain('Channel 9 is 9.87 at row 1, column 2');
    await press(map, 'Escape');
    expect(caption()).toContain('Point at a picture');
  });

  it('a channel set from Python that does not exist shows the last one', async () => {
    const { model, root } = await open();
    model.set('channel', 99);
    await drawn();
    expect(readable(one(root, '.am'))).toContain('Channel 11');
  });

  it('another layer starts at its first call and forgets the order over all images', async () => {
    const { model, root } = await open({ call: 1, over: 'all' });
    const field = /** @type {HTMLSelectElement} */ (one(root, 'select'));
    field.selectedIndex = 0;
    field.dispatchEvent(new Event('change'));
    expect(['layer', 'call', 'over'].map((name) => model.get(name))).toEqual(['conv1', 0, 'image']);
  });

  it('what belongs to the layer before is pale while the next one is computed', async () => {
    const { model, grid, root } = await open();
    model.set('layer', 'conv1');
    model.set('status', 'running');
    await drawn();
    expect(grid.classList.contains('dvw-stale')).toBe(true);
    expect(root.querySelectorAll('.am-pic.dvw-stale').length).toBe(0);
    for (const [name, v] of Object.entries({ ...content({ layer: 'conv1', key: 'b' }), status: 'done' }))
      model.set(name, v);
    await drawn();
    expect(grid.classList.contains('dvw-stale')).toBe(false);
  });

  it('All images asks for the survey once, and not when it is there', async () => {
    const { model, button } = await open();
    const send = vi.spyOn(model, 'send');
    button('All images').click();
    expect(send.mock.calls.map(([m]) => m.what)).toEqual(['survey']);
    button('This image').click();
    model.set('_survey_meta', { layer: 'block', call: 0, done: 1797, total: 1797 });
    button('All images').click();
    expect(send.mock.calls.length).toBe(1);
  });

  it('a saved page sends nothing but still switches channel, order and scale', async () => {
    const held = [{ name: 'conv1', label: 'conv1', called: 1 }]; // the layers of the page
    const { model, root, grid, press, button } = await open({ _live: false, _layers: held });
    const send = vi.spyOn(model, 'send');
    await press(grid, 'ArrowLeft');
    button('Strongest').click();
    button('Shared').click();
    expect([model.get('channel'), model.get('order'), model.get('scale')]).toEqual([8, 'strongest', 'shared']);
    expect(/** @type {HTMLSelectElement} */ (one(root, 'select')).disabled).toBe(true);
    button('All images').click();
    expect([model.get('over'), send.mock.calls.length]).toEqual(['image', 0]);
    model.set('_layers', [...held, { name: 'conv2', label: 'conv2', called: 1 }]);
    await drawn();
    expect(/** @type {HTMLSelectElement} */ (one(root, 'select')).disabled).toBe(false);
  });

  it('numbers without places are told with their rank and have no controls for pixels', async () => {
    const { root, grid, press, caption } = await open(vector());
    expect(readable(one(root, '.dvw-head'))).toContain('12 units');
    expect(readable(one(root, '.am-number'))).toBe('10.003rd strongest of 12');
    expect(one(root, '.am-pixels').hidden).toBe(true);
    await press(grid, 'ArrowDown');
    expect(caption()).toBe('Unit 10 is 11.00, the 2nd strongest of 12.');
  });

  it('without a layer it says how to choose one', async () => {
    const { root } = await open({ layer: '', _tiles_meta: {} });
    expect(readable(one(root, '.dvw-empty'))).toContain('maps.layer = "conv1"');
    expect(one(root, '.am').hidden).toBe(true);
  });

  describe('where the pointer rests', () => {
    const field = {
      _field: new Float32Array([0, 2, 6, 8, 0, 3, 7, 11, 5, 9, 13, 16]),
      _field_meta: { key: 'a', size: [6, 5], status: 'exact' },
    };
    /** @param {HTMLElement} map @param {number} x @param {number} y */
    const point = (map, x, y) => {
      vi.spyOn(map, 'getBoundingClientRect').mockReturnValue(
        /** @type {any} */ ({ left: 0, top: 0, width: 4, height: 2 }),
      );
      map.dispatchEvent(new MouseEvent('pointermove', { clientX: x, clientY: y, bubbles: true }));
    };
    const rest = async () => {
      await new Promise((resolve) => setTimeout(resolve, 150));
      await drawn();
    };
    /** @param {any} model */
    const requests = (model) => model.sent.filter((/** @type {any} */ m) => m.what === 'effective');
    const told = { type: 'reply', ok: true, images: 4, answered: 4, size: 2.2, shape: [2, 4] };

    it('the box comes at once and without the kernel, then the pixels that the cell answers to', async () => {
      const { model, map, root, caption } = await open({ ...field, status: 'done' });
      point(map, 3.5, 1.5);
      await drawn();
      expect(caption()).toContain('row 1, column 3; that cell sees the 6 × 5 px in the box.');
      expect(requests(model)).toEqual([]);
      await rest();
      expect(requests(model)).toMatchObject([{ type: 'request', key: 'a', channel: 9, row: 1, column: 3 }]);
      model.emit('msg:custom', { ...told, rid: requests(model)[0].rid }, [new Uint8Array(8)]);
      await drawn();
      await drawn();
      expect(caption()).toContain('in the box; most of its answer comes from 2 × 2 px (4 images).');
      expect(readable(one(root, '.am'))).toContain('yellow: what it answers to');
      expect(requests(model).length).toBe(2); // the next image
      model.set('overlay', 0.5);
      await drawn();
      expect(readable(one(root, '.am'))).not.toContain('yellow'); // who lays the map over the photo sees the map
      model.set('overlay', 0);
      await drawn();
      expect(readable(one(root, '.am'))).toContain('yellow');
      point(map, 0.5, 0.5);
      await drawn();
      expect(caption()).toContain('row 0, column 0; that cell sees the 6 × 5 px in the box.');
      expect(readable(one(root, '.am'))).toContain('8 × 16 px');
    });

    it('a saved page and a kernel at work show the box alone', async () => {
      for (const state of [{ _live: false }, { status: 'running' }]) {
        const { model, map, caption } = await open({ ...field, ...state });
        point(map, 3.5, 1.5);
        await rest();
        expect([requests(model), caption().includes('6 × 5 px in the box')]).toEqual([[], true]);
      }
    });

    it('a silent cell is called so and the photo keeps its colours', async () => {
      const { model, map, root, caption } = await open({ ...field, status: 'done' });
      point(map, 3.5, 1.5);
      await rest();
      model.emit('msg:custom', { ...told, answered: 0, rid: requests(model)[0].rid }, [new Uint8Array(8)]);
      await drawn();
      await drawn();
      expect(caption()).toContain('in the box; it is silent on 4 images.');
      expect(readable(one(root, '.am'))).toContain('8 × 16 px');
    });
  });

  it('a closed view draws and hears nothing any more', async () => {
    const { model, close, caption } = await open();
    const before = caption();
    close();
    model.set('channel', 3);
    await drawn();
    expect([document.querySelector('.dvw'), caption()]).toEqual([null, before]);
  });
});
