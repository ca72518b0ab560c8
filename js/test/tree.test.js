import { describe, expect, it } from 'vitest';
import { arcsOf, blockSize, rangeOf } from '../src/layer-picker/rail.js';
import {
  ancestors,
  containers,
  keyAction,
  labelOf,
  matching,
  typeAhead,
  visibleRows,
} from '../src/layer-picker/tree.js';
import { factsOf, gives, inputSentence, sentence, whatItDoes } from '../src/layer-picker/words.js';
import { LAYERS } from './network.js';

/** @param {string[]} open @param {string} [query] */
const rows = (open, query = '') => visibleRows(LAYERS, new Set(open), matching(LAYERS, query));
/** @param {string[]} open @param {string} [query] */
const labels = (open, query) => rows(open, query).map((row) => row.label);
/** @param {string} name */
const at = (name) => LAYERS.find((l) => l.name === name) ?? LAYERS[0];
/** @param {import('../src/lib/text.js').Part[]} parts */
const plain = (parts) => parts.map((part) => (typeof part === 'string' ? part : Object.values(part)[0])).join('');
const ALL = containers(LAYERS);

describe('the rows of the tree', () => {
  it('are the input and the top level while everything is closed', () => {
    expect(labels([])).toEqual(['input', 'conv1', 'relu', 'layer1', 'fc']);
  });

  it('show what is in open containers, named without their parents', () => {
    expect(labels(['layer1', 'layer1.0'])).toEqual([
      'input',
      'conv1',
      'relu',
      'layer1',
      '0',
      'conv1',
      'conv2',
      '1',
      'fc',
    ]);
  });

  it('hide what is open inside of something closed', () => {
    expect(labels(['layer1.0'])).toEqual(labels([]));
  });

  it('count siblings and levels from 1, the input being one of the top level', () => {
    const told = rows(['layer1']).map((row) => [row.label, row.level, row.position, row.siblings]);
    expect(told).toEqual([
      ['input', 1, 1, 5],
      ['conv1', 1, 2, 5],
      ['relu', 1, 3, 5],
      ['layer1', 1, 4, 5],
      ['0', 2, 1, 2],
      ['1', 2, 2, 2],
      ['fc', 1, 5, 5],
    ]);
  });

  it('keep the whole name where it does not start with the parent', () => {
    expect(labelOf([...LAYERS, { ...LAYERS[0], name: 'odd', parent: 2 }], LAYERS.length)).toBe('odd');
  });

  it('know which containers are open', () => {
    const open = rows(['layer1']).filter((row) => row.opens);
    expect(open.map((row) => [row.label, row.open])).toEqual([
      ['layer1', true],
      ['0', false],
      ['1', false],
    ]);
  });
});

describe('the search', () => {
  it('finds names and kinds in any case, all words needed', () => {
    const names = (/** @type {string} */ query) =>
      LAYERS.filter((_, i) => matching(LAYERS, query)?.[i]).map((l) => l.name);
    expect(names('LINEAR')).toEqual(['fc']);
    expect(names('layer1.0 conv')).toEqual(['layer1.0.conv1', 'layer1.0.conv2']);
    expect(matching(LAYERS, '  ')).toBeNull();
  });

  it('shows matches with what lies above them, which stays quiet', () => {
    const found = rows([], 'layer1.1.conv1');
    expect(found.map((row) => [row.label, row.quiet])).toEqual([
      ['layer1', true],
      ['1', true],
      ['conv1', false],
    ]);
  });

  it('lets a matching container be opened', () => {
    expect(labels([], 'basicblock')).toEqual(['layer1', '0', '1']);
    expect(labels(['layer1.0'], 'basicblock')).toEqual(['layer1', '0', 'conv1', 'conv2', '1']);
  });

  it('may find nothing', () => {
    expect(rows(ALL, 'transformer')).toEqual([]);
  });
});

