// What the switches say.
import { plural } from '../lib/text.js';

/** @typedef {import('../lib/text.js').Part} Part */

export const HINT =
  'Turn a unit off, or hold it at a value: scores, occlusion and accuracy follow. The model itself is not changed.';
export const SAVED = 'A saved page has no kernel that could compute it.';

/** @param {{before?: number | null, after?: number | null, changed?: number[], images?: number}} effect @param {number} switched @returns {Part[]} */
export function ofEffect({ before, after, changed = [], images = 0 }, switched) {
  if (!switched || after === undefined) return [];
  const number = changed.length;
  const what = [
    'With ',
    { b: plural(switched, 'unit') },
    ' switched ',
    { b: plural(number, 'image') },
    ` of ${images} ${number === 1 ? 'is' : 'are'} taken for another class`,
  ];
  if (before === null || before === undefined || after === null) return [...what, '.'];
  const points = 100 * (after - before);
  const how = points < 0 ? 'falls' : points > 0 ? 'rises' : 'stays';
  const by = points ? ` by ${Math.abs(points).toFixed(1)} points` : '';
  return [...what, `; the accuracy ${how}${by} to `, { b: `${(100 * after).toFixed(1)} %` }, '.'];
}
