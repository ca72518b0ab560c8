/** What is seen, in words. */
import { count, fixed, percent, plural, size } from '../lib/text.js';
import { silent } from './data.js';
import { placeOf } from './order.js';

/** @typedef {import('./data.js').Maps} Maps */
/** @typedef {import('./data.js').Survey} Survey */
/** @typedef {import('../lib/text.js').Part} Part */
/** @typedef {{height: number, width: number}} ImageSize */

/** A value in as many digits as say something, beside values up to `most`. @param {number} v @param {number} [most] */
export function value(v, most = Math.abs(v)) {
  if (v === 0) return '0';
  if (most >= 10000 && most < Infinity) return count(v);
  if (!(most < 0.1)) return fixed(v);
  if (most >= 0.001) return fixed(v, 1 - Math.floor(Math.log10(most)));
  return v.toExponential(1).replace(/-/g, '\u2212');
}

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

/** @param {Maps} maps @param {number} i @param {{row: number, column: number}} cell @param {number} v @param {boolean} exact @param {ImageSize} image @returns {Part[]} */
export function ofCell(maps, i, { row, column }, v, exact, image) {
  const { w, h } = seenBy(maps, image, row, column);
  const about = (/** @type {boolean} */ sure) => (sure ? '' : 'about ');
  const cell = maps.layout === 'tokens' ? 'token' : 'cell';
  const px = { b: `${size([Math.max(1, h), Math.max(1, w)])} px` };
  const start = [`${subject(maps, i)} is ${about(exact)}`, { b: value(v) }, ` at row ${row}, column ${column}; `];
  if (!maps.field)
    return [...start, `one ${cell} stands for ${about(w % 1 === 0 && h % 1 === 0)}`, px, ' of the image.'];
  if (h >= image.height && w >= image.width) return [...start, `that ${cell} sees the `, { b: 'whole image' }, '.'];
  return [...start, `that ${cell} sees ${maps.most ? 'at most ' : ''}the `, px, ' in the box.'];
}

/** "3rd strongest of 512". @param {Maps} maps @param {number} i */
export const rankOf = ({ hi, count: n }, i) => `${placed(placeOf(hi, i))} of ${count(n)}`;

/** A channel of maps, or one number of a vector. @param {Maps} maps @param {number} i @param {Survey | null} survey @returns {Part[]} */
export function ofChannel(maps, i, survey) {
  const name = { b: subject(maps, i) };
  const [lo, hi] = [{ b: value(maps.lo[i]) }, { b: value(maps.hi[i]) }];
  if (survey) {
    const seen =
      survey.done < survey.total ? `the first ${plural(survey.done, 'image')}` : plural(survey.total, 'image');
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
  return live ? what : `${what} Another image or layer needs a kernel.`;
}
