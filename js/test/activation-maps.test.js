import { describe, expect, it } from 'vitest';
import { extremes, lookOf, shadeOf } from '../src/activation-maps/contrast.js';
import {
  cut,
  faceOf,
  overview,
  readExact,
  readMaps,
  readSurvey,
  silent,
  valueAt,
} from '../src/activation-maps/data.js';
import { rgbaOf } from '../src/activation-maps/draw.js';
import { stepCell } from '../src/activation-maps/figures.js';
import { columnsFor, stemColumns } from '../src/activation-maps/layout.js';
import { placeOf, rank } from '../src/activation-maps/order.js';
import { aside, boxOf, seenBy, ofCell, ofChannel, placed, sizes, value } from '../src/activation-maps/words.js';
import { DIVERGING, GREY, VIRIDIS } from '../src/lib/color.js';

const META = {
  key: 'a',
  layer: 'block',
  call: 0,
  image: 2,
  shape: [3, 1, 2],
  full: [2, 4],
  signed: false,
  layout: 'maps',
  extra: 0,
  names: [],
};
const STATS = [
  [0, 0, 0],
  [10, 0, 5],
  [4, 0, 1],
  [0.67, 0, 0.1],
  [4, 0, 1],
  [0, 0, 0],
].flat();
/** @type {(over?: Record<string, unknown>) => (name: string) => any} */
const traits = (over = {}) => {
  const all = {
    _tiles_meta: META,
    _tiles: new Uint8Array([0, 255, 0, 0, 51, 102]),
    _stats: new Float32Array(STATS),
    _map_meta: { key: 'a', channel: 0, shape: [2, 4] },
    _map: new Float32Array([0, 0, 0, 12.6875, 0, 0, 0, 0]),
    _survey_meta: { layer: 'block', call: 0, done: 9, total: 9 },
    _survey: new Float32Array([20, 1, 2, 1, 1, 1, 0.3, 0.4, 0.5, 7, 8, 9]),
    ...over,
  };
  return (name) => all[/** @type {keyof typeof all} */ (name)];
};
/** @param {Record<string, unknown>} [over] @returns {import('../src/activation-maps/data.js').Maps} */
const maps = (over) => /** @type {any} */ ({ ...readMaps(traits()), ...over });
/** @param {import('../src/lib/text.js').Part[]} parts */
const text = (parts) => parts.map((p) => (typeof p === 'string' ? p : Object.values(p)[0])).join('');

describe('what the kernel sent', () => {
  it('rows of statistics get their names', () => {
    const { lo, hi, active, count } = maps();
    expect([count, [...lo], [...hi]]).toEqual([3, [0, 0, 0], [10, 0, 5]]);
    expect(active[0]).toBeCloseTo(0.67);
  });

  it('is nothing until all of it has come', () => {
    expect(readMaps(() => undefined)).toBe(null);
    expect(readMaps(traits({ _tiles_meta: {} }))).toBe(null);
    expect(readMaps(traits({ _tiles: new Uint8Array(5) }))).toBe(null);
  });

  it('is read where it lies in a larger buffer, at any offset', () => {
    const raw = new Uint8Array(1 + 72);
    raw.set(new Uint8Array(new Float32Array(STATS).buffer), 1);
    const read = readMaps(traits({ _stats: new DataView(raw.buffer, 1, 72) }));
    expect([...(read?.hi ?? [])]).toEqual([10, 0, 5]);
  });

  it('a full-resolution map of other content is not taken', () => {
    expect(readExact(traits(), maps())?.channel).toBe(0);
    expect(readExact(traits(), maps({ key: 'b' }))).toBe(null);
    expect(readExact(traits({ _map_meta: {} }), maps())).toBe(null);
  });

  it('a survey of another layer or call is not taken', () => {
    expect([...(readSurvey(traits(), maps())?.max ?? [])]).toEqual([20, 1, 2]);
    expect(readSurvey(traits(), maps({ layer: 'conv1' }))).toBe(null);
    expect(readSurvey(traits(), maps({ call: 1 }))).toBe(null);
    expect(readSurvey(traits({ _survey_meta: {} }), maps())).toBe(null);
  });

  it('a value is exact from the float map and near from the tile', () => {
    const exact = readExact(traits(), maps());
    expect(valueAt(maps(), exact, 0, 0, 3)).toBe(12.6875);
    expect(valueAt(maps(), null, 0, 0, 3)).toBe(10);
    expect(valueAt(maps(), null, 2, 1, 0)).toBeCloseTo(1);
    expect(valueAt(maps(), null, 2, 1, 2)).toBeCloseTo(2);
  });

  it('a channel whose every cell is 0 is silent, and no other', () => {
    expect([0, 1, 2].map((i) => silent(maps(), i))).toEqual([false, true, false]);
    expect([...overview(maps(), 2).values]).toEqual([51, 102]);
  });

  it('a picture in grey and one in colour become opaque pixels', () => {
    expect([...rgbaOf(new Uint8Array([7, 9]), 2, 1)]).toEqual([7, 7, 7, 255, 9, 9, 9, 255]);
    expect([...rgbaOf(new Uint8Array([1, 2, 3]), 1, 3)]).toEqual([1, 2, 3, 255]);
  });
});

