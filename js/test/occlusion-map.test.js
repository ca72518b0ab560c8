import { describe, expect, it } from 'vitest';
import { single } from '../src/occlusion-map/ask.js';
import { pieces, range, ranked } from '../src/occlusion-map/bars.js';
import { answerAt, answerOf, baseOf, effects, readSweep, scoreOf, spread } from '../src/occlusion-map/data.js';
import { decisive } from '../src/occlusion-map/decisive.js';
import { centred, snap, walk } from '../src/occlusion-map/hands.js';
import { latticeOf, nearestOf, regionOf } from '../src/occlusion-map/lattice.js';
import { named } from '../src/occlusion-map/maps.js';
import { expand, outline } from '../src/occlusion-map/paint.js';
import * as words from '../src/occlusion-map/words.js';
import { content, META, NAMES, sweepOf } from './occlusion-map.js';

/** Logits whose softmax is [6, 3, 1] / 10: their log-sum-exp is log 10. */
const SIX_THREE_ONE = [Math.log(6), Math.log(3), 0];
const WHOLE = { winner: 0, feature: 0 };
const told = (/** @type {any} */ parts) =>
  parts.map((/** @type {any} */ part) => (typeof part === 'string' ? part : Object.values(part)[0])).join('');
const name = (/** @type {number} */ id) => NAMES[id];

describe('scores', () => {
  const answer = answerOf(
    { sent: [0, 1, 2] },
    Float32Array.from([...SIX_THREE_ONE, Math.log(10), SIX_THREE_ONE[0], SIX_THREE_ONE[1]]),
    WHOLE,
  );
  it('a probability is the softmax of the logits', () => {
    const found = [0, 1, 2].map((id) => scoreOf({ kind: 'logits' }, answer, id, 'probability'));
    for (const [i, p] of [0.6, 0.3, 0.1].entries()) expect(found[i]).toBeCloseTo(p, 6);
  });
  it('a logit is what the network returned, and so is a probability that it returned itself', () => {
    expect(scoreOf({ kind: 'logits' }, answer, 1, 'logit')).toBeCloseTo(Math.log(3), 6);
    expect(scoreOf({ kind: 'probabilities' }, answer, 1, 'probability')).toBeCloseTo(Math.log(3), 6);
  });
  it('a margin is over the best other class: the second for the winner, the winner for all others', () => {
    expect(scoreOf({ kind: 'logits' }, answer, 0, 'margin')).toBeCloseTo(Math.log(2), 6);
    expect(scoreOf({ kind: 'logits' }, answer, 1, 'margin')).toBeCloseTo(-Math.log(2), 6);
    expect(scoreOf({ kind: 'logits' }, answer, 2, 'margin')).toBeCloseTo(-Math.log(6), 6);
  });
  it('a class that was not sent has no score', () => {
    expect(scoreOf({ kind: 'logits' }, answer, 7, 'probability')).toBeNaN();
  });
});

