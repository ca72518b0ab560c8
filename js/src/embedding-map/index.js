/** A zoomable map whose points are the images: what lies close together looks alike to the network. */
import { attributes, hear } from '../lib/frame.js';
import { keeper } from '../lib/parts.js';
import { clamp } from '../lib/clamp.js';
import { widget } from '../lib/view.js';
import { artist } from './art.js';
import { controls } from './bar.js';
import { dom } from './dom.js';
import { MOST } from './flat.js';
import { hands } from './hands.js';
import { keys } from './keys.js';
import { painter } from './paint.js';
import { side } from './side.js';
import { stateOf } from './state.js';
import { thumbnails } from './thumbs.js';
import * as words from './words.js';
import './style.css';

/** Traits that change what is drawn and need nothing more. */
const DRAWN =
  '_points _frame _xy _columns _grid _says layer layers colour perplexity null playing arrangement size isolate every _store _stored'.split(
    ' ',
  );

/** @param {import('../lib/view.js').View} view */
function setup(view) {
  const { get, set, root, redraw, signal, on } = view;
  view.title('Embedding map');
  const state = stateOf(view);
  const parts = dom(view.body);
  const bar = controls(view, state, parts.hand);
  const thumbs = thumbnails({ ask: state.ask, landed() {}, changed: redraw });
  const art = artist(state.ask, thumbs, { about: state.about, tint, changed: redraw });
  const paint = painter(view, state, parts, thumbs, art);
  const beside = side(view, state, parts, art);
  const voice = speaker(view, state, paint.able);
  let key = /** @type {string | undefined} */ (undefined);

  /** @param {number} id 0..255 */
  function tint(id) {
    const at = 4 * (state.colours().index[id] ?? 255);
    return state.ramp().rgba.subarray(at, at + 3);
  }

  hands(parts.pic, view, state, paint);
  const tool = (/** @type {typeof state.tool} */ name) => () => {
    state.tool = state.tool === name ? 'pan' : name;
    redraw();
  };
  keys(parts.pic, view, state, {
    '/': () => bar.find.field.focus(),
    g: () => set('arrangement', get('arrangement') === 'grid' ? 'map' : 'grid'),
    a: () => set('every', !get('every')),
    f: () => state.flyTo(),
    i: () => set('isolate', !get('isolate')),
    l: tool('lasso'),
    r: tool('rectangle'),
    p: tool('pan'),
    Space: () => bar.toggle(),
    '[': () => bar.perplexity(-1),
    ']': () => bar.perplexity(1),
  });
  for (const [name, by] of /** @type {["nearer" | "farther", number][]} */ ([
    ['nearer', 1.6],
    ['farther', 1 / 1.6],
  ])) {
    hear(parts.zoom[name].el, 'click', () => {
      state.camera.zoomAt(by, state.camera.size.w / 2, state.camera.size.h / 2);
      state.moved();
    });
  }
  hear(parts.zoom.fit.el, 'click', () => state.fit());
  on(DRAWN, redraw);
  on(['selected', '_mask'], () => state.followSelection());
  on('view', () => state.followView());
  on('hovered', () => state.followHover());
  on('image', () => state.attend());
  on('search', () => state.search(get('search') ?? ''));
  on('_says', () => state.renew());
  let seen = true;
  watchSight(parts.pic, signal, (now) => {
    seen = now;
    if (now) redraw();
    else paint.release();
  });
  hear(signal, 'abort', () => paint.release());

  /** Other images: what was known of the old ones is forgotten. */
  function replace() {
    key = state.about().key;
    thumbs.start(state.count());
    art.forget();
    paint.forget();
    state.reset();
    state.followView();
  }

  function measure() {
    const w = Math.floor(parts.left.clientWidth);
    const h = Math.round(clamp(w * 0.86, 260, 600));
    parts.pic.style.height = `${h}px`;
    state.camera.resize(w, h, state.map.shown?.aspect ?? [1, 1]);
  }

  const framed = keeper();
  view.draw = () => {
    const now = performance.now();
    const about = state.about();
    const none = !about.count;
    parts.row.hidden = none;
    parts.nothing.hidden = !none || get('status') === 'running';
    if (none) return view.caption.say('Nothing is computed until there are images.', 'info');
    if (about.key !== key) replace();
    thumbs.base();
    const before = state.map.shown;
    state.map.follow(now);
    if (state.map.shown !== before && !state.drawing) state.drawn = []; // they lie elsewhere now
    if (state.map.shown && !before) state.followView();
    measure();
    const flying = state.camera.step(now);
    state.follow();
    bar.follow();
    framed(`${about.key} ${about.count} ${get('layer')} ${about.engine} ${about.noun}`, () =>
      view.sub(words.ofMap(about, get('layer'))),
    );
    attributes(parts.pic, { 'aria-label': words.ofCanvas(about) });
    root.classList.toggle('em-draws', state.tool !== 'pan');
    if (seen) paint.draw(now);
    beside();
    voice();
    if (flying || state.points.moving(now)) redraw();
  };
}

