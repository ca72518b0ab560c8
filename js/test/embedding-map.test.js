import { describe, expect, it } from 'vitest';
import { camera } from '../src/embedding-map/camera.js';
import { NONE, numberAt, paint, rampOf } from '../src/embedding-map/colours.js';
import { declutter, gapOf, levelOf, orderOf } from '../src/embedding-map/declutter.js';
import { both, DIMMED, flagger, HIDDEN } from '../src/embedding-map/flags.js';
import { FULL, hashGrid } from '../src/embedding-map/hash.js';
import { inside, rectangle, within } from '../src/embedding-map/lasso.js';
import { peaks } from '../src/embedding-map/peaks.js';
import { axes, gridLayout, layoutOf, points } from '../src/embedding-map/points.js';
import { seams } from '../src/embedding-map/seams.js';
import { fromBits, LISTED, selection, toBits } from '../src/embedding-map/selection.js';
import { CEILING, LAYER, LEVELS, plan, slots } from '../src/embedding-map/slots.js';
import * as words from '../src/embedding-map/words.js';

/** The same numbers every time. @param {number} count @param {number} [seed] */
function scatter(count, seed = 7) {
  let state = seed;
  return Uint16Array.from({ length: 2 * count }, () => {
    state = (Math.imul(state, 1664525) + 1013904223) >>> 0;
    return state >>> 16;
  });
}

/** @param {number} count */
const everyone = (count) => Uint32Array.from({ length: count }, (_, i) => i);

describe('who is shown where there is no room for all', () => {
  const xy = scatter(3000);
  const list = declutter(xy, everyone(3000));

  it('nothing that is shown at a level is nearer than its distance', () => {
    for (const level of [6, 14, 20]) {
      const shown = list.shown.slice(0, list.at(level));
      const gap = gapOf(level);
      let close = 0;
      for (const [k, a] of shown.entries()) {
        for (const b of shown.slice(0, k)) {
          const apart = Math.max(Math.abs(xy[2 * a] - xy[2 * b]), Math.abs(xy[2 * a + 1] - xy[2 * b + 1]));
          close += Number(apart < gap);
        }
      }
      expect(close).toBe(0);
    }
  });

  it('there is no room left for one more', () => {
    const level = 12;
    const shown = list.shown.slice(0, list.at(level));
    const gap = gapOf(level);
    for (let i = 0; i < 3000; i++) {
      const blocked = shown.some(
        (a) => Math.max(Math.abs(xy[2 * a] - xy[2 * i]), Math.abs(xy[2 * a + 1] - xy[2 * i + 1])) < gap,
      );
      expect(blocked).toBe(true);
    }
  });

  it('who is shown stays when one zooms in, and in the end all are, once each', () => {
    const counts = Array.from({ length: 60 }, (_, level) => list.at(level));
    expect(counts).toEqual([...counts].sort((a, b) => a - b));
    expect(counts.at(-1)).toBe(3000);
    expect(new Set(list.shown).size).toBe(3000);
  });

  it('identical positions lose nobody', () => {
    const same = declutter(new Uint16Array(20).fill(9), everyone(10));
    expect(same.at(3)).toBe(1);
    expect(same.at(99)).toBe(10);
  });

  it('a distance falls on a level that keeps at least that much', () => {
    for (const gap of [1, 33, 500, 65536]) expect(gapOf(levelOf(gap))).toBeGreaterThanOrEqual(gap * 0.999);
  });

  it('the order is that of the ranks, and loses nobody where ranks are no permutation', () => {
    expect([...orderOf([2, 0, 1], 3)]).toEqual([1, 2, 0]);
    expect([...orderOf([1, 1, 0], 3)]).toEqual([2, 0, 1]);
    expect([...orderOf(null, 3)]).toEqual([0, 1, 2]);
  });
});