describe('choice of face', () => {
  /** @type {(layout: string, shape: [number, number, number], full: [number, number], names?: string[]) => string} */
  const face = (layout, shape, full, names = []) => faceOf({ layout, shape, full, names });
  it('maps and tokens are pictures, also when another kind has rows and columns', () => {
    expect(face('maps', [64, 56, 56], [56, 56])).toBe('maps');
    expect(face('tokens', [192, 14, 14], [14, 14])).toBe('maps');
    expect(face('other', [8, 1, 77], [1, 77])).toBe('maps');
  });
  it('few numbers or numbers with names are bars, many are stems', () => {
    expect(face('vector', [10, 1, 1], [1, 1])).toBe('bars');
    expect(face('vector', [33, 1, 1], [1, 1])).toBe('stems');
    expect(face('vector', [40, 1, 1], [1, 1], Array(40).fill('x'))).toBe('bars');
  });
  it('maps of one cell are numbers', () => expect(face('maps', [512, 1, 1], [1, 1])).toBe('stems'));
});

describe('contrast', () => {
  const chosen = { scale: 'each', gamma: 1, colors: 'auto' };
  /** @param {object} over @param {number} channel @param {Record<string, unknown>} [m] */
  const ends = (over, channel, m = {}) => {
    const { lo, hi, signed } = shadeOf(maps(m), channel, lookOf(maps(m), { ...chosen, ...over }));
    return [lo, hi, signed];
  };
  it('each channel has its own range from 0, shared ones have the range of the layer', () => {
    expect(ends({}, 2)).toEqual([0, 5, false]);
    expect(ends({ scale: 'shared' }, 2)).toEqual([0, 10, false]);
  });
  it('values of both signs get a range as far below 0 as above', () => {
    const m = { signed: true, lo: new Float32Array([-12, -1, 0]) };
    expect(ends({}, 0, m)).toEqual([-12, 12, true]);
    expect(ends({}, 2, m)).toEqual([-5, 5, true]);
    expect(ends({ scale: 'shared' }, 2, m)).toEqual([-12, 12, true]);
  });
  it('automatic colours diverge for values of both signs and are viridis otherwise', () => {
    expect(lookOf(maps(), chosen).lut).toBe(VIRIDIS);
    expect(lookOf(maps({ signed: true }), chosen).lut).toBe(DIVERGING);
    expect(lookOf(maps({ signed: true }), { ...chosen, colors: 'grey' }).lut).toBe(GREY);
  });
  it('diverging colours keep 0 in the middle even when nothing is negative', () => {
    expect(ends({ colors: 'diverging' }, 2)).toEqual([-5, 5, true]);
  });
  it('anything that changes a colour changes the stamp', () => {
    const looks = [{}, { scale: 'shared' }, { gamma: 0.5 }, { colors: 'grey' }].map(
      (o) => lookOf(maps(), { ...chosen, ...o }).stamp,
    );
    expect(new Set([...looks, lookOf(maps({ key: 'b' }), chosen).stamp]).size).toBe(5);
    expect(lookOf(maps(), { ...chosen, colors: 'viridis' }).stamp).toBe(looks[0]);
  });
  it('a NaN does not take the scale with it', () => {
    expect(extremes(maps({ hi: new Float32Array([Number.NaN, 3, 1]) }))).toEqual([0, 3]);
  });
});

