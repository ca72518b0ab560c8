/** What was measured about the health of the layer, in words, beside a plot. */
import { hear, make, put, write } from '../lib/frame.js';
import { box, keeper } from '../lib/parts.js';
import { dotPlot } from './plot.js';
import { measured, said } from './words.js';
import { missing } from './maths.js';

/** @typedef {import('./data.js').Finding} Finding */

/** Found, or found in single kernels. @param {Finding} finding */
const concerns = ({ status, kernels }) => status === 'found' || kernels.length > 0;

/**
 * @param {import('../lib/view.js').View} view @param {import('./state.js').State} state
 * @param {{onRing: (kernels: number[]) => void, onHover: (kernel: number) => void, onChoose: (kernel: number) => void}} hears
 */
export function verdictRow(view, state, { onRing, onHover, onChoose }) {
  const [headline, summary, list, all] = [box('kg-headline'), box('dvw-q'), box('kg-list'), box('kg-list')];
  const [checks, title] = [make('details'), make('summary')];
  const plot = dotPlot(view, onHover, onChoose);
  checks.append(title, all);
  const el = box('kg-verdict', box('', headline, summary, list), plot.el, checks);
  const kept = keeper();

  /** @param {Finding} finding @param {boolean} full */
  function item(finding, full) {
    const text = make('button', 'kg-finding');
    write(text, said(finding));
    const { kernels } = finding;
    const row = box('kg-item', make('span', 'kg-dot'), box('', text, box('dvw-tick', measured(finding, full))));
    row.classList.toggle('kg-fine', !concerns(finding));
    hear(row, 'pointerenter focusin', () => onRing(kernels));
    hear(row, 'pointerleave focusout', () => onRing([]));
    hear(text, 'click', () => kernels.length && onChoose(kernels[0]));
    return row;
  }

  /** @param {number} hovered */
  function draw(hovered) {
    const { verdict, fine, k, at } = state;
    el.hidden = !verdict && !headline.textContent;
    el.classList.toggle('dvw-stale', !verdict);
    if (!verdict) return;
    plot.el.hidden = fine.every(missing);
    const { findings } = verdict;
    kept(JSON.stringify(verdict), () => {
      put(headline, verdict.headline);
      put(summary, verdict.summary);
      put(title, `All ${findings.length} checks`);
      list.replaceChildren(...findings.filter(concerns).map((finding) => item(finding, false)));
      all.replaceChildren(...findings.map((finding) => item(finding, true)));
    });
    plot.draw([k?.key, at].join(), state, hovered);
  }
  return { el, draw };
}