describe('what lies where', () => {
  const xy = scatter(2000, 3);
  const hash = hashGrid(xy);
  const far = (/** @type {number} */ i, /** @type {number} */ x, /** @type {number} */ y) =>
    (xy[2 * i] - x) ** 2 + (xy[2 * i + 1] - y) ** 2;

  it('the nearest are those of a search through all', () => {
    for (const [x, y] of [
      [0, 0],
      [30000, 41000],
      [65535, 12],
    ]) {
      const brute = [...everyone(2000)].sort((a, b) => far(a, x, y) - far(b, x, y) || a - b).slice(0, 11);
      expect(hash.nearest(x, y, 11)).toEqual(brute);
      expect(hash.nearest(x, y, 1, (id) => id !== brute[0])).toEqual([brute[1]]);
      expect(hash.nearest(x, y, 1, () => true, Math.sqrt(far(brute[0], x, y)) - 1)).toEqual([]);
    }
  });

  it('a key leads to an image in its direction, and one that leads out leads nowhere', () => {
    for (const from of [5, 77, 900]) {
      const to = hash.toward(from, 1, 0);
      if (to >= 0) expect(xy[2 * to]).toBeGreaterThan(xy[2 * from]);
    }
    const last = [...everyone(2000)].reduce((a, b) => (xy[2 * a] > xy[2 * b] ? a : b));
    expect(hash.toward(last, 1, 0)).toBe(-1);
  });

  it('a lasso holds exactly the points that lie inside by the even-odd rule', () => {
    const corners = Array.from({ length: 40 }, (_, k) => {
      const [r, a] = [k % 2 ? 30000 : 12000, (k / 40) * 2 * Math.PI];
      return [32768 + r * Math.cos(a), 32768 + r * Math.sin(a)];
    }).flat();
    /** @type {number[]} */
    const found = [];
    within(hash, xy, corners, (id) => found.push(id));
    const brute = [...everyone(2000)].filter((i) => inside(corners, xy[2 * i], xy[2 * i + 1]));
    expect(found.sort((a, b) => a - b)).toEqual(brute);
    expect(brute.length).toBeGreaterThan(200);
  });

  it('a rectangle may be drawn from any corner', () => {
    /** @type {number[]} */
    const found = [];
    within(hash, xy, rectangle(50000, 40000, 10000, 20000), (id) => found.push(id));
    const brute = [...everyone(2000)].filter(
      (i) => xy[2 * i] > 10000 && xy[2 * i] < 50000 && xy[2 * i + 1] > 20000 && xy[2 * i + 1] < 40000,
    );
    expect(found.sort((a, b) => a - b)).toEqual(brute);
  });

  it('a name is written where most of its category lies, also where points come in a regular order', () => {
    const count = 60_000;
    const [many, values] = [new Uint16Array(2 * count), new Uint8Array(count)];
    for (let i = 0; i < count; i++) {
      values[i] = i % 10;
      many.set([6000 * values[i] + (i % 97), 1000 + 6000 * values[i] + (i % 89)], 2 * i);
    }
    const found = peaks(many, values, 11);
    for (let c = 0; c < 10; c++) {
      expect(Math.abs((found[c]?.[0] ?? 0) - 6000 * c - 48)).toBeLessThan(60);
      expect(Math.abs((found[c]?.[1] ?? 0) - 7000 + 6000 * (1 - c) - 44)).toBeLessThan(60);
    }
    expect(found[10]).toBeNull();
  });
});

describe('positions', () => {
  it('lead from the wire to the page and back to the numbers of the map, y upwards', () => {
    const raw = new Uint8Array(Uint16Array.of(0, 0, 65535, 65535, 32768, 0).buffer);
    const { xy, square, aspect } = layoutOf(raw, [-10, 0], [10, 5]);
    expect(aspect).toEqual([1, 0.25]);
    const { out } = axes(square);
    const places = [0, 1, 2].map((i) => out(xy[2 * i], xy[2 * i + 1]));
    for (const [k, [x, y]] of [
      [-10, 0],
      [10, 5],
      [0, 0],
    ].entries()) {
      expect(places[k][0]).toBeCloseTo(x, 2);
      expect(places[k][1]).toBeCloseTo(y, 2);
    }
    expect(xy[1]).toBeGreaterThan(xy[3]); // on the screen y goes down
  });

  it('are read at an odd offset too', () => {
    const raw = new Uint8Array([9, 1, 0, 2, 0]).subarray(1);
    expect([...layoutOf(raw, [0, 0], [65535, 65535]).xy]).toEqual([1, 65533]);
  });

  it('of a grid are the middles of its cells, row 0 on top', () => {
    const { xy, aspect } = gridLayout(Uint16Array.of(0, 0, 3, 1), 4, 2);
    expect(aspect).toEqual([1, 0.5]);
    expect([...xy].map((v) => Math.round((v / FULL) * 8))).toEqual([1, 3, 7, 5]);
  });

  it('move from where they are, and a move that is interrupted goes on from there', () => {
    const p = points();
    p.go(Uint16Array.of(0, 0), 0, 0);
    p.go(Uint16Array.of(1000, 1000), 0, 100);
    expect(p.at(0, 0)).toEqual([0, 0]);
    const [half] = p.at(0, 50);
    expect(half).toBeGreaterThan(500);
    p.go(Uint16Array.of(0, 0), 50, 100);
    expect(p.at(0, 50)[0]).toBeCloseTo(half, -1);
    expect(p.at(0, 150)).toEqual([0, 0]);
    expect(p.moving(100)).toBe(true);
    expect(p.moving(151)).toBe(false);
  });
});

