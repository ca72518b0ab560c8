/** What is seen, in words. */
import { value } from '../lib/digits.js';
import { count, fixed, percent, plural } from '../lib/text.js';

/** @typedef {import('../lib/text.js').Part} Part */
/** @typedef {{id: number, name?: string, label?: string, prediction?: string, confidence?: number | null, neighbours?: number[], distances?: number[], kept?: number | null, columns?: Record<string, any>}} Card */

export const SAVED = 'Saved page: this needs a kernel that runs.';

/** @param {string} text */
const b = (text) => ({ b: text });

/** Counts of categories, most frequent first, the rest in one. @param {Map<string, number>} counts @param {number} [most] */
function listed(counts, most = 4) {
  const rows = [...counts].sort((a, z) => z[1] - a[1]);
  const shown = rows
    .slice(0, rows.length > most + 1 ? most : rows.length)
    .map(([name, n]) => `${count(n)} ${/^\d/.test(name) ? '× ' : ''}${name}`);
  const rest = rows.slice(shown.length).reduce((sum, [, n]) => sum + n, 0);
  return [...shown, ...(rest ? [`${count(rest)} others`] : [])].join(', ');
}

/**
 * "37 selected: 31 cat, 6 dog; 4 misclassified."
 * @param {Uint8Array} flags who is selected
 * @param {{values: ArrayLike<number>} | null} labels @param {string[]} classes
 * @param {{values: ArrayLike<number>} | null} predictions @param {string[]} predicted
 */
export function ofSelection(flags, labels, classes, predictions, predicted) {
  /** @type {Map<string, number>} */
  const counts = new Map();
  let [size, wrong] = [0, 0];
  for (let i = 0; i < flags.length; i++) {
    if (!flags[i]) continue;
    size++;
    const [label, guess] = [classes[labels?.values[i] ?? -1], predicted[predictions?.values[i] ?? -1]];
    if (label !== undefined) counts.set(label, (counts.get(label) ?? 0) + 1);
    if (label !== undefined && guess !== undefined && label !== guess) wrong++;
  }
  if (!size) return 'Nothing is selected.';
  const what = counts.size ? `: ${listed(counts)}` : '';
  const errors = labels && predictions ? `; ${wrong ? count(wrong) : 'none'} misclassified` : '';
  return `${count(size)} selected${what}${errors}.`;
}

/** The one under the pointer or the keyboard. @param {Card} card @param {number | null} kept how many of its neighbours lie beside it */
export function ofPoint({ id, name, label, prediction, confidence, neighbours }, kept) {
  /** @type {Part[]} */
  const parts = [
    label ? b(label) : `Image ${count(id)}`,
    label ? ` (${name || `image ${count(id)}`})` : name ? ` (${name})` : '',
  ];
  if (prediction && prediction !== label) parts.push(label ? ', taken for ' : ': ', b(prediction), sure(confidence));
  else if (prediction) parts.push(', recognised', sure(confidence));
  if (kept !== null && neighbours?.length)
    parts.push(': the map kept ', b(count(kept)), ` of its ${plural(neighbours.length, 'nearest image')} beside it`);
  return [...parts, '.'];
}

/** @param {number | null | undefined} p */
const sure = (p) => (typeof p === 'number' ? ` with ${fixed(p)}` : '');

/** Under the neighbours. @param {number} kept @param {number} all */
export const ofNeighbours = (kept, all) =>
  `${count(kept)} of ${count(all)} ${kept === 1 ? 'lies' : 'lie'} beside it on the map${kept < all ? '; dashed ones were torn away' : ''}.`;

/** What the map shows. @param {any} points @param {string} layer */
export function ofMap({ count: n = 0, noun = 'images', engine = '' }, layer) {
  /** @type {Part[]} */
  const parts = [n ? plural(n, noun.replace(/s$/, ''), noun) : ''];
  if (layer) parts.push(' · ', { mono: layer });
  if (engine) parts.push(` · ${engine}`);
  return parts;
}

/** How far the map is. @param {any} points @param {number} iteration */
export function ofProgress({ phase = '', total = 0, kl = null }, iteration) {
  const error = typeof kl === 'number' ? `, KL ${fixed(kl)}` : '';
  if (phase === 'features') return 'The network looks at the images; the map follows.';
  if (phase === 'neighbours') return 'Looking for each image’s neighbours.';
  if (phase === 'exaggeration' || phase === 'settling')
    return `Iteration ${count(iteration)} of ${count(total)}${error}. The map is still moving.`;
  return '';
}

/** When it stands still. @param {any} points @param {number | undefined} kept */
export const ofDone = ({ count: n = 0, noun = 'images' }, kept) =>
  typeof kept === 'number'
    ? [
        'The map of ',
        b(count(n)),
        ` ${noun} is done: it kept `,
        b(percent(kept)),
        ' of their nearest neighbours beside them.',
      ]
    : ['The map of ', b(count(n)), ` ${noun} is done. Point at one to see its true neighbours.`];

/** For those who cannot see the map. @param {any} points */
export const ofCanvas = ({ count: n = 0, noun = 'images' }) =>
  `Map of ${count(n)} ${noun}. Arrow keys go from image to image, Enter chooses, S selects, plus and minus zoom, F flies to what is found or selected, slash searches, L lassos, G makes a grid, Space pauses, brackets change the perplexity.`;

/** Before the first move. @param {boolean} live */
export const hint = (live) =>
  `Point at an image to see its true neighbours. Drag to move the map; click it, then scroll to zoom.${live ? '' : ' Saved page: what is here can be explored.'}`;

export const WHEEL = 'Click the map first, or hold Ctrl, to zoom with the wheel.';

/** @param {number} found @param {string} text */
export const ofSearch = (found, text) =>
  found ? `${plural(found, 'image')} fit “${text}”.` : `No label or name contains “${text}”.`;

/** A scale's end. @param {number} v @param {number} most */
export const ofEnd = (v, most) => value(v, most);

/** @param {[number, number] | null} probe */
export const ofProbe = (probe) => (probe ? `linear probe ${percent(probe[0])} ± ${percent(probe[1])}` : '');

/** Where there is no WebGL2. @param {number} n */
export const plain = (n) =>
  `This browser has no WebGL2: a plain canvas shows 5,000 of the ${count(n)} images; switch hardware acceleration on to see all.`;
