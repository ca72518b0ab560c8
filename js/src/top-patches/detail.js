/** One patch enlarged: in its image, as the map of the unit, by itself, and what of it moves the unit. */
import { VIRIDIS } from '../lib/color.js';
import { css } from '../lib/theme.js';
import { select, stepper } from '../lib/controls.js';
import { hear, make, put } from '../lib/frame.js';
import { box, keeper } from '../lib/parts.js';
import { percent, size } from '../lib/text.js';
import { cellOf, classesOf, filled, inside, nameKey, stampOf } from './data.js';
import { enlarger } from './enlarged.js';
import { figure } from './figure.js';
import { facts, mixed, nameOf, SAVED, short, titleOf, whichImage } from './words.js';

/** @typedef {import('./data.js').Table} Table */

/** Classes that are named. */
const MOST = 4;
const GRADIENTS = /** @type {const} */ ([
  ['none', 'No gradient'],
  ['plain', 'Plain gradient'],
  ['guided', 'Guided gradient'],
  ['deconvolution', 'Deconvolution'],
]);

/** @param {import('../lib/view.js').View} view @param {import('./state.js').State} state @param {ReturnType<typeof import('./sheets.js').thumbnails>} sheets @param {(unit: number, rank: number) => void} onChoose */
export function detail(view, state, sheets, onChoose) {
  const { root, get, set, live, request, redraw } = view;
  const asked = enlarger({ request, changed: redraw });
  const kind = select({
    label: 'Shown beside the patch',
    value: 'none',
    options: GRADIENTS.map(([value, label]) => ({ value, label })),
    onChange: (v) => set('gradient', v),
  });
  const step = stepper({ label: 'Patch', value: 1, min: 1, max: 1, onChange: (v) => onChoose(state.channel(), v - 1) });
  const [image, map, patch, gradient] = [figure(root), figure(root), figure(root, step.el), figure(root, kind.el)];
  const [title, list, classes] = [make('b'), make('dl', 'dvw-facts'), box('tp-classes')];
  const about = box('tp-about', box('tp-line', title), list, classes);
  const note = box('tp-note dvw-label');
  const el = box('tp-detail', image.el, map.el, patch.el, gradient.el, about, note);
  if (!live) kind.disable(SAVED);
  hear(step.el, 'keydown', (event) => event.stopPropagation());

  /** @type {ReturnType<typeof keeper<void>>} */
  const told = keeper();
  /** @type {ReturnType<typeof keeper<void>>} */
  const drawn = keeper();

  /** @param {Table} t @param {number} unit */
  function drawFacts(t, unit) {
    const name = state.names()[nameKey(t, unit)];
    put(title, name ? `${titleOf(t, unit)}: ${name}` : titleOf(t, unit));
    const n = filled(t, unit);
    step.setRange(1, Math.max(1, n));
    step.set(Math.min(state.rank() + 1, Math.max(1, n)));
    const lines = facts(t, unit, state.rank()).flatMap(([what, how]) => [make('dt', '', what), make('dd', '', how)]);
    list.replaceChildren(...lines);
    const found = state.labels() ? classesOf(t, unit) : [];
    const all = found.reduce((sum, [, k]) => sum + k, 0);
    classes.replaceChildren(...found.slice(0, MOST).map(([label, k]) => bar(nameOf(state.classes(), label), k / all)));
    if (found.length > MOST) classes.append(make('span', 'dvw-tick', `and ${found.length - MOST} more classes`));
    if (found.length) classes.append(make('span', 'dvw-tick', mixed(t, unit)));
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
    const [top, left, bottom, right] = found?.box ?? [0, 0, 0, 0];
    const mark = found ? { x: left, y: top, w: right - left, h: bottom - top } : null;
    const common = { size: found?.size ?? t.input, width: image.el.clientWidth || 160 };
    const gone = filled(t, unit) ? why || found?.why || '' : 'no patch';
    const name = found ? whichImage(found, state.labels()) : 'Image';
    image.draw({ ...common, title: name, layers: [found?.picture], mark, dark: true });
    const { lo = 0, hi = 0, grid } = found ?? {};
    map.draw({
      ...{ ...common, mark, title: 'Its answers', aside: grid ? size(grid) : '' },
      layers: [found?.map && found.grey, found?.map],
      scale: found?.map || live ? [short(Math.min(lo, 0)), short(hi), VIRIDIS] : undefined,
    });
    const small = thumbnail(t, unit, rank);
    const { part, at } = found ? inside(t, found.box) : (small ?? inside(t, [0, 0, 1, 1]));
    patch.draw({ ...common, part, at, title: `Patch ${rank + 1}`, layers: [found?.picture ?? small?.picture] });
    const own = { x: 0, y: 0, w: part.w, h: part.h };
    gradient.draw({ ...common, part: own, at, title: 'Gradient', layers: [found?.gradient] });
    image.say(found?.picture ? '' : gone);
    patch.say(found?.picture || small ? '' : gone);
    map.say(found?.map ? '' : gone);
    gradient.say(found?.gradient ? '' : found?.unmapped || (get('gradient') === 'none' ? 'Choose one above.' : gone));
  }

  /** The patch as it stands on the board, until the image itself has come. @param {Table} t @param {number} unit @param {number} rank */
  function thumbnail(t, unit, rank) {
    const row = rank < filled(t, unit) ? sheets.row(t.key, unit) : null;
    const picture = row && sheets.pictureOf(row.sheet);
    return row && picture ? { picture, ...cellOf(t, unit, rank, row) } : null;
  }

  /** @param {Table} t */
  function draw(t) {
    const [unit, rank, how] = [state.channel(), state.rank(), get('gradient') ?? 'none'];
    kind.set(how);
    const id = [t.key, unit, rank, how].join('|');
    const stamp = stampOf(t, unit);
    if (rank < filled(t, unit) && live) asked.want(id, stamp, { key: t.key, unit, rank, gradient: how });
    const found = asked.get(id);
    const why = found ? '' : live ? asked.why(id, stamp) : 'not saved with this page';
    note.hidden = !t.friends;
    put(note, t.friends ? [found?.friend, t.says].filter(Boolean).join(' ') : '');
    const labels = state.labels();
    told(
      [
        stamp,
        rank,
        labels,
        state.names()[nameKey(t, unit)],
        t.done,
        t.labels.subarray(unit * t.k, (unit + 1) * t.k),
      ].join('|'),
      () => drawFacts(t, unit),
    );
    const sheet = sheets.row(t.key, unit)?.sheet;
    const now = [
      id,
      labels,
      view.width,
      devicePixelRatio,
      css(root, '--dvw-void'),
      Boolean(found),
      why,
      sheet?.length,
      Boolean(sheet && sheets.pictureOf(sheet)),
    ];
    drawn([stamp, ...now].join('|'), () => drawPictures(t, rank < filled(t, unit) ? found : null, why, unit));
  }
  return { el, draw, keep: asked.keep };
}
