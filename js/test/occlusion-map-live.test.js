import { describe, expect, it, vi } from 'vitest';
import occlusionMap from '../src/occlusion-map/index.js';
import { drawn, echoing, one, readable, show } from './helpers.js';
import { content, NAMES } from './occlusion-map.js';
import { open, pretend, seen, slow, traits } from './occlusion-map-page.js';

pretend();

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
    seen.calls.filter(([name, args]) => name === 'drawImage' && args.length === 5).map(([, , alpha]) => alpha);

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
    const [cover] = seen.images.slice(-1);
    const alpha = (/** @type {number} */ x) => cover[4 * 2 * x + 3]; // in half pixels
    expect([alpha(0), alpha(2.5), alpha(5), alpha(8)]).toEqual([255, 255, 0, 0]);
    seen.calls = [];
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
    seen.calls = [];
    model.set('_picture', new Uint8Array(5));
    await set({ _picture_meta: { shape: [6, 9, 3], codec: 'jpeg' }, overlay: 0.7 });
    expect(seen.calls.some(([name]) => name === 'moveTo')).toBe(false);
    expect(veils()).toEqual([0.45]);
    seen.calls = [];
    ready();
    await drawn();
    await drawn();
    // the first is the new photo itself, on a canvas of its own
    expect([veils()[1], seen.calls.some(([name]) => name === 'moveTo')]).toEqual([1, true]);
  });

  it('a stale map is pale, with no contour and no names', async () => {
    const photo = { _picture: new Uint8Array(6 * 9 * 3), _picture_meta: { shape: [6, 9, 3], codec: 'raw' } };
    const shown = await open(photo);
    await drawn();
    seen.calls = [];
    await shown.set({ overlay: 0.8 });
    const fresh = { veils: veils(), strokes: seen.calls.filter(([name]) => name === 'moveTo').length };
    seen.calls = [];
    await shown.set({ patch: 3 });
    const stale = { veils: veils(), strokes: seen.calls.filter(([name]) => name === 'moveTo').length };
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

  it('a slider that moves on is not put back by what the kernel heard before', async () => {
    const { root, model } = await open();
    const echo = echoing(model);
    const [patch, stride] = root.querySelectorAll('input[type=range]');
    for (const [field, v] of /** @type {[Element, number][]} */ ([
      [stride, 3],
      [stride, 4],
      [patch, 5],
      [patch, 6],
    ])) {
      /** @type {HTMLInputElement} */ (field).value = String(v);
      field.dispatchEvent(new Event('input', { bubbles: true }));
    }
    echo();
    await drawn();
    expect([model.get('patch'), model.get('stride')]).toEqual([6, 4]);
    expect([patch, stride].map((field) => /** @type {HTMLInputElement} */ (field).value)).toEqual(['6', '4']);
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
