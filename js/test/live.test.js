import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import { newestOnly } from '../src/live/ask.js';
import { peakOf, readScores, readStage, readStrips, readUnit } from '../src/live/data.js';
import { packed } from '../src/live/encode.js';
import { decoded } from '../src/live/pictures.js';
import { arrange } from '../src/live/strips.js';
import { columnsFor } from '../src/live/stage.js';
import { paper } from '../src/sketchpad/paper.js';
import { force } from '../src/sketchpad/pen.js';
import { reasonOf } from '../src/webcam/camera.js';
import { sent } from '../src/webcam/index.js';
import { FakeModel } from '../src/host/model.js';

/** happy-dom draws nothing: every canvas takes all calls, and tells which. */
function pretendCanvas() {
  /** @type {string[]} */
  const calls = [];
  const ctx = new Proxy(/** @type {Record<string, any>} */ ({}), {
    get: (kept, name) => kept[String(name)] ?? (() => calls.push(String(name))),
  });
  vi.spyOn(HTMLCanvasElement.prototype, 'getContext').mockImplementation(() => /** @type {any} */ (ctx));
  return calls;
}
afterEach(() => vi.restoreAllMocks());

describe('frames to the kernel', () => {
  /** @type {any} */
  let told;
  let made = 0;
  const end = new AbortController();
  beforeEach(() => {
    told = { answered: 0, failed: '', busy: 0 };
    made = 0;
  });
  /** @param {boolean} [live] */
  function open(live = true) {
    const model = new FakeModel({});
    const view = /** @type {any} */ ({ model, signal: end.signal, live });
    const link = newestOnly(view, {
      take: async () => {
        made += 1;
        return { content: { number: made }, data: new ArrayBuffer(1) };
      },
      answered() {
        told.answered += 1;
      },
      failed(reason) {
        told.failed = reason;
      },
      busy() {
        told.busy += 1;
      },
    });
    const reply = (/** @type {any} */ more = {}) =>
      model.emit('msg:custom', { type: 'reply', rid: model.sent.at(-1).rid, ok: true, ...more });
    return { model, link, reply };
  }
  const settled = () => new Promise((done) => setTimeout(done));

  it('go one at a time; what was pushed meanwhile is one frame, made when it is sent', async () => {
    const { model, link, reply } = open();
    for (let i = 0; i < 50; i += 1) link.push();
    await settled();
    expect(model.sent).toHaveLength(1);
    for (let i = 0; i < 50; i += 1) link.push();
    await settled();
    expect([model.sent.length, made]).toEqual([1, 1]);
    reply();
    await settled();
    expect(model.sent.map(({ number }) => number)).toEqual([1, 2]);
    reply();
    await settled();
    expect([model.sent.length, told.answered]).toEqual([2, 2]);
  });

  it('ignore the replies of others and malformed ones', async () => {
    const { model, link, reply } = open();
    link.push();
    await settled();
    for (const content of [null, 7, {}, { type: 'reply' }, { type: 'reply', rid: 0, ok: true }, { type: 'step' }]) {
      model.emit('msg:custom', content);
    }
    reply({ rid: model.sent[0].rid + 1 });
    expect(told.answered).toBe(0);
    reply({ ok: false, reason: 'A frame carries one buffer.' });
    expect([told.failed, told.answered]).toEqual(['A frame carries one buffer.', 0]);
  });

  it('say after a while that the kernel is busy, and are not sent without one', async () => {
    vi.useFakeTimers();
    const { model, link } = open();
    link.push();
    await vi.advanceTimersByTimeAsync(2000);
    expect([told.busy, link.late.is, model.sent.length]).toEqual([1, true, 1]);
    const saved = open(false);
    saved.link.push();
    await vi.advanceTimersByTimeAsync(10);
    expect(saved.model.sent).toEqual([]);
    vi.useRealTimers();
  });
});

