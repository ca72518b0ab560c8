// The rows that are in view: a network of 900 layers has 900 rows, and only some 25 of them exist at a time.
import { attributes, make } from '../lib/frame.js';
import { icon } from '../lib/icons.js';
import { count, size } from '../lib/text.js';
import { arcsOf, blockSize, drawRail, ROW, rangeOf } from './rail.js';
import { kindOf, spoken } from './words.js';

/** @typedef {import("./tree.js").Layer} Layer */
/** @typedef {import("./tree.js").Row} Row */

const AROUND = 6; // rows kept above and below the view, for quick scrolling
const MOST = 11.5; // rows in view; the half one says that there are more

/**
 * @typedef {object} Scene
 * @property {Layer[]} layers
 * @property {{name?: string, parameters?: number, input?: number[]}} network
 * @property {Row[]} rows
 * @property {string} chosen name of the chosen layer
 * @property {number} active index of the layer where the keyboard is
 * @property {string} id prefix for the ids of rows
 */

/** The tree: a box that scrolls, and in it as many rows as fit. */
export function createTree() {
  const el = make('div', 'lp-tree');
  const all = make('div', 'lp-rows');
  el.tabIndex = 0;
  attributes(el, { role: 'tree', 'aria-label': 'Layers in call order' });
  attributes(all, { role: 'presentation' });
  el.append(all);
  /** @type {Map<number, {node: HTMLElement, key: string}>} */
  const kept = new Map();
  let tallest = 0;
  /** @type {Row[] | null} */
  let drawn = null;
  /** @type {ReturnType<typeof arcsOf>} */
  let arcs = [];
  /** @type {Layer[] | null} */
  let measured = null;
  let range = rangeOf([], []);

  /** @param {Scene} scene */
  function draw(scene) {
    if (measured !== scene.layers) {
      measured = scene.layers;
      range = rangeOf(scene.layers, scene.network.input ?? []);
      tallest = 0;
    }
    // Grows when containers open, but a search that leaves three rows must not pull up what is below.
    tallest = Math.max(tallest, Math.min(MOST, scene.rows.length) * ROW);
    el.style.height = `${tallest}px`;
    all.style.height = `${scene.rows.length * ROW}px`;
    if (drawn !== scene.rows) {
      drawn = scene.rows;
      arcs = arcsOf(scene.rows, scene.layers);
    }
    const wanted = inView(scene);
    for (const [index, { node }] of kept) {
      if (wanted.has(index)) continue;
      node.remove();
      kept.delete(index);
    }
    // In the order of the tree: a screen reader's own cursor follows the DOM.
    /** @type {Element | null} */
    let before = null;
    for (const [index, at] of [...wanted].sort((a, b) => a[1] - b[1])) {
      const node = place(scene, index, at, arcs[at] ?? []);
      /** @type {Element | null} */
      const next = before ? before.nextElementSibling : all.firstElementChild;
      if (next !== node) all.insertBefore(node, next);
      before = node;
    }
    const active = scene.rows.find((row) => row.index === scene.active);
    if (active) el.setAttribute('aria-activedescendant', idOf(scene, active.index));
    else el.removeAttribute('aria-activedescendant');
  }

  /** The active row always exists, or a screen reader would lose it. @param {Scene} scene @returns {Map<number, number>} */
  function inView({ rows, active }) {
    const from = Math.max(0, Math.floor(el.scrollTop / ROW) - AROUND);
    const to = Math.min(rows.length, Math.ceil((el.scrollTop + tallest) / ROW) + AROUND);
    const wanted = new Map();
    for (let at = from; at < to; at += 1) wanted.set(rows[at]?.index, at);
    const at = rows.findIndex((row) => row.index === active);
    if (at >= 0) wanted.set(active, at);
    return wanted;
  }

  /** @param {Scene} scene @param {number} index @param {number} at @param {ReturnType<typeof arcsOf>[number]} arcs */
  function place(scene, index, at, arcs) {
    const row = /** @type {Row} */ (scene.rows[at]);
    const marks = marksOf(scene, row);
    const key = JSON.stringify([row, marks, arcs, at === 0, at === scene.rows.length - 1, measured?.[index]]);
    const old = kept.get(index);
    if (old && old.key === key) {
      old.node.style.top = `${at * ROW}px`;
      return old.node;
    }
    const node = rowNode(scene, row, { ...marks, arcs, first: at === 0, last: at === scene.rows.length - 1, range });
    node.style.top = `${at * ROW}px`;
    old?.node.replaceWith(node);
    kept.set(index, { node, key });
    return node;
  }

  /** Scrolls no more than needed. @param {number} at position of a row @param {boolean} [middle] */
  function show(at, middle = false) {
    const top = at * ROW;
    const inside = top >= el.scrollTop && top + ROW <= el.scrollTop + tallest;
    if (inside) return;
    const up = top < el.scrollTop;
    el.scrollTop = middle ? top - (tallest - ROW) / 2 : up ? top : top + ROW - tallest;
  }

  return { el, draw, show, page: () => Math.max(1, Math.floor(tallest / ROW) - 1) };
}

