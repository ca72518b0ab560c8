// The grid: one tab stop, arrows move, Enter chooses, Escape lets go.
import { VIRIDIS } from '../lib/color.js';
import { attributes, hear, make } from '../lib/frame.js';
import { step } from '../lib/grid.js';
import { count, percent } from '../lib/text.js';
import { nameOf } from './words.js';

/** @typedef {import('./words.js').Table} Table */

/** Black or white, whichever is read more easily on a colour. @param {number} r @param {number} g @param {number} b */
export function ink(r, g, b) {
  const linear = [r, g, b].map((v) => {
    const s = v / 255;
    return s <= 0.04045 ? s / 12.92 : ((s + 0.055) / 1.055) ** 2.4;
  });
  const light = 0.2126 * (linear[0] ?? 0) + 0.7152 * (linear[1] ?? 0) + 0.0722 * (linear[2] ?? 0);
  return 1.05 / (light + 0.05) >= (light + 0.05) / 0.05 ? '#fff' : '#000';
}

/** @param {number} share of the row, 0-1 @returns {[number, number, number]} */
function colour(share) {
  const k = Math.round(share * 255) * 3;
  return [VIRIDIS[k] ?? 0, VIRIDIS[k + 1] ?? 0, VIRIDIS[k + 2] ?? 0];
}

/** @param {{onHover: (row: number, column: number) => void, onChoose: (row: number, column: number) => void, onLeave: () => void}} does */
export function createMatrix({ onHover, onChoose, onLeave }) {
  const el = make('div', 'cm-scroll');
  const grid = make('div', 'cm-grid');
  attributes(grid, { role: 'grid', 'aria-label': 'True classes in rows, predicted ones in columns' });
  el.append(grid);
  let drawn = '';
  /** @type {HTMLElement[]} */
  let cells = [];
  let number = 0;

  const at = (/** @type {EventTarget | null} */ target) => cells.indexOf(/** @type {HTMLElement} */ (target));
  const place = (/** @type {number} */ i) => /** @type {[number, number]} */ ([Math.floor(i / number), i % number]);
  hear(grid, 'pointerover focusin', ({ target }) => at(target) >= 0 && onHover(...place(at(target))));
  hear(grid, 'click', ({ target }) => at(target) >= 0 && onChoose(...place(at(target))));
  hear(grid, 'keydown', (/** @type {KeyboardEvent} */ event) => {
    const i = at(event.target);
    if (i < 0 || event.altKey || event.metaKey) return;
    if (event.key === 'Escape') return onLeave();
    const to = step(event.key, i, { count: cells.length, columns: number, page: number, ctrl: event.ctrlKey });
    if (to === null) return;
    event.preventDefault();
    rove(to);
    cells[to]?.focus();
  });

  /** @param {number} to */
  function rove(to) {
    for (const [i, node] of cells.entries()) attributes(node, { tabindex: i === to ? 0 : -1 });
  }

  /** @param {Table} table */
  function build({ names, counts }) {
    number = names.length;
    cells = [];
    const top = make('div', 'cm-row');
    const corner = make('div', 'cm-corner', 'true ↓ predicted →');
    attributes(top, { role: 'row' });
    attributes(corner, { role: 'columnheader' });
    top.append(corner, ...names.map((name) => header(name, 'columnheader', 'cm-column')));
    const rows = counts.map((row, i) => {
      const line = make('div', 'cm-row');
      attributes(line, { role: 'row' });
      line.append(header(names[i] ?? '', 'rowheader', 'cm-name'));
      for (const [j] of row.entries()) {
        const node = make('button', i === j ? 'cm-cell cm-right' : 'cm-cell');
        node.type = 'button';
        attributes(node, { role: 'gridcell', tabindex: -1 });
        cells.push(node);
        line.append(node);
      }
      return line;
    });
    grid.replaceChildren(top, ...rows);
    rove(0);
  }

  return {
    el,
    /** @param {Table} table @param {[number, number] | null} chosen @param {boolean} shares */
    show(table, chosen, shares) {
      const key = JSON.stringify([table.names, table.counts]);
      if (key !== drawn) build(table);
      drawn = key;
      grid.style.setProperty('--n', String(number));
      for (const [k, node] of cells.entries()) {
        const [i, j] = place(k);
        const value = table.counts[i]?.[j] ?? 0;
        const all = table.counts[i]?.reduce((a, b) => a + b, 0) || 1;
        const rgb = colour(value / all);
        node.textContent = value ? (shares ? percent(value / all).replace(' %', '') : count(value)) : '';
        node.style.background = value ? `rgb(${rgb.join(' ')})` : '';
        node.style.color = value ? ink(...rgb) : '';
        const on = chosen !== null && chosen[0] === i && chosen[1] === j;
        attributes(node, {
          'aria-selected': on,
          'aria-label': `${nameOf(table, i)} taken for ${nameOf(table, j)}: ${count(value)}, ${percent(value / all)}`,
        });
        if (on && !grid.contains(document.activeElement)) rove(k);
      }
    },
  };
}

/** @param {string} name @param {string} role @param {string} kind */
function header(name, role, kind) {
  const node = make('div', kind);
  const text = make('span', '', name);
  attributes(node, { role });
  node.append(text);
  return node;
}