describe('a sweep', () => {
  it('raw scores come back from 16 bits to within one step', () => {
    const sweep = sweepOf();
    const step = (sweep.hi - sweep.lo) / 65535;
    expect(Math.abs(answerAt(sweep, 5).raw(0) - -1)).toBeLessThan(step);
    expect(Math.abs(answerAt(sweep, 0).raw(2) - 0)).toBeLessThan(step);
  });
  it('reads bytes that start at an odd place', () => {
    const sent = content();
    const shifted = new Uint8Array(sent._raw.byteLength + 1);
    shifted.set(new Uint8Array(sent._raw.buffer), 1);
    const odd = readSweep((key) => (key === '_raw' ? new DataView(shifted.buffer, 1) : /** @type {any} */ (sent)[key]));
    expect(odd?.raw).toEqual(sent._raw);
  });
  it('hiding that lowers a score is positive; unknown positions are not numbers', () => {
    const sweep = sweepOf({ unknown: [1] });
    const effect = effects(sweep, 0, 'probability');
    // position 5 has logits [-1, 0, 0]: softmax 1 / (1 + 2e)
    expect(effect[5]).toBeCloseTo(0.6 - 1 / (1 + 2 * Math.E), 4);
    expect(effect[0]).toBeCloseTo(0, 4);
    expect(effect[1]).toBeNaN();
  });
  it('takes scores in 8 bits too', () => {
    const sent = /** @type {Record<string, any>} */ (content({ meta: { bits: 8 } }));
    const raw = Uint8Array.from(sent._raw, (v) => Math.round(v / 257));
    const sweep = readSweep((key) => (key === '_raw' ? raw : sent[key]));
    expect(Math.abs((sweep ? answerAt(sweep, 5).raw(0) : 0) - -1)).toBeLessThan(5 / 255);
  });
  it.each(['_raw', '_lse', '_known', '_winner', '_base'])('waits while %s has not come', (missing) => {
    const sent = /** @type {Record<string, any>} */ (content());
    expect(readSweep((key) => sent[key])).not.toBeNull();
    expect(readSweep((key) => (key === missing ? sent[key].slice(1) : sent[key]))).toBeNull();
    expect(readSweep((key) => (key === missing ? undefined : sent[key]))).toBeNull();
  });
  it('waits for the first position, and for any meta at all', () => {
    const none = /** @type {Record<string, any>} */ (content({ unknown: [0, 1, 2, 3, 4, 5, 6, 7] }));
    expect(readSweep((key) => none[key])).toBeNull();
    expect(readSweep(() => undefined)).toBeNull();
  });
});

describe('the lattice', () => {
  const lattice = latticeOf(META); // 6 x 9 px, patch 4, stride 2: 2 x 4 positions
  it('the last patch is cut off at the border', () => {
    expect(lattice.box(3)).toEqual({ y: 0, x: 6, h: 4, w: 3 });
    expect(lattice.box(4)).toEqual({ y: 2, x: 0, h: 4, w: 4 });
  });
  it('each pixel belongs to the patch with the nearest middle, up to the border', () => {
    // middles across: 2, 4, 6, 7.5
    expect([0, 2.9, 3, 4.9, 5, 6.7, 6.8, 8.9, 99].map((x) => lattice.x.at(x))).toEqual([0, 0, 1, 1, 2, 2, 3, 3, 3]);
    expect(lattice.x.edges).toEqual([0, 3, 5, 6.75, 9]);
  });
  it('knows the position that starts at a place, and that there is none between two', () => {
    expect([lattice.startingAt(2, 6), lattice.startingAt(2, 5), lattice.startingAt(1, 6)]).toEqual([7, -1, -1]);
  });
  it('a region starts and ends where it was told to', () => {
    const part = latticeOf({ ...META, region: [1, 2, 6, 9], rows: 2, columns: 3 });
    expect(part.box(5)).toEqual({ y: 3, x: 6, h: 3, w: 3 });
    expect(part.whole).toEqual({ y: 1, x: 2, h: 5, w: 7 });
  });
  it('the nearest known position is the nearest of all, in pixels', () => {
    const [rows, columns] = [7, 9];
    const known = Uint8Array.from({ length: 63 }, (_, p) => Number(p % 11 === 3));
    const far = (/** @type {number} */ p, /** @type {number} */ q) =>
      ((Math.floor(p / 9) - Math.floor(q / 9)) * 2) ** 2 + (((p % 9) - (q % 9)) * 5) ** 2;
    const brute = [...known.keys()].map((p) =>
      Math.min(...[...known.keys()].filter((q) => known[q]).map((q) => far(p, q))),
    );
    const found = nearestOf(known, rows, columns, [2, 5]);
    expect([...found].map((q, p) => far(p, q))).toEqual(brute);
    expect([...found].every((q) => known[q])).toBe(true);
  });
  it('nothing is near where nothing is known', () => {
    expect(nearestOf(new Uint8Array(6), 2, 3, [1, 1])).toEqual(new Int32Array(6).fill(-1));
  });
});

