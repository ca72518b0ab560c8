// What the head, the note and the caption say about a job: running, done, cancelled, error, saved page, waiting.
import { clamp } from './clamp.js';
import { button } from './controls.js';
import { attributes, make, put } from './frame.js';
import { icon } from './icons.js';
import { isLive, NO_REASON } from './pump.js';
import { percent } from './text.js';

/** @typedef {import("./text.js").Parts} Parts */
/** @typedef {import("./text.js").Part} Part */

const LONG = 2000; // ms: only what ran this long is worth a "Done"
const ACTIONS = /** @type {const} */ ({
  running: { label: 'Cancel', type: 'cancel' },
  cancelled: { label: 'Resume', type: 'resume' },
  error: { label: 'Try again', type: 'retry' },
});

/**
 * The first sentence semibold, names in quotes as code.
 * @param {string} text
 * @returns {Part[]}
 */
export function sentences(text) {
  const [first = '', ...rest] = text.trim().split(/(?<=[.?!])\s+/);
  const tail = rest.join(' ');
  if (!tail) return [{ b: first }];
  const pieces = ` ${tail}`.split(/(?<=^|[\s(])['`]([^'`\s]+)['`](?=[\s.,;:?!)]|$)/);
  return [{ b: first }, ...pieces.map((piece, i) => (i % 2 ? { mono: piece } : piece))];
}

/**
 * @param {object} job
 * @param {string} job.status
 * @param {number} job.progress
 * @param {string} job.doing
 * @param {boolean} job.live
 * @param {boolean} job.waiting
 * @param {boolean} job.long
 */
export function describe({ status, progress, doing, live, waiting, long }) {
  const running = live && status === 'running';
  return {
    badge: live ? '' : 'Saved page',
    words: !live ? '' : waiting ? 'waiting for the kernel' : running ? doing : status === 'done' && long ? 'Done' : '',
    tick: live && !waiting && status === 'done' && long,
    progress: running ? clamp(progress, 0, 1) : null,
    action: live ? (ACTIONS[/** @type {keyof typeof ACTIONS} */ (status)] ?? null) : null,
  };
}

/**
 * @param {object} parts
 * @param {ReturnType<typeof import("./frame.js").createFrame>} parts.frame
 * @param {import("@anywidget/types").AnyModel<any>} parts.model
 * @param {import("./pump.js").Pump} parts.pump
 */
export function createStates({ frame, model, pump }) {
  const badge = make('span', 'dvw-badge');
  const tick = make('span', 'dvw-ok');
  const words = make('span', 'dvw-words');
  const meter = progressBar();
  let action = /** @type {string} */ ('');
  const act = button({ label: 'Cancel', onClick: () => pump.send({ type: action }) });
  tick.append(icon('tick'));
  frame.status.append(badge, tick, words, meter.el, act.el);
  let [before, since, failure, drawn] = ['', Number.POSITIVE_INFINITY, '', ''];

  function update() {
    const status = model.get('status') ?? 'idle';
    if (status === 'running' && before !== 'running') since = performance.now();
    const long = performance.now() - since > LONG;
    const live = isLive(model);
    const progress = model.get('progress') ?? 0;
    const shown = describe({ status, progress, doing: model.get('_doing') ?? '', live, waiting: pump.waiting, long });
    show(badge, shown.badge);
    show(words, shown.words);
    tick.hidden = !shown.tick;
    meter.set(shown.progress);
    if (shown.action) {
      action = shown.action.type;
      act.relabel(shown.action.label);
    } else if (act.el.matches(':focus')) frame.status.focus(); // the focus must not fall to the page
    act.el.hidden = !shown.action;
    if (status !== before) announce(status, progress);
    before = status;
    note();
  }

  /** @param {string} status @param {number} progress */
  function announce(status, progress) {
    const done = percent(progress);
    if (!isLive(model)) {
      const open = status === 'running' || status === 'cancelled';
      const how = open ? `stopped at ${done}; what is there` : 'everything on this page';
      frame.caption.say([`No kernel: ${how} can be explored, new results cannot be computed.`], 'info');
    } else if (status === 'cancelled') {
      frame.caption.say([`Cancelled at ${done}. What is there stays and can be explored.`], 'info');
    } else if (status === 'error') {
      const what = before
        ? 'The picture from before the error was removed.'
        : 'Nothing is shown until this is put right.';
      frame.caption.say([{ q: what }], 'info');
    }
  }

  /** The kernel's error comes first; one from drawing is ours and says so. */
  function note() {
    const error = model.get('error') || (model.get('status') === 'error' ? NO_REASON : '');
    const text = error || failure;
    if (text === drawn) return;
    drawn = text;
    frame.note(text ? sentences(text) : null);
  }

  return {
    update,
    /** What a widget says first must not hide that it was cancelled or failed before it was shown. */
    remind() {
      before = '';
      if (isLive(model)) announce(model.get('status') ?? 'idle', model.get('progress') ?? 0);
      before = model.get('status') ?? 'idle';
    },
    /** @param {string} text '' = none */
    fail(text) {
      failure = text;
      note();
    },
  };
}

/** @param {HTMLElement} node @param {string} text */
function show(node, text) {
  put(node, text);
  node.hidden = text === '';
}

function progressBar() {
  const el = make('span', 'dvw-prog');
  const fill = make('i');
  el.append(fill);
  attributes(el, { role: 'progressbar', 'aria-label': 'Progress', 'aria-valuemin': 0, 'aria-valuemax': 100 });
  return {
    el,
    /** @param {number | null} share */
    set(share) {
      el.hidden = share === null;
      const whole = Math.round((share ?? 0) * 100);
      fill.style.width = `${whole}%`;
      attributes(el, { 'aria-valuenow': whole });
    },
  };
}
