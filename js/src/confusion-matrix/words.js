// What the matrix says.
import { fixed, percent, plural } from '../lib/text.js';

/** @typedef {import('../lib/text.js').Part} Part */
/** @typedef {{names: string[], counts: number[][], says: string, labelled?: number, done?: number, total?: number}} Table */

export const HINT = 'Click a cell to see its images: rows are what they are, columns what the network takes them for.';
export const EMPTY = 'The matrix comes when all images were seen.';
export const UNLABELLED = 'There is no matrix, as no image has a label that the network has a class for.';

/** @param {Table} table @param {number} at */
export const nameOf = (table, at) => table.names[at] ?? '';

/** @param {Table} table @param {number} row @param {number} column @returns {Part[]} */
export function ofCell(table, row, column) {
  const value = table.counts[row]?.[column] ?? 0;
  const all = table.counts[row]?.reduce((a, b) => a + b, 0) ?? 0;
  const share = all ? `: ${percent(value / all)} of ${plural(all, 'image')} of that class.` : '.';
  const is = value === 1 ? 'is' : 'are';
  const what = row === column ? 'taken for what they are' : 'taken for';
  const taken = row === column ? [] : [' ', { b: nameOf(table, column) }];
  return [{ b: plural(value, 'image') }, ' of ', { b: nameOf(table, row) }, ` ${is} ${what}`, ...taken, share];
}

/** @param {{name: string, sure: number}} image @param {Table} table @param {[number, number] | null} cell @returns {Part[]} */
export function ofImage({ name, sure }, table, cell) {
  const taken = cell ? nameOf(table, cell[1]) : '';
  return [{ b: name }, ' is taken for ', { b: taken }, ' with ', { b: fixed(sure) }, '. Click to show it everywhere.'];
}