describe('from coarse to fine', () => {
  const big = { rows: 13, columns: 13, patch: [8, 8], stride: [4, 4], region: [0, 0, 56, 56] };
  /** @param {(row: number, column: number) => boolean} is */
  function partly(is) {
    const known = Uint8Array.from({ length: 169 }, (_, p) => Number(is(Math.floor(p / 13), p % 13)));
    const lattice = latticeOf(/** @type {any} */ (big));
    return /** @type {any} */ ({ lattice, known, nearest: lattice.nearest(known), stride: [4, 4] });
  }
  it('a coarse lattice fills the whole image with values that were computed, and with no others', () => {
    const sweep = partly((r, c) => r % 2 === 0 && c % 2 === 0);
    const values = Float32Array.from({ length: 169 }, (_, p) => (sweep.known[p] ? p : -1000));
    const filled = [...spread(sweep, values)];
    expect(filled.every((v, p) => v === sweep.nearest[p] && sweep.known[v] === 1)).toBe(true);
    expect(new Set(filled).size).toBe(49);
  });
  it('a finer position takes its own part and leaves the rest to the coarse ones', () => {
    const coarse = (/** @type {number} */ r, /** @type {number} */ c) => r % 4 === 0 && c % 4 === 0;
    const fine = 5 * 13 + 6;
    const sweep = partly((r, c) => coarse(r, c) || r * 13 + c === fine);
    const before = partly(coarse);
    const taken = [...sweep.nearest.keys()].filter((p) => sweep.nearest[p] === fine);
    expect(taken).toContain(fine);
    expect(taken.length).toBeLessThan(16); // a coarse position stands for 16
    expect([...sweep.nearest].filter((q, p) => q !== before.nearest[p])).toHaveLength(taken.length);
  });
  it('what is far from anything known stays empty', () => {
    const sweep = partly((r) => r < 3);
    const filled = spread(sweep, new Float32Array(169).fill(1));
    expect([filled[3 * 13], filled[12 * 13]]).toEqual([1, Number.NaN]);
  });
  it('fills every pixel of the image with the colour of its position', () => {
    const lattice = latticeOf(META);
    const colours = new Uint8ClampedArray(Uint32Array.from({ length: 8 }, (_, p) => p + 1).buffer);
    const { rgba, w, h } = expand(colours, lattice, 6, 9);
    const at = new Uint32Array(rgba.buffer);
    expect([w, h, at.includes(0)]).toEqual([18, 12, false]); // in half pixels
    const wrong = [...at.keys()].filter((i) => {
      const [y, x] = [(Math.floor(i / w) + 0.5) / 2, ((i % w) + 0.5) / 2];
      return Math.abs(x - 6.75) > 0.3 && at[i] !== lattice.at(y, x) + 1;
    });
    expect(wrong).toEqual([]);
  });
});

describe('regions', () => {
  const lattice = { rows: 3, columns: 3 };
  it('hang together side by side, not across corners or round the border', () => {
    const inside = new Set([0, 1, 5, 6, 8]);
    expect([...regionOf((p) => inside.has(p), 0, lattice)].sort()).toEqual([0, 1]);
    expect([...regionOf((p) => inside.has(p), 5, lattice)].sort()).toEqual([5, 8]);
    expect([...regionOf((p) => inside.has(p), 6, lattice)]).toEqual([6]);
  });
  it('the outline is closed and goes round the part of the image that the region stands for', () => {
    const lines = outline(new Set([1, 2]), latticeOf(META)); // from 3 to 6.75 across, 0 to 3 down
    const along = lines.map(([y, x, v, u]) => Math.abs(v - y) + Math.abs(u - x));
    expect(along.reduce((a, b) => a + b)).toBeCloseTo(2 * (3 + 3.75), 9);
    expect(Math.max(...lines.flatMap(([, x, , u]) => [x, u]))).toBe(6.75);
  });
  it('the outline does not run from the end of a row into the next one', () => {
    expect(outline(new Set([3, 4]), latticeOf(META))).toHaveLength(8);
  });
  it('names stand where a class wins, and not at all where one class wins everywhere', () => {
    const sweep = sweepOf();
    const labels = named(sweep, 100, name);
    expect(labels.map(({ text }) => text).sort()).toEqual(['lake', 'pagoda']);
    for (const { text, y, x } of labels) expect(name(sweep.winner[sweep.lattice.at(y, x)])).toBe(text);
    expect(named(sweep, 0.1, name)).toEqual([]);
    sweep.winner.fill(0);
    expect(named(sweep, 100, name)).toEqual([]);
  });
});

