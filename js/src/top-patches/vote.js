/** A unit and a random direction, nobody knows which is which: whose patches belong together more? */
import { bytes } from '../lib/buffers.js';
import { context } from '../lib/canvas.js';
import { button } from '../lib/controls.js';
import { attributes, make, write } from '../lib/frame.js';
import { box } from '../lib/parts.js';
import { ofTally, SAVED } from './words.js';

/** @typedef {{number: number, k: number, cell: [number, number]}} Pair */

/** @param {string} letter @param {() => void} onClick */
function panel(letter, onClick) {
  const choose = button({ label: `${letter} belongs together more`, onClick });
  const tiles = box('tp-nine');
  attributes(tiles, { role: 'img', 'aria-label': `Patches of ${letter}` });
  return { el: box('tp-panel', box('tp-line', make('b', '', letter)), tiles, choose.el), tiles, choose };
}

/** @param {import('../lib/view.js').View} view */
export function voting(view) {
  const { get, live, request, redraw, caption } = view;
  const panels = ['A', 'B'].map((letter, i) => panel(letter, () => vote(i)));
  const [tally, past] = [box('tp-tally'), box('tp-past')];
  const el = box('tp-vote', box('tp-pair', ...panels.map((one) => one.el)), tally, past);
  let [asked, busy] = ['', false];
  /** @type {Pair | null} */
  let pair = null;
  for (const { choose } of live ? [] : panels) choose.disable(SAVED);

  /** @param {any} content @param {any[]} buffers */
  async function show(content, buffers) {
    pair = content;
    const {
      k,
      cell: [height, width],
    } = content;
    for (const [i, { tiles }] of panels.entries()) {
      const picture = await createImageBitmap(new Blob([bytes(buffers[i])]));
      const shown = Array.from({ length: k }, (_, rank) => {
        const canvas = make('canvas');
        Object.assign(canvas, { width, height });
        context(canvas).drawImage(picture, rank * width, 0, width, height, 0, 0, width, height);
        return canvas;
      });
      tiles.replaceChildren(...shown);
    }
  }

  /** @param {string} what @param {Record<string, unknown>} [payload] */
  async function ask(what, payload) {
    if (busy) return;
    busy = true;
    try {
      const { content, buffers } = await request(what, payload);
      await show(content, buffers);
    } catch (error) {
      caption.say(error instanceof Error ? error.message : String(error), 'warning');
    }
    busy = false;
    redraw();
  }

  /** @param {number} chosen */
  function vote(chosen) {
    if (pair) ask('vote', { number: pair.number, chosen });
  }

  function draw() {
    const { key, least = 5, votes = 0, ...rest } = get('_tally') ?? {};
    if (live && key !== asked) {
      asked = key;
      ask('pair');
    }
    write(
      tally,
      votes
        ? ofTally({ votes, ...rest }, least)
        : 'Two rows of patches: one of a unit, one of a random direction. Which belongs together more?',
    );
    const open = Boolean(votes >= least && get('labels'));
    past.hidden = !open;
    if (!open) return;
    const lines = (get('votes') ?? []).map((/** @type {any} */ v, /** @type {number} */ i) =>
      make('div', 'dvw-label', `${i + 1}. unit ${v.unit} against ${v.direction}: you chose the ${v.chosen}`),
    );
    past.replaceChildren(...lines);
  }
  return { el, draw };
}
