import { describe, expect, it } from 'vitest';
import { cellOf, classesOf, filled, fits, inside, nameKey, sorted, stampOf } from '../src/top-patches/data.js';
import { layoutOf } from '../src/top-patches/rows.js';
import { thumbnails } from '../src/top-patches/sheets.js';
import { facts, mixed, mostly, numbers, ofPatch, ofTally, sizes } from '../src/top-patches/words.js';
import { content, K } from './top-patches-page.js';

/** @param {number} [count] @param {Record<string, any>} [more] */
function table(count, more) {
  const { _table, _values, _labels, _boxes, _odd, _statistics } = content(count, more);
  const names = ['maximum', 'sparsity', 'purity', 'friends', 'dead', 'mean', 'entropy', 'chance', 'lost'];
  const n = _table.count;
  const statistics = Object.fromEntries(names.map((name, i) => [name, _statistics.subarray(i * n, (i + 1) * n)]));
  return /** @type {any} */ ({ ..._table, values: _values, labels: _labels, boxes: _boxes, odd: _odd, statistics });
}
const known = { classes: ['dahlia', 'pagoda'], names: {}, labels: true };
const text = (/** @type {any} */ parts) =>
  [parts]
    .flat()
    .map((part) => (typeof part === 'string' ? part : Object.values(part)[0]))
    .join('');

describe('rows of a table', () => {
  it('are in the order of their numbers, or by a measure with the largest first', () => {
    expect(sorted(table(), 'index')).toEqual([0, 1, 2, 3]);
    expect(sorted(table(), 'maximum')).toEqual([3, 2, 0, 1]);
    expect(sorted(table(), 'friends')[0]).toBe(2);
    const t = table();
    t.statistics.maximum[3] = Number.NaN;
    expect(sorted(t, 'maximum')).toEqual([2, 0, 1, 3]);
    expect(sorted({ ...t, order: 'min' }, 'maximum')).toEqual([1, 0, 2, 3]);
  });

  it('are found by number, by class and by what students call them', () => {
    const t = table(30);
    const found = (/** @type {string} */ search, more = {}) =>
      [...Array(30).keys()].filter((unit) => fits(t, unit, search, { ...known, ...more }));
    expect(found('2')).toEqual([2, 20, 21, 22, 23, 24, 25, 26, 27, 28, 29]);
    expect(found('29')).toEqual([29]);
    expect(found('PAGODA').slice(0, 3)).toEqual([1, 2, 3]);
    expect(found('pagoda', { labels: false })).toEqual([]);
    expect(found('wheel', { labels: false, names: { [nameKey(t, 7)]: 'Wheels' } })).toEqual([7]);
  });

  it('know how many patches they have and which classes those show', () => {
    expect([filled(table(), 0), filled(table(), 1)]).toEqual([K, 0]);
    expect(classesOf(table(), 2)).toEqual([
      [0, 2],
      [1, 1],
    ]);
    expect(mostly(table(), 2, known.classes)).toBe('2 of 3 dahlia');
    expect(mostly(table(), 0, known.classes)).toBe('all dahlia');
    expect(mixed(table(), 2)).toBe('Entropy 0.92 bits; of 3 random images 75 % would share a class.');
  });

  it('want new thumbnails when their patches change, and only then', () => {
    const [a, b] = [table(), table()];
    b.values[0] += 1;
    expect(stampOf(a, 0)).not.toBe(stampOf(b, 0));
    expect(stampOf(a, 2)).toBe(stampOf(b, 2));
  });
});

describe('words', () => {
  const name = 'china.jpg';
  it('tell value, image, class and rank of a patch', () => {
    expect(text(ofPatch(table(), 3, 1, { ...known, name }))).toBe(
      'Unit 3 answers 32.0 to this piece of china.jpg (pagoda), its number 2 of 3: 5 × 5 px from row 0, column 3.',
    );
  });
  it('call what patches are ranked by by its name', () => {
    const [least, counts] = [table(4, { order: 'min' }), table(4, { order: 'relevance sum' })];
    expect([table(4), least, counts].map((t) => numbers(t, 3, 'index', true).split(' ')[0])).toEqual([
      'max',
      'min',
      'relevance',
    ]);
    expect(facts(least, 3, 0)).toContainEqual(['Minimum', '33.0']);
    expect(text(ofPatch(counts, 3, 1, { ...known, name }))).toContain('Unit 3 has relevance 32.0 at this piece of');
  });
  it('tell a false friend with its number, and keep the class back while classes are hidden', () => {
    const told = text(ofPatch(table(), 2, 1, { ...known, name }));
    expect(told).toContain(
      ': pagoda, where 2 of its 3 patches show dahlia. A false friend: 62 % of random patches would fit in as well.',
    );
    const hidden = text(ofPatch(table(), 2, 1, { ...known, name, labels: false }));
    expect(hidden).toContain('A false friend: 62 %');
    expect(hidden).not.toContain('pagoda');
  });
  it('tell a dead unit, and how many rows of how many are shown', () => {
    expect(text(ofPatch(table(), 1, 0, { ...known, name }))).toBe(
      'Unit 1 is dead: no place of the 20 images makes it answer.',
    );
    const broken = table();
    broken.statistics.maximum[1] = Number.NaN;
    broken.statistics.lost[1] = 8000;
    expect(text(ofPatch(broken, 1, 0, { ...known, name }))).toBe(
      'Unit 1 gives nothing but NaN or infinite values in 20 images, which are not ranked.',
    );
    expect(facts(broken, 1, 0)).toEqual([['NaN or infinite', '8,000 values']]);
    const some = { all: 9, skipped: 2 };
    expect(sizes(table(4, some), 4)).toBe(' · 4 of 9 units · receptive field 5 × 5 px · 2 images could not be read');
    expect(sizes(table(), 4)).toBe(' · 4 units · receptive field 5 × 5 px');
    expect(sizes(table(), 1)).toBe(' · 1 of 4 units · receptive field 5 × 5 px');
  });
  it('tell the votes only when there are enough, with their interval', () => {
    expect(text(ofTally({ votes: 3, units: 0, low: 0, high: 1 }, 5))).toBe(
      '3 votes so far; the tally is shown after 2 more.',
    );
    expect(text(ofTally({ votes: 6, units: 5, low: 0.44, high: 0.97 }, 5))).toBe(
      'Of 6 votes, 5 chose the unit: 83 %, 95 % interval 44 % to 97 %. Guessing gives 50 %, about 3, which these votes do not rule out.',
    );
    expect(text(ofTally({ votes: 40, units: 35, low: 0.74, high: 0.95 }, 5))).toContain('more coherent than random');
  });
});

