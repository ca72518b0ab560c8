/** Puts together what the map shows: dots, thumbnails, seams, and over them names, neighbours and the lasso. */
import { context, density, fit } from '../lib/canvas.js';
import { categories, COLOURED } from '../lib/categories.js';
import { keeper } from '../lib/parts.js';
import { isDark } from '../lib/theme.js';
import { flat } from './flat.js';
import { DIMMED, HIDDEN } from './flags.js';
import { cellSize, dotsOf, marksOf, sizeAt } from './marks.js';
import { pacer } from './pace.js';
import { peaks } from './peaks.js';
import { drawChosen, drawLabels, drawLasso, drawLines, drawPlate, drawRing, inkOf } from './plates.js';
import { scene } from './scene.js';
import { seams } from './seams.js';
import { levelFor, plan, perLayer, ROOTED } from './slots.js';

/** @typedef {import('./state.js').State} State */
/** @typedef {import('./scene.js').Mark} Mark */

/** Names are written for so many categories. */
const NAMED = 12;
/** The grid is shown as one from this size of a cell, px. */
const CELL = 7;
/** ms between two choices of what to fetch. */
const BEAT = 60;
const FAINT = 0.25;
/** So many chosen ones are drawn with a ring, in front of the others. */
const RINGED = 60;
/** How near two pictures may come, of their size: ink is clear at the border, photos cover each other a little. */
const [INK, PHOTO] = [0.72, 0.6];
/** CSS px from the middle of a name to its border, and a little more. */
const LABEL = 14;
/** Device px to a CSS px, at most: a third one costs twice the memory and is not seen. */
const SHARPEST = 2;

/**
 * @param {import('../lib/view.js').View} view @param {State} state @param {import('./dom.js').Parts} parts
 * @param {import('./thumbs.js').Thumbnails} thumbs @param {import('./art.js').Artist} art
 */
