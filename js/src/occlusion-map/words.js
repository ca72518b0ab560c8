/** What is seen, in words. */
import { count, fixed, percent, plural, signed, size } from '../lib/text.js';
import { value } from '../lib/digits.js';
import { scoreOf } from './data.js';
import { abs } from './maths.js';

/** @typedef {import('../lib/text.js').Part} Part */
/** @typedef {import('./data.js').Answer} Answer */
/** @typedef {import('./data.js').Score} Score */
/** @typedef {import('./data.js').Sweep} Sweep */

export const SAVED = 'Saved page: this needs a kernel that runs.';
const REST = ' Saved page: another image, patch, stride or fill needs a kernel that runs.';
/** Changes below half of this are shown as 0.00. */
const LEAST = 0.01;

/** @param {string} text */
const b = (text) => ({ b: text });

/** What a score is called, before the name of its class. @param {Score} score */
export const prefix = (score) => (score === 'probability' ? '' : `the ${score} of `);

/** "lowers", "raises" or "hardly changes". @param {number} change @returns {Part} */
const verb = (change) =>
  abs(change) < LEAST / 2 ? b('hardly changes') : change < 0 ? { down: 'lowers' } : { up: 'raises' };

/** The other class that gains most, or null. @param {Sweep} sweep @param {Answer} answer @param {number} target */
export function gainer(sweep, answer, target) {
  let [gain, found] = [LEAST, -1];
  for (const id of sweep.sent) {
    const more = scoreOf(sweep, answer, id, 'probability') - scoreOf(sweep, sweep.base, id, 'probability');
    if (id !== target && more > gain) [gain, found] = [more, id];
  }
  return found < 0 ? null : { id: found, score: scoreOf(sweep, answer, found, 'probability') };
}

/**
 * What hiding a patch does to a class, and what the network says then.
 * @param {Sweep} sweep @param {Answer} answer @param {number} target @param {Score} score @param {number} whole score of the whole image
 * @param {(id: number) => string} name @returns {Part[]}
 */
export function ofTarget(sweep, answer, target, score, whole, name) {
  const now = scoreOf(sweep, answer, target, score);
  const parts = ['Hiding this patch ', verb(now - whole), ` ${prefix(score)}${name(target)} from `, b(fixed(whole))];
  return [...parts, ' to ', b(fixed(now)), ...after(sweep, answer, target, score, name), '.'];
}

/** @param {Sweep} sweep @param {Answer} answer @param {number} target @param {Score} score @param {(id: number) => string} name @returns {Part[]} */
function after(sweep, answer, target, score, name) {
  if (answer.winner !== sweep.base.winner && answer.winner >= 0)
    return ['; the answer is now ', b(name(answer.winner)), ...confidence(sweep, answer)];
  const lost = scoreOf(sweep, sweep.base, target, score) - scoreOf(sweep, answer, target, score);
  const more = lost >= LEAST / 2 && score === 'probability' ? gainer(sweep, answer, target) : null;
  return more ? [`; ${name(more.id)} gains most, up to `, b(fixed(more.score))] : [];
}

/** ", 0.45", where the score of the winner is here. @param {Sweep} sweep @param {Answer} answer @returns {Part[]} */
function confidence(sweep, answer) {
  const score = scoreOf(sweep, { ...answer, raw: () => answer.best }, answer.winner, 'probability');
  return sweep.kind === 'other' ? [] : [', ', b(fixed(score))];
}

/** @param {Sweep} sweep @param {Answer} answer @param {(id: number) => string} name @returns {Part[]} */
export function ofWinner(sweep, answer, name) {
  const usual = sweep.base.winner;
  const changed = answer.winner !== usual;
  const then = ['With this patch hidden the answer is ', b(name(answer.winner)), ...confidence(sweep, answer)];
  return [...then, changed ? `; for the whole image it is ${name(usual)}.` : ', as for the whole image.'];
}

/** @param {Sweep} sweep @param {Answer} answer @param {string} layer @returns {Part[]} */
export function ofFeature({ base }, { feature }, layer) {
  const share = feature / base.feature;
  const change = abs(share - 1) < 0.005 ? 0 : share - 1;
  const parts = ['Hiding this patch ', verb(change), ' the strongest map of ', { mono: layer }, ' from '];
  const left = share >= 0 ? [', ', b(percent(share)), ' of it.'] : ['.'];
  return [...parts, b(value(base.feature)), ' to ', b(value(feature)), ...left];
}

/** The ends of the scale: blue is what hiding raises, orange what it lowers. @param {string} name @param {number} most @returns {[string, string]} */
export const ofScale = (name, most) => [`hiding raises ${name} by ${fixed(most)}`, `lowers by ${fixed(most)}`];

/** The ends of the scale of a feature map. @param {[number, number]} ends @param {number} whole @returns {[string, string]} */
export const ofLeft = ([lo, hi], whole) => [`${share(lo, whole)} of the map is left`, share(hi, whole)];
/** @param {number} v @param {number} whole */
const share = (v, whole) => (whole > 0 ? percent(v / whole) : value(v));

/** What the bars show. @param {Score} score @param {boolean} hidden */
export function ofBars(score, hidden) {
  const what = { probability: 'Class scores', logit: 'Logits', margin: 'Margins to the best other class' }[score];
  return `${what} ${hidden ? 'with this patch hidden' : 'of the whole image'}`;
}

/** What is missing of a sweep: time while it runs, positions where it was stopped. @param {Sweep} sweep @param {string} status */
export function ofRest({ done, total, seconds_left: left }, status) {
  if (done === total) return '';
  if (status !== 'running') return ` · ${count(done)} of ${plural(total, 'position')}`;
  if (!left || left < 1) return '';
  const [unit, seconds] = left < 90 ? ['s', 1] : left < 5400 ? ['min', 60] : ['h', 3600];
  return ` · about ${count(left / Number(seconds))} ${unit} left`;
}

/** While nothing is known for what was chosen. @param {number} patch @param {number} stride */
export const ofWait = (patch, stride) => `Hiding patches of ${size([patch, patch])} px, ${stride} px apart.`;

/** A part, for those who cannot see it. @param {import('./lattice.js').Box} box @param {number} v */
export const ofPart = ({ y, x, h, w }, v) => `Patch of ${size([h, w])} px at row ${y}, column ${x}: ${signed(v)}`;

/** The picture, for those who cannot see it. @param {string} name @param {string} label @param {boolean} held */
export function ofPicture(name, label, held) {
  const keys = 'Arrow keys move the patch, with Shift by one pixel; Enter keeps it, Escape lets go of it.';
  const what = [name, label].filter(Boolean).join(', ');
  return `The image ${what} with a patch that hides a part of it${held ? ' and is kept' : ''}. ${keys}`;
}

/** Before the first move. @param {boolean} live */
export const hint = (live) =>
  `Point at the picture to hide a patch there; arrow keys move it, a click or Enter keeps it.${live ? '' : REST}`;
