import { describe, expect, it, vi } from 'vitest';
import { one, readable } from './helpers.js';
import { content } from './occlusion-map.js';
import { open, pretend, seen } from './occlusion-map-page.js';

pretend();

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

  it('the overlay slider says how much of the photo the strongest place hides', async () => {
    const { set } = await open();
    seen.images = [];
    await set({ overlay: 0.5 });
    const map = seen.images.find((rgba) => rgba.length === 4 * 12 * 18) ?? new Uint8ClampedArray(4);
    expect(Math.max(...map.filter((_, i) => i % 4 === 3))).toBe(Math.round(0.5 * 255));
    seen.images = [];
    seen.calls = [];
    await set({ overlay: 0 });
    expect(seen.calls.filter(([name, args]) => name === 'drawImage' && args.length === 5)).toEqual([]);
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
