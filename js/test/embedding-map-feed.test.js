import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import { asker, columns, integers, whole } from '../src/embedding-map/feed.js';
import { pacer } from '../src/embedding-map/pace.js';
import { thumbnails } from '../src/embedding-map/thumbs.js';

beforeEach(() => {
  vi.useFakeTimers();
});
afterEach(() => {
  vi.useRealTimers();
});

/** A view with a kernel whose answers are given by hand. */
function kernel() {
  /** @type {{what: string, payload: any, answer: (content?: any, buffers?: any[]) => Promise<unknown>, refuse: () => void}[]} */
  const asked = [];
  const traits = /** @type {Record<string, any>} */ ({ _points: { key: 'a' } });
  const view = /** @type {any} */ ({
    live: true,
    get: (/** @type {string} */ name) => traits[name],
    request: (/** @type {string} */ what, /** @type {any} */ payload) =>
      new Promise((resolve, reject) => {
        const answer = (content = {}, buffers = /** @type {any[]} */ ([])) => {
          resolve({ content: { key: payload.key, ...content }, buffers });
          return vi.advanceTimersByTimeAsync(0);
        };
        asked.push({ what, payload, answer, refuse: () => reject(new Error('This map was replaced.')) });
      }),
  });
  return { asked, traits, view };
}

describe('questions', () => {
  it('whose answer got lost are put again, later each time, and answered once', async () => {
    const { asked, view } = kernel();
    const ask = asker(view, 1000);
    const answer = ask('card', { id: 3 });
    await vi.advanceTimersByTimeAsync(999);
    expect(asked.length).toBe(1);
    await vi.advanceTimersByTimeAsync(1);
    expect(asked.length).toBe(2);
    await vi.advanceTimersByTimeAsync(1999);
    expect(asked.length).toBe(2);
    await asked[1].answer({ id: 3 });
    await asked[0].answer({ id: 99 });
    expect((await answer)?.content.id).toBe(3);
    await vi.advanceTimersByTimeAsync(60_000);
    expect(asked.length).toBe(2);
  });

  it('about images that were replaced meanwhile get no answer', async () => {
    const { asked, traits, view } = kernel();
    const ask = asker(view);
    const answer = ask('card', { id: 3 });
    traits._points = { key: 'b' };
    asked[0].answer({ id: 3 });
    expect(await answer).toBeNull();
    const refused = ask('card', { id: 4 });
    asked[1].refuse();
    expect(await refused).toBeNull();
  });

  it('in a saved page are answered from what was recorded', async () => {
    const { asked, traits, view } = kernel();
    view.live = false;
    traits._store = [
      { what: 'card', id: 1, buffers: [] },
      { what: 'thumbs', level: 32, ids: [4, 5], columns: 2, buffers: [[1, 3]] },
    ];
    traits._stored = Uint8Array.of(9, 8, 7, 6);
    const ask = asker(view);
    expect((await ask('card', { id: 1 }))?.content.id).toBe(1);
    expect(await ask('card', { id: 2 })).toBeNull();
    expect([...((await ask('thumbs', { level: 32, ids: [5, 99] }))?.buffers[0] ?? [])]).toEqual([8, 7]);
    expect(await ask('thumbs', { level: 64, ids: [5] })).toBeNull();
    expect(asked).toEqual([]);
  });
});

describe('what comes in pieces', () => {
  it('is put together in order; a piece that is out of place ends it', async () => {
    const { asked, view } = kernel();
    const ask = asker(view);
    const all = whole(ask, 'column', { name: 'label' }, 5, () => true);
    await asked[0].answer({ from: 0, count: 3 }, [Uint8Array.of(1, 2, 3)]);
    expect(asked[1].payload.from).toBe(3);
    await asked[1].answer({ from: 3, count: 2 }, [Uint8Array.of(4, 5)]);
    expect([...((await all)?.raw ?? [])]).toEqual([1, 2, 3, 4, 5]);
    const wrong = whole(ask, 'column', { name: 'label' }, 5, () => true);
    await asked[2].answer({ from: 2, count: 3 }, [Uint8Array.of(1, 2, 3)]);
    expect(await wrong).toBeNull();
  });

  it('an old map is dropped half way', async () => {
    const { asked, view } = kernel();
    let generation = 1;
    const all = whole(asker(view), 'positions', { generation: 1 }, 4, () => generation === 1);
    generation = 2;
    await asked[0].answer({ from: 0, count: 2 }, [new Uint8Array(8)]);
    expect(await all).toBeNull();
    expect(asked.length).toBe(1);
  });

  it('a column is asked for once; what is worked out anew replaces it and the old one stands until then', async () => {
    const { asked, view } = kernel();
    const changed = vi.fn();
    const cols = columns(asker(view), changed);
    expect(cols.get('kept', 2)).toBeNull();
    expect(cols.get('kept', 2)).toBeNull();
    expect(asked.length).toBe(1);
    await asked[0].answer({ from: 0, count: 2, bits: 8 }, [Uint8Array.of(1, 2)]);
    const first = cols.get('kept', 2);
    expect([...Array.from(first?.values ?? [])]).toEqual([1, 2]);
    cols.renew('kept');
    expect(cols.get('kept', 2)).toBe(first);
    await asked[1].answer({ from: 0, count: 2, bits: 16 }, [new Uint8Array(Uint16Array.of(700, 65535).buffer)]);
    const second = cols.get('kept', 2);
    expect([...Array.from(second?.values ?? [])]).toEqual([700, 65535]);
    expect(second?.none).toBe(65535);
    expect(second?.stamp).not.toBe(first?.stamp);
    cols.renew('never asked');
    expect(asked.length).toBe(2);
    expect([...integers(Uint8Array.of(0, 1, 0, 0, 0).subarray(1), 32)]).toEqual([1]);
  });
});

