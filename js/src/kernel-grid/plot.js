/** How much fine detail each kernel has, beside random kernels: one dot a kernel. */
import { clamp } from '../lib/clamp.js';
import { attributes, hear, make } from '../lib/frame.js';
import { svg } from '../lib/icons.js';
import { box } from '../lib/parts.js';
import { min } from './maths.js';

/** The axis and the highest dot, px from above. */
const AXIS = 84;
const TOP = 22;
/** Most flagged kernels that are named. */
const MOST = 12;

/**
 * Where dots lie: each as low as there is room, smaller where they are many.
 * @param {ArrayLike<number>} shares 0-1, NaN for none @param {number} width
 */
export function stack(shares, width) {
  const dots = Array.from(shares, (v, i) => ({ i, x: 8 + v * (width - 16), y: 0 })).filter(({ x }) => x >= 0);
  dots.sort((a, b) => a.x - b.x);
  const radius = clamp(180 / dots.length, 2, 4.5);
  /** x of the last dot of each level @type {number[]} */
  const last = [];
  for (const dot of dots) {
    const free = last.findIndex((end) => end + 2 * radius + 1 <= dot.x);
    dot.y = free < 0 ? last.length : free;
    last[dot.y] = dot.x;
  }
  const pitch = min(2 * radius + 1, (AXIS - TOP) / last.length);
  for (const dot of dots) dot.y = AXIS - 2 - radius - dot.y * pitch;
  return { radius, dots };
}

/** @param {import('../lib/view.js').View} view @param {(kernel: number) => void} onHover @param {(kernel: number) => void} onChoose */
export function dotPlot({ signal }, onHover, onChoose) {
  const title = 'Share of fine detail in each kernel';
  const chart = svg('svg', { role: 'img', 'aria-label': title });
  const el = box('kg-plot', make('div', 'kg-h5', title), chart);
  let placed = stack([], 1);
  let drawn = '';

  /** The dot at the pointer, no farther than 12 px; -1 for none. @param {MouseEvent} e */
  function under({ clientX, clientY }) {
    const { left, top } = chart.getBoundingClientRect();
    const far = (/** @type {{x: number, y: number}} */ { x, y }) => Math.hypot(x + left - clientX, y + top - clientY);
    let [best, found] = [12, -1];
    for (const dot of placed.dots) if (far(dot) < best) [best, found] = [far(dot), dot.i];
    return found;
  }
  hear(chart, 'pointermove pointerleave', (e) => onHover(under(e)), { signal });
  hear(chart, 'click', (e) => under(e) >= 0 && onChoose(under(e)), { signal });

  /** @param {string} tag @param {Record<string, string | number>} values @param {string} [text] */
  function put(tag, values, text = '') {
    const node = svg(tag, values);
    node.textContent = text;
    chart.append(node);
  }

  /** A line without length and with round ends is a dot: one path for hundreds. @param {string} name @param {typeof placed.dots} dots */
  const path = (name, dots) =>
    put('path', { class: name, 'stroke-width': placed.radius * 2, d: dots.map(({ x, y }) => `M${x} ${y}h0`).join('') });

  /** @param {number[] | undefined} random @param {Map<number, unknown>} flagged @param {number} width */
  function scene(random, flagged, width) {
    chart.replaceChildren();
    attributes(chart, { width, height: 106 });
    const x = (/** @type {number} */ v) => 8 + v * (width - 16);
    if (random?.[1]) {
      const [from, to] = random.map(x);
      put('rect', { x: from, y: TOP - 4, width: to - from, height: AXIS - TOP + 4, rx: 2 });
      put('text', { x: clamp((from + to) / 2, 46, width - 46), y: 12, class: 'kg-warned' }, 'random kernels');
    }
    put('path', { class: 'kg-axis', d: `M8 ${AXIS}.5H${width - 8}` });
    for (const v of [0, 25, 50, 75, 100]) {
      put('path', { class: 'kg-axis', d: `M${x(v / 100)} ${AXIS}v4` });
      put('text', { x: clamp(x(v / 100), 10, width - 15), y: AXIS + 18 }, `${v} %`);
    }
    const named = placed.dots.filter(({ i }) => flagged.has(i));
    path(
      'kg-dots',
      placed.dots.filter(({ i }) => !flagged.has(i)),
    );
    path('kg-dots kg-warned', named);
    // numbers that would overlap say nothing
    let end = named.length > MOST ? width : 0;
    for (const { i, x: at, y } of named) {
      if (at < end) continue;
      end = at + 18;
      put('text', { x: at, y: y - placed.radius - 4, class: 'kg-warned kg-number' }, `${i}`);
    }
    for (const name of ['kg-chosen', 'kg-hovered']) put('circle', { class: name });
  }

  return {
    el,
    /** @param {string} stamp @param {import('./state.js').State} state @param {number} over */
    draw(stamp, { fine, verdict, flags, channel }, over) {
      const width = Math.max(16, el.clientWidth); // a cell that is not laid out yet has none
      if (`${stamp}|${width}` !== drawn) {
        placed = stack(fine, width);
        scene(verdict?.random, flags, width);
      }
      drawn = `${stamp}|${width}`;
      for (const [name, i] of /** @type {const} */ ([
        ['chosen', channel()],
        ['hovered', over],
      ])) {
        const dot = placed.dots.find((d) => d.i === i);
        const ring = chart.querySelector(`.kg-${name}`);
        if (ring) attributes(ring, { cx: dot?.x ?? 0, cy: dot?.y ?? 0, r: dot ? placed.radius + 2 : 0 });
      }
    },
  };
}
