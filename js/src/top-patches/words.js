/** What is seen, in words. */
import { value } from '../lib/digits.js';
import { count, fixed, percent, plural, size } from '../lib/text.js';
import { boxOf, classesOf, filled } from './data.js';

/** @typedef {import('./data.js').Table} Table */
/** @typedef {import('../lib/text.js').Part} Part */

export const HINT = 'Point at a patch to read it; click it, or use the arrow keys, to enlarge it.';
export const BLIND = 'A and B are a unit and a direction, drawn anew for each vote, in an order that nobody knows.';
export const SAVED = 'Saved page: this needs a kernel that runs.';

/** @param {string} text */
const b = (text) => ({ b: text });

/** @param {Table} t @param {number} unit */
export const titleOf = ({ basis, rows }, unit) => {
  const name = basis === 'units' ? `unit ${unit}` : (rows[unit] ?? `${basis} ${unit}`);
  return name[0].toUpperCase() + name.slice(1);
};

/** A value under a tile. @param {number} v */
export const short = (v) => (Math.abs(v) >= 9.95 && Math.abs(v) < 10000 ? fixed(v, 1) : value(v));

/** What follows the layer's name in the head. @param {Table} t @param {number} shown */
export function sizes({ count: n, all = n, basis, field, skipped = 0 }, shown) {
  const noun = basis === 'units' ? 'unit' : 'direction';
  const many = shown < all ? `${count(shown)} of ${plural(all, noun)}` : plural(all, noun);
  const lost = skipped ? `${plural(skipped, 'image')} could not be read` : '';
  return ['', many, field, lost].filter((part, i) => !i || part).join(' · ');
}

/** "8 of 9 dahlia". @param {Table} t @param {number} unit @param {string[]} classes */
export function mostly(t, unit, classes) {
  const found = classesOf(t, unit);
  if (!found.length) return '';
  const all = found.reduce((sum, [, n]) => sum + n, 0);
  const [label, n] = found[0];
  if (found.length === 1) return `all ${shownAs(classes, label)}`;
  return n === 1 ? `${all} classes` : `${n} of ${all} ${shownAs(classes, label)}`;
}

/** How mixed the classes of a row are, and how mixed chance would have them. @param {Table} t @param {number} unit */
export function mixed({ statistics, k, labels }, unit) {
  const [bits, chance] = [statistics.entropy[unit], statistics.chance[unit]];
  const n = labels.subarray(unit * k, (unit + 1) * k).filter((label) => label >= 0).length;
  const random = chance >= 0 ? `; of ${n} random images ${percent(chance)} would share a class` : '';
  return `Entropy ${fixed(bits)} bits${random}.`;
}

/** A class beside a number: one that is a number itself is in quotes. @param {string[]} classes @param {number} label */
export const shownAs = (classes, label) => nameOf(classes, label).replace(/^-?\d.*$/, '“$&”');

/** @param {string[]} classes @param {number} label */
export const nameOf = (classes, label) => classes[label] ?? `class ${label}`;

/** @param {Table} t @param {number} unit */
const hasFriend = ({ odd, k }, unit) => odd.subarray(unit * k, (unit + 1) * k).some((v) => !Number.isNaN(v));

/** What patches are ranked by. @param {Table} t */
const ranked = ({ order }) => (order === 'max' || order === 'min' ? order : 'relevance');

/** The numbers of a row; what is sorted by is always among them. @param {Table} t @param {number} unit @param {string} sort @param {boolean} labels */
export function numbers(t, unit, sort, labels) {
  const { statistics } = t;
  const { maximum, sparsity, purity, friends } = statistics;
  const told = [`${ranked(t)} ${short(maximum[unit])}`];
  if (sort === 'purity' && labels && purity[unit] >= 0) told.push(`purity ${fixed(purity[unit])}`);
  else if (friends[unit] > 0 && (sort === 'friends' || hasFriend(t, unit))) told.push(`odd ${fixed(friends[unit])}`);
  else if (!Number.isNaN(sparsity[unit])) told.push(`sparse ${fixed(sparsity[unit])}`);
  return told.join(' · ');
}

/**
 * @param {Table} t @param {number} unit @param {number} rank
 * @param {{name: string, classes: string[], labels: boolean}} known
 * @returns {Part[]}
 */
export function ofPatch(t, unit, rank, { name, classes, labels }) {
  const at = unit * t.k + rank;
  const n = filled(t, unit);
  if (t.statistics.dead[unit] > 0) return ofDead(t, unit);
  if (rank >= n) return [b(titleOf(t, unit)), ` has ${plural(n, 'patch', 'patches')} so far.`];
  const label = t.labels[at];
  const [top, left, bottom, right] = boxOf(t, unit, rank);
  const sees = `${px([bottom - top, right - left])} from row ${top}, column ${left}`;
  const [verb, to] = ranked(t) === 'relevance' ? [' has relevance ', ' at'] : [' answers ', ' to'];
  const place = `${to} this piece${name ? ` of ${name}` : ''}`;
  const start = [b(titleOf(t, unit)), verb, b(short(t.values[at])), place];
  if (!Number.isNaN(t.odd[at])) return [...start, ...ofOdd(t, unit, at, labels ? classes : null)];
  const shows = labels && label >= 0 ? ` (${nameOf(classes, label)})` : '';
  return [...start, `${shows}, its number ${rank + 1} of ${n}: ${sees}.`];
}

