// What the list of units says.
import { fixed, percent, signed } from '../lib/text.js';

/** @typedef {import('../lib/text.js').Part} Part */

export const HINT =
  'The effect is Cliff’s delta: +1 where every chosen image moves the unit more than any other image, −1 where less.';
export const EMPTY = 'Choose some images: draw round them on the map, or click a cell of the confusion matrix.';

/** @param {[number, number, number, number, string]} row @param {{layer?: string}} about @returns {Part[]} */
export function ofUnit([unit, effect, inside, outside, word], { layer = '' }) {
  const wins = percent((1 + effect) / 2);
  return [
    'Unit ',
    { b: String(unit) },
    ` of ${layer} answers more to a chosen image than to another in `,
    { b: wins },
    ` of pairs (${signed(effect)}, ${word}); median `,
    { b: fixed(inside) },
    ' against ',
    { b: fixed(outside) },
    '.',
  ];
}