describe('order', () => {
  const f = (/** @type {number[]} */ ...v) => new Float32Array(v);
  const strength = f(1, 5, 5, 0, 2);
  const active = f(0.5, 0.1, 1, 0, 0.1);
  it('by index leaves the channels where they are', () =>
    expect(rank('index', 3, { strength, active })).toEqual([0, 1, 2]));
  it('strongest first, equal ones by index', () => {
    expect(rank('strongest', 5, { strength, active })).toEqual([1, 2, 4, 0, 3]);
  });
  it('sparsest first, equal ones by index, silent ones last', () => {
    expect(rank('sparsest', 5, { strength, active })).toEqual([1, 4, 0, 2, 3]);
  });
  it('channels of a network that overflowed go last and none is lost', () => {
    const broken = f(Number.NaN, 1, Number.NaN, 3, 2);
    expect(rank('strongest', 5, { strength: broken, active })).toEqual([3, 4, 1, 0, 2]);
  });
  it('equal values share a place', () => expect([0, 1, 2, 3].map((i) => placeOf(strength, i))).toEqual([4, 1, 1, 5]));
});

describe('layout of the tiles', () => {
  const of = (/** @type {Partial<Parameters<typeof columnsFor>[0]>} */ over) =>
    columnsFor({ width: 648, count: 48, cells: 84, aspect: 1.5, ...over });
  it('8 a row, 6 where it is narrow', () => {
    expect(of({})).toBe(8);
    expect(of({ width: 296 })).toBe(6);
  });
  it('thousands of tiny maps stand closer, but every cell keeps 4 px', () => {
    const columns = of({ count: 2048, cells: 7, aspect: 1 });
    expect(columns).toBeGreaterThan(16);
    expect((648 + 4) / columns - 4).toBeGreaterThanOrEqual(28);
  });
  it('many larger maps are never narrower than 52 px', () => {
    const columns = of({ count: 512, cells: 28, aspect: 1 });
    expect((648 + 4) / columns - 4).toBeGreaterThanOrEqual(52);
  });
  it('stems stand in rows of a round number', () => {
    expect([stemColumns(648, 512), stemColumns(1000, 2048), stemColumns(296, 512), stemColumns(648, 40)]).toEqual([
      100, 128, 32, 40,
    ]);
  });
});

