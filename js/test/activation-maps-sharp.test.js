import { beforeEach, describe, expect, it } from 'vitest';
import { REPLY, sharpener, sharperShape } from '../src/activation-maps/sharp.js';

describe('which resolution is asked for', () => {
  it('none when the overview is all there is or is drawn no larger than it is', () => {
    expect(sharperShape([7, 7], [7, 7], 300)).toBe(null);
    expect(sharperShape([56, 56], [224, 224], 60)).toBe(null);
  });
  it('what the screen can show, and never more than there is', () => {
    expect(sharperShape([56, 56], [224, 224], 112)).toEqual([112, 112]);
    expect(sharperShape([56, 56], [224, 224], 900)).toEqual([224, 224]);
  });
  it('the whole map when nearly all of it is shown, so that no cell is mixed', () => {
    expect(sharperShape([28, 42], [56, 84], 70)).toEqual([56, 84]);
  });
});

describe('sharper tiles', () => {
  /** @type {{channels: number[], key: string, answer: (buffer: Uint8Array) => Promise<void>, refuse: () => Promise<void>}[]} */
  let asked = [];
  let changes = 0;
  /** @param {number} [room] */
  const make = (room) =>
    sharpener({
      room,
      bytes: (b) => b,
      changed: () => changes++,
      request: (_what, payload) =>
        new Promise((resolve, reject) => {
          const { channels, key } = /** @type {any} */ (payload);
          const settle = async (/** @type {() => void} */ act) => {
            act();
            await new Promise((r) => setTimeout(r));
          };
          asked.push({
            channels,
            key,
            answer: (b) => settle(() => resolve({ buffers: [b] })),
            refuse: () => settle(() => reject(new Error('no'))),
          });
        }),
    });
  /** @type {(key: string, channels: number[], shape?: [number, number]) => import('../src/activation-maps/sharp.js').Want} */
  const want = (key, channels, shape = [1, 2]) => ({ key, channels, shape });

  beforeEach(() => {
    asked = [];
    changes = 0;
  });

  it('come for the channels that were asked for, each with its own bytes', async () => {
    const sharp = make();
    sharp.want(want('a', [4, 9]));
    expect(asked[0].channels).toEqual([4, 9]);
    await asked[0].answer(new Uint8Array([1, 2, 3, 4]));
    expect([...(sharp.get('a', 9)?.values ?? [])]).toEqual([3, 4]);
    expect([sharp.get('a', 5), changes, sharp.version()]).toEqual([null, 1, 1]);
  });

  it('are asked for once, and one request at a time', async () => {
    const sharp = make();
    sharp.want(want('a', [1, 2]));
    sharp.want(want('a', [1, 2, 3]));
    expect(asked.length).toBe(1);
    await asked[0].answer(new Uint8Array(4));
    expect(asked[1].channels).toEqual([3]);
  });

  it('come in replies that stay below what a message may have', async () => {
    const sharp = make();
    const all = Array.from({ length: 64 }, (_, i) => i);
    sharp.want(want('a', all, [224, 224]));
    expect(asked[0].channels.length * 224 * 224).toBeLessThanOrEqual(REPLY);
    await asked[0].answer(new Uint8Array(asked[0].channels.length * 224 * 224));
    expect(asked[1].channels[0]).toBe(asked[0].channels.length);
  });

  it('of the layer before are dropped when they come late', async () => {
    const sharp = make();
    sharp.want(want('a', [1]));
    sharp.want(want('b', [1]));
    await asked[0].answer(new Uint8Array([7, 7]));
    expect([sharp.get('a', 1), sharp.get('b', 1)]).toEqual([null, null]);
    expect(asked[1].key).toBe('b');
  });

  it('are not asked for again after a refusal, until there is other content', async () => {
    const sharp = make();
    sharp.want(want('a', [1]));
    await asked[0].refuse();
    sharp.want(want('a', [1, 2]));
    expect(asked.length).toBe(1);
    sharp.want(want('b', [1]));
    expect(asked.length).toBe(2);
  });

  it('of the wrong size are not taken', async () => {
    const sharp = make();
    sharp.want(want('a', [1]));
    await asked[0].answer(new Uint8Array(3));
    expect(sharp.get('a', 1)).toBe(null);
  });

  it('that were not looked at for longest go first when there is no more room', async () => {
    const sharp = make(4);
    sharp.want(want('a', [1, 2]));
    await asked[0].answer(new Uint8Array(4));
    sharp.get('a', 1);
    sharp.want(want('a', [3]));
    await asked[1].answer(new Uint8Array(2));
    expect([1, 2, 3].map((c) => sharp.get('a', c) !== null)).toEqual([true, false, true]);
  });
});