describe('what a patch shows', () => {
  const t = table();
  it('keeps one scale for all, and leaves free what the border of the image cuts off', () => {
    expect(inside(t, [4, 5, 9, 10])).toEqual({ part: { x: 5, y: 4, w: 5, h: 5 }, at: { x: 0, y: 0, w: 1, h: 1 } });
    expect(inside(t, [0, 5, 3, 10]).at).toEqual({ x: 0, y: 0.4, w: 1, h: 0.6 });
    expect(inside(t, [4, 14, 9, 16]).at).toEqual({ x: 0, y: 0, w: 0.4, h: 1 });
  });
  it('is the whole image where a unit sees more than that', () => {
    const wide = { ...t, window: [16, 16] };
    expect(inside(wide, [0, 0, 9, 16])).toEqual({ part: { x: 0, y: 0, w: 16, h: 16 }, at: { x: 0, y: 0, w: 1, h: 1 } });
  });
  it('is found in the sheet at its rank and its row', () => {
    const cut = { ...t, boxes: t.boxes.slice() };
    cut.boxes.set([0, 14, 5, 16], 4 * (3 * K + 2));
    const { part } = cellOf(cut, 3, 2, /** @type {any} */ ({ cell: [10, 10], at: 1 }));
    expect(part).toEqual({ x: 20, y: 10, w: 4, h: 10 });
    expect(cellOf({ ...cut, window: [] }, 3, 2, /** @type {any} */ ({ cell: [10, 10], at: 1 })).part.w).toBe(10);
  });
});

describe('layout', () => {
  it.each([320, 480, 700, 968, 1400])('never gives tiles more room than there is at %i px', (width) => {
    const { columns, tile, narrow } = layoutOf(width, 9, false);
    expect(columns * tile + 8 * (columns - 1) + (narrow ? 0 : 148)).toBeLessThanOrEqual(width + 0.01);
    expect(columns).toBe(narrow ? 5 : 9);
  });
});

describe('thumbnails', () => {
  const wait = () => new Promise((resolve) => setTimeout(resolve, 0));
  /** @param {number[][]} asked @param {(() => void)[]} open */
  const slow =
    (asked, open) =>
    (/** @type {string} */ _what, /** @type {any} */ { key, units }) => {
      asked.push(units);
      const side = { ids: units.map(() => [1]), names: units.map(() => ['a']), cell: [8, 8] };
      return new Promise((/** @type {(r: any) => void} */ resolve) =>
        open.push(() => resolve({ content: { key, units, ...side }, buffers: [new Uint8Array(2)] })),
      );
    };

  it('asks for what is in sight now and not for what was scrolled past, and never twice', async () => {
    const asked = /** @type {number[][]} */ ([]);
    const answer = /** @type {(() => void)[]} */ ([]);
    const sheets = thumbnails({
      request: slow(asked, answer),
      changed: () => {},
      open: async () => /** @type {any} */ ({}),
    });
    const stamp = () => 's';
    sheets.want('a', [0, 1, 2], stamp);
    sheets.want('a', [50, 51], stamp);
    sheets.want('a', [900, 901], stamp);
    answer[0]();
    await wait();
    expect(asked).toEqual([
      [0, 1, 2],
      [900, 901],
    ]);
    answer[1]();
    await wait();
    sheets.want('a', [1, 2, 901], stamp);
    await wait();
    expect(asked.length).toBe(2);
    expect(sheets.row('a', 901)?.at).toBe(1);
  });

  it('asks again for a row whose patches have changed since', async () => {
    const asked = /** @type {number[][]} */ ([]);
    const answer = /** @type {(() => void)[]} */ ([]);
    const sheets = thumbnails({
      request: slow(asked, answer),
      changed: () => {},
      open: async () => /** @type {any} */ ({}),
    });
    sheets.want('a', [0, 1], () => 'first');
    answer[0]();
    await wait();
    sheets.want('a', [0, 1], (unit) => (unit ? 'first' : 'second'));
    expect(asked).toEqual([[0, 1], [0]]);
  });

  it('does not ask for ever when it is refused', async () => {
    let asked = 0;
    const request = async () => {
      asked++;
      throw new Error('no');
    };
    const sheets = thumbnails({ request, changed: () => {} });
    for (let i = 0; i < 4; i++) {
      sheets.want('a', [0], () => 's');
      await wait();
    }
    expect(asked).toBe(1);
  });
});
