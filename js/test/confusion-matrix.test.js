import { expect, test } from 'vitest';
import matrix from '../src/confusion-matrix/index.js';
import { ink } from '../src/confusion-matrix/matrix.js';
import { drawn, one, pretendWidth, readable, show } from './helpers.js';

const TABLE = {
  names: ['cat', '<b>dog</b>'],
  counts: [
    [3, 1],
    [0, 2],
  ],
  says: '83.3 % of 6 images are right',
  labelled: 6,
  done: 6,
  total: 6,
};
const MEMBERS = [
  [[0, 2, 4], [5]],
  [[], [1, 3]],
];
const STATE = {
  cell: [],
  shares: false,
  image: 0,
  selected: [],
  _table: TABLE,
  _members: MEMBERS,
  _thumbs: new DataView(new ArrayBuffer(0)),
  _thumbs_meta: { ids: [5], columns: 1, side: 64, names: ['five.png'], sure: [0.875] },
};

pretendWidth(700);

/** @param {HTMLElement} root */
const cells = (root) => /** @type {HTMLElement[]} */ ([...root.querySelectorAll('.cm-cell')]);

test('each cell tells its number, and what it means when the pointer is over it', async () => {
  const { root } = show(matrix, STATE);
  await drawn();
  expect(cells(root).map((cell) => cell.textContent)).toEqual(['3', '1', '', '2']);
  expect(readable(one(root, '.dvw-head'))).toContain('83.3 % of 6 images are right');
  cells(root)[1]?.dispatchEvent(new Event('pointerover', { bubbles: true }));
  expect(readable(one(root, '.dvw-cap'))).toBe(
    '1 image of cat is taken for <b>dog</b>: 25 % of 4 images of that class.',
  );
});

test('a click chooses a cell; its images can be chosen', async () => {
  const { root, model } = show(matrix, STATE);
  await drawn();
  cells(root)[1]?.click();
  await drawn();
  expect(model.get('cell')).toEqual([0, 1]);
  expect(cells(root)[1]?.getAttribute('aria-selected')).toBe('true');
  const thumb = one(root, '.cm-thumb');
  expect(thumb.getAttribute('aria-label')).toBe('five.png');
  thumb.click();
  expect(model.get('image')).toBe(5);
});

test('arrow keys walk over the cells with one tab stop, Escape lets go', async () => {
  const { root, model } = show(matrix, { ...STATE, cell: [0, 1] });
  await drawn();
  expect(cells(root).map((cell) => cell.tabIndex)).toEqual([-1, 0, -1, -1]);
  cells(root)[1]?.focus();
  cells(root)[1]?.dispatchEvent(new KeyboardEvent('keydown', { key: 'ArrowDown', bubbles: true }));
  expect(document.activeElement).toBe(cells(root)[3]);
  cells(root)[3]?.dispatchEvent(new KeyboardEvent('keydown', { key: 'Escape', bubbles: true }));
  expect(model.get('cell')).toEqual([]);
});

test('in a saved page a cell selects its images without a kernel', async () => {
  const { root, model } = show(matrix, { ...STATE, _live: false });
  await drawn();
  cells(root)[3]?.click();
  expect([model.get('selected'), model.get('image')]).toEqual([[1, 3], 1]);
});

test('shares are of the row', async () => {
  const { root } = show(matrix, { ...STATE, shares: true });
  await drawn();
  expect(cells(root).map((cell) => cell.textContent)).toEqual(['75', '25', '', '100']);
});

test('images without labels are said to have no matrix', async () => {
  const { root } = show(matrix, {
    ...STATE,
    _table: { names: [], counts: [], says: '', labelled: 0, done: 6, total: 6 },
  });
  await drawn();
  expect(readable(one(root, '.dvw-body'))).toContain('no image has a label');
});

test('numbers on colours are read at 4.5 : 1 or better', () => {
  expect([ink(68, 1, 84), ink(253, 231, 37), ink(33, 145, 140)]).toEqual(['#fff', '#000', '#000']);
});