/** @param {Table} t @param {number} unit @param {number} at @param {string[] | null} classes @returns {Part[]} */
function ofOdd(t, unit, at, classes) {
  const told = [{ warn: 'A false friend' }, ': ', b(percent(t.odd[at])), ` of random patches would fit in as well.`];
  const [label, most] = [t.labels[at], classesOf(t, unit)[0]];
  if (!classes || label < 0 || !most || most[0] === label) return ['. ', ...told];
  const rest = `, where ${most[1]} of its ${filled(t, unit)} patches show ${shownAs(classes, most[0])}. `;
  return [': ', { warn: nameOf(classes, label) }, rest, ...told];
}

/** What stands beside the name of a row. @param {Table} t @param {number} unit */
export const flagOf = ({ statistics: { dead, lost, maximum } }, unit) =>
  dead[unit] > 0 ? (lost[unit] > 0 && Number.isNaN(maximum[unit]) ? 'not finite' : 'dead') : '';

/** @param {Table} t @param {number} unit @returns {Part[]} */
function ofDead(t, unit) {
  const seen = plural(t.done, 'image');
  if (flagOf(t, unit) !== 'dead')
    return [b(titleOf(t, unit)), ` gives nothing but NaN or infinite values in ${seen}, which are not ranked.`];
  return [
    b(titleOf(t, unit)),
    ` is dead: no place of ${t.done === 1 ? 'the one image' : `the ${seen}`} makes it answer.`,
  ];
}

/** One patch for a screen reader. @param {Table} t @param {number} unit @param {number} rank @param {string} label */
export function cellName(t, unit, rank, label) {
  const at = unit * t.k + rank;
  if (Number.isNaN(t.values[at])) return `${titleOf(t, unit)}, no patch ${rank + 1}`;
  const odd = Number.isNaN(t.odd[at]) ? [] : ['false friend'];
  return [titleOf(t, unit), `patch ${rank + 1}`, short(t.values[at]), ...(label ? [label] : []), ...odd].join(', ');
}

/** An image by its name and class; the name may give the class away, so that both are kept back together. @param {{id: number, name: string, label: string}} image @param {boolean} labels */
export const whichImage = ({ id, name, label }, labels) =>
  labels ? [name, label].filter(Boolean).join(' · ') : `Image ${count(id)}`;

/** The facts of one row and of one of its patches. @param {Table} t @param {number} unit @param {number} rank @returns {[string, string][]} */
export function facts(t, unit, rank) {
  const { statistics, k, values } = t;
  const { maximum, mean, sparsity, dead, lost } = statistics;
  /** @type {[string, string][]} */
  const odd = lost[unit] > 0 ? [['NaN or infinite', `${count(lost[unit])} values`]] : [];
  if (dead[unit] > 0) return odd.length ? odd : [['Answers', 'never']];
  const n = filled(t, unit);
  /** @type {[string, string][]} */
  const told = [[{ max: 'Maximum', min: 'Minimum', relevance: 'Relevance' }[ranked(t)], short(maximum[unit])]];
  const [top, left, bottom, right] = boxOf(t, unit, rank);
  if (rank < n)
    told.unshift(['This patch', short(values[unit * k + rank])], ['It sees', px([bottom - top, right - left])]);
  if (!Number.isNaN(mean[unit])) told.push(['Mean', short(mean[unit])]);
  if (!Number.isNaN(sparsity[unit])) told.push(['Sparsity', fixed(sparsity[unit])]);
  if (n < k) told.push(['Patches', `${n} of ${k}`]);
  return [...told, ...odd];
}

/** @param {{votes: number, units: number, low: number, high: number}} tally @param {number} least votes before it is told @returns {Part[]} */
export function ofTally({ votes, units, low, high }, least) {
  if (votes < least) {
    const left = least - votes;
    return [`${plural(votes, 'vote')} so far; the tally is shown after ${left === 1 ? 'one' : left} more.`];
  }
  const range = `${percent(low)} to ${percent(high)}`;
  const verdict =
    low > 0.5
      ? 'units look more coherent than random directions.'
      : high < 0.5
        ? 'random directions look more coherent than units.'
        : 'which these votes do not rule out.';
  const told = ` chose the unit: ${percent(units / votes)}, 95 % interval ${range}. `;
  const chance = `Guessing gives 50 %, about ${count(Math.round(votes / 2))}`;
  return [
    'Of ',
    b(count(votes)),
    ' votes, ',
    b(count(units)),
    told,
    chance,
    low > 0.5 || high < 0.5 ? ': ' : ', ',
    verdict,
  ];
}

/** @param {number[]} shape */
export const px = (shape) => `${size(shape)} px`;
