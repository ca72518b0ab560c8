/** The parts of all images that each unit of a layer likes best, row by row, and one of them enlarged. */
import { bytes } from '../lib/buffers.js';
import { empty } from '../lib/frame.js';
import { box } from '../lib/parts.js';
import { widget } from '../lib/view.js';
import { controls } from './bar.js';
import { nameKey, stampOf } from './data.js';
import { detail } from './detail.js';
import { board } from './rows.js';
import { thumbnails } from './sheets.js';
import { stateOf } from './state.js';
import { voting } from './vote.js';
import { BLIND, HINT, ofPatch, sizes } from './words.js';
import './style.css';

/** @param {import('../lib/view.js').View} view */
function setup(view) {
  const { get, set, body, redraw, caption, request } = view;
  view.title('Top patches');
  const state = stateOf(view);
  const follow = controls(view, state);
  const sheets = thumbnails({ request, changed: redraw });
  /** What the caption speaks of. @type {{unit: number, rank: number} | null} */
  let about = null;
  let [told, read] = ['', /** @type {unknown} */ (null)];

  const grid = board(view, state, sheets, {
    onHover(unit, rank) {
      about = { unit, rank };
      redraw();
    },
    onChoose,
    onName(unit, text) {
      const { t } = state;
      if (!t) return;
      const { [nameKey(t, unit)]: _, ...rest } = state.names();
      set('names', text.trim() ? { ...rest, [nameKey(t, unit)]: text } : rest);
    },
  });
  const one = detail(view, state, sheets, (unit, rank) => onChoose(unit, rank));
  const votes = voting(view);
  const whole = box('tp', grid.el, one.el);
  const soon = empty('The board fills in while the images are seen.', 'board.wait()');
  soon.classList.add('tp-soon');
  body.append(whole, votes.el, soon);

  /** @param {number} unit @param {number} rank */
  function onChoose(unit, rank) {
    about = { unit, rank };
    const id = state.t && sheets.row(state.t.key, unit)?.ids[rank];
    set('channel', unit);
    set('rank', rank);
    // with a kernel the image follows from both there; in a saved page it is known here
    if (!view.live && id !== null && id !== undefined && id >= 0) set('image', id);
    redraw();
  }

  /** What came with the traits, unasked: the first rows, and in a saved page all that was seen. @param {import('./data.js').Table} t */
  function unpack(t) {
    const [meta, all] = [get('_saved_meta') ?? [], bytes(get('_saved'))];
    if (meta === read) return;
    read = meta;
    let from = 0;
    for (const { what, id, content, lengths } of meta) {
      const parts = lengths.map((/** @type {number} */ n) => {
        from += n;
        return all.subarray(from - n, from);
      });
      if (content.key !== t.key || from > all.length) continue;
      if (what === 'patches') sheets.keep(content, parts, (unit) => stampOf(t, unit));
      else one.keep(id, stampOf(t, content.unit), content, parts);
    }
  }

  /** Only when it says something else: the states of the job speak through the same caption. @param {import('./data.js').Table} t */
  function tell(t) {
    if (get('status') === 'error') {
      told = '';
      return;
    }
    const row = about && sheets.row(t.key, about.unit);
    const labels = state.labels();
    const name = labels ? row?.names[about?.rank ?? 0] : row && `image ${row.ids[about?.rank ?? 0]}`;
    const known = { classes: state.classes(), labels, name: name ?? '' };
    const parts =
      state.mode() === 'vote'
        ? BLIND
        : about && about.unit < t.count
          ? ofPatch(t, about.unit, about.rank, known)
          : HINT;
    const key = JSON.stringify(parts);
    if (key !== told) caption.say(parts, typeof parts === 'string' ? 'info' : 'crosshair');
    told = key;
  }

  let [chosen, ordered] = ['', ''];
  view.draw = () => {
    state.read();
    follow();
    const { t } = state;
    const voted = state.mode() === 'vote';
    whole.hidden = !t || voted;
    soon.hidden = Boolean(t);
    votes.el.hidden = !voted;
    view.sub([{ mono: t?.layer ?? get('layer') }, t ? sizes(t, voted ? t.count : state.order.length) : '']);
    body.classList.toggle('tp-stale', state.stale());
    if (!t) return;
    unpack(t);
    if (voted) votes.draw();
    else {
      grid.draw(t);
      one.draw(t);
    }
    const [now, by] = [[t.key, get('channel')].join('|'), get('sort')];
    if (now !== chosen && !voted) grid.reveal(state.order.indexOf(state.channel()));
    else if (by !== ordered && !voted) grid.reveal(0); // who sorts wants to see what comes first
    [chosen, ordered] = [now, by];
    tell(t);
  };
}

export default widget(setup, { runs: true });