describe('the camera', () => {
  const ready = () => {
    const look = camera();
    look.resize(600, 500, [1, 1]);
    return look;
  };

  it('shows the whole map until somebody moves it, and keeps that when its size changes', () => {
    const look = ready();
    look.resize(300, 500, [1, 1]);
    const [x] = look.toScreen(0, FULL / 2);
    expect(x).toBeGreaterThan(0);
    expect(look.zoom).toBeCloseTo(1);
  });

  it('what lies under the pointer stays there when one zooms', () => {
    const look = ready();
    const before = look.toMap(120, 90);
    look.zoomAt(3, 120, 90);
    expect(look.toMap(120, 90)[0]).toBeCloseTo(before[0], 3);
    expect(look.toMap(120, 90)[1]).toBeCloseTo(before[1], 3);
    expect(look.zoom).toBeCloseTo(3);
    expect(look.follows).toBe(false);
  });

  it('flies there, and at once where no motion is wanted', () => {
    const look = ready();
    const to = { x: 100, y: 200, scale: look.now.scale * 8 };
    look.fly(to, 0);
    expect(look.step(100)).toBe(true);
    expect(look.step(1000)).toBe(false);
    expect(look.now.x).toBeCloseTo(100);
    look.fit(0, true);
    expect(look.zoom).toBeCloseTo(1);
    expect(look.follows).toBe(true);
  });
});

describe('a part of the map', () => {
  it('is shown whole with room round it, and a single image with its surroundings; what is aimed at is told at once', () => {
    const look = camera();
    look.resize(600, 500, [1, 1]);
    look.show([1000, 2000, 21000, 12000], 0);
    expect(look.aim.x).toBe(11000);
    expect(20000 * look.aim.scale).toBeLessThan(600);
    expect(20000 * look.aim.scale).toBeGreaterThan(300);
    expect(look.now.x).not.toBe(look.aim.x);
    look.step(10_000);
    expect(look.now.x).toBeCloseTo(look.aim.x);
    look.show([500, 500, 500, 500], 0, true);
    expect(look.zoom).toBeGreaterThan(5);
    expect(look.zoom).toBeLessThan(40);
  });
});

describe('graphics memory', () => {
  it('stays below its ceiling whatever the number of images', () => {
    for (const count of [10, 1797, 100_000, 1_000_000, 3_000_000]) {
      const { bytes, layers } = plan(count);
      expect(bytes).toBeLessThanOrEqual(CEILING);
      const textures = layers.reduce((sum, n, k) => sum + n * LAYER * LAYER * (k ? 4 : 2), 0);
      expect(textures + 10 * count).toBeLessThanOrEqual(bytes);
      expect(layers.every((n) => n >= 1)).toBe(true);
    }
    expect(LEVELS).toEqual([8, 32, 64, 128]);
  });

  it('who was not looked at for longest gives the slot away', () => {
    const some = slots(2);
    expect(some.take(7).lost).toBe(-1);
    expect(some.take(8).lost).toBe(-1);
    some.look(7);
    const { slot, lost } = some.take(9);
    expect(lost).toBe(8);
    expect(some.look(8)).toBe(-1);
    expect(some.look(9)).toBe(slot);
    some.clear();
    expect(some.look(7)).toBe(-1);
  });
});

describe('colours', () => {
  it('the ten most frequent categories have one of their own, the others share a grey', () => {
    const column = {
      name: 'label',
      kind: /** @type {const} */ ('category'),
      categories: Array.from({ length: 12 }, (_, i) => `c${i}`),
    };
    const values = Uint8Array.from({ length: 200 }, (_, i) => Math.min(11, Math.floor(Math.sqrt(i))));
    const { index, legend } = paint(column, { values, none: 255 }, 200);
    expect(legend[0]).toEqual({ category: 11, count: 79, index: 0 });
    expect(new Set(legend.map((row) => row.index)).size).toBe(11);
    expect(index[199]).toBe(0);
  });

  it('a number has its place on the ramp, and one that is missing has none', () => {
    const column = { name: 'kept', kind: /** @type {const} */ ('number'), lo: 2, hi: 4 };
    const data = { values: Uint8Array.of(0, 127, 254, 255), none: 255 };
    expect([...paint(column, data, 4).index]).toEqual([0, 127, 254, NONE]);
    expect([0, 1, 2, 3].map((i) => numberAt(column, data, i))).toEqual([2, 3, 4, Number.NaN]);
    const ramp = rampOf('number', false);
    expect([...ramp.slice(0, 3)]).toEqual([68, 1, 84]);
    expect([...ramp.slice(4 * 254, 4 * 254 + 3)]).toEqual([253, 231, 37]);
  });

  it('hides what a filter leaves out and dims what does not fit', () => {
    const flags = flagger();
    const odd = { stamp: 'odd', test: (/** @type {number} */ i) => i % 2 === 1 };
    const low = { stamp: 'low', test: (/** @type {number} */ i) => i < 2 };
    flags.update(4, [3], odd, low);
    expect([...flags.values]).toEqual([HIDDEN, 0, HIDDEN | DIMMED, HIDDEN | DIMMED]);
    expect(both(odd, low)?.test(1)).toBe(true);
    expect(both(odd, low)?.test(3)).toBe(false);
  });
});

