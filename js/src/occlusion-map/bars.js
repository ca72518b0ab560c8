/** Class scores as bars: the value now, what it was for the whole image, and the change. */
import { make, put } from '../lib/frame.js';
import { fixed, signed } from '../lib/text.js';
import { baseOf, ends, scoreOf } from './data.js';
import { box } from '../lib/parts.js';
import { max, min, missing } from './maths.js';

/** @typedef {import('./data.js').Answer} Answer */
/** @typedef {import('./data.js').Sweep} Sweep */
/** @typedef {import('./data.js').Score} Score */
/** @typedef {{id: number, name: string, now: number, base: number}} Row */

/** Most classes that are shown. */
const MANY = 6;

/**
 * The classes worth a bar: the target, then the ones that are strong now or were. They keep the order of the whole
 * image, so that bars change their length under the pointer and not their place.
 * @param {Sweep} sweep @param {Answer | null} answer @param {number} target @param {Score} score @returns {Omit<Row, 'name'>[]}
 */
export function ranked(sweep, answer, target, score) {
  const rows = [...new Set([target, ...sweep.sent])].map((id) => {
    const base = baseOf(sweep, id, score);
    return { id, base, now: answer ? scoreOf(sweep, answer, id, score) : base };
  });
  const strong = (/** @type {Omit<Row, 'name'>} */ { now, base }) => (missing(now) ? base : max(now, base));
  const [first, ...others] = rows;
  const best = others.sort((a, b) => strong(b) - strong(a)).slice(0, MANY - 1);
  return [first, ...best.sort((a, b) => b.base - a.base)];
}

/**
 * Where the pieces of a bar lie, in percent: what stays, the change, the mark of the whole image.
 * @param {number} now @param {number} base @param {[number, number]} ends
 */
export function pieces(now, base, [lo, hi]) {
  const at = (/** @type {number} */ v) => (100 * (min(max(v, lo), hi) - lo)) / (hi - lo || 1);
  const zero = at(0);
  // on one side of 0 the nearer of both stays; across it nothing does
  const stays = now * base < 0 ? 0 : Math.abs(now) < Math.abs(base) ? now : base;
  const piece = (/** @type {number} */ a, /** @type {number} */ b) => ({ from: min(a, b), width: Math.abs(a - b) });
  return { stays: piece(zero, at(stays)), change: piece(at(base), at(now)), mark: at(base) };
}

/** The ends of the bars: 0 and 1 for probabilities, what was seen anywhere for other scores. @param {Sweep} sweep @param {Score} score @param {Row[]} rows @returns {[number, number]} */
export function range({ kind, lo, hi }, score, rows) {
  if (score === 'probability' && kind !== 'other') return [0, 1];
  const [least, most] = ends(rows.flatMap(({ now, base }) => [now, base]));
  return score === 'margin' ? [min(0, lo - hi, least), max(0, hi - lo, most)] : [min(0, lo, least), max(0, hi, most)];
}

/** One row, filled again and again. */
function bar() {
  const [name, track, now, change] = [make('span', 'oc-name'), make('span', 'oc-track'), make('span'), make('span')];
  const [stays, moved, mark] = [make('i'), make('u'), make('s')];
  track.append(stays, moved, mark);
  const el = box('oc-row', name, track, now, change);
  el.setAttribute('role', 'listitem');
  /** @param {HTMLElement} node @param {{from: number, width: number}} piece */
  const place = (node, { from, width }) => Object.assign(node.style, { left: `${from}%`, width: `${width}%` });
  return {
    el,
    /** @param {Row} row @param {[number, number]} ends @param {boolean} first */
    draw(row, ends, first) {
      const by = row.now - row.base;
      const at = pieces(missing(row.now) ? row.base : row.now, row.base, ends);
      put(name, row.name);
      name.title = row.name;
      put(now, missing(row.now) ? '' : fixed(row.now));
      const text = missing(by) ? '' : signed(by);
      put(change, text);
      change.className = /[1-9]/.test(text) ? (by < 0 ? 'dvw-down' : 'dvw-up') : 'dvw-q';
      moved.className = by < 0 ? 'oc-loss' : 'oc-gain';
      el.classList.toggle('oc-target', first);
      place(stays, at.stays);
      place(moved, at.change);
      mark.style.left = `${at.mark}%`;
    },
  };
}

/** The bars, under a head. */
export function bars() {
  const rows = Array.from({ length: MANY }, bar);
  const list = box('oc-list', ...rows.map((row) => row.el));
  list.setAttribute('role', 'list');
  const head = box('oc-row oc-head', make('span'), make('span'), make('span', '', 'now'), make('span', '', 'change'));
  head.setAttribute('aria-hidden', 'true');
  const el = box('oc-bars', head, list);
  return {
    el,
    /** @param {Row[]} shown @param {[number, number]} ends */
    draw(shown, ends) {
      for (const [i, row] of rows.entries()) {
        row.el.hidden = i >= shown.length;
        if (i < shown.length) row.draw(shown[i], ends, i === 0);
      }
    },
  };
}
