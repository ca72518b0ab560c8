import { expect, test, vi } from 'vitest';
import bar from '../src/explorer/index.js';
import { ids, pack, unpack } from '../src/explorer/saved.js';
import { drawn, one, pretendWidth, readable, show } from './helpers.js';

const NAMES = ['picker', 'activations', 'scores'];
const STATE = {
  image: 3,
  layer: 'conv1',
  channel: 2,
  target: 1,
  selected: [],
  marks: false,
  shown: ['picker', 'activations'],
  tab: 'activations',
  arrangement: 'auto',
  _wide: true,
  _panels: NAMES.map((name) => ({ name, label: name.toUpperCase(), why: name === 'scores' ? 'No scores here.' : '' })),
  _layers: [
    ['conv1', 'Conv2d', 8],
    ['relu', 'ReLU', 8],
  ],
  _classes: ['cat', '<b>dog</b>'],
  _network: { name: 'Net', count: 12 },
  _now: { image: { name: 'a.png', label: 'cat' }, can: [true, false], own: false, instead: 'conv1' },
  _saved: {},
};

pretendWidth(1000);

/** @param {HTMLElement} root @param {string} name */
const panel = (root, name) => one(root, `[data-panel="${name}"]`);

test('the bar tells what all panels look at', async () => {
  const { root } = show(bar, STATE);
  await drawn();
  expect(readable(one(root, '.dvw-cap'))).toContain(
    'Unit 2 of conv1 on a.png (cat); class <b>dog</b>, the most probable.',
  );
  expect(readable(one(root, '.dvw-head'))).toContain('Net · 12 images');
  expect(root.querySelector('.dvw-cap b b')).toBeNull();
});

test('in a wide cell panels are put into the grid and taken out of it', async () => {
  const { root, model } = show(bar, STATE);
  await drawn();
  panel(root, 'picker').click();
  expect(model.get('shown')).toEqual(['activations']);
  await drawn();
  expect(panel(root, 'picker').getAttribute('aria-pressed')).toBe('false');
  panel(root, 'scores').click();
  expect(model.get('shown')).toEqual(['activations']);
  expect(readable(one(root, '.dvw-cap'))).toContain('No scores here.');
});

test('in a narrow cell there are tabs, moved through with the arrow keys', async () => {
  pretendWidth(480);
  const { root, model } = show(bar, STATE);
  await drawn();
  expect(model.get('_wide')).toBe(false);
  await drawn();
  const list = one(root, '[role=tablist]');
  expect(list.querySelectorAll('[tabindex="0"]').length).toBe(1);
  panel(root, 'activations').focus();
  panel(root, 'activations').dispatchEvent(new KeyboardEvent('keydown', { key: 'ArrowLeft', bubbles: true }));
  expect(document.activeElement).toBe(panel(root, 'picker'));
  panel(root, 'picker').click();
  expect(model.get('tab')).toBe('picker');
  pretendWidth(1000);
});

test('undo is asked of the kernel, redo is off and says why', async () => {
  /** @type {any[]} */
  const asked = [];
  const { root } = show(bar, STATE, (content) => asked.push(content));
  await drawn();
  const [undo, redo] = /** @type {HTMLElement[]} */ ([...one(root, '.ex-steps').children]);
  undo?.click();
  redo?.click();
  expect(asked.map(({ what }) => what)).toEqual(['undo']);
  expect(readable(one(root, '.dvw-cap'))).toContain('Nothing was undone.');
});

test('a saved page has no panels to choose', async () => {
  const { root } = show(bar, { ...STATE, _live: false, _saved: { image: 3, layer: 'conv1' } });
  await drawn();
  expect(one(root, '.ex-tabs').hidden).toBe(true);
});

test('the end of a link brings back the unit and the selection', async () => {
  const saved = { image: 3, layer: 'conv1' };
  location.hash = `#dvw=${pack({ image: 3, layer: 'conv1', channel: 5, selected: '1-3,9,40' })}`;
  const linked = () => document.dispatchEvent(new Event('dvw-linked')); // as the host does
  const { root, model } = show(bar, { ...STATE, _live: false, _saved: saved });
  linked();
  await vi.waitFor(() => expect([model.get('channel'), model.get('selected')]).toEqual([5, [1, 2, 3, 9]]));
  location.hash = `#dvw=${pack({ image: 4, layer: 'conv1', channel: 1 })}`;
  const other = show(bar, { ...STATE, _live: false, _saved: saved });
  linked();
  await vi.waitFor(() => expect(readable(one(other.root, '.dvw-cap'))).toContain('another image or layer'));
  expect(other.model.get('channel')).toBe(2);
  expect(root).not.toBe(other.root);
  location.hash = '';
});

test('a link that was cut or is foreign is no state', () => {
  const state = { image: 1, label: 'Grüße' };
  expect(unpack(`#dvw=${pack(state)}`)).toEqual(state);
  for (const hash of ['', '#', '#dvw=', '#dvw=%%%', '#section', `#dvw=${pack(/** @type {any} */ ([1]))}`])
    expect(unpack(hash)).toBeNull();
  expect(ids('3-5,9', 100)).toEqual([3, 4, 5, 9]);
  expect(ids('1-999999999', 3)).toEqual([1, 2]);
  expect(ids([1, -1, 7, /** @type {any} */ ('x')], 5)).toEqual([1]);
});