describe('the traits', () => {
  const row = (/** @type {string} */ layer, /** @type {number[]} */ shape) => ({
    layer,
    kind: 'Conv2d',
    channels: shape[0],
    full: [shape[1], shape[2]],
    shape,
    lo: -2,
    hi: 2,
  });
  /** @type {Record<string, any>} */
  const traits = {
    layer: 'b',
    channel: 1,
    _strips: new Uint8Array([0, 255, 0, 0, 255, 128]),
    _strips_meta: { key: 3, layers: [row('a', [1, 1, 2]), row('b', [2, 1, 2])] },
    _stage: new Uint8Array([1, 2, 3, 4]),
    _stage_meta: { key: 3, ...row('b', [2, 1, 2]) },
    _unit: new Float32Array([0.5, 1.5]),
    _unit_meta: { layer: 'b', channel: 1, shape: [1, 2] },
  };
  const get = (/** @type {string} */ name) => traits[name];

  it('are cut into layers, and into none where the bytes are those of another answer', () => {
    expect(readStrips(get).map(({ layer, n, values }) => [layer, n, ...values])).toEqual([
      ['a', 1, 0, 255],
      ['b', 2, 0, 0, 255, 128],
    ]);
    const short = { ...traits, _strips: new Uint8Array(3) };
    expect(readStrips((name) => short[/** @type {'_strips'} */ (name)])).toHaveLength(1);
    expect(readStrips(() => undefined)).toEqual([]);
  });
  it('show a layer as its strip has it until the kernel has sent it large', () => {
    const strips = readStrips(get);
    expect([...(readStage(get, strips)?.values ?? [])]).toEqual([1, 2, 3, 4]);
    /** @type {Record<string, any>} */
    const other = { ...traits, layer: 'a' };
    expect([...(readStage((name) => other[name], strips)?.values ?? [])]).toEqual([0, 255]);
  });
  it('give exact values of the chosen channel, and near ones of another', () => {
    const [, b] = readStrips(get);
    expect([...(readUnit(get, b)?.values ?? [])]).toEqual([0.5, 1.5]);
    /** @type {Record<string, any>} */
    const other = { ...traits, channel: 0 };
    expect([...(readUnit((name) => other[name], b)?.values ?? [])]).toEqual([-2, -2]);
    expect(peakOf(b, 1)).toBe(2);
  });
  it('show few classes in their order, of many the best and the chosen one', () => {
    const some = { _classes: ['a', 'b', 'c'], _scores: new Float32Array([0.1, 0.7, 0.2]), _aimed: true, target: 0 };
    const from = (/** @type {string} */ name) => some[/** @type {'target'} */ (name)];
    expect(readScores(from, 3).map(({ name }) => name)).toEqual(['a', 'b', 'c']);
    expect(readScores(from, 2).map(({ name }) => name)).toEqual(['b', 'a']);
    expect(readScores(() => undefined, 2)).toEqual([]);
  });
});

describe('where things lie', () => {
  const maps = (/** @type {number} */ n, /** @type {[number, number]} */ full) =>
    /** @type {any} */ ({ n, full, h: full[0], w: full[1] });
  it('all tiles of a strip lie inside it, and are found again', () => {
    for (const one of [maps(24, [32, 32]), maps(10, [1, 1]), maps(48, [1, 1]), maps(512, [1, 1]), maps(24, [8, 24])]) {
      for (const width of [120, 300, 600]) {
        const at = arrange(one, width);
        expect(at.shown).toBeGreaterThan(0);
        for (let i = 0; i < at.shown; i += 1) {
          const [x, y, w, h] = at.box(i);
          expect(x + w).toBeLessThanOrEqual(width);
          expect(y + h).toBeLessThanOrEqual(38);
          expect(at.at(x + w / 2, y + h / 2)).toBe(i);
        }
      }
    }
  });
  it('the tiles of the enlarged layer fit where they can', () => {
    expect(columnsFor(16, 460, 1, false)).toBeGreaterThan(5);
    expect(columnsFor(1, 460, 1, false)).toBe(1);
    expect(columnsFor(512, 460, 1, true)).toBeLessThan(40);
  });
  it('frames are shrunk to what the network takes and never enlarged', () => {
    expect(sent(640, 480, [74, 640, 3])).toEqual([99, 74]);
    expect(sent(64, 48, [258, 640, 3])).toEqual([64, 48]);
    expect(sent(4000, 100, [258, 640, 3])).toEqual([640, 16]);
  });
});

