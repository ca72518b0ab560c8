/** What a network leans on: a patch hides a part of the picture, and the scores answer. */
import { attributes, empty, make, put } from '../lib/frame.js';
import { isDark } from '../lib/theme.js';
import { widget } from '../lib/view.js';
import { controls } from './bar.js';
import { bars, range, ranked } from './bars.js';
import { baseOf } from './data.js';
import { decisive, partRow } from './decisive.js';
import { listen } from './hands.js';
import { maps } from './maps.js';
import { box, keeper } from '../lib/parts.js';
import { painter } from './picture.js';
import { stateOf } from './state.js';
import * as words from './words.js';
import { floor, max, min, round } from './maths.js';
import './style.css';

/** @typedef {import('./data.js').Sweep} Sweep */
/** @typedef {import('./data.js').Answer} Answer */

/** Tallest picture, CSS px. */
const TALLEST = 460;

/** @param {HTMLElement} body @param {HTMLElement[]} scale */
function dom(body, scale) {
  const canvas = make('canvas');
  const pic = box('oc-pic', canvas);
  pic.tabIndex = 0;
  attributes(pic, { role: 'application' });
  const left = box('oc-left', pic, ...scale);
  const [heading, note] = [box('oc-h'), box('dvw-label', 'The upright mark is the score of the whole image.')];
  const chart = bars();
  const scores = box('', heading, chart.el, note);
  const right = box('oc-side', scores);
  const row = box('oc', left, right);
  const nothing = empty('Give it images:', 'occlusion.images = photos');
  body.append(row, nothing);
  return { row, nothing, left, right, pic, canvas, heading, scores, chart };
}

/** @param {import('../lib/view.js').View} view */
function setup(view) {
  const { get, root, redraw } = view;
  view.title('Occlusion');
  const state = stateOf(view);
  const follow = controls(view, state);
  const over = maps(view, state);
  const paint = painter(view);
  const parts = dom(view.body, over.scale);
  const leans = partRow((p) => {
    state.move(state.sweep?.lattice.box(p) ?? null);
    moved();
  });
  parts.right.append(leans.el);
  listen(parts.pic, view, state, moved);
  let touched = state.place !== null;
  let told = '';
  /** the sweep that was spoken of last */
  let of = '';
  let latest = { key: '', answer: /** @type {Answer | null} */ (null) };
  view.on('place', () => {
    touched ||= state.place !== null;
  });
  function moved() {
    touched = true;
    redraw();
  }

  const frame = keeper();
  /** @type {ReturnType<typeof keeper<{w: number, h: number}>>} */
  const sizes = keeper();

  /** Room for the picture; a tall one does not fill the screen, and leaves more to the side. */
  function measure() {
    const { height, width } = state.image();
    return sizes([view.width, height, width].join(), () => {
      parts.row.classList.remove('oc-tall');
      const room = floor(parts.left.clientWidth);
      const w = max(1, floor(min(room, (TALLEST * width) / height)));
      parts.row.classList.toggle('oc-tall', w < room);
      parts.row.style.setProperty('--oc-w', `${w}px`);
      return { w, h: max(24, round((w * height) / width)) };
    });
  }

  /** What was swept, where that is not the whole image. */
  function region() {
    const { height, width } = state.image();
    const whole = state.sweep?.lattice.whole;
    return whole && (whole.h < height || whole.w < width) ? whole : null;
  }

  /** @param {Sweep | null} sweep */
  function drawPicture(sweep) {
    const size = measure();
    const { height, width } = state.image();
    const layers = over.layers(sweep, size.w / width);
    paint.draw(parts.canvas, {
      ...size,
      height,
      width,
      held: state.held,
      region: region(),
      patch: state.box(),
      ...layers,
    });
  }

  /** While an answer is on its way the last one stays, pale. @param {Sweep} sweep @param {Answer | null} answer */
  function drawBars(sweep, answer) {
    const [target, score] = [state.target(), state.score(sweep)];
    if (answer || !state.place || latest.key !== sweep.key) latest = { key: sweep.key, answer };
    const shown = ranked(sweep, latest.answer, target, score).map((row) => ({ ...row, name: state.name(row.id) }));
    put(parts.heading, words.ofBars(score, latest.answer !== null));
    parts.chart.draw(shown, range(sweep, score, shown));
    parts.scores.classList.toggle('dvw-stale', !state.fits() || latest.answer !== answer);
  }

  /** @param {Sweep} sweep */
  function drawParts(sweep) {
    leans.el.classList.toggle('dvw-stale', state.stale());
    if (state.stale()) return;
    const name = state.name(state.target());
    const effect = state.effect(sweep).values;
    const [lattice, so] = [sweep.lattice, sweep.done < sweep.total];
    const what = {
      title: `Parts that ${name} leans on${so ? ', so far' : ''}`,
      none: `No patch lowers ${words.prefix(state.score(sweep))}${name}${so ? ' so far' : ''}.`,
      positions: decisive(effect, lattice),
    };
    leans.draw({ ...what, effect, lattice }, paint.colour(), state.image());
  }

  /** What is seen, or what it waits for; nothing while the answer for one more place is on its way. @param {Sweep} sweep @param {Answer | null} answer */
  function sentence(sweep, answer) {
    if (!touched || !state.place || (!answer && !view.live)) return words.hint(view.live);
    const target = state.target();
    if (!state.fits() || (!answer && of !== sweep.key)) return words.ofWait(get('patch'), get('stride'));
    if (!answer || !sweep.sent.includes(target)) return null;
    const face = state.face();
    if (face === 'feature') return words.ofFeature(sweep, answer, get('_layer'));
    if (face === 'winner') return words.ofWinner(sweep, answer, state.name);
    const score = state.score(sweep);
    return words.ofTarget(sweep, answer, target, score, baseOf(sweep, target, score), state.name);
  }

  /** Only when it says something else: the states of the job speak through the same caption. @param {Sweep} sweep @param {Answer | null} answer */
  function tell(sweep, answer) {
    const failed = get('status') === 'error'; // the note speaks; what comes after it is new
    const said = failed ? null : sentence(sweep, answer);
    const key = failed ? '' : said ? JSON.stringify(said) : told;
    if (said && key !== told) view.caption.say(said, typeof said === 'string' ? 'info' : 'crosshair');
    told = key;
    if (answer) of = sweep.key;
  }

  /** All that stays as it is while the patch moves. @param {Sweep | null} sweep */
  function drawFrame(sweep) {
    follow();
    const { name, label, index } = state.image();
    const none = !sweep && !get('_image')?.count && get('status') === 'idle';
    parts.row.hidden = none;
    parts.nothing.hidden = !none;
    if (none) view.caption.say('Nothing is computed until there is an image.', 'info');
    view.sub([name, label ? ` · ${label}` : '', sweep ? words.ofRest(sweep, get('status')) : '']);
    parts.pic.classList.toggle('dvw-stale', (get('image') ?? 0) !== index);
    attributes(parts.pic, { 'aria-label': words.ofPicture(name, label, state.held) });
    parts.right.classList.toggle('oc-empty', !sweep);
    over.drawScale(sweep);
    if (sweep) drawParts(sweep);
  }

  view.draw = () => {
    state.read();
    const { sweep } = state;
    const stamp = [state.version, view.width, paint.version(), isDark(root), state.held, get('overlay')].join();
    frame(stamp, () => drawFrame(sweep));
    drawPicture(sweep);
    if (!sweep) return;
    const answer = state.answer();
    drawBars(sweep, answer);
    tell(sweep, answer);
  };
}

export default widget(setup, { runs: true });