describe('the selection', () => {
  it('adds, takes away, replaces, and goes back step by step', () => {
    const s = selection(10);
    s.choose([1, 2, 3], 'replace');
    s.choose([4, 99], 'add');
    s.choose([1], 'subtract');
    expect(s.ids()).toEqual([2, 3, 4]);
    s.undo();
    expect(s.ids()).toEqual([1, 2, 3, 4]);
    s.undo();
    s.undo();
    expect(s.ids()).toEqual([]);
    expect(s.undo()).toBe(false);
  });

  it('travels as ids while they are few and as bits above 20,000, both ways', () => {
    const s = selection(50_000);
    s.choose(everyone(LISTED), 'replace');
    expect(s.traits().selected.length).toBe(LISTED);
    expect(s.traits()._mask.byteLength).toBe(0);
    s.choose([49_999], 'add');
    const { selected, _mask } = s.traits();
    expect(selected).toEqual([]);
    const other = selection(50_000);
    other.follow([], new Uint8Array(_mask.buffer));
    expect(other.size).toBe(LISTED + 1);
    expect([...toBits(Uint8Array.of(1, 0, 0, 0, 0, 0, 0, 0, 0, 1))]).toEqual([1, 2]);
    expect([...fromBits(Uint8Array.of(1, 2), 10)]).toEqual([1, 0, 0, 0, 0, 0, 0, 0, 0, 1]);
  });
});

describe('the grid', () => {
  it('has an edge between every two neighbours in sight, the clearer the farther apart they are', () => {
    const look = camera();
    look.resize(400, 400, [1, 1]);
    const grid = { columns: 2, rows: 2, right: Uint8Array.of(255, 0, 51, 0), down: Uint8Array.of(102, 0, 0, 0) };
    const edges = seams(grid, look, 2, 3);
    expect(edges.length).toBe(3);
    expect(edges.map(({ color }) => color[3])).toEqual([1, (102 / 255) ** 1.5, (51 / 255) ** 1.5]);
    expect(edges[0]).toMatchObject({ w: 6 });
    expect(edges[0].x).toBeCloseTo(400, 0);
    expect(edges[1].y).toBeCloseTo(400, 0);
  });
});

describe('words', () => {
  /** @param {any[]} parts */
  const text = (parts) => parts.map((part) => (typeof part === 'string' ? part : Object.values(part)[0])).join('');

  it('sum up a selection', () => {
    const flags = Uint8Array.of(1, 1, 1, 0, 1);
    const labels = { values: [0, 0, 1, 1, 1] };
    const said = words.ofSelection(flags, labels, ['cat', 'dog'], { values: [0, 1, 1, 1, 1] }, ['cat', 'dog']);
    expect(said).toBe('4 selected: 2 cat, 2 dog; 1 misclassified.');
    expect(words.ofSelection(flags, labels, ['0', '1'], null, [])).toBe('4 selected: 2 × 0, 2 × 1.');
    expect(words.ofSelection(new Uint8Array(3), null, [], null, [])).toBe('Nothing is selected.');
  });

  it('name an image, what it was taken for, and what the map kept', () => {
    const card = { id: 3, name: 'a.png', label: 'cat', prediction: 'dog', confidence: 0.7, neighbours: [1, 2, 4] };
    expect(text(words.ofPoint(card, 2))).toBe(
      'cat (a.png), taken for dog with 0.70: the map kept 2 of its 3 nearest images beside it.',
    );
    expect(text(words.ofPoint({ id: 1234 }, null))).toBe('Image 1,234.');
  });

  it('tell how far the map is', () => {
    expect(words.ofProgress({ phase: 'settling', total: 750, kl: 1.234 }, 230)).toBe(
      'Iteration 230 of 750, KL 1.23. The map is still moving.',
    );
    expect(words.ofProgress({ phase: 'done' }, 750)).toBe('');
    expect(words.ofProbe([0.97, 0.011])).toBe('linear probe 97 % ± 1 %');
  });
});