/** @param {Scene} scene @param {number} index */
const idOf = (scene, index) => `${scene.id}-${index + 1}`;

/** A closed container tells that the chosen layer is in it. @param {Scene} scene @param {Row} row */
function marksOf({ layers, chosen, active }, row) {
  const name = layers[row.index]?.name;
  const within = row.opens && !row.open && chosen.startsWith(`${name}.`);
  return { chosen: name !== undefined && name === chosen, within, active: row.index === active };
}

/** The network's input as if it were a layer. @param {number[]} input @returns {Pick<Layer, "shape" | "layout" | "depth" | "channels" | "grid">} */
function inputLayer(input) {
  return { shape: input, layout: 'maps', depth: 0, channels: input[0] ?? 1, grid: input.slice(1) };
}

/**
 * @param {Scene} scene
 * @param {Row} row
 * @param {{chosen: boolean, within: boolean, active: boolean, first: boolean, last: boolean, arcs: ReturnType<typeof arcsOf>[number], range: ReturnType<typeof rangeOf>}} look
 */
function rowNode(scene, row, look) {
  const layer = scene.layers[row.index];
  const node = make('div', 'lp-row');
  node.id = idOf(scene, row.index);
  node.dataset.index = String(row.index);
  node.classList.toggle('lp-active', look.active);
  node.classList.toggle('lp-quiet', row.quiet);
  node.style.setProperty('--level', String(row.level - 1));
  describe(node, row, layer, look.chosen);
  const form = layer ?? inputLayer(scene.network.input ?? []);
  const block = blockSize({ width: form.grid.at(-1) ?? 1, channels: form.channels }, look.range);
  const parts = [drawRail({ ...look, layer: form, block }), nameNode(row, layer), outputNode(layer, form.shape)];
  for (const part of parts) attributes(part, { 'aria-hidden': true });
  // read out instead: a row stands without the rows above it
  node.append(make('span', 'dvw-unseen', layer ? spoken(layer) : `input, ${size(form.shape)}`), ...parts);
  return node;
}

/** @param {HTMLElement} node @param {Row} row @param {Layer | undefined} layer @param {boolean} chosen */
function describe(node, row, layer, chosen) {
  const said = {
    role: 'treeitem',
    'aria-level': row.level,
    'aria-setsize': row.siblings,
    'aria-posinset': row.position,
    ...(layer ? { 'aria-selected': chosen } : { 'aria-disabled': true }),
    ...(row.opens ? { 'aria-expanded': row.open } : {}),
  };
  attributes(node, said);
}

/** @param {Row} row @param {Layer | undefined} layer */
function nameNode(row, layer) {
  const box = make('div', 'lp-what');
  const name = make('div', 'lp-name', row.label);
  if (row.opens) {
    const mark = make('span', 'lp-chevron');
    mark.append(icon('chevron'));
    box.append(mark);
  }
  box.append(name, make('div', 'lp-kind', layer ? kindOf(layer) : 'what the network gets'));
  return box;
}

/** @param {Layer | undefined} layer @param {number[]} shape */
function outputNode(layer, shape) {
  const box = make('div', 'lp-gives');
  const parameters = layer ? (layer.parameters ? count(layer.parameters) : 'no weights') : '';
  box.append(make('div', 'lp-shape', size(shape)), make('div', 'lp-weights', parameters));
  return box;
}
