import { describe, expect, it } from 'vitest';
import { FakeModel } from '../src/host/model.js';
import { stage } from '../src/host/scenes.js';

const decode = (/** @type {string} */ text) => `decoded ${text}`;

function opened() {
  const model = new FakeModel({ layer: 'conv1', image: 0, _tiles: 'first', _meta: { layer: 'conv1' } });
  const said = /** @type {string[]} */ ([]);
  const scenes = [
    { at: { layer: 'conv1', image: 0 } },
    { at: { layer: 'conv2', image: 0 }, state: { _meta: { layer: 'conv2' } }, buffers: { _tiles: 'two' } },
  ];
  stage(model, scenes, decode, (text) => said.push(text));
  return { model, said };
}

describe('what else a saved page can show', () => {
  it('puts on what belongs to a choice, and back again', async () => {
    const { model } = opened();
    model.set('layer', 'conv2');
    await Promise.resolve();
    expect([model.get('_tiles'), model.get('_meta')]).toEqual(['decoded two', { layer: 'conv2' }]);
    model.set('layer', 'conv1');
    await Promise.resolve();
    expect([model.get('_tiles'), model.get('_meta')]).toEqual(['first', { layer: 'conv1' }]);
  });

  it('goes back to what it shows where a choice is not in the page, and says so', async () => {
    const { model, said } = opened();
    model.set('image', 3);
    await Promise.resolve();
    expect(model.get('image')).toBe(0);
    expect(said).toContain('This page does not hold image 4, which needs a kernel; it holds 1.');
  });

  it('takes from a linked widget only what it can show', () => {
    const { model, said } = opened();
    model.take('layer', 'conv9');
    expect(model.get('layer')).toBe('conv1');
    expect(said).toEqual(['This page does not hold layer conv9, which needs a kernel; it holds conv1, conv2.']);
    model.take('layer', 'conv2');
    expect(model.get('layer')).toBe('conv2');
  });
});
