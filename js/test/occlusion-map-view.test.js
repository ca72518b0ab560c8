import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import occlusionMap from '../src/occlusion-map/index.js';
import { drawn, one, pretendWidth, readable, show } from './helpers.js';
import { content, NAMES } from './occlusion-map.js';

const traits = {
  ...{ image: 0, target: 0, patch: 4, stride: 2, fill: 'mean', score: 'probability', view: 'target', overlay: 0.85 },
  ...{ place: [], _classes: NAMES, _fills: ['mean', 'grey'], _layer: 'conv3', status: 'done' },
  _limits: { patch: [2, 6], stride: [1, 6] },
  _image: { index: 0, name: 'china.jpg', label: '', count: 3, height: 6, width: 9 },
};

/** Everything that was drawn: [method, arguments, alpha]. @type {[string, any[], number][]} */
let calls = [];
/** RGBA of every picture that was made. @type {Uint8ClampedArray[]} */
let images = [];

beforeEach(() => {
  pretendWidth(648);
  calls = [];
  const state = /** @type {Record<string, any>} */ ({ globalAlpha: 1, measureText: () => ({ width: 10 }) });
  const ctx = new Proxy(state, {
    get: (all, name) =>
      all[String(name)] ?? ((/** @type {any[]} */ ...args) => calls.push([String(name), args, state.globalAlpha])),
  });
  vi.spyOn(HTMLCanvasElement.prototype, 'getContext').mockImplementation(() => /** @type {any} */ (ctx));
  images = [];
  vi.stubGlobal(
    'ImageData',
    class {
      constructor(/** @type {Uint8ClampedArray} */ rgba) {
        images.push(rgba);
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

/** @param {Record<string, unknown>} [state] @param {Parameters<typeof show>[2]} [kernel] */
async function open(state = {}, kernel) {
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
function slow() {
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

describe('occlusion map', () => {
  it('says what it shows and what to do first; without a patch the bars are those of the whole image', async () => {
    const { root, caption, bars } = await open();
    expect(readable(one(root, '.dvw-head'))).toContain('Occlusionchina.jpg');
    expect(caption()).toContain('Point at the picture to hide a patch there');
    expect(readable(one(root, '.oc-side'))).toContain('Class scores of the whole image');
    expect(bars()).toEqual(['pagoda0.600.00', 'lake0.300.00', 'trees0.100.00']);
    expect(readable(one(root, '.dvw-scale'))).toBe('hiding raises pagoda by 0.44lowers by 0.44');
  });

  it('the pointer hides a patch; what it does is told at once and asks the kernel for nothing', async () => {
    const { model, move, caption, bars, root } = await open();
    await move(5, 3.5);
    expect(model.get('place')).toEqual([2, 2]);
    expect(caption()).toBe('Hiding this patch lowers pagoda from 0.60 to 0.16; the answer is now lake, 0.42.');
    expect(bars()).toEqual(['pagoda0.16−0.44', 'lake0.42+0.12', 'trees0.42+0.32']);
    expect(readable(one(root, '.oc-side'))).toContain('Class scores with this patch hidden');
    expect(model.sent).toEqual([]);
  });

  it('losses are hatched, gains solid, the mark stands at the whole image', async () => {
    const { root, move } = await open();
    await move(5, 3.5);
    const [first, second] = root.querySelectorAll('.oc-list > .oc-row');
    expect(first.querySelector('u')?.className).toBe('oc-loss');
    expect(second.querySelector('u')?.className).toBe('oc-gain');
    const mark = /** @type {HTMLElement} */ (first.querySelector('s'));
    expect(Number.parseFloat(mark.style.left)).toBeCloseTo(60, 3);
    expect(first.classList.contains('oc-target')).toBe(true);
  });

  it('a click keeps the patch, another lets go of it', async () => {
    const { model, move, click, caption } = await open();
    await click(5, 3.5);
    await move(0, 8.5);
    expect(caption()).toContain('to 0.16');
    await click(0, 8.5);
    await move(0, 8.5);
    await vi.waitFor(() => expect(model.get('place')).toEqual([0, 6]));
  });

  it('a finger moves the patch and keeps nothing', async () => {
    const { model, send, pic } = await open();
    await send('pointerdown', { clientX: 35, clientY: 50, pointerType: 'touch' });
    await send('pointermove', { clientX: 85, clientY: 50, pointerType: 'touch' });
    await send('pointerup', { clientX: 85, clientY: 50, pointerType: 'touch' });
    await vi.waitFor(() => expect(model.get('place')).toEqual([2, 6]));
    for (const type of ['pointerdown', 'pointerup']) await send(type, { clientX: 5, clientY: 5, pointerType: 'touch' });
    await vi.waitFor(() => expect(model.get('place')).toEqual([0, 0]));
    expect(pic.getAttribute('aria-label')).not.toContain('is kept');
  });

  it('needs only the keyboard: the middle, along, kept, let go, gone', async () => {
    const { model, pic, press, caption, move } = await open();
    expect(pic.tabIndex).toBe(0);
    await press('ArrowLeft');
    await vi.waitFor(() => expect(model.get('place')).toEqual([2, 2]));
    await press('ArrowUp');
    await vi.waitFor(() => expect(model.get('place')).toEqual([0, 2]));
    expect(caption()).toContain('hardly changes pagoda from 0.60 to 0.60');
    await press('Enter');
    expect(pic.getAttribute('aria-label')).toContain('is kept');
    await move(5, 3.5);
    expect(caption()).toContain('hardly changes');
    await press('Escape');
    await press('Escape');
    await vi.waitFor(() => expect(model.get('place')).toEqual([]));
    expect(caption()).toContain('Point at the picture');
  });

  it('follows a place that was set in Python or by a linked widget', async () => {
    const { set, caption } = await open();
    await set({ place: [2, 2] });
    expect(caption()).toContain('to 0.16');
  });

  it('another class, score or view is told at once and asks for nothing', async () => {
    const { set, move, caption, root, bars, model } = await open();
    await move(5, 3.5);
    await set({ target: 2 });
    expect(caption()).toBe('Hiding this patch raises trees from 0.10 to 0.42; the answer is now lake, 0.42.');
    expect(bars()[0]).toBe('trees0.42+0.32');
    await set({ score: 'margin', target: 0 });
    expect(caption()).toContain('lowers the margin of pagoda from 0.69 to −1.00');
    await set({ view: 'winner' });
    expect(caption()).toContain('the answer is lake, 0.42; for the whole image it is pagoda.');
    expect(readable(one(root, '.oc-legend'))).toBe('pagoda 88 %lake 13 %');
    await set({ view: 'feature' });
    expect(caption()).toContain('lowers the strongest map of conv3 from 20.00 to 5.00, 25 % of it.');
    expect(model.sent).toEqual([]);
  });

  it('a part that a class leans on puts the patch there', async () => {
    const { root, model } = await open();
    expect(readable(one(root, '.oc-side'))).toContain('Parts that pagoda leans on−0.44');
    one(root, '.oc-part').click();
    expect(model.get('place')).toEqual([2, 2]);
  });

  it('an unfinished sweep says so, and the patch keeps to what is known', async () => {
    const { move, model, root, set } = await open({ ...content({ unknown: [1, 7] }), status: 'cancelled' });
    expect(readable(one(root, '.dvw-head'))).toContain('6 of 8 positions');
    expect(readable(one(root, '.oc-side'))).toContain('leans on, so far');
    await move(0, 3.5);
    expect([model.get('place'), model.sent]).toEqual([[0, 0], []]);
    await set({ status: 'running' });
    expect(readable(one(root, '.dvw-head'))).not.toContain('positions');
  });
});

describe('what only the kernel knows', () => {
  it('off the lattice there is one request on its way; what lay between is never asked for', async () => {
    const { kernel, answer } = slow();
    const { move, asked, bars, caption, stale } = await open({}, kernel);
    for (const x of [3, 3.6, 5.2]) await move(3.2, x, { altKey: true });
    expect(asked('place').map(({ key, y, x }) => [key, y, x])).toEqual([['k1', 1, 1]]);
    expect([bars()[0], caption()]).toEqual(['pagoda0.600.00', 'Hiding patches of 4 × 4 px, 2 px apart.']);
    await answer();
    expect(asked('place').map(({ x }) => x)).toEqual([1, 3]);
    await answer();
    expect([stale('.oc-bars'), bars()[0]]).toEqual([false, 'pagoda0.20−0.40']);
    await move(3.2, 8, { altKey: true });
    expect([stale('.oc-bars'), bars()[0]]).toEqual([true, 'pagoda0.20−0.40']);
    await move(3.2, 5.2, { altKey: true });
    expect(bars()).toEqual(['pagoda0.20−0.40', 'lake0.70+0.40', 'trees0.100.00']);
    expect(stale('.oc-bars')).toBe(false);
    await move(3.2, 5.3, { altKey: true });
    expect(asked('place')).toHaveLength(3);
  });

  it('a position that the sweep has not reached is asked for, when it was set', async () => {
    const { kernel, answer } = slow();
    const { set, asked, bars } = await open({ ...content({ unknown: [5] }), status: 'cancelled' }, kernel);
    await set({ place: [2, 2] });
    expect(asked('place').map(({ y, x }) => [y, x])).toEqual([[2, 2]]);
    await answer();
    expect(bars()[0]).toBe('pagoda0.20−0.40');
  });

  it('Shift and an arrow go one pixel', async () => {
    const { kernel, answer } = slow();
    const { press, asked, caption } = await open({ place: [0, 2] }, kernel);
    await press('ArrowRight', { shiftKey: true });
    expect(asked('place').map(({ y, x }) => [y, x])).toEqual([[0, 3]]);
    await answer();
    expect(caption()).toContain('to 0.20; the answer is now lake, 0.70.');
  });

  it('a refusal is told and not asked again', async () => {
    const { move, asked, caption, set } = await open({}, ({ rid }, reply) =>
      reply({ type: 'reply', rid, ok: false, reason: 'The sweep has changed.' }),
    );
    await move(3.2, 3, { altKey: true });
    await drawn();
    expect(caption()).toBe('The sweep has changed.');
    await set({ overlay: 0.5 });
    expect(asked('place')).toHaveLength(1);
  });

  it('an answer that came before a class was sent is not used for that class', async () => {
    const { kernel, answer } = slow();
    const many = [...NAMES, 'dahlia'];
    const { set, asked, move } = await open({ _classes: many }, kernel);
    await move(3.2, 3, { altKey: true });
    await answer();
    await set({ target: 1 });
    expect(asked('place')).toHaveLength(2);
  });
});

describe('never another picture than the controls say', () => {
  /** Alphas with which the map, the second picture in the full size, was drawn. */
  const veils = () =>
    calls.filter(([name, args]) => name === 'drawImage' && args.length === 5).map(([, , alpha]) => alpha);

  it.each([
    ['patch', 3],
    ['stride', 1],
    ['fill', 'grey'],
    ['image', 1],
  ])('another %s makes the map stale until the first positions of it come', async (trait, value) => {
    const { set, stale, move, model, caption } = await open({ place: [2, 2] });
    expect([stale('.dvw-scale'), caption()]).toEqual([false, expect.stringContaining('to 0.16')]);
    await set({ [trait]: value });
    expect([stale('.dvw-scale'), stale('.oc-bars'), stale('.oc-parts')]).toEqual([true, true, true]);
    await move(0, 0);
    expect([model.get('place'), model.sent]).toEqual([[2, 2], []]);
    expect(caption()).toMatch(/^Hiding patches of (4 × 4|3 × 3) px, [12] px apart.$/);
    // the new sweep has started, and nothing of it is known
    const meta = { key: 'k2', [trait]: typeof value === 'number' && trait !== 'image' ? [value, value] : value };
    await set(content({ unknown: [0, 1, 2, 3, 4, 5, 6, 7], meta }));
    expect(stale('.dvw-scale')).toBe(true);
    await set(content({ unknown: [3, 4, 5, 6, 7], meta }));
    expect([stale('.dvw-scale'), stale('.oc-bars'), stale('.oc-parts')]).toEqual([false, false, false]);
  });

  it('a class that was not sent is stale until it comes', async () => {
    const { set, stale, root } = await open({ _classes: [...NAMES, 'dahlia'] });
    await set({ target: 3 });
    expect([stale('.dvw-scale'), stale('.oc-parts')]).toEqual([true, true]);
    expect(readable(one(root, '.oc-side'))).toContain('Parts that pagoda leans on−0.44');
    await set({ target: 1 });
    expect([stale('.dvw-scale'), stale('.oc-parts')]).toEqual([false, false]);
  });

  it('so is the view of a feature map that was not computed', async () => {
    const { set, stale, root } = await open({ _feature: new Float32Array() });
    await set({ view: 'feature' });
    expect([stale('.dvw-scale'), readable(one(root, '.dvw-scale'))]).toEqual([true, expect.stringContaining('pagoda')]);
    await set({ _feature: new Float32Array(8).fill(10) });
    expect([stale('.dvw-scale'), readable(one(root, '.dvw-scale'))]).toEqual([false, '50 % of the map is left50 %']);
  });

  it('what a cancelled sweep has not reached is faded', async () => {
    const { set } = await open({ ...content({ unknown: [0, 1, 2, 4, 5, 6, 7] }), status: 'cancelled' });
    expect(veils().at(-1)).toBeCloseTo(0.55, 9);
    // the cover is made last: over the first row up to the second position, and not at the end of it
    const [cover] = images.slice(-1);
    const alpha = (/** @type {number} */ x) => cover[4 * 2 * x + 3]; // in half pixels
    expect([alpha(0), alpha(2.5), alpha(5), alpha(8)]).toEqual([255, 255, 0, 0]);
    calls = [];
    await set({ status: 'running' });
    expect(veils()).toEqual([]);
  });

  it('traits that arrive one after the other are not mixed', async () => {
    const { model, root } = await open();
    const next = /** @type {Record<string, unknown>} */ (content({ meta: { key: 'k2', rows: 1, columns: 8 } }));
    model.set('_sweep_meta', { .../** @type {object} */ (next._sweep_meta), columns: 9 });
    await drawn();
    expect(readable(one(root, '.dvw-scale'))).toContain('lowers by 0.44');
    expect(root.classList.contains('dvw-failed')).toBe(false);
  });

  it('no map is laid over the photo of another image while the new one is being read', async () => {
    const picture = () => ({ _picture: new Uint8Array(6 * 9 * 3), _picture_meta: { shape: [6, 9, 3], codec: 'raw' } });
    const { set, model } = await open(picture());
    await drawn();
    let ready = () => {};
    vi.stubGlobal('createImageBitmap', () => new Promise((resolve) => (ready = () => resolve({}))));
    calls = [];
    model.set('_picture', new Uint8Array(5));
    await set({ _picture_meta: { shape: [6, 9, 3], codec: 'jpeg' }, overlay: 0.7 });
    expect(calls.some(([name]) => name === 'moveTo')).toBe(false);
    expect(veils()).toEqual([0.45]);
    calls = [];
    ready();
    await drawn();
    await drawn();
    // the first is the new photo itself, on a canvas of its own
    expect([veils()[1], calls.some(([name]) => name === 'moveTo')]).toEqual([1, true]);
  });

  it('a stale map is pale, with no contour and no names', async () => {
    const photo = { _picture: new Uint8Array(6 * 9 * 3), _picture_meta: { shape: [6, 9, 3], codec: 'raw' } };
    const shown = await open(photo);
    await drawn();
    calls = [];
    await shown.set({ overlay: 0.8 });
    const fresh = { veils: veils(), strokes: calls.filter(([name]) => name === 'moveTo').length };
    calls = [];
    await shown.set({ patch: 3 });
    const stale = { veils: veils(), strokes: calls.filter(([name]) => name === 'moveTo').length };
    expect([fresh.veils.includes(0.45), fresh.strokes > 0]).toEqual([false, true]);
    expect([stale.veils.includes(0.45), stale.strokes]).toEqual([true, 0]);
  });
});

describe('the controls', () => {
  it('list the classes with their scores of the whole image, strongest first', async () => {
    const { root, set } = await open();
    const options = () => [...root.querySelectorAll('select')[0].options].map((o) => o.textContent);
    expect(options()).toEqual(['pagoda  0.60', 'lake  0.30', 'trees  0.10']);
    await set({ score: 'logit' });
    expect(options()[2]).toBe('trees  0.00');
  });

  it('a stride is never longer than the patch', async () => {
    const { root, model } = await open();
    const [patch, stride] = root.querySelectorAll('input[type=range]');
    const slide = (/** @type {Element} */ field, /** @type {string} */ v) => {
      /** @type {HTMLInputElement} */ (field).value = v;
      field.dispatchEvent(new Event('input', { bubbles: true }));
    };
    slide(stride, '5');
    expect([model.get('patch'), model.get('stride')]).toEqual([5, 5]);
    slide(patch, '3');
    expect([model.get('patch'), model.get('stride')]).toEqual([3, 3]);
  });

  it('many classes are found by name', async () => {
    const many = Array.from({ length: 60 }, (_, i) => (i < 3 ? NAMES[i] : `class ${i}`));
    const { root, model, caption } = await open({ _classes: many });
    const field = /** @type {HTMLInputElement} */ (one(root, '.oc-find'));
    const find = (/** @type {string} */ text) => {
      field.value = text;
      field.dispatchEvent(new Event('change'));
    };
    find('Class 41');
    expect(model.get('target')).toBe(41);
    find('tree');
    expect(model.get('target')).toBe(2);
    find('zebra');
    expect([model.get('target'), caption()]).toEqual([2, 'No class is called “zebra”.']);
  });

  it('a network that ends in a softmax has no logits to choose', async () => {
    const { root } = await open(content({ meta: { kind: 'probabilities' } }));
    const score = [...root.querySelectorAll('select')].at(-1);
    expect([.../** @type {HTMLSelectElement} */ (score).options].map((o) => o.textContent)).toEqual([
      'Probability',
      'Margin',
    ]);
  });
});

describe('without images', () => {
  it('says what to give it', async () => {
    const { root } = show(occlusionMap, { ...traits, _image: {}, status: 'idle' });
    await drawn();
    expect(readable(one(root, '.dvw-body'))).toContain('occlusion.images = photos');
    expect(readable(one(root, '.dvw-cap'))).toBe('Nothing is computed until there is an image.');
    expect(one(root, '.oc').hidden).toBe(true);
  });
});

describe('a saved page', () => {
  it('moves the patch over everything that was computed and asks for nothing', async () => {
    const { move, press, model, caption } = await open({ ...content({ unknown: [0, 1, 4] }), _live: false });
    expect(caption()).toContain('Saved page');
    await move(0, 0, { altKey: true });
    expect(model.get('place')).toEqual([2, 2]);
    expect(caption()).toContain('to 0.16');
    await press('ArrowLeft', { shiftKey: true });
    await press('ArrowRight', { shiftKey: true });
    await vi.waitFor(() => expect(model.get('place')).toEqual([2, 4]));
    expect(model.sent).toEqual([]);
  });

  it('asks for nothing where a patch was left off the lattice', async () => {
    const { caption, bars } = await open({ _live: false, place: [1, 1] });
    await drawn();
    expect([caption(), bars()[0]]).toEqual([expect.stringContaining('Point at'), 'pagoda0.600.00']);
  });

  it('what needs a kernel is off and says why; classes that were sent can be chosen', async () => {
    const { root, caption } = await open({ _live: false, _classes: [...NAMES, 'dahlia'] });
    const [patch, stride, overlay] = /** @type {NodeListOf<HTMLInputElement>} */ (
      root.querySelectorAll('input[type=range]')
    );
    const [target, fill, score] = root.querySelectorAll('select');
    expect([patch, stride, fill, target, overlay, score].map((field) => field.disabled)).toEqual([
      ...[true, true, true],
      ...[false, false, false],
    ]);
    expect([...target.options].map((o) => o.textContent)).toEqual(['pagoda  0.60', 'lake  0.30', 'trees  0.10']);
    patch.closest('.dvw-ctl')?.dispatchEvent(new Event('pointerenter'));
    expect(caption()).toContain('Saved page: this needs a kernel that runs.');
  });
});