describe('the decisive parts', () => {
  it('are the strongest, far apart, and none that hardly changes anything', () => {
    const lattice = latticeOf({ ...META, columns: 9, rows: 1, region: [0, 0, 4, 20] });
    const effect = Float32Array.from([0.5, 0.49, 0.1, 0.3, 0.005, Number.NaN, 0.02, -0.4, 0]);
    expect(decisive(effect, lattice)).toEqual([0, 3, 6]);
  });
  it('are four at most', () => {
    const lattice = latticeOf({ ...META, columns: 21, rows: 1, region: [0, 0, 4, 44] });
    expect(decisive(new Float32Array(21).fill(0.5), lattice)).toHaveLength(4);
  });
});

describe('the bars', () => {
  it('the target comes first, the others in the order of the whole image', () => {
    const sweep = sweepOf();
    expect(ranked(sweep, answerAt(sweep, 5), 2, 'probability').map(({ id }) => id)).toEqual([2, 0, 1]);
  });
  it('of many classes the strong ones are shown: those that were and those that are', () => {
    const sent = Array.from({ length: 20 }, (_, i) => i);
    const base = answerOf({ sent }, Float32Array.from([...sent.map((i) => -i), 0, 0, -1]), WHOLE);
    const now = { ...base, raw: (/** @type {number} */ id) => (id === 15 ? 3 : -id) };
    const sweep = /** @type {any} */ ({ sent, base, kind: 'logits', extra: new Map() });
    expect(ranked(sweep, now, 7, 'logit').map(({ id }) => id)).toEqual([7, 0, 1, 2, 3, 15]);
  });
  it('what stays and what changed lie end to end, the mark at the score of the whole image', () => {
    expect(pieces(0.6, 0.85, [0, 1])).toEqual({
      stays: { from: 0, width: 60 },
      change: { from: 60, width: 25 },
      mark: 85,
    });
    expect(pieces(0.75, 0.5, [0, 1]).change).toEqual({ from: 50, width: 25 });
  });
  it('a score that crosses 0 keeps nothing', () => {
    expect(pieces(-1, 1, [-2, 2])).toEqual({
      stays: { from: 50, width: 0 },
      change: { from: 25, width: 50 },
      mark: 75,
    });
  });
  it('probabilities end at 0 and 1, other scores where the scores do', () => {
    const sweep = sweepOf();
    expect(range(sweep, 'probability', [])).toEqual([0, 1]);
    expect(range(sweep, 'logit', [{ id: 0, name: '', now: -7, base: 1 }])).toEqual([-7, sweep.hi]);
  });
});

