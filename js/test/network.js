// A small network in the wire format of `_layers`: nested, with a skip connection, called twice, vectors and tokens.

/** @typedef {import('../src/layer-picker/tree.js').Layer} Layer */

/** @param {string} name @param {Partial<Layer>} [more] @returns {Layer} */
function layer(name, more = {}) {
  const base = {
    kind: 'Conv2d',
    detail: '3 × 3',
    shape: [64, 56, 56],
    parameters: 36_864,
    called: 1,
    depth: 0,
    parent: -1,
  };
  const rest = {
    children: 0,
    joins: /** @type {const} */ (''),
    layout: /** @type {const} */ ('maps'),
    channels: 64,
    grid: [56, 56],
  };
  return { name, ...base, ...rest, ...more };
}

/** @type {Layer[]} */
export const LAYERS = [
  layer('conv1', { detail: '7 × 7, stride 2', shape: [64, 112, 112], parameters: 9408, grid: [112, 112] }),
  layer('relu', { kind: 'ReLU', detail: '', parameters: 0, called: 3 }),
  layer('layer1', { kind: 'Sequential', detail: '', parameters: 147_968, children: 2 }),
  layer('layer1.0', {
    kind: 'BasicBlock',
    detail: '',
    depth: 1,
    parent: 2,
    children: 2,
    joins: 'add',
    parameters: 73_984,
  }),
  layer('layer1.0.conv1', { depth: 2, parent: 3 }),
  layer('layer1.0.conv2', { depth: 2, parent: 3 }),
  layer('layer1.1', {
    kind: 'BasicBlock',
    detail: '',
    depth: 1,
    parent: 2,
    children: 1,
    joins: 'add',
    parameters: 73_984,
  }),
  layer('layer1.1.conv1', { depth: 2, parent: 6 }),
  layer('fc', {
    kind: 'Linear',
    detail: '',
    shape: [1000],
    parameters: 513_000,
    layout: 'vector',
    channels: 1000,
    grid: [1, 1],
  }),
];

export const NETWORK = { name: 'ResNet', parameters: 11_689_512, input: [3, 224, 224] };

/** A network too tall for any page. @param {number} n */
export const longNetwork = (n) => Array.from({ length: n }, (_, i) => layer(`conv${i}`));