/**
 * Says the newest of what there is to say.
 * @param {import('../lib/view.js').View} view @param {import('./state.js').State} state @param {boolean} able there is WebGL2
 */
function speaker({ get, caption, live }, state, able) {
  const told = /** @type {Record<string, string>} */ ({ chosen: '0', found: '' });
  let first = true;

  /** @param {string} name @param {string} stamp @param {() => import('../lib/text.js').Parts} parts @param {import('../lib/frame.js').IconName} [icon] */
  function tell(name, stamp, parts, icon = 'info') {
    if (told[name] === stamp) return;
    told[name] = stamp;
    if (stamp) caption.say(parts(), icon);
  }

  function chosen() {
    const [label, prediction] = ['label', 'prediction'].map((name) => [
      state.values(name),
      state.column(name)?.categories ?? [],
    ]);
    return words.ofSelection(
      state.chosen.flags,
      /** @type {any} */ (label[0]),
      /** @type {any} */ (label[1]),
      /** @type {any} */ (prediction[0]),
      /** @type {any} */ (prediction[1]),
    );
  }

  return () => {
    if (get('status') === 'error') return;
    if (first && get('status') !== 'cancelled')
      caption.say(able || state.count() <= MOST ? words.hint(live) : words.plain(state.count()), 'info');
    first = false;
    const subject = state.subject();
    if (subject < 0) {
      const running = live && get('status') === 'running';
      const phase = state.map.shown ? {} : { phase: 'features' };
      const progress = words.ofProgress({ ...state.about(), ...phase }, state.map.iteration);
      if (running && progress) tell('progress', progress, () => progress);
      if (!running) {
        if (told.progress && get('status') === 'done')
          caption.say(words.ofDone(state.about(), get('_says')?.kept), 'info');
        told.progress = ''; // and not before: while a finished map is measured there is no progress to tell
      }
    }
    const { text, count, bits } = state.found;
    tell('found', text && bits ? `${text} ${count}` : '', () => words.ofSearch(count, text));
    // told again when labels and predictions have come
    const known = ['label', 'prediction'].map((name) => state.values(name)?.stamp ?? 0);
    const full = state.chosen.size || told.chosen !== '0' ? `${state.chosen.stamp} ${known}` : '0';
    tell('chosen', full, chosen);
    if (subject < 0) return;
    const near = state.neighbours(subject);
    const kept = near.length ? near.filter((one) => one.kept).length : null;
    const card = state.brief(subject);
    tell('point', JSON.stringify([card, kept]), () => words.ofPoint(card, kept), 'crosshair');
  };
}

/** Out of sight the graphics memory is given back: a page has room for few. @param {Element} pic @param {AbortSignal} signal @param {(seen: boolean) => void} turn */
function watchSight(pic, signal, turn) {
  if (typeof IntersectionObserver === 'undefined') return;
  const observer = new IntersectionObserver((entries) => turn(entries[entries.length - 1].isIntersecting), {
    rootMargin: '400px',
  });
  observer.observe(pic);
  hear(signal, 'abort', () => observer.disconnect());
}

export default widget(setup, { runs: true });
