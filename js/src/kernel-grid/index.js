/** What a layer has learned: its kernels, one of them large, what it answers, and whether the layer looks healthy. */
import { widget } from '../lib/view.js';
import { controls } from './bar.js';
import { isDead, mostOf, normOf } from './data.js';
import { box } from '../lib/parts.js';
import { responseRow } from './response.js';
import { side } from './side.js';
import { stateOf } from './state.js';
import { kernelGrid } from './tiles.js';
import { verdictRow } from './verdict.js';
import * as words from './words.js';
import './style.css';

/** @typedef {import('./data.js').Kernels} Kernels */
/** @typedef {import('../lib/cells.js').Cell} Cell */

/** @param {import('../lib/view.js').View} view */
function setup(view) {
  const { get, set, body, redraw } = view;
  view.title('Kernels');
  const state = stateOf(view);
  const follow = controls(view, state);
  /** What the caption speaks of. */
  let about = { topic: '', i: -1, cell: /** @type {Cell | null} */ (null) };
  /** kernels that a finding or the plot speaks of @type {number[]} */
  let ringed = [];
  let told = /** @type {string | boolean} */ ('');

  /** @param {string} topic @param {Partial<typeof about>} more */
  function speak(topic, more) {
    about = { i: -1, cell: null, topic, ...more };
    redraw();
  }
  /** @param {number[]} kernels */
  function onRing(kernels) {
    ringed = kernels;
    redraw();
  }

  const grid = kernelGrid(view, state, {
    onHover: (i) => speak('tile', { i }),
    onChoose(i) {
      set(state.k && !words.byKernel(state.k) ? 'source' : 'channel', i);
      speak('tile', { i });
    },
  });
  const one = side(view, state, {
    cell: () => (about.topic === 'place' ? null : about.cell),
    onCell: (cell, topic) => speak(topic, { cell }),
  });
  const answers = responseRow(view, state, () => speak('place', {}));
  const verdict = verdictRow(view, state, {
    onRing,
    onHover(i) {
      onRing([i]);
      if (i >= 0) speak('tile', { i });
    },
    onChoose(i) {
      if (!view.live && state.k && !words.byKernel(state.k)) return view.caption.say(words.SAVED, 'info');
      set('channel', i);
      speak('tile', { i });
    },
  });
  const row = box('kg', grid.el, one.el);
  body.append(row, answers.why, answers.el, verdict.el);

  /** @param {Kernels} k @param {ReturnType<typeof answers.draw>} answer */
  function sentence(k, answer) {
    const { topic, i, cell } = about;
    const tile = state.tile(k);
    if (topic === 'Spectrum' && cell) return words.ofFrequency(cell, one.decibel(cell));
    if (cell) return words.ofWeight(k, state.chosen(k), cell, state.most(k, tile));
    if (topic === 'place' && answer) {
      const { row: y, column: x } = answer.place;
      return [`Kernel ${state.channel()} at row ${y}, column ${x}: `, ...words.sumOf(k, answer, state.source()), '.'];
    }
    if (i < 0 || i >= k.count || k.face === 'matrix') return words.HINT;
    const whole = words.byKernel(k);
    const values = state.values(k, i);
    return words.ofTile(k, i, {
      dead: isDead(k, state.at, i),
      norm: normOf(values),
      most: mostOf(k, state.at, i),
      fine: state.fine[i],
      random: state.verdict?.random,
      kinds: whole ? state.flags.get(i) : undefined,
    });
  }

  /** Only when it says something else: the states of the job speak through the same caption. @param {Kernels} k @param {ReturnType<typeof answers.draw>} answer */
  function tell(k, answer) {
    const failed = get('status') === 'error'; // the note speaks; what comes after it is new
    const parts = sentence(k, answer);
    const key = failed || JSON.stringify(parts);
    if (key !== told && !failed) view.caption.say(parts, parts === words.HINT ? 'info' : 'crosshair');
    told = key;
  }

  view.draw = () => {
    state.read();
    follow();
    const { k } = state;
    body.classList.toggle('kg-stale', state.stale());
    row.hidden = !k;
    view.sub([{ mono: k?.layer ?? get('layer') }, k ? ` · ${words.sizes(k)}` : '']);
    if (!k) return;
    row.classList.toggle('kg-flat', k.face === 'matrix');
    if (k.face !== 'matrix') grid.draw(k, ringed);
    one.draw(k);
    const answer = answers.draw(k);
    verdict.draw(about.i);
    tell(k, answer);
  };
}

export default widget(setup, { runs: true });