describe('where the patch goes', () => {
  const how = { fine: false, live: true, height: 6, width: 9 };
  it('to the position under the pointer, the last one cut off', () => {
    const sweep = sweepOf();
    expect(snap(sweep, 0, 8.9, true)).toEqual({ y: 0, x: 6, h: 4, w: 3 });
    expect(snap(sweep, 5, 3.5, true)).toMatchObject({ y: 2, x: 2 });
  });
  it('to the nearest known position while others are on their way', () => {
    expect(snap(sweepOf({ unknown: [1] }), 0, 3.5, true)).toMatchObject({ y: 0, x: 0 });
  });
  it('without a kernel to a known position, however far', () => {
    const sweep = sweepOf({ unknown: [0, 1, 2, 4, 5, 6, 7] });
    expect(snap(sweep, 5, 0, false)).toMatchObject({ y: 0, x: 6 });
    expect(snap(sweep, 5, 0, true)).toMatchObject({ y: 2, x: 0 });
  });
  it('freely under the pointer, but not out of the image', () => {
    expect(centred([4, 4], how, 3, 4.6)).toEqual({ y: 1, x: 3 });
    expect(centred([4, 4], how, 6, 0)).toEqual({ y: 2, x: 0 });
    expect(centred([8, 4], how, 3, 4)).toMatchObject({ y: 0 });
  });
  it('one position for an arrow key, and never past the last one', () => {
    const sweep = sweepOf();
    expect(walk(sweep, { y: 0, x: 2 }, [0, 1], how)).toEqual({ y: 0, x: 4 });
    expect(walk(sweep, { y: 2, x: 6 }, [0, 1], how)).toEqual({ y: 2, x: 6 });
    expect(walk(sweep, { y: 2, x: 6 }, [-1, 0], how)).toEqual({ y: 0, x: 6 });
  });
  it('from between two positions to the next one in that direction', () => {
    expect(walk(sweepOf(), { y: 0, x: 3 }, [0, 1], how)).toEqual({ y: 0, x: 4 });
    expect(walk(sweepOf(), { y: 0, x: 3 }, [0, -1], how)).toEqual({ y: 0, x: 2 });
  });
  it('one pixel with Shift, inside the image', () => {
    const fine = { ...how, fine: true };
    expect(walk(sweepOf(), { y: 0, x: 2 }, [0, 1], fine)).toEqual({ y: 0, x: 3 });
    expect(walk(sweepOf(), { y: 2, x: 2 }, [1, 0], fine)).toEqual({ y: 2, x: 2 });
  });
  it('without a kernel past what is not known, or nowhere', () => {
    const saved = { ...how, live: false };
    expect(walk(sweepOf({ unknown: [1, 2] }), { y: 0, x: 0 }, [0, 1], saved)).toEqual({ y: 0, x: 6 });
    expect(walk(sweepOf({ unknown: [1, 2, 3] }), { y: 0, x: 0 }, [0, 1], saved)).toEqual({ y: 0, x: 0 });
  });
});