describe('thumbnails', () => {
  const decode = async () => /** @type {any} */ ({ width: 64, height: 32 });

  /** @param {number} count */
  function made(count) {
    const { asked, view, traits } = kernel();
    const landed = vi.fn();
    const thumbs = thumbnails({ ask: asker(view, 1e9), landed, changed() {}, decode, patience: 1000 });
    thumbs.start(count);
    return { asked, thumbs, landed, traits };
  }
  const one = [new Uint8Array(1)];

  it('the smallest come sheet after sheet, each a message, until all are there', async () => {
    const { asked, thumbs } = made(5);
    await asked[0].answer({ from: 0, count: 3, columns: 2 }, one);
    expect(thumbs.rooted).toBe(false);
    expect(asked[1].payload.from).toBe(3);
    await asked[1].answer({ from: 3, count: 2, columns: 2 }, one);
    expect(thumbs.rooted).toBe(true);
    expect(thumbs.cell(4, 0)).toMatchObject({ x: 8, y: 0, side: 8 });
    expect(asked.length).toBe(2);
  });

  it('a coarser one stands until the sharper one lands', async () => {
    const { asked, thumbs } = made(2);
    await asked[0].answer({ from: 0, count: 2, columns: 2 }, one);
    thumbs.want([{ id: 1, level: 1 }]);
    expect(thumbs.best(1, 1)).toMatchObject({ side: 8 });
    await asked[1].answer({ level: 32, ids: [1], columns: 1 }, one);
    expect(thumbs.best(1, 1)).toMatchObject({ side: 32 });
    expect(thumbs.best(1, 0)).toMatchObject({ side: 8 });
  });

  it('no message asks for more than 256, at most three are on their way, none is asked for twice', async () => {
    const { asked, thumbs } = made(3000);
    const wanted = Array.from({ length: 2000 }, (_, id) => ({ id, level: 1 }));
    thumbs.want(wanted);
    thumbs.want(wanted);
    const questions = asked.filter(({ what }) => what === 'thumbs');
    expect(questions.map(({ payload }) => payload.ids.length)).toEqual([256, 256, 256]);
    expect(new Set(questions.flatMap(({ payload }) => payload.ids)).size).toBe(768);
  });

  it('what was lost is asked for again, ever more rarely; a prefix is completed at once', async () => {
    const { asked, thumbs } = made(100);
    const wanted = [
      { id: 1, level: 2 },
      { id: 2, level: 2 },
    ];
    const questions = () => asked.filter(({ what }) => what === 'thumbs');
    thumbs.want(wanted);
    await vi.advanceTimersByTimeAsync(900);
    thumbs.want(wanted);
    expect(questions().length).toBe(1);
    await vi.advanceTimersByTimeAsync(200);
    thumbs.want(wanted);
    expect(questions().length).toBe(2);
    await vi.advanceTimersByTimeAsync(1500);
    thumbs.want(wanted);
    expect(questions().length).toBe(2);
    await questions()[1].answer({ level: 64, ids: [1], columns: 1 }, one);
    thumbs.want(wanted);
    expect(questions()[2].payload.ids).toEqual([2]);
  });

  it('an answer that comes after other images took their place is dropped', async () => {
    const { asked, thumbs, landed, traits } = made(3);
    traits._points = { key: 'b' };
    thumbs.start(3);
    await asked[0].answer({ from: 0, count: 3, columns: 2 }, one);
    expect(landed).not.toHaveBeenCalled();
    await asked[1].answer({ from: 0, count: 3, columns: 2 }, one);
    expect(landed).toHaveBeenCalledTimes(3);
  });

  it('of a million images the smallest are not kept for all', () => {
    const { asked } = made(1_000_000);
    expect(asked).toEqual([]);
  });
});

describe('very many dots on a slow card', () => {
  it('fewer are drawn while the map moves, and all when it stands', async () => {
    const redraw = vi.fn();
    const pace = pacer(redraw, new AbortController().signal);
    vi.stubGlobal('requestAnimationFrame', (/** @type {() => void} */ fn) => setTimeout(fn, 90));
    let place = 0;
    const frame = async () => {
      const thin = pace.take(1e6, String(place++));
      await vi.advanceTimersByTimeAsync(90);
      return thin;
    };
    expect([await frame(), await frame(), await frame(), await frame()]).toEqual([1, 1, 2, 4]);
    expect(pace.take(1e6, String(place - 1))).toBe(1);
    expect(redraw).not.toHaveBeenCalled();
    await vi.advanceTimersByTimeAsync(300);
    expect(redraw).toHaveBeenCalled();
    expect(pace.take(1000, 'elsewhere')).toBe(1);
    vi.unstubAllGlobals();
  });
});
