/** What is seen, in words. */
import { value } from '../lib/digits.js';
import { count, percent, plural, size } from '../lib/text.js';
import { silent } from './data.js';
import { placeOf } from './order.js';

export { value };

/** @typedef {import('./data.js').Maps} Maps */
/** @typedef {import('./data.js').Survey} Survey */
/** @typedef {import('../lib/text.js').Part} Part */
/** @typedef {{height: number, width: number}} ImageSize */
/** @typedef {{x: number, y: number, w: number, h: number}} Box */

/** 1 -> "strongest", 3 -> "3rd strongest". @param {number} n */
export function placed(n) {
  const end = n % 100 > 10 && n % 100 < 14 ? 'th' : (['th', 'st', 'nd', 'rd'][n % 10] ?? 'th');
  return `${n === 1 ? '' : `${count(n)}${end} `}strongest`;
}

/** "Channel 9", "Unit 9", or the name of the class. @param {Maps} maps @param {number} i */
export const subject = ({ names, face }, i) => names[i] ?? `${face === 'maps' ? 'Channel' : 'Unit'} ${i}`;

/** What follows the layer's name in the head. @param {Maps} maps */
export function sizes({ full, layout, names, count: n, face }) {
  if (face !== 'maps') return plural(n, names.length === n ? 'class score' : 'unit');
  return `${plural(n, 'channel')} of ${size(full)}${layout === 'tokens' ? ' tokens' : ''}`;
}

/** Right of the channel's name. @param {Maps} maps @param {number} i */
export function aside(maps, i) {
  if (maps.face !== 'maps') return '';
  if (maps.extra > 0) return `class token ${value(maps.token[i])}`;
  if (silent(maps, i)) return 'silent';
  return maps.signed ? `${value(maps.lo[i])} to ${value(maps.hi[i])}` : `awake on ${percent(maps.active[i])}`;
}

/** The box of the image that one cell stands for, in image pixels. @param {Maps} maps @param {ImageSize} image @param {number} row @param {number} column */
export function boxOf({ full: [H, W] }, { height, width }, row, column) {
  return { x: (column * width) / W, y: (row * height) / H, w: width / W, h: height / H };
}

/** What one cell can see, in image pixels; where that is not known, what it stands for. @param {Maps} maps @param {ImageSize} image @param {number} row @param {number} column */
export function seenBy(maps, image, row, column) {
  const {
    field,
    full: [H, W],
  } = maps;
  if (!field) return boxOf(maps, image, row, column);
  const [y, x] = [field[row], field[2 * H + column]];
  return { x, y, w: field[2 * H + W + column] - x, h: field[H + row] - y };
}

export const KERNEL = 'Saved page: another image, layer or survey needs a kernel.';
/** @type {Record<string, string>} */
const DOUBTS = { unknown: 'is not known', 'data dependent': 'depends on the values' };

/** Pixels across. @param {number[]} sides */
const px = (...sides) => ({ b: `${size(sides.map((v) => Math.max(1, v)))} px` });

/**
 * What the cell can see, of an image that may be smaller than that.
 * @param {Maps} maps @param {ImageSize} image @param {number} row @param {number} column @returns {Part[]}
 */
function sight(maps, image, row, column) {
  const { x, y, w, h } = seenBy(maps, image, row, column);
  const cell = maps.layout === 'tokens' ? 'token' : 'cell';
  const { size: full, status = '' } = maps.sees;
  const doubt = DOUBTS[status];
  if (doubt) return [`what that ${cell} sees ${doubt}`];
  if (!maps.field) return [`one ${cell} stands for ${w % 1 || h % 1 ? 'about ' : ''}`, px(h, w), ' of the image'];
  const sees = `that ${cell} sees ${status === 'upper bound' ? 'at most ' : ''}`;
  const cut =
    full &&
    ((full[0] > h && (y === 0 || y + h === image.height)) || (full[1] > w && (x === 0 || x + w === image.width)));
  if (h >= image.height && w >= image.width) {
    const all = [`${sees}the `, { b: 'whole image' }];
    return cut ? [...all, '; its field of ', px(...full), ' is larger'] : all;
  }
  return cut ? [sees, px(...full), ', of which the image has ', px(h, w)] : [`${sees}the `, px(h, w), ' in the box'];
}

/** Where its answer comes from. @param {import('./heat.js').Heat} heat @returns {Part[]} */
function source({ images, answered, size: side }) {
  const of = plural(images, 'image');
  if (!answered) return [`; it is silent on ${images > 1 ? of : 'this image'}`];
  const seen = answered < images ? `${answered} of ${of}, silent on the others` : of;
  return ['; most of its answer comes from ', px(side, side), ` (${seen})`];
}

/**
 * @param {Maps} maps @param {number} i @param {{row: number, column: number}} cell @param {number} v @param {boolean} exact
 * @param {ImageSize} image @param {import('./heat.js').Heat | null} [heat] @returns {Part[]}
 */
export function ofCell(maps, i, { row, column }, v, exact, image, heat) {
  return [
    `${subject(maps, i)} is ${exact ? '' : 'about '}`,
    { b: value(v) },
    ` at row ${row}, column ${column}; `,
    ...sight(maps, image, row, column),
    ...(heat ? source(heat) : []),
    '.',
  ];
}

/** "3rd strongest of 512". @param {Maps} maps @param {number} i */
export const rankOf = ({ hi, count: n }, i) => `${placed(placeOf(hi, i))} of ${count(n)}`;

/** A channel of maps, or one number of a vector. @param {Maps} maps @param {number} i @param {Survey | null} survey @returns {Part[]} */
export function ofChannel(maps, i, survey) {
  const name = { b: subject(maps, i) };
  const [lo, hi] = [{ b: value(maps.lo[i]) }, { b: value(maps.hi[i]) }];
  if (survey) {
    const seen = `${survey.done < survey.total ? 'the first ' : ''}${plural(survey.done, 'image')}`;
    return [
      name,
      ': up to ',
      { b: value(survey.max[i]) },
      ` over ${seen}, awake on `,
      { b: percent(survey.active[i]) },
      ' of them.',
    ];
  }
  if (maps.face !== 'maps') return [name, ' is ', hi, `, the ${rankOf(maps, i)}.`];
  if (silent(maps, i)) return [name, ' is silent on this image: every cell is 0.'];
  if (maps.signed) return [name, ': from ', lo, ' to ', hi, ', mean ', { b: value(maps.mean[i]) }, '.'];
  return [name, ': up to ', hi, ', awake on ', { b: percent(maps.active[i]) }, ' of the cells.'];
}

/** Accessible name of a tile. @param {Maps} maps @param {number} i */
export function nameOf(maps, i) {
  const told = maps.face !== 'maps' ? value(maps.hi[i]) : silent(maps, i) ? 'silent' : `up to ${value(maps.hi[i])}`;
  return `${subject(maps, i)}, ${told}`;
}

/** Before the first move. @param {Maps} maps @param {boolean} live @returns {string} */
export function hint({ face }, live) {
  const what =
    face === 'maps'
      ? 'Point at a picture to read a cell; click a tile to enlarge its channel.'
      : 'Point at a bar to read it; click to choose it.';
  return live ? what : `${what} ${KERNEL}`;
}
