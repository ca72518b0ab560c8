/** One patch enlarged: in its image, as the map of the unit, by itself, and what of it moves the unit. */
import { VIRIDIS } from '../lib/color.js';
import { select, stepper } from '../lib/controls.js';
import { hear, make, put } from '../lib/frame.js';
import { box } from '../lib/parts.js';
import { percent, size } from '../lib/text.js';
import { classesOf, filled, nameKey, stampOf } from './data.js';
import { enlarger } from './enlarged.js';
import { figure } from './figure.js';
import { facts, nameOf, px, SAVED, short, titleOf } from './words.js';

/** @typedef {import('./data.js').Table} Table */

/** Classes that are named. */
const MOST = 4;
const GRADIENTS = /** @type {const} */ ([
  ['none', 'No gradient'],
  ['plain', 'Plain gradient'],
  ['guided', 'Guided gradient'],
  ['deconvolution', 'Deconvolution'],
]);

/** @param {import('../lib/view.js').View} view @param {import('./state.js').State} state @param {(unit: number, rank: number) => void} onChoose */
export function detail(view, state, onChoose) {
  const { root, get, set, live, request, redraw } = view;
  const asked = enlarger({ request, changed: redraw });
  const kind = select({
    label: 'Shown beside the patch',
    value: 'none',
    options: GRADIENTS.map(([value, label]) => ({ value, label })),
    onChange: (v) => set('gradient', v),
  });
  const [image, map, patch, gradient] = [figure(root), figure(root), figure(root), figure(root, kind.el)];
  const step = stepper({ label: 'Patch', value: 1, min: 1, max: 1, onChange: (v) => onChoose(state.channel(), v - 1) });
  const [title, list, classes] = [make('b'), make('dl', 'dvw-facts'), box('tp-classes')];
  const about = box('tp-about', box('tp-line', title, step.el), list, classes);
  const note = box('tp-note dvw-label');
  const el = box('tp-detail', image.el, map.el, patch.el, gradient.el, about, note);
  if (!live) kind.disable(SAVED);
  hear(step.el, 'keydown', (event) => event.stopPropagation());

  /** @param {Table} t @param {number} unit */
  function drawFacts(t, unit) {
    const name = state.names()[nameKey(t, unit)];
    put(title, name ? `${titleOf(t, unit)}: ${name}` : titleOf(t, unit));
    const n = filled(t, unit);
    step.setRange(1, Math.max(1, n));
    step.set(Math.min(state.rank() + 1, Math.max(1, n)));
    const lines = facts(t, unit).flatMap(([what, how]) => [make('dt', '', what), make('dd', '', how)]);
    list.replaceChildren(...lines);
    const found = state.labels() ? classesOf(t, unit) : [];
    const all = found.reduce((sum, [, k]) => sum + k, 0);
    classes.replaceChildren(...found.slice(0, MOST).map(([label, k]) => bar(nameOf(state.classes(), label), k / all)));
    if (found.length > MOST) classes.append(make('span', 'dvw-tick', `and ${found.length - MOST} more classes`));
    if (!state.labels()) classes.append(make('span', 'dvw-tick', 'Classes are hidden until you reveal them.'));
  }

  /** @param {string} name @param {number} share */
  function bar(name, share) {
    const fill = make('i');
    fill.style.width = `${100 * share}%`;
    return box('tp-bar', make('span', 'tp-cut', name), box('tp-track', fill), make('span', '', percent(share)));
  }

  /** @param {Table} t @param {import('./enlarged.js').About | null} found @param {string} why @param {number} unit */
  function drawPictures(t, found, why, unit) {
    const rank = state.rank();
    const dead = !filled(t, unit);
    const [top, left, bottom, right] = found?.box ?? [0, 0, 0, 0];
    const mark = found ? { x: left, y: top, w: right - left, h: bottom - top } : null;
    const shape = found?.size ?? t.input;
    const width = image.el.clientWidth || 160;
    const hidden = found && !state.labels() ? '' : found?.label;
    const common = { size: shape, width };
    const told = [found?.name ?? '', hidden].filter(Boolean).join(' · ');
    image.draw({
      ...common,
      title: told || 'Image',
      aside: found ? px([bottom - top, right - left]) : '',
      layers: [found?.picture],
      mark,
      dark: true,
    });
    const { lo = 0, hi = 0, grid } = found ?? {};
    map.draw({
      ...{ ...common, mark, title: `Answers of ${titleOf(t, unit).toLowerCase()}`, aside: grid ? size(grid) : '' },
      layers: [found?.map && found.grey, found?.map],
      scale: [short(Math.min(lo, 0)), short(hi), VIRIDIS],
    });
    const part = mark?.w && mark.h ? mark : { x: 0, y: 0, w: 1, h: 1 };
    // what the border cuts off is missing on that side, as in the thumbnails
    const side = (/** @type {boolean} */ low, /** @type {boolean} */ high) => (low === high ? 0.5 : Number(low));
    /** @type {[number, number]} */
    const align = [side(left <= 0, right >= shape[1]), side(top <= 0, bottom >= shape[0])];
    const value = t.values[unit * t.k + rank];
    patch.draw({
      ...common,
      part,
      align,
      title: `Patch ${rank + 1}`,
      aside: Number.isNaN(value) ? '' : short(value),
      layers: [found?.picture],
    });
    const own = { ...part, x: 0, y: 0 };
    gradient.draw({ ...common, part: own, align, title: 'Gradient', layers: [found?.gradient] });
    const gone = dead ? 'no patch' : why || found?.why || '';
    for (const one of [image, patch]) one.say(found?.picture ? '' : gone);
    map.say(found?.map ? '' : gone);
    gradient.say(found?.gradient ? '' : found?.unmapped || (get('gradient') === 'none' ? 'Choose one above.' : gone));
  }

  /** @param {Table} t */
  function draw(t) {
    const [unit, rank, how] = [state.channel(), state.rank(), get('gradient') ?? 'none'];
    kind.set(how);
    drawFacts(t, unit);
    const id = [t.key, unit, rank, how].join('|');
    const stamp = stampOf(t, unit);
    if (rank < filled(t, unit) && live) asked.want(id, stamp, { key: t.key, unit, rank, gradient: how });
    const found = asked.get(id);
    const why = found ? '' : live ? asked.why(id, stamp) : 'not saved with this page';
    note.hidden = !t.friends;
    put(note, t.friends ? [found?.friend, t.says].filter(Boolean).join(' ') : '');
    drawPictures(t, rank < filled(t, unit) ? found : null, why, unit);
  }
  return { el, draw, keep: asked.keep };
}
