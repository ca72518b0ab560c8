/** What a network answers to a live picture: the bars, the enlarged layer, the strips, and the sentence about them. */
import { value } from '../lib/digits.js';
import { attributes } from '../lib/frame.js';
import { box } from '../lib/parts.js';
import { fixed, plural, size } from '../lib/text.js';
import { scoreBars } from './bars.js';
import { peakOf, readScores, readStrips, winners } from './data.js';
import { stage as makeStage } from './stage.js';
import { layerStrips } from './strips.js';
import './style.css';

/** @typedef {import('../lib/text.js').Part} Part */

const HOLD = 6000; // ms to read a sentence

/** @param {import('../lib/view.js').View} view */
export function answer(view) {
  const { get, set, model, on, redraw, caption } = view;
  /** @type {import('./data.js').Maps[]} */
  let strips = [];
  /** Whether the caption speaks of what the pointer is over, and how it does. @type {(() => Part[] | null) | null} */
  let about = null;
  let fresh = false;
  let held = 0; // until when the caption keeps what a person has to read

  /** @param {(() => Part[] | null) | null} words */
  function speak(words) {
    about = words;
    held = 0;
    tell();
  }
  const bars = scoreBars(view, { onHover: (id) => speak(() => ofClass(id)) });
  const stage = makeStage(view, {
    onHover: (i) => speak(() => ofUnit(get('layer'), i)),
    onCell: (cell) => speak(cell && (() => ofCell(cell))),
  });
  const rows = layerStrips(view, {
    onHover: (layer, i) => speak(() => ofUnit(layer, i)),
    onChoose(layer, i) {
      if (i >= 0) model.set('channel', i);
      set('layer', layer);
    },
  });
  const el = box('lv-answer', stage.el, rows.el);

  /** @param {number} id @returns {Part[] | null} */
  function ofClass(id) {
    const found = readScores(get, get('_classes')?.length ?? 0).find((score) => score.id === id);
    return found ? ['Class ', { b: found.name }, ' has a probability of ', { b: fixed(found.share) }, '.'] : null;
  }
  /** @param {string} layer @param {number} i @returns {Part[] | null} */
  function ofUnit(layer, i) {
    const staged = stage.maps();
    const maps = staged?.layer === layer && i < staged.n ? staged : strips.find((one) => one.layer === layer);
    if (!maps) return null;
    const last = strips[strips.length - 1]?.layer === layer && maps.channels === get('_classes')?.length;
    if (i < 0 || i >= maps.n) {
      return [
        { mono: layer },
        ` gives ${plural(maps.channels, 'channel')} of ${size(maps.full)}, from `,
        { b: value(maps.lo) },
        ' to ',
        { b: value(maps.hi) },
        '.',
      ];
    }
    const named = last ? [' (', { b: String(get('_classes')[i]) }, ')'] : [];
    const number = maps.full[0] * maps.full[1] === 1;
    return [
      'Channel ',
      { b: String(i) },
      ...named,
      ' of ',
      { mono: layer },
      number ? ' is ' : ' reaches ',
      { b: value(peakOf(maps, i)) },
      '; the scale of the layer ends at ',
      { b: value(maps.hi) },
      '.',
    ];
  }
  /** @param {import('../lib/cells.js').Cell} cell @returns {Part[] | null} */
  function ofCell(cell) {
    const read = stage.read(cell);
    if (!read) return null;
    const mean = read.exact ? ' is ' : ' is on average ';
    const where = `, counted from 0${read.exact ? '' : ' on the shrunk map'}.`;
    return [
      'Channel ',
      { b: String(read.channel) },
      ' of ',
      { mono: get('layer') },
      mean,
      { b: value(read.value) },
      ` at row ${read.row}, column ${read.column}`,
      where,
    ];
  }
  /** @returns {Part[] | null} */
  function ofScores() {
    const [first, second] = winners(readScores(get, 10));
    if (!first) return null;
    const next = second ? ['; next is ', { b: second.name }, ' with ', { b: fixed(second.share) }] : [];
    return ['The network says ', { b: first.name }, ' with ', { b: fixed(first.share) }, ...next, '.'];
  }

  function tell() {
    if (performance.now() < held) return;
    const parts = about?.() ?? (fresh ? ofScores() : null);
    if (parts) caption.say(parts, about ? 'crosshair' : 'info');
  }

  on(
    [
      '_strips',
      '_strips_meta',
      '_scores',
      '_input',
      '_stage',
      '_stage_meta',
      '_unit',
      '_unit_meta',
      'layer',
      'channel',
      'target',
      '_aimed',
      '_rows',
    ],
    redraw,
  );

  return {
    el,
    bars: bars.el,
    /** The caption keeps what it says, as why a picture was refused, whatever the network answers meanwhile. */
    hold() {
      held = performance.now() + HOLD;
    },
    /** There is a new answer: the caption speaks of it, unless the pointer or the focus is on a part of one. */
    listen() {
      fresh = true;
      const on = (/** @type {HTMLElement} */ node) => node.matches(':hover') || node.contains(document.activeElement);
      if (!on(el) && !on(bars.el)) about = null;
    },
    /** @param {boolean} stale @param {boolean} quiet the caption says something that must stay */
    draw(stale, quiet) {
      strips = readStrips(get);
      attributes(el, { 'aria-busy': stale });
      el.classList.toggle('dvw-stale', stale);
      bars.el.classList.toggle('dvw-stale', stale);
      bars.draw();
      stage.draw(strips);
      rows.draw(strips);
      if (!quiet) tell();
    },
  };
}
