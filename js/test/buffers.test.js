import { describe, expect, it } from 'vitest';
import { bytes, floats } from '../src/lib/buffers.js';

const numbers = new Float32Array([1.5, -2, 3.25]);
const raw = new Uint8Array(numbers.buffer);

/** A view of `raw` that starts `offset` bytes into a larger buffer. @param {number} offset */
function inside(offset) {
  const large = new Uint8Array(raw.length + offset + 5).fill(255);
  large.set(raw, offset);
  return large.subarray(offset, offset + raw.length);
}

describe('binary traits', () => {
  it('are the same from a DataView, a Uint8Array and an ArrayBuffer', () => {
    const view = inside(8);
    expect([...bytes(new DataView(view.buffer, view.byteOffset, view.byteLength))]).toEqual([...raw]);
    expect([...bytes(view)]).toEqual([...raw]);
    expect([...bytes(raw.slice().buffer)]).toEqual([...raw]);
  });

  it('are empty before they arrive', () => {
    expect(bytes(null)).toHaveLength(0);
    expect(floats(undefined)).toHaveLength(0);
  });

  it.each([0, 1, 2, 3, 4, 7])('give floats at an offset of %i bytes', (offset) => {
    const view = inside(offset);
    expect([...floats(new DataView(view.buffer, view.byteOffset, view.byteLength))]).toEqual([...numbers]);
  });

  it('are not copied where they lie well', () => {
    const view = inside(4);
    expect(floats(view).buffer).toBe(view.buffer);
  });

  it('leave out a last part of a number', () => {
    expect(floats(new Uint8Array(7))).toHaveLength(1);
    const odd = new Uint8Array(9).subarray(1, 8);
    expect(floats(odd)).toHaveLength(1);
  });
});