describe('the keys of the tree', () => {
  const open = rows(['layer1', 'layer1.0']); // input conv1 relu layer1 0 conv1 conv2 1 fc

  it('move up and down and stop at the ends', () => {
    expect(keyAction(open, 0, 'ArrowUp')).toEqual({ to: 0 });
    expect(keyAction(open, 0, 'ArrowDown')).toEqual({ to: 1 });
    expect(keyAction(open, 8, 'ArrowDown')).toEqual({ to: 8 });
    expect([keyAction(open, 4, 'Home'), keyAction(open, 4, 'End')]).toEqual([{ to: 0 }, { to: 8 }]);
    expect(keyAction(open, 8, 'PageUp', 5)).toEqual({ to: 3 });
  });

  it('open to the right, then go in', () => {
    expect(keyAction(rows([]), 3, 'ArrowRight')).toEqual({ open: 2 });
    expect(keyAction(open, 3, 'ArrowRight')).toEqual({ to: 4 });
    expect(keyAction(open, 5, 'ArrowRight')).toBeNull();
  });

  it('close to the left, then go out', () => {
    expect(keyAction(open, 4, 'ArrowLeft')).toEqual({ close: 3 });
    expect(keyAction(open, 6, 'ArrowLeft')).toEqual({ to: 4 });
    expect(keyAction(open, 0, 'ArrowLeft')).toBeNull();
  });

  it('choose with Enter and Space, but never the input', () => {
    expect(keyAction(open, 5, 'Enter')).toEqual({ choose: 4 });
    expect(keyAction(open, 5, ' ')).toEqual({ choose: 4 });
    expect(keyAction(open, 0, 'Enter')).toBeNull();
  });

  it('open all siblings with a star', () => {
    expect(keyAction(rows(['layer1']), 4, '*')).toEqual({ openAll: [3, 6] });
  });

  it('find labels by their first letters, and the next one by the same letter', () => {
    expect(typeAhead(open, 0, 'l')).toBe(3);
    expect(typeAhead(open, 1, 'co')).toBe(1);
    expect(typeAhead(open, 1, 'c')).toBe(5);
    expect(typeAhead(open, 6, 'c')).toBe(1);
    expect(typeAhead(open, 0, 'x')).toBe(-1);
  });

  it('know what lies above a layer', () => {
    expect(ancestors(LAYERS, 'layer1.0.conv2')).toEqual(['layer1.0', 'layer1']);
    expect(ancestors(LAYERS, 'nowhere')).toEqual([]);
  });
});

describe('the rail', () => {
  const range = rangeOf(LAYERS, [3, 224, 224]);

  it('grows by equal steps when a map doubles', () => {
    const width = (/** @type {number} */ w) => blockSize({ width: w, channels: 64 }, range).w;
    expect(width(112) - width(56)).toBeCloseTo(width(224) - width(112));
    expect(width(224)).toBeCloseTo(40);
    expect(width(1)).toBeLessThan(width(56));
  });

  it('grows by equal steps when channels double, and fits in its row', () => {
    const height = (/** @type {number} */ c) => blockSize({ width: 56, channels: c }, range).h;
    expect(height(128) - height(64)).toBeCloseTo(height(256) - height(128));
    expect(height(4096)).toBeLessThanOrEqual(22);
  });

  it('has an arc beside the children of a block that adds, and a short one on a closed block', () => {
    const shown = rows(['layer1', 'layer1.0']);
    const parts = arcsOf(shown, LAYERS).map((arcs) => arcs.map((arc) => arc.part));
    expect(shown.map((row, i) => [row.label, ...(parts[i] ?? [])])).toEqual([
      ['input'],
      ['conv1'],
      ['relu'],
      ['layer1'],
      ['0', 'start'],
      ['conv1', 'middle'],
      ['conv2', 'end'],
      ['1', 'whole'],
      ['fc'],
    ]);
  });

  it('ends nested arcs together', () => {
    const nested = LAYERS.map((l) => (l.name === 'layer1' ? { ...l, joins: /** @type {const} */ ('cat') } : l));
    const arcs = arcsOf(visibleRows(nested, new Set(ALL)), nested);
    expect(arcs[8]).toEqual([
      { part: 'end', nest: 0 },
      { part: 'end', nest: 1 },
    ]);
    expect(arcs[9]).toEqual([]);
  });

  it('has a range for networks without any map', () => {
    const { w, h } = blockSize({ width: 1, channels: 10 }, rangeOf([], []));
    expect(Number.isFinite(w) && Number.isFinite(h)).toBe(true);
  });
});

describe('the words', () => {
  it('say what a layer gives', () => {
    expect(plain(sentence(at('conv1')))).toBe('conv1: 64 channels of 112 × 112, 9,408 weights.');
    expect(plain(sentence(at('fc')))).toBe('fc: 1,000 numbers, 513,000 weights.');
    expect(plain(sentence(at('relu')))).toBe('relu: 64 channels of 56 × 56, no weights, called 3 times.');
  });

  it('say that a block adds its input to its result', () => {
    expect(plain(sentence(at('layer1.0')))).toContain('layer1.0 adds its input to its result');
    expect(whatItDoes(at('layer1.0'))).toContain('skip connection');
  });

  it('count class tokens among the tokens', () => {
    const tokens = {
      ...LAYERS[0],
      layout: /** @type {const} */ ('tokens'),
      shape: [197, 768],
      channels: 768,
      grid: [14, 14],
    };
    expect(gives(tokens)).toBe('197 tokens of 768 numbers');
  });

  it('know grey and coloured inputs', () => {
    expect(plain(inputSentence([3, 224, 224]))).toBe('input: 3 colours of 224 × 224 pixels.');
    expect(plain(inputSentence([1, 28, 28]))).toBe('input: one channel of 28 × 28 pixels.');
  });

  it('have the same facts for every layer of a network, so that nothing jumps', () => {
    const terms = LAYERS.map((l) =>
      factsOf(l, true)
        .map(([term]) => term)
        .join(),
    );
    expect(new Set(terms).size).toBe(1);
    expect(factsOf(at('relu'), true)).toContainEqual(['Called', '3 times']);
  });
});
