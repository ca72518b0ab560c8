import { describe, expect, it } from 'vitest';
import { one, readable } from './helpers.js';
import { content, enlarged, kernel, open, pretend } from './top-patches-page.js';

pretend();

describe('top patches', () => {
  it('shows a row per unit with its numbers, and asks for what is in sight', async () => {
    const { root, rows, asked, titles } = await open();
    expect(readable(one(root, '.dvw-head'))).toContain('conv3 · 4 units · receptive field 5 × 5 px');
    expect(titles()).toEqual(['Unit 0', 'Unit 1', 'Unit 2', 'Unit 3']);
    expect(readable(rows()[2])).toContain('2 of 3 dahlia');
    expect(readable(rows()[2])).toContain('22.0 pagoda');
    expect(readable(rows()[1])).toContain('dead');
    expect(readable(rows()[0])).not.toContain('dead');
    expect(asked('patches').map(({ units }) => units)).toEqual([[0, 1, 2, 3]]);
  });

  it('thousands of rows are a few on the page, those in sight', async () => {
    const { rows, board, asked, titles, model } = await open(content(3000));
    expect(rows().length).toBeLessThan(20);
    board.scrollTop = 120_000;
    board.dispatchEvent(new Event('scroll'));
    await new Promise((resolve) => setTimeout(resolve, 60));
    expect(rows().length).toBeLessThan(20);
    const first = Number(titles()[5]?.replace('Unit ', ''));
    expect(first).toBeGreaterThan(900);
    expect(
      asked('patches')
        .at(-1)
        ?.units.every((/** @type {number} */ unit) => unit > 900),
    ).toBe(true);
    expect(model.sent.length).toBeLessThan(12);
  });

  it('a row that left serves another unit, of which nothing of the old one is left', async () => {
    // of rows far down the pictures never come
    const busy = (/** @type {any} */ asked, /** @type {(content: any, buffers?: any[]) => void} */ reply) =>
      asked.what === 'patches' && asked.units[0] > 900 ? undefined : kernel(asked, reply);
    const { rows, board, tile, model } = await open(content(3000, { friends: true }), busy);
    const [before, old] = [new Set(rows()), tile(2, 1)];
    expect([...old.classList]).toEqual(expect.arrayContaining(['tp-odd', 'tp-there']));
    board.scrollTop = 120_000;
    board.dispatchEvent(new Event('scroll'));
    await new Promise((resolve) => setTimeout(resolve, 10));
    expect(rows().filter((row) => before.has(row)).length).toBeGreaterThan(4);
    expect([...old.classList]).toEqual(['tp-tile']);
    const unit = Number(/** @type {HTMLElement} */ (old.closest('.tp-row')).dataset.unit);
    expect(unit).toBeGreaterThan(900);
    expect(old.ariaLabel ?? old.getAttribute('aria-label')).toContain(`${10 * unit + 2}`);
    old.click();
    expect([model.get('channel'), model.get('rank')]).toEqual([unit, 1]);
  });

  it('says what is under the pointer, and the last sentence stays', async () => {
    const { tile, caption, board } = await open();
    expect(caption()).toContain('Point at a patch');
    tile(3, 1).dispatchEvent(new Event('pointerover', { bubbles: true }));
    await new Promise((resolve) => setTimeout(resolve, 40));
    board.dispatchEvent(new Event('pointerleave'));
    await new Promise((resolve) => setTimeout(resolve, 40));
    expect(caption()).toBe(
      'Unit 3 answers 32.0 to this piece of 31.jpg (pagoda), its number 2 of 3: 5 × 5 px from row 0, column 3.',
    );
  });

  it('a click enlarges a patch: its image, its map, its classes', async () => {
    const { tile, model, root, asked } = await open();
    tile(2, 1).click();
    await new Promise((resolve) => setTimeout(resolve, 60));
    expect([model.get('channel'), model.get('rank')]).toEqual([2, 1]);
    expect(asked('enlarge').at(-1)).toMatchObject({ key: 'a', unit: 2, rank: 1, gradient: 'none' });
    expect(readable(one(root, '.tp-detail'))).toContain('21.jpg · dahlia');
    expect(readable(one(root, '.tp-about'))).toContain('dahlia67 %');
    expect(readable(one(root, '.tp-about'))).toContain('Maximum23.0');
    expect(readable(one(root, '.tp-note'))).toBe('About unit 2. It stands apart.');
  });

  it('arrow keys go through patches and rows, and name the cell to a screen reader', async () => {
    const { press, model, board, root } = await open({ channel: 2, rank: 0 });
    await press('ArrowRight');
    expect([model.get('channel'), model.get('rank')]).toEqual([2, 1]);
    await press('ArrowDown');
    expect([model.get('channel'), model.get('rank')]).toEqual([3, 1]);
    await press('ArrowRight');
    await press('ArrowRight');
    expect(model.get('rank')).toBe(2);
    await press('Home', { ctrlKey: true });
    expect([model.get('channel'), model.get('rank')]).toEqual([0, 0]);
    const cell = root.querySelector(`#${board.getAttribute('aria-activedescendant')}`);
    expect(cell?.getAttribute('aria-label')).toBe('Unit 0, patch 1, 3.00, dahlia');
  });

  it('rows keep their place while images still come, also when they are sorted by a number that changes', async () => {
    const { set, titles } = await open({ status: 'running', sort: 'maximum' });
    expect(titles()).toEqual(['Unit 3', 'Unit 2', 'Unit 0', 'Unit 1']);
    const next = content();
    next._statistics[0] = 99;
    await set(next);
    expect(titles()).toEqual(['Unit 3', 'Unit 2', 'Unit 0', 'Unit 1']);
    await set({ status: 'done' });
    expect(titles()).toEqual(['Unit 0', 'Unit 3', 'Unit 2', 'Unit 1']);
  });

  it('rows do not move under the pointer when the scan ends', async () => {
    const { set, titles, board } = await open({ status: 'running', sort: 'maximum' });
    board.dispatchEvent(new Event('pointerenter'));
    const next = content();
    next._statistics[0] = 99;
    await set({ ...next, status: 'done' });
    expect(titles()[0]).toBe('Unit 3');
    board.dispatchEvent(new Event('pointerleave'));
    await set({});
    expect(titles()[0]).toBe('Unit 0');
  });

  it('a search that nothing fits says what can be searched', async () => {
    const { set, root, titles } = await open();
    await set({ search: 'pagoda' });
    expect(titles()).toEqual(['Unit 1', 'Unit 2', 'Unit 3']);
    await set({ search: 'zebra' });
    expect(readable(one(root, '.tp-board'))).toContain('No row fits “zebra”');
  });

  it('naming hides the classes until they are revealed, and what is written is kept', async () => {
    const { button, model, root, caption, set, tile } = await open();
    button('Name').click();
    await set({});
    expect([model.get('mode'), model.get('labels')]).toEqual(['name', false]);
    expect(readable(root)).not.toContain('dahlia');
    tile(2, 1).dispatchEvent(new Event('pointerover', { bubbles: true }));
    await set({});
    expect(caption()).not.toContain('pagoda');
    expect(caption()).toContain('image 21');
    expect(readable(root)).not.toContain('21.jpg');
    const field = /** @type {HTMLInputElement} */ (one(root, '.tp-row[data-unit="2"] input'));
    field.value = 'petals';
    field.dispatchEvent(new Event('input'));
    await set({});
    expect(model.get('names')).toEqual({ 'conv3:2': 'petals' });
    button('Reveal').click();
    await set({});
    expect(readable(root)).toContain('2 of 3 dahlia');
    field.value = '';
    field.dispatchEvent(new Event('input'));
    expect(model.get('names')).toEqual({});
  });

  it('a vote names neither row, and the answers come after enough of them', async () => {
    const tally = { key: '1', least: 5, votes: 0, units: 0, low: 0, high: 1 };
    const { button, set, root, asked, model } = await open({
      mode: 'vote',
      _bases: ['units', 'random'],
      labels: false,
      _tally: tally,
    });
    expect(readable(root)).not.toMatch(/Unit \d|random \d/);
    button('B belongs together more').click();
    await set({});
    expect(asked('vote')[0]).toMatchObject({ number: 0, chosen: 1 });
    button('Reveal').click();
    await set({});
    expect(model.get('labels')).toBe(false);
    const votes = [{ layer: 'conv3', unit: 2, direction: 'random 5', chosen: 'unit' }];
    await set({ votes, _tally: { ...tally, votes: 6, units: 5, low: 0.44, high: 0.97 } });
    expect(readable(one(root, '.tp-tally'))).toContain('Of 6 votes, 5 chose the unit: 83 %');
    button('Reveal').click();
    await set({});
    expect(readable(one(root, '.tp-past'))).toBe('1. unit 2 against random 5: you chose the unit');
  });

  it('a saved page shows what came with it and says what is missing', async () => {
    const meta = [
      {
        what: 'patches',
        id: '',
        content: { key: 'a', units: [3], cell: [8, 8], ids: [[30, 31, 32]], names: [['x.jpg', 'y.jpg', 'z.jpg']] },
        lengths: [4],
      },
      { what: 'enlarge', id: 'a|3|1|none', content: enlarged({ key: 'a', unit: 3, rank: 1 }), lengths: [4, 4] },
    ];
    const { tile, caption, root, model, set } = await open({
      _live: false,
      _saved: new Uint8Array(12),
      _saved_meta: meta,
    });
    tile(3, 1).click();
    await set({});
    expect(model.get('image')).toBe(31);
    expect(caption()).toContain('piece of y.jpg');
    expect(readable(one(root, '.tp-detail'))).toContain('31.jpg · dahlia');
    tile(3, 2).click();
    await set({});
    expect(readable(one(root, '.tp-detail'))).toContain('not saved with this page');
    expect(model.sent).toEqual([]);
  });
});