export function painter({ get, root, redraw, signal }, state, parts, thumbs, art) {
  const { points, camera, chosen, flags, shown, map, still } = state;
  const options = { pixels: thumbs.cell, changed: redraw, still };
  const gl = scene(root.ownerDocument, options);
  const board = gl.able ? gl : flat({ art: art.thumb, ids: () => shown.order });
  const pace = pacer(() => {
    last = '';
    redraw();
  }, signal);
  const [named, dotted, picked] = [keeper(), keeper(), keeper()];
  const ringed = (/** @type {number} */ stamp) => /** @type {number[]} */ (picked(String(stamp), () => chosen.ids()));
  /** @type {Mark[]} */
  let marks = [];
  let [last, wanted, later, size, fading, dpr] = ['', 0, 0, 11, false, 1];

  const grid = () => map.grid;
  const cell = () => cellSize(grid(), camera.now.scale);
  const gridded = () => cell() >= CELL;
  const seam = () => Math.min(6, Math.max(1.5, cell() * 0.12));

  /** Who is shown as a picture, and how large. @param {number} now */
  function choose(now) {
    const ranks = state.values('rank')?.values ?? null;
    shown.choose(points, ranks, flags.values, flags.hidden, now, get('status') === 'running');
    size = gridded() ? cell() - seam() : sizeAt(get('size') ?? 18, camera.zoom);
    const every = get('every') || gridded();
    const gap = (size * (state.about().look === 'ink' ? INK : PHOTO)) / camera.now.scale;
    const ids = shown.visible(points, camera, gap, size, now, every);
    const tint = tinter();
    const frame =
      framed() && (!gridded() || size >= 24) ? Math.round((size >= 28 ? 2 : size >= 16 ? 1.5 : 1) * dpr) : 0;
    const alpha = (/** @type {number} */ id) => (flags.values[id] & DIMMED ? FAINT : 1);
    marks = marksOf(ids, points, camera, { size, dpr, now, alpha, frame, tint });
    const level = fitting(levelFor(size * dpr), marks.length);
    for (const mark of marks) mark.level = level;
    const whole = shown.list(every);
    const many = every ? (whole.length <= ids.length ? whole.length : 0) : shown.upto(gap);
    return whole.subarray(0, many);
  }

  /** The sharpest level that has room for so many. @param {number} level @param {number} many */
  function fitting(level, many) {
    const { layers } = plan(state.count());
    let k = level;
    while (k > 0 && many > layers[k] * perLayer(k) * 0.9) k--;
    return k;
  }

  /** Photos have a frame in the colour of their category. */
  const framed = () => state.about().look !== 'ink' && state.colours().column !== null;

  function tinter() {
    const { rgba } = state.ramp();
    const { index } = state.colours();
    const table = Array.from({ length: 256 }, (_, k) =>
      [...rgba.subarray(4 * k, 4 * k + 3)].map((v) => v / 255).concat(1),
    );
    return (/** @type {number} */ id) => table[index[id] ?? 255];
  }

  /** Ink is clear: the dot behind it would show. @param {Uint32Array} pictured */
  function dotFlags(pictured) {
    const hide = state.about().look === 'ink' && thumbs.rooted ? pictured : pictured.subarray(0, 0);
    const stamp = `${flags.version} ${shown.stamp} ${get('every')} ${gridded()} ${hide.length}`;
    const values = /** @type {Uint8Array} */ (
      dotted(stamp, () => {
        const own = flags.values.slice();
        for (const id of hide) own[id] |= HIDDEN;
        return own;
      })
    );
    return { values, stamp };
  }

  /** @param {number} now */
  function drawScene(now) {
    const { w, h } = camera.size;
    dpr = Math.min(SHARPEST, density());
    const [wide, high] = [Math.max(1, Math.round(w * dpr)), Math.max(1, Math.round(h * dpr))];
    if (parts.scene.width !== wide || parts.scene.height !== high) {
      [parts.scene.width, parts.scene.height] = [wide, high];
      last = '';
    }
    const colour = state.colours();
    const ramp = state.ramp();
    const { x, y, scale } = camera.now;
    const t = points.share(now);
    const stamp = [x, y, scale, wide, high, points.stamp, t, colour.stamp, flags.version, ramp.stamp, thumbs.version];
    const full = [...stamp, get('size'), get('every'), state.values('rank') !== null, map.grid?.stamp].join();
    if (full === last && !fading) return;
    last = full;
    const pictured = choose(now);
    const { look, ground = 0 } = state.about();
    const dot = dotsOf(state.count(), w * h, camera.zoom);
    fading = board.draw(
      {
        w: wide,
        h: high,
        now,
        points: { from: points.from, to: points.to, stamp: points.stamp, t },
        view: { x, y, scale: scale * dpr },
        colour: { values: colour.index, stamp: colour.stamp },
        flags: dotFlags(pictured),
        ramp,
        dot: {
          size: dot.size * dpr,
          alpha: gridded() ? 0 : dot.alpha,
          dimmed: dot.alpha * 0.35,
          thin: pace.take(state.count(), `${x} ${y} ${scale}`),
        },
        marks,
        flats: gridded() ? seams(/** @type {any} */ (grid()), camera, dpr, seam()) : [],
        paper: [ground / 255, look === 'ink' ? 1 : 0],
      },
      context(parts.scene),
    );
    if (board.idle) last = ''; // nothing was drawn: the context is lost
    if (fading) redraw();
  }

  /** Asks for what is seen and not sharp; nearest to the pointer first. @param {number} now */
  function want(now) {
    if (now - wanted < BEAT) {
      if (!later)
        later = window.setTimeout(() => {
          later = 0;
          redraw();
        }, BEAT);
      return;
    }
    wanted = now;
    const at = state.hover >= 0 ? place(state.hover) : { x: camera.size.w / 2, y: camera.size.h / 2 };
    const list = marks
      .filter(({ level }) => level > 0)
      .map(({ id, x, y, level }) => ({ id, level, d: (x / dpr - at.x) ** 2 + (y / dpr - at.y) ** 2 }));
    if (!thumbs.rooted && state.count() > ROOTED)
      for (const mark of marks) if (!mark.level) list.push({ id: mark.id, level: 1, d: 0 });
    list.sort((a, b) => a.d - b.d);
    for (const id of state.near()) list.unshift({ id, level: 2, d: 0 });
    thumbs.want(list);
  }

  /** @param {number} id */
  function place(id) {
    const [x, y] = camera.toScreen(...points.at(id, performance.now()));
    return { x, y };
  }

  function labels() {
    const { column, values, legend, stamp } = state.colours();
    if (column?.kind !== 'category' || !values || legend.length > NAMED || map.grid || map.blend !== null) return [];
    const { key, xy } = points.rest();
    const found = /** @type {(number[] | null)[]} */ (
      named(`${key} ${stamp} ${flags.hidden}`, () =>
        peaks(xy, values.values, column.categories?.length ?? 0, (id) => !(flags.values[id] & HIDDEN)),
      )
    );
    const colors = categories(isDark(root));
    return legend.flatMap(({ category, index }) => {
      const at = found[category];
      if (!at) return [];
      const [x, middle] = camera.toScreen(at[0], at[1]);
      const [, top] = camera.toScreen(at[0], at[2]);
      const { w, h } = camera.size;
      if (x < 0 || x > w || middle < 0 || top > h) return [];
      const y = Math.max(LABEL, top - size / 2 - LABEL);
      return [{ text: column.categories?.[category] ?? '', x, y, color: colors[Math.min(index, COLOURED)] }];
    });
  }

  /** @param {number} now */
  function drawOver(now) {
    const { w, h } = camera.size;
    const ctx = fit(parts.over, w, h);
    const ink = inkOf(root);
    const words = camera.zoom < 5 && !points.moving(now) ? labels() : [];
    drawLabels(ctx, words, ink);
    const corners = state.drawn.slice();
    for (let i = 0; i < corners.length; i += 2)
      [corners[i], corners[i + 1]] = camera.toScreen(corners[i], corners[i + 1]);
    drawLasso(ctx, corners, chosen.size, state.drawing, ink);
    const few = chosen.size <= RINGED && !map.grid ? ringed(chosen.stamp) : [];
    const ends = few.filter(state.seen).map((id) => ({ ...place(id), art: art.thumb(id, 1) }));
    drawChosen(ctx, ends, Math.round(size), ink);
    const image = state.current();
    const subject = state.subject();
    // an empty one is hidden: Chromium may go on showing a canvas as it was before it was only cleared
    parts.over.hidden = !(words.length || corners.length || ends.length || image >= 0 || subject >= 0);
    if (image >= 0 && image !== subject) drawRing(ctx, place(image), size, ink.accent);
    if (subject < 0) return;
    const from = place(subject);
    drawLines(
      ctx,
      from,
      state.neighbours(subject).map(({ id, kept }) => ({ ...place(id), kept, art: art.thumb(id, 1) })),
      ink,
    );
    const solid = state.about().look !== 'ink';
    drawPlate(ctx, { ...from, size, art: art.thumb(subject), chosen: subject === image, solid }, ink);
  }

  return {
    able: gl.able,
    /** Nothing is on the canvas that was there before. */
    forget() {
      board.forget();
      last = '';
    },
    release() {
      board.release();
      last = '';
    },
    bytes: () => board.bytes(),
    /** @param {number} now */
    draw(now) {
      drawScene(now);
      drawOver(now);
      want(now);
    },
    get size() {
      return size;
    },
    /** Who is under a point of the canvas, −1 for nobody. @param {number} x @param {number} y */
    pick(x, y) {
      const [px, py] = [x * dpr, y * dpr];
      for (let k = marks.length - 1; k >= 0; k--) {
        const mark = marks[k];
        if (Math.abs(mark.x - px) * 2 <= mark.size && Math.abs(mark.y - py) * 2 <= mark.size) return mark.id;
      }
      if (gridded()) return -1;
      const [mx, my] = camera.toMap(x, y);
      const reach = 6 / camera.now.scale;
      const seen = (/** @type {number} */ id) => !(flags.values[id] & HIDDEN);
      return points.count ? (points.rest().hash.nearest(mx, my, 1, seen, reach)[0] ?? -1) : -1;
    },
  };
}

/** @typedef {ReturnType<typeof painter>} Painter */
