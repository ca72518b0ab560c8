import { expect, test } from 'vitest';
import units from '../src/separating-units/index.js';
import switches from '../src/unit-switches/index.js';
import { drawn, one, pretendWidth, readable, show } from './helpers.js';

pretendWidth(500);

const ROWS = [
  [12, 0.98, 3.25, 0.125, 'large'],
  [3, -0.4, 0, 1.5, 'medium'],
];
const UNITS = {
  layer: 'avgpool',
  unit: -1,
  selected: [1, 2],
  _layers: ['conv1', 'avgpool'],
  _rows: ROWS,
  _about: { layer: 'avgpool', selected: 2, others: 10, units: 64 },
};

test('units are listed with their effect, told in words and chosen with a click', async () => {
  const { root, model } = show(units, UNITS);
  await drawn();
  const rows = /** @type {HTMLElement[]} */ ([...root.querySelectorAll('.su-row')]);
  expect(rows.map(readable)).toEqual(['12+0.98large', '3−0.40medium']);
  expect(rows[0]?.textContent).toBe('Unit 12: effect +0.98, large');
  one(root, '.su-row').click();
  await drawn();
  expect(model.get('unit')).toBe(12);
  expect(one(root, '.su-row').getAttribute('aria-selected')).toBe('true');
  expect(readable(one(root, '.dvw-cap'))).toBe(
    'Unit 12 of avgpool answers more to a chosen image than to another in 99 % of pairs (+0.98, large); median 3.25 against 0.13.',
  );
});

test('arrow keys move through the units', async () => {
  const { root } = show(units, UNITS);
  await drawn();
  const [first, second] = /** @type {HTMLElement[]} */ ([...root.querySelectorAll('.su-row')]);
  first?.focus();
  first?.dispatchEvent(new KeyboardEvent('keydown', { key: 'ArrowDown', bubbles: true }));
  expect(document.activeElement).toBe(second);
});

test('without chosen images it says how to choose some', async () => {
  const { root } = show(units, { ...UNITS, _rows: [], _about: {} });
  await drawn();
  expect(readable(one(root, '.dvw-body'))).toContain('draw round them on the map');
});

const SWITCHES = {
  layer: 'conv1',
  channel: 4,
  switches: [],
  selected: [],
  _units: { conv1: 8 },
  _effect: { images: 10, labelled: 10, before: 1, after: 1, changed: [], switched: 0 },
};

/** @param {HTMLElement} root @param {string} label */
const pressed = (root, label) =>
  [...root.querySelectorAll('button')].find((node) => node.textContent === label)?.getAttribute('aria-pressed');

/** @param {HTMLElement} root @param {string} label */
const press = (root, label) => [...root.querySelectorAll('button')].find((node) => node.textContent === label)?.click();

test('a unit is turned off, held, and turned on again', async () => {
  const { root, model } = show(switches, SWITCHES);
  await drawn();
  press(root, 'Off');
  await drawn();
  expect(model.get('switches')).toEqual([['conv1', 4, 0]]);
  expect(pressed(root, 'Off')).toBe('true');
  press(root, 'Held at');
  expect(model.get('switches')).toEqual([['conv1', 4, 1]]);
  await drawn();
  press(root, 'On');
  expect(model.get('switches')).toEqual([]);
});

test('what the switches cost is told, and the images that change can be chosen', async () => {
  const effect = { images: 10, labelled: 10, before: 1, after: 0.8, changed: [2, 7], switched: 1 };
  const { root, model } = show(switches, { ...SWITCHES, switches: [['conv1', 1, 0]], _effect: effect });
  await drawn();
  expect(readable(one(root, '.dvw-cap'))).toBe(
    'With 1 unit switched 2 images of 10 are taken for another class; the accuracy falls by 20.0 points to 80.0 %.',
  );
  expect(readable(one(root, '.us-list'))).toContain('unit 1 of conv1 off');
  press(root, 'Select the changed images');
  expect(model.get('selected')).toEqual([2, 7]);
  press(root, 'All on again');
  expect(model.get('switches')).toEqual([]);
});

test('a layer without such a unit cannot be switched and says so', async () => {
  const { root, model } = show(switches, { ...SWITCHES, channel: 9 });
  await drawn();
  press(root, 'Off');
  expect(model.get('switches')).toEqual([]);
});
