/** What is laid over the photo in each of the three views, and its scale. */
import { DIVERGING, ramp, VIRIDIS } from '../lib/color.js';
import { make, put } from '../lib/frame.js';
import { percent } from '../lib/text.js';
import { css, isDark } from '../lib/theme.js';
import { ends, spread } from './data.js';
import { regionOf } from './lattice.js';
import { missing } from './maths.js';
import { blank, category, glow, heat, mosaic, outline } from './paint.js';
import { box, keeper } from '../lib/parts.js';
import * as words from './words.js';

/** @typedef {import('./data.js').Sweep} Sweep */
/** @typedef {import('./lattice.js').Box} Box */
/** @typedef {import('./picture.js').Label} Label */

/** Half of the largest drop is inside the contour. */
const STRONG = 0.5;
/** Of noise: a contour of so many lines shows nothing. */
const RAGGED = 1000;
/** Most names on the picture, and CSS px of room that a region needs for one. */
const NAMED = 6;
const ROOM = 40;

/**
 * The largest region of each answer, named at the position nearest to its middle; none where all answers are one.
 * @param {Sweep} sweep @param {number} scale CSS px to a pixel @param {(id: number) => string} name @returns {Label[]}
 */
export function named(sweep, scale, name) {
  const { lattice, stride } = sweep;
  const winner = spread(sweep, sweep.winner);
  const left = new Set(winner.keys());
  /** @type {Map<number, Set<number>>} */
  const largest = new Map();
  for (const p of left) {
    const region = regionOf((q) => winner[q] === winner[p], p, lattice);
    for (const q of region) left.delete(q);
    if (!missing(winner[p]) && region.size > (largest.get(winner[p])?.size ?? 0)) largest.set(winner[p], region);
  }
  if (largest.size < 2) return [];
  const wide = (/** @type {Set<number>} */ { size }) => Math.sqrt(size * stride[0] * stride[1]) * scale;
  return [...largest]
    .filter(([, region]) => wide(region) > ROOM)
    .sort((a, b) => b[1].size - a[1].size)
    .slice(0, NAMED)
    .map(([id, region]) => ({ text: name(id), ...middleOf([...region].map((p) => centre(lattice.box(p)))) }));
}

/** @param {Box} box */
const centre = ({ y, x, h, w }) => ({ y: y + h / 2, x: x + w / 2 });

/** The point nearest to the mean of all. @param {{y: number, x: number}[]} points */
function middleOf(points) {
  const mean = (/** @type {'y' | 'x'} */ d) => points.reduce((sum, point) => sum + point[d], 0) / points.length;
  const [y, x] = [mean('y'), mean('x')];
  const off = (/** @type {{y: number, x: number}} */ point) => Math.hypot(point.y - y, point.x - x);
  return points.reduce((a, b) => (off(b) < off(a) ? b : a));
}

/** @param {import('../lib/view.js').View} view @param {import('./state.js').State} state */
export function maps({ get, root }, state) {
  /** @type {ReturnType<typeof keeper<HTMLCanvasElement>>[]} */
  const [map, cover] = [keeper(), keeper()];
  /** @type {ReturnType<typeof keeper<number[][]>>} */
  const lines = keeper();
  /** @type {ReturnType<typeof keeper<Label[]>>} */
  const names = keeper();
  const veil = () => get('overlay') ?? 0.85;
  const hex = (/** @type {number} */ n) => category(n, isDark(root));

  /** @param {Sweep} sweep */
  function painted(sweep) {
    const image = state.image();
    const { lattice, feature, winner, base } = sweep;
    if (state.face() === 'feature') return glow(spread(sweep, feature), ends(feature), veil(), lattice, image);
    if (state.face() === 'winner') {
      const of = state.colours(sweep);
      const colour = (/** @type {number} */ id) => hex(of.get(id) ?? 99);
      return mosaic(spread(sweep, winner), colour, base.winner, veil(), lattice, image);
    }
    const { around, most } = state.effect(sweep);
    return heat(around, most, veil(), lattice, image);
  }

  /** Round the part that lowers the score most. @param {Sweep} sweep */
  function contour(sweep) {
    const { around, strongest, values } = state.effect(sweep);
    if (strongest < 0) return [];
    const inside = (/** @type {number} */ p) => around[p] >= STRONG * values[strongest];
    const lines = outline(regionOf(inside, strongest, sweep.lattice), sweep.lattice);
    return lines.length > RAGGED ? [] : lines;
  }

  const strip = make('canvas');
  const [lo, hi] = [make('span'), make('span')];
  const scale = box('dvw-scale', lo, strip, hi);
  const legend = box('oc-legend');

  /** @param {Sweep} sweep */
  function drawScale(sweep) {
    const feature = state.face() === 'feature';
    const subject = words.prefix(state.score(sweep)) + state.name(state.target());
    const [left, right] = feature
      ? words.ofLeft(ends(sweep.feature), sweep.base.feature)
      : words.ofScale(subject, state.effect(sweep).most);
    put(lo, left);
    put(hi, right);
    ramp(strip, feature ? VIRIDIS : DIVERGING);
  }

  /** @param {Sweep} sweep */
  function drawLegend(sweep) {
    const winner = sweep.winner.filter((_, p) => sweep.known[p]);
    const share = (/** @type {number} */ id) => percent(winner.filter((v) => v === id).length / winner.length);
    const keys = [...state.colours(sweep)].map(([id, n]) => {
      const swatch = make('i');
      swatch.style.background = `#${hex(n)}`;
      return box('oc-key', swatch, `${state.name(id)} ${share(id)}`);
    });
    legend.replaceChildren(...keys);
  }

  return {
    /** The colour scale, or the names of the categories. */
    scale: [scale, legend],
    /** @param {Sweep | null} sweep */
    drawScale(sweep) {
      const winner = state.face() === 'winner';
      scale.hidden = !sweep || winner;
      legend.hidden = !sweep || !winner;
      scale.classList.toggle('dvw-stale', state.stale());
      if (sweep) (winner ? drawLegend : drawScale)(sweep);
    },
    /** The layers over the photo. @param {Sweep | null} sweep @param {number} px CSS px to a pixel */
    layers(sweep, px) {
      const face = state.face();
      const stale = state.stale();
      const stamp = [state.version, isDark(root)].join();
      const painting = `${stamp} ${veil()}`;
      const whole = sweep && !stale;
      return {
        stale,
        over: sweep && veil() > 0 ? map(painting, () => painted(sweep)) : null,
        contour: whole && face === 'target' ? lines(stamp, () => contour(sweep)) : [],
        labels: whole && face === 'winner' ? names(`${stamp} ${px}`, () => named(sweep, px, state.name)) : [],
        unknown:
          whole && get('status') === 'cancelled'
            ? cover(stamp, () => blank(sweep, css(root, '--dvw-bg'), state.image()))
            : null,
      };
    },
  };
}
