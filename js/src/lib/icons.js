// 16 px, 1.5 px round strokes, currentColor. `image` (24 px) belongs to empty states alone.

const DOT = 'M8 5.2h.01';
/** @type {Record<string, string>} */
const PATHS = {
  crosshair: 'M8 1.5v3M8 11.5v3M1.5 8h3M11.5 8h3M8 7.6v.8',
  info: `M8 2a6 6 0 1 0 0 12A6 6 0 1 0 8 2M8 7.5V11${DOT}`,
  warning: 'M8 2 14.5 13.5h-13ZM8 6.5v3.2M8 11.6h.01',
  tick: 'm3.5 8.5 3 3 6-7',
  plus: 'M8 3.5v9M3.5 8h9',
  minus: 'M3.5 8h9',
  chevron: 'M4 6.2 8 10.2 12 6.2',
  image:
    'M5 4.5h14a2 2 0 0 1 2 2v11a2 2 0 0 1-2 2H5a2 2 0 0 1-2-2v-11a2 2 0 0 1 2-2M8.5 9.5h.01M4 17l5-4.5 3.5 3 3-2.5 4.5 4',
};

const NS = 'http://www.w3.org/2000/svg';

/**
 * @param {Record<string, string | number>} attributes
 * @param {string} tag
 */
export function svg(tag, attributes) {
  const node = document.createElementNS(NS, tag);
  for (const [key, value] of Object.entries(attributes)) node.setAttribute(key, String(value));
  return node;
}

/** @param {"crosshair" | "info" | "warning" | "tick" | "plus" | "minus" | "chevron" | "image"} name */
export function icon(name) {
  const size = name === 'image' ? 24 : 16;
  const node = svg('svg', {
    width: size,
    height: size,
    viewBox: `0 0 ${size} ${size}`,
    class: 'dvw-svg',
    'aria-hidden': 'true',
  });
  node.append(svg('path', { d: PATHS[name] ?? '' }));
  return /** @type {SVGElement} */ (node);
}