describe('words', () => {
  it('numbers get the digits that say something', () => {
    expect([12.688, 0, 0.0312, -0.5, 0.00012, 123456, -12345].map((v) => value(v))).toEqual([
      '12.69',
      '0',
      '0.031',
      '−0.50',
      '1.2e−4',
      '123,456',
      '−12,345',
    ]);
  });
  it('beside larger numbers a small one has their digits', () => expect(value(0.02, 7.1)).toBe('0.02'));
  it('a value that is no number says so', () => expect(value(Number.NaN)).toBe('not a number'));
  it('ranks are written as spoken', () => {
    expect([1, 2, 3, 4, 11, 12, 13, 21, 102, 111, 1261].map(placed).map((s) => s.split(' ')[0])).toEqual([
      'strongest',
      '2nd',
      '3rd',
      '4th',
      '11th',
      '12th',
      '13th',
      '21st',
      '102nd',
      '111th',
      '1,261st',
    ]);
  });
  it('one cell of the map stands for its share of the image', () => {
    expect(boxOf(maps(), { height: 8, width: 16 }, 1, 3)).toEqual({ x: 12, y: 4, w: 4, h: 4 });
  });
  describe('what a cell sees', () => {
    const image = { height: 8, width: 16 };
    const field = Float32Array.from([0, 2, 6, 8, 0, 3, 7, 11, 5, 9, 13, 16]); // tops, bottoms, lefts, rights
    const everything = Float32Array.from([0, 0, 8, 8, 0, 0, 0, 0, 16, 16, 16, 16]);
    const known = { ...maps(), field, sees: { size: /** @type {[number, number]} */ ([6, 5]), status: 'exact' } };
    /** @param {any} m @param {any} [heat] @param {{row: number, column: number}} [cell] */
    const say = (m, heat, cell = { row: 1, column: 3 }) => text(ofCell(m, 0, cell, 12.688, true, image, heat));

    it('is told, once that is known', () => {
      expect(seenBy(known, image, 1, 3)).toEqual({ x: 11, y: 2, w: 5, h: 6 });
      expect(say(known)).toBe('Channel 0 is 12.69 at row 1, column 3; that cell sees the 6 × 5 px in the box.');
      const bound = { ...known, sees: { ...known.sees, status: 'upper bound' } };
      expect(say(bound)).toContain('that cell sees at most the 6 × 5 px in the box.');
      expect(say({ ...known, field: everything, sees: { size: [8, 16] } })).toContain(
        'that cell sees the whole image.',
      );
    });
    it('is told in full where the border cuts it off', () => {
      const larger = { ...known, sees: { ...known.sees, size: [9, 5] } };
      expect(say(larger)).toContain('that cell sees 9 × 5 px, of which the image has 6 × 5 px.');
      const wide = { ...known, sees: { ...known.sees, size: [6, 7] } };
      expect(say(wide, null, { row: 1, column: 0 })).toContain('sees 6 × 7 px, of which the image has 6 × 5 px.');
      expect(say(wide, null, { row: 1, column: 1 })).toContain('sees the 6 × 6 px in the box.'); // smaller, and not cut
      const large = { ...known, field: everything, sees: { size: [427, 427], status: 'exact' } };
      expect(say(large)).toContain('sees the whole image; its field of 427 × 427 px is larger.');
      expect(say({ ...known, sees: { size: null, status: 'exact' } })).toContain('sees the 6 × 5 px in the box.');
    });
    it('is not given as numbers where it depends on the values or is not known', () => {
      const doubt = (/** @type {string} */ status) => say({ ...maps(), field: null, sees: { status } });
      expect(doubt('data dependent')).toContain('column 3; what that cell sees depends on the values.');
      expect(doubt('unknown')).toContain('column 3; what that cell sees is not known.');
    });
    it('is followed by where its answer comes from and over how many images', () => {
      const heat = { images: 1, answered: 1, size: 2.4 };
      expect(say(known, heat)).toContain('in the box; most of its answer comes from 2 × 2 px (1 image).');
      expect(say(known, { ...heat, images: 4, answered: 4 })).toContain('from 2 × 2 px (4 images).');
      expect(say(known, { ...heat, images: 4, answered: 3 })).toContain('(3 of 4 images, silent on the others).');
      expect(say(known, { images: 1, answered: 0, size: 0 })).toContain('in the box; it is silent on this image.');
      expect(say(known, { images: 4, answered: 0, size: 0 })).toContain('in the box; it is silent on 4 images.');
    });
  });
  it('a field of other tiles is not taken for that of these', () => {
    const field = { _field: new Float32Array(12), _field_meta: { key: 'old' } };
    expect(readMaps(traits(field))?.field).toBe(null);
    expect(readMaps(traits({ ...field, _field_meta: { key: 'a' } }))?.field?.length).toBe(12);
  });
  it('a cell is told with its value, its place and the pixels it stands for', () => {
    const told = ofCell(maps(), 0, { row: 1, column: 3 }, 12.688, true, { height: 8, width: 16 });
    expect(text(told)).toBe('Channel 0 is 12.69 at row 1, column 3; one cell stands for 4 × 4 px of the image.');
  });
  it('what is only near is called about, in value and in size', () => {
    const told = ofCell(maps(), 0, { row: 1, column: 3 }, 12.688, false, { height: 9, width: 17 });
    expect(text(told)).toBe(
      'Channel 0 is about 12.69 at row 1, column 3; one cell stands for about 5 × 4 px of the image.',
    );
  });
  it('a channel is told with its highest value and how much of the map is awake', () => {
    expect(text(ofChannel(maps(), 0, null))).toBe('Channel 0: up to 10.00, awake on 67 % of the cells.');
    expect(text(ofChannel(maps(), 1, null))).toBe('Channel 1 is silent on this image: every cell is 0.');
  });
  it('over all images the sentence says how many were measured', () => {
    const survey = readSurvey(traits(), maps());
    expect(text(ofChannel(maps(), 0, survey))).toBe('Channel 0: up to 20.00 over 9 images, awake on 30 % of them.');
    const half = survey && { ...survey, done: 4 };
    expect(text(ofChannel(maps(), 0, half))).toContain('over the first 4 images');
  });
  it('a unit is told with its value and its rank', () => {
    expect(text(ofChannel(maps({ face: 'stems' }), 2, null))).toBe('Unit 2 is 5.00, the 2nd strongest of 3.');
  });
  it('the head says what there is in the words of the layer', () => {
    expect(sizes(maps({ count: 48, full: [56, 84] }))).toBe('48 channels of 56 × 84');
    expect(sizes(maps({ layout: 'tokens' }))).toBe('3 channels of 2 × 4 tokens');
    expect(sizes(maps({ face: 'stems', count: 512 }))).toBe('512 units');
    expect(sizes(maps({ face: 'bars', names: ['a', 'b', 'c'] }))).toBe('3 class scores');
  });
  it('a class token is told beside the map it does not belong to', () => {
    expect(aside(maps({ extra: 1, token: new Float32Array([-0.42, 0, 0]) }), 0)).toBe('class token −0.42');
  });
});