describe('the sheet', () => {
  it('takes back strokes, pictures and the clearing itself', () => {
    pretendCanvas();
    const page = paper({ sheet: () => [32, 32, 1], light: () => true });
    const stroke = () =>
      /** @type {any} */ ({ kind: 'stroke', erase: false, width: 0.1, colour: '', points: [[0, 0, 1]] });
    const picture = {
      kind: 'picture',
      source: document.createElement('canvas'),
      name: 'cat',
      drawn: false,
      light: true,
    };
    expect([page.empty(), page.undoable()]).toEqual([true, false]);
    page.add(stroke());
    page.extend([[0.5, 0.5, 1]]);
    page.clear();
    expect(page.empty()).toBe(true);
    page.undo();
    expect([page.empty(), page.undoable()]).toEqual([false, true]);
    page.add(/** @type {any} */ (picture));
    page.add(stroke());
    expect(page.picture()?.name).toBe('cat');
    page.undo();
    page.undo();
    expect([page.picture(), page.empty()]).toEqual([undefined, false]);
    page.undo();
    page.clear();
    expect([page.empty(), page.undoable()]).toEqual([true, false]);
  });
  it('presses harder with a stylus alone', () => {
    const pointer = (/** @type {string} */ pointerType, /** @type {number} */ pressure) =>
      force(/** @type {any} */ ({ pointerType, pressure }));
    expect(pointer('mouse', 0.5)).toBe(1);
    expect(pointer('pen', 0.5)).toBe(1);
    expect(pointer('pen', 1)).toBeGreaterThan(pointer('pen', 0.1));
  });
  it('goes as grey or as colour', () => {
    const rgba = new Uint8ClampedArray([255, 255, 255, 255, 255, 0, 0, 255]);
    expect([...packed(rgba, 1)]).toEqual([255, 76]);
    expect([...packed(rgba, 3)]).toEqual([255, 255, 255, 255, 0, 0]);
  });
});

describe('what is refused', () => {
  it('a file that is too large or no picture, in one sentence with a short name', async () => {
    const large = /** @type {any} */ ({ name: 'x'.repeat(300), size: 2 ** 30 });
    await expect(decoded(large)).rejects.toThrow(/^x{57}… has 1074 MB; pictures up to 64 MB can be read\.$/);
    vi.stubGlobal('createImageBitmap', async () => {
      throw new Error('no');
    });
    const broken = /** @type {any} */ ({ name: 'notes.txt', size: 5 });
    await expect(decoded(broken)).rejects.toThrow('notes.txt cannot be read as a picture; give a PNG, JPEG');
    vi.stubGlobal('createImageBitmap', async () => ({ width: 30000, height: 30000, close() {} }));
    await expect(decoded(broken)).rejects.toThrow('notes.txt is 30000 × 30000 px; pictures up to 100 million pixels');
    vi.unstubAllGlobals();
  });
  it('the camera, each time with a way out', () => {
    const named = (/** @type {string} */ name) => reasonOf(new DOMException('no', name), { secure: true, host: 'a' });
    const plain = reasonOf(new Error(), { secure: false, host: 'lab:8888' });
    expect(plain).toMatch(/only to pages on https or localhost; lab:8888 came by plain http/);
    expect(named('NotAllowedError')).toMatch(/refused the camera. Allow it/);
    expect(named('NotFoundError')).toMatch(/No camera was found/);
    expect(named('NotReadableError')).toMatch(/another program may be using it/);
    for (const text of [plain, named('NotFoundError'), named('Strange')]) expect(text).toMatch(/can be uploaded/);
  });
});
