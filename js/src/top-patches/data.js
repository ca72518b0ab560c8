/** What the kernel sent about one layer, as typed arrays with names. */
import { bytes, floats } from '../lib/buffers.js';

/** @typedef {(name: string) => any} Get */
/**
 * The rows of one layer: its units, or directions among them.
 * @typedef {object} Table
 * @property {string} key names what the rows are of; replies about another are dropped
 * @property {string} layer @property {string} basis 'units', or the name of a set of directions
 * @property {number} count rows @property {number} k patches a row
 * @property {number} [all] rows of the layer, where not all fit into a message
 * @property {number} [skipped] images that could not be read
 * @property {number} done images seen @property {number} total
 * @property {[number, number]} input height and width of the input
 * @property {number[]} window height and width of what a thumbnail shows; empty where only the file knows
 * @property {string} field what is known of the receptive field, in words
 * @property {string} order 'max', 'min' or 'relevance' @property {string[]} rows names of directions
 * @property {boolean} friends whether false friends were looked for @property {string} says what a flag means
 * @property {Int16Array} boxes (count, k, 4) top, left, bottom, right in pixels of the input
 * @property {Float32Array} values (count, k) best first, NaN where there are fewer
 * @property {Int16Array} labels (count, k) -1 where unknown @property {Float32Array} odd (count, k) NaN where not odd
 * @property {Record<'maximum' | 'sparsity' | 'purity' | 'friends' | 'dead' | 'mean' | 'entropy' | 'chance' | 'lost', Float32Array>} statistics of each row
 */

/** The rows of `_statistics`. */
const MEASURES = /** @type {const} */ ([
  'maximum',
  'sparsity',
  'purity',
  'friends',
  'dead',
  'mean',
  'entropy',
  'chance',
  'lost',
]);

/** Null until all of it has come. @param {Get} get @returns {Table | null} */
export function readTable(get) {
  const meta = get('_table');
  const { count, k } = meta ?? {};
  const [raw, sides] = [bytes(get('_labels')), bytes(get('_boxes'))];
  const [values, odd, all] = ['_values', '_odd', '_statistics'].map((name) => floats(get(name)));
  const whole = count && [values.length, odd.length, raw.length / 2, sides.length / 8].every((n) => n === count * k);
  if (!whole || all.length !== MEASURES.length * count) return null;
  const [labels, boxes] = [raw, sides].map((one) => new Int16Array(one.slice().buffer));
  const statistics = /** @type {Table['statistics']} */ (
    Object.fromEntries(MEASURES.map((name, i) => [name, all.subarray(i * count, (i + 1) * count)]))
  );
  return { ...meta, values, odd, labels, boxes, statistics };
}

/** Top, left, bottom, right of what a patch shows of the input. @param {Table} t @param {number} unit @param {number} rank */
export const boxOf = ({ boxes, k }, unit, rank) => [
  ...boxes.subarray(4 * (unit * k + rank), 4 * (unit * k + rank + 1)),
];

/** One side of a patch: from where and how much of the input, and where that lies in the window. @param {number} start @param {number} end @param {number} side @param {number} whole */
function along(start, end, side, whole) {
  if (side >= whole) return [0, whole, 0];
  const left = side - (end - start); // what the border cuts off is missing on that side
  return [start, end - start, start <= 0 && end < whole ? left : end >= whole && start > 0 ? 0 : left / 2];
}

/**
 * The part of the input that a thumbnail shows, in pixels, and where that lies in its square, 0 to 1.
 * @param {Table} t @param {number[]} box top, left, bottom, right
 * @returns {{part: import('./figure.js').Box, at: import('./figure.js').Box}}
 */
export function inside({ input: [H, W], window }, [top, left, bottom, right]) {
  const [high, wide] = window.length ? window : [bottom - top, right - left];
  const longest = Math.max(high, wide, 1);
  const [[y, h, down], [x, w, across]] = [along(top, bottom, high, H), along(left, right, wide, W)];
  const place = (/** @type {number} */ from, /** @type {number} */ side) => ((longest - side) / 2 + from) / longest;
  const at = { x: place(across, wide), y: place(down, high), w: w / longest, h: h / longest };
  return { part: { x, y, w, h }, at };
}

/**
 * Where a patch lies in the sheet of thumbnails, and in its square; what lies beyond the border of the image is left out.
 * @param {Table} t @param {number} unit @param {number} rank @param {import('./sheets.js').Row} row
 */
export function cellOf(t, unit, rank, { cell: [height, width], at: down }) {
  const at = t.window.length ? inside(t, boxOf(t, unit, rank)).at : { x: 0, y: 0, w: 1, h: 1 };
  const [x, y] = [(rank + at.x) * width, (down + at.y) * height];
  return { part: { x, y, w: at.w * width, h: at.h * height }, at };
}

/** How many patches a row has. @param {Table} t @param {number} unit */
export function filled({ values, k }, unit) {
  let n = 0;
  while (n < k && !Number.isNaN(values[unit * k + n])) n++;
  return n;
}

/** What its thumbnails show: changes with them. @param {Table} t @param {number} unit */
export const stampOf = ({ values, key, k }, unit) => key + values.subarray(unit * k, (unit + 1) * k).join();

/** The most frequent classes of the patches of a row, with how many. @param {Table} t @param {number} unit @returns {[number, number][]} */
export function classesOf({ labels, k }, unit) {
  /** @type {Map<number, number>} */
  const found = new Map();
  for (const label of labels.subarray(unit * k, (unit + 1) * k)) {
    if (label >= 0) found.set(label, (found.get(label) ?? 0) + 1);
  }
  return [...found].sort((a, b) => b[1] - a[1] || a[0] - b[0]);
}

/** What students call a row is kept under this name. @param {Table} t @param {number} unit */
export const nameKey = ({ layer, basis, rows }, unit) =>
  basis === 'units' ? `${layer}:${unit}` : `${layer}:${rows[unit]}`;

/** Rows by a measure, largest first (the smallest where that is asked for); those without one last. @param {Table} t @param {string} by @returns {number[]} */
export function sorted(t, by) {
  const all = [...Array(t.count).keys()];
  const measure = t.statistics[/** @type {keyof Table['statistics']} */ (by)];
  if (!measure) return all;
  const sign = by === 'maximum' && t.order === 'min' ? -1 : 1;
  const size = (/** @type {number} */ i) => (Number.isNaN(measure[i]) ? Number.NEGATIVE_INFINITY : sign * measure[i]);
  return all.sort((a, b) => size(b) - size(a) || a - b);
}

/**
 * Whether a row is meant by what was searched: its number, the classes of its patches, its name.
 * @param {Table} t @param {number} unit @param {string} text @param {{classes: string[], names: Record<string, string>, labels: boolean}} known
 */
export function fits(t, unit, text, { classes, names, labels }) {
  const wanted = text.trim().toLowerCase();
  if (!wanted) return true;
  if (/^\d+$/.test(wanted) && t.basis === 'units') return String(unit).startsWith(wanted);
  const words = [names[nameKey(t, unit)] ?? '', t.rows[unit] ?? ''];
  if (labels) words.push(...classesOf(t, unit).map(([label]) => classes[label] ?? ''));
  return words.some((word) => word.toLowerCase().includes(wanted));
}