describe('keys on a picture', () => {
  /** @type {[number, number]} */
  const full = [7, 9];
  it('arrows move one cell and stop at the border', () => {
    expect(stepCell('ArrowRight', { row: 3, column: 8 }, full)).toEqual({ row: 3, column: 8 });
    expect(stepCell('ArrowUp', { row: 3, column: 4 }, full)).toEqual({ row: 2, column: 4 });
  });
  it('Home, End, Page up and Page down lead to the borders', () => {
    expect(['Home', 'End', 'PageUp', 'PageDown'].map((k) => stepCell(k, { row: 3, column: 4 }, full))).toEqual([
      { row: 3, column: 0 },
      { row: 3, column: 8 },
      { row: 0, column: 4 },
      { row: 6, column: 4 },
    ]);
  });
  it('other keys are left to the page', () => expect(stepCell('q', { row: 0, column: 0 }, full)).toBe(null));
});

describe('a sheet', () => {
  it('is cut into the tiles that were put on it', () => {
    // three tiles of 2 x 3 on cells of 8 x 8, two in a row
    const meta = { shape: [3, 2, 3], cell: [8, 8], sheet: [16, 16] };
    const rgba = new Uint8ClampedArray(16 * 16 * 4);
    const put = (/** @type {number} */ x, /** @type {number} */ y, /** @type {number} */ v) => {
      rgba[4 * (y * 16 + x)] = v;
    };
    for (let c = 0; c < 3; c++)
      for (let y = 0; y < 2; y++)
        for (let x = 0; x < 3; x++) put((c % 2) * 8 + x, (c >> 1) * 8 + y, 10 * c + 3 * y + x + 1);
    expect([...cut(rgba, meta)]).toEqual([1, 2, 3, 4, 5, 6, 11, 12, 13, 14, 15, 16, 21, 22, 23, 24, 25, 26]);
  });
});