describe('words', () => {
  const sweep = sweepOf();
  const of = (/** @type {number} */ p, /** @type {number} */ target, /** @type {any} */ score = 'probability') =>
    told(words.ofTarget(sweep, answerAt(sweep, p), target, score, baseOf(sweep, target, score), name));
  it('say what falls, from where to where, and who gains most', () => {
    expect(of(2, 0)).toBe('Hiding this patch lowers pagoda from 0.60 to 0.50; lake gains most, up to 0.40.');
  });
  it('say a new answer rather than who gains', () => {
    expect(of(5, 0)).toBe('Hiding this patch lowers pagoda from 0.60 to 0.16; the answer is now lake, 0.42.');
  });
  it('say that hardly anything changes, and what rises', () => {
    expect(of(0, 0)).toBe('Hiding this patch hardly changes pagoda from 0.60 to 0.60.');
    expect(of(2, 1)).toBe('Hiding this patch raises lake from 0.30 to 0.40.');
  });
  it('say of others who gain only where the class itself loses', () => {
    const row = [Math.log(6), Math.log(2), Math.log(2), Math.log(10), Math.log(6), Math.log(2)];
    const answer = answerOf(sweep, Float32Array.from(row), WHOLE);
    expect(told(words.ofTarget(sweep, answer, 0, 'probability', 0.6, name))).toBe(
      'Hiding this patch hardly changes pagoda from 0.60 to 0.60.',
    );
    expect(told(words.ofTarget(sweep, answer, 1, 'probability', 0.3, name))).toBe(
      'Hiding this patch lowers lake from 0.30 to 0.20; trees gains most, up to 0.20.',
    );
  });
  it('name a logit as one, with a real minus', () => {
    expect(of(5, 0, 'logit')).toBe(
      'Hiding this patch lowers the logit of pagoda from 1.79 to −1.00; the answer is now lake, 0.42.',
    );
  });
  it('say the answer, and how much of a feature map is left', () => {
    expect(told(words.ofWinner(sweep, answerAt(sweep, 5), name))).toBe(
      'With this patch hidden the answer is lake, 0.42; for the whole image it is pagoda.',
    );
    expect(told(words.ofFeature(sweep, answerAt(sweep, 5), 'conv3'))).toBe(
      'Hiding this patch lowers the strongest map of conv3 from 20.00 to 5.00, 25 % of it.',
    );
    expect(told(words.ofFeature(sweep, answerAt(sweep, 0), 'conv3'))).toContain('hardly changes');
  });
  it('say the time that is left while a sweep runs, and the positions where it was stopped', () => {
    const open = { ...sweep, done: 468, total: 1792, seconds_left: 12.4 };
    expect(words.ofRest(open, 'running')).toBe(' · about 12 s left');
    expect(words.ofRest({ ...open, seconds_left: 150 }, 'running')).toBe(' · about 3 min left');
    expect(words.ofRest({ ...open, seconds_left: 15000 }, 'running')).toBe(' · about 4 h left');
    expect(words.ofRest({ ...open, seconds_left: null }, 'running')).toBe('');
    expect(words.ofRest(open, 'cancelled')).toBe(' · 468 of 1,792 positions');
    expect(words.ofRest(sweep, 'done')).toBe('');
  });
  it('say both ends of the scales', () => {
    expect(words.ofScale('pagoda', 0.25)).toEqual(['hiding raises pagoda by 0.25', 'lowers by 0.25']);
    expect(words.ofLeft([5, 22], 20)).toEqual(['25 % of the map is left', '110 %']);
  });
});

describe('asking', () => {
  /** @type {((v: string | null) => void)[]} */
  let answers = [];
  function asked() {
    answers = [];
    const log = /** @type {string[]} */ ([]);
    const failures = /** @type {string[]} */ ([]);
    const asks = single({
      ask: (want) => {
        log.push(want);
        /** @type {(v: string) => void} */
        let resolve = () => {};
        let reject = (/** @type {Error} */ _) => {};
        const promise = /** @type {Promise<string>} */ (
          new Promise((yes, no) => {
            [resolve, reject] = [yes, no];
          })
        );
        answers.push((v) => (v === null ? reject(new Error('No.')) : resolve(v)));
        return promise;
      },
      changed() {},
      failed: (reason) => failures.push(reason),
    });
    return { asks, log, failures };
  }
  const settled = () => new Promise((resolve) => setTimeout(resolve));
  it('has one request on its way, and then asks for the latest, not for what lay between', async () => {
    const { asks, log } = asked();
    for (const want of ['a', 'b', 'c']) expect(asks.get(want)).toBeNull();
    expect(log).toEqual(['a']);
    answers[0]('A');
    await settled();
    expect(log).toEqual(['a', 'c']);
    answers[1]('C');
    await settled();
    expect([asks.get('c'), asks.get('a'), log.length]).toEqual(['C', 'A', 2]);
  });
  it('does not ask again for what was refused, and says why', async () => {
    const { asks, log, failures } = asked();
    asks.get('a');
    answers[0](null);
    await settled();
    asks.get('a');
    expect([log, failures]).toEqual([['a'], ['No.']]);
  });
  it('asks for nothing when nothing is wanted any more', async () => {
    const { asks, log } = asked();
    for (const want of ['a', 'b', '']) asks.get(want);
    answers[0]('A');
    await settled();
    expect(log).toEqual(['a']);
  });
});
