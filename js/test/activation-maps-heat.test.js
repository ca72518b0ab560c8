import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import { heater } from '../src/activation-maps/heat.js';

/** @type {{what: string, unit: any, answer: (content?: any) => Promise<unknown>, refuse: () => Promise<unknown>}[]} */
let asked = [];
/** @type {Record<string, any>} */
let traits = {};
let redraws = 0;
/** @type {AbortController} */
let end;

const unit = (row = 0, more = {}) => ({ key: 'a', channel: 3, row, column: 1, ...more });
const reply = { images: 1, answered: 1, size: 2, shape: [1, 2] };

function open() {
  const settle = (/** @type {() => void} */ act) => {
    act();
    return vi.advanceTimersByTimeAsync(0);
  };
  const view = {
    signal: end.signal,
    get: (/** @type {string} */ name) => traits[name],
    redraw: () => redraws++,
    request: (/** @type {string} */ what, /** @type {any} */ payload) =>
      new Promise((resolve, reject) => {
        asked.push({
          what,
          unit: payload,
          answer: (content = reply) => settle(() => resolve({ content, buffers: [new Uint8Array([0, 255])] })),
          refuse: () => settle(() => reject(new Error('These maps were replaced.'))),
        });
      }),
  };
  return heater(/** @type {any} */ (view));
}
const rest = () => vi.advanceTimersByTimeAsync(130);

beforeEach(() => {
  [asked, traits, redraws, end] = [[], { _live: true, status: 'done' }, 0, new AbortController()];
  vi.useFakeTimers();
  vi.stubGlobal('ImageData', class {});
  vi.spyOn(HTMLCanvasElement.prototype, 'getContext').mockReturnValue(/** @type {any} */ ({ putImageData() {} }));
});
afterEach(() => {
  vi.useRealTimers();
  vi.restoreAllMocks();
  vi.unstubAllGlobals();
});

describe('the pixels that a cell answers to', () => {
  it('are asked for once the pointer rests, with the cell and its channel', async () => {
    const heat = open();
    heat(unit(0));
    await vi.advanceTimersByTimeAsync(100);
    heat(unit(1)); // it went on
    await vi.advanceTimersByTimeAsync(100);
    expect(asked.length).toBe(0);
    await rest();
    expect(asked.map(({ what, unit }) => [what, unit])).toEqual([['effective', unit(1)]]);
  });

  it('come for one image more each time, until there is no more', async () => {
    const heat = open();
    expect(heat(unit())).toBe(null);
    await rest();
    for (let images = 1; images <= 3; images++) {
      expect(asked.length).toBe(images);
      expect(heat(unit())?.images ?? 0).toBe(images - 1); // drawing again asks for nothing twice
      expect(asked.length).toBe(images);
      await asked[images - 1].answer({ ...reply, images });
      expect(redraws).toBe(images);
      expect(heat(unit())?.images).toBe(images);
    }
    await asked[3].answer({ ...reply, images: 3, done: true });
    expect(heat(unit())?.images).toBe(3);
    heat(unit());
    await rest();
    expect(asked.length).toBe(4);
  });

  it('are dropped when they come for a cell, a channel or maps that were left', async () => {
    for (const next of [unit(5), unit(0, { channel: 4 }), unit(0, { key: 'b' })]) {
      asked = [];
      const heat = open();
      heat(unit());
      await rest();
      expect(heat(next)).toBe(null);
      await asked[0].answer();
      expect(heat(next)).toBe(null);
    }
  });

  it('are asked for one at a time: a cell at which the pointer rests meanwhile waits for the answer', async () => {
    const heat = open();
    heat(unit(0));
    await rest();
    heat(unit(1));
    await rest();
    heat(unit(1));
    expect(asked.length).toBe(1);
    await asked[0].answer();
    heat(unit(1)); // the redraw
    expect(asked.map(({ unit }) => unit.row)).toEqual([0, 1]);
  });

  it('are not asked for on a saved page or while the kernel works, and then they are', async () => {
    for (const busy of [{ _live: false }, { status: 'running' }]) {
      asked = [];
      traits = { _live: true, status: 'done', ...busy };
      const heat = open();
      heat(unit());
      await rest();
      heat(unit());
      expect(asked.length).toBe(0);
      traits = { _live: true, status: 'done' };
      heat(unit());
      expect(asked.length).toBe(1);
    }
  });

  it('stay away after a refusal, and come for the next cell', async () => {
    const heat = open();
    heat(unit(0));
    await rest();
    await asked[0].refuse();
    heat(unit(0));
    await rest();
    expect([asked.length, heat(unit(0))]).toEqual([1, null]);
    heat(unit(1));
    await rest();
    expect(asked.length).toBe(2);
  });

  it('are forgotten with the cell and not asked for after the view was closed', async () => {
    const heat = open();
    heat(unit());
    await rest();
    await asked[0].answer();
    expect(heat(unit())).not.toBe(null);
    expect(heat(null)).toBe(null);
    heat(unit(2));
    end.abort();
    await rest();
    expect(asked.map(({ unit }) => unit.row)).toEqual([0, 0]);
  });
});
