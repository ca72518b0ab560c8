// The list of layers as the rows of a tree: which are visible, what a key does. Pure functions, no page.

/**
 * @typedef {object} Layer one element of the trait `_layers`; parents come before their children, a subtree is contiguous
 * @property {string} name
 * @property {string} kind
 * @property {string} detail
 * @property {number[]} shape
 * @property {number} parameters
 * @property {number} called
 * @property {number} depth
 * @property {number} parent
 * @property {number} children
 * @property {"" | "add" | "cat"} joins
 * @property {"maps" | "tokens" | "vector" | "other"} layout
 * @property {number} channels
 * @property {number[]} grid
 *
 * @typedef {object} Row
 * @property {number} index in the layers; −1 is the network's input
 * @property {string} label the name without its parent's
 * @property {number} level 1 at the top
 * @property {number} position among its visible siblings, from 1
 * @property {number} siblings how many of these there are
 * @property {boolean} opens has children
 * @property {boolean} open
 * @property {boolean} quiet only there because something below it matches
 */

export const INPUT = -1;

/** Words that all have to occur in the name or the kind. @param {Layer[]} layers @param {string} query @returns {boolean[] | null} null = no search */
export function matching(layers, query) {
  const words = query.toLowerCase().split(/\s+/).filter(Boolean);
  if (!words.length) return null;
  return layers.map(({ name, kind }) => {
    const text = `${name} ${kind}`.toLowerCase();
    return words.every((word) => text.includes(word));
  });
}

/** True where a layer or anything below it matches. @param {Layer[]} layers @param {boolean[]} hits */
function kept(layers, hits) {
  const keep = [...hits];
  for (let i = layers.length - 1; i >= 0; i -= 1) {
    const parent = layers[i]?.parent ?? INPUT;
    if (keep[i] && parent >= 0) keep[parent] = true;
  }
  return keep;
}

/** The name without its parent's. @param {Layer[]} layers @param {number} index */
export function labelOf(layers, index) {
  const layer = layers[index];
  const parent = layers[layer?.parent ?? INPUT];
  if (!layer) return 'input';
  const prefix = `${parent?.name}.`;
  return parent && layer.name.startsWith(prefix) ? layer.name.slice(prefix.length) : layer.name;
}

/**
 * The rows to show, the network's input first. Without a search a row shows when all above it are open; with one when
 * it matches, when something below it matches, or when it is in an opened match.
 * @param {Layer[]} layers
 * @param {Set<string>} expanded
 * @param {boolean[] | null} hits
 * @returns {Row[]}
 */
export function visibleRows(layers, expanded, hits = null) {
  const keep = hits && kept(layers, hits);
  const shown = layers.map(() => false);
  const counts = new Map([[INPUT, keep ? 0 : 1]]);
  /** @type {Row[]} */
  const rows = keep ? [] : [rowOf(layers, INPUT, 1)];
  layers.forEach((layer, index) => {
    const { parent } = layer;
    const above = parent < 0 || shown[parent] === true;
    const inOpen = parent < 0 ? !keep : expanded.has(layers[parent]?.name ?? '') && (!hits || hits[parent] === true);
    if (!above || !(inOpen || keep?.[index])) return;
    shown[index] = true;
    const position = (counts.get(parent) ?? 0) + 1;
    counts.set(parent, position);
    rows.push({ ...rowOf(layers, index, position), quiet: hits ? !hits[index] : false });
  });
  for (const row of rows) {
    row.siblings = counts.get(layers[row.index]?.parent ?? INPUT) ?? 1;
    row.open = row.opens && (counts.get(row.index) ?? 0) > 0 && row.index >= 0;
  }
  return rows;
}

/** @param {Layer[]} layers @param {number} index @param {number} position @returns {Row} */
function rowOf(layers, index, position) {
  const layer = layers[index];
  const level = (layer?.depth ?? 0) + 1;
  const opens = (layer?.children ?? 0) > 0;
  return { index, label: labelOf(layers, index), level, position, siblings: 1, opens, open: false, quiet: false };
}

/** The names of all that lie above a layer. @param {Layer[]} layers @param {string} name */
export function ancestors(layers, name) {
  const names = [];
  let layer = layers.find((l) => l.name === name);
  while (layer && layer.parent >= 0) {
    layer = layers[layer.parent];
    if (layer) names.push(layer.name);
  }
  return names;
}

/** @param {Layer[]} layers */
export function containers(layers) {
  return layers.filter((layer) => layer.children > 0).map((layer) => layer.name);
}

/**
 * What a key does, after the ARIA pattern of a tree.
 * @param {Row[]} rows
 * @param {number} at position of the active row
 * @param {string} key
 * @param {number} [page] rows in view
 * @returns {{to?: number, open?: number, close?: number, choose?: number, openAll?: number[]} | null}
 */
export function keyAction(rows, at, key, page = 10) {
  const row = rows[at];
  const last = rows.length - 1;
  if (!row) return null;
  const plain = { ArrowDown: at + 1, ArrowUp: at - 1, Home: 0, End: last, PageDown: at + page, PageUp: at - page }[key];
  if (plain !== undefined) return { to: Math.min(last, Math.max(0, plain)) };
  if (key === 'Enter' || key === ' ') return row.index === INPUT ? null : { choose: row.index };
  if (key === 'ArrowRight') return row.opens ? (row.open ? { to: Math.min(last, at + 1) } : { open: row.index }) : null;
  if (key === 'ArrowLeft') return row.open ? { close: row.index } : upFrom(rows, at);
  if (key === '*')
    return {
      openAll: rows
        .filter((r) => r.level === row.level && r.opens && !r.open && sameParent(rows, r, row))
        .map((r) => r.index),
    };
  return null;
}

/** @param {Row[]} rows @param {number} at */
function upFrom(rows, at) {
  const level = rows[at]?.level ?? 1;
  for (let i = at - 1; i >= 0; i -= 1) if ((rows[i]?.level ?? 0) < level) return { to: i };
  return null;
}

/** @param {Row[]} rows @param {Row} a @param {Row} b */
function sameParent(rows, a, b) {
  const [up, down] = [upFrom(rows, rows.indexOf(a)), upFrom(rows, rows.indexOf(b))];
  return up?.to === down?.to;
}

/**
 * Type-ahead: the next row whose label starts with what was typed, from the active one on and round the end. One letter
 * typed again goes on to the next such row.
 * @param {Row[]} rows
 * @param {number} at
 * @param {string} typed
 */
export function typeAhead(rows, at, typed) {
  const again = new Set(typed).size === 1;
  const text = (again ? typed[0] : typed)?.toLowerCase() ?? '';
  for (let step = again ? 1 : 0; step <= rows.length; step += 1) {
    const i = (at + step) % rows.length;
    if (rows[i]?.label.toLowerCase().startsWith(text)) return i;
  }
  return -1;
}
