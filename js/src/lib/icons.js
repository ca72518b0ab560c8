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
  fit: 'M2.5 6V2.5H6M10 2.5h3.5V6M13.5 10v3.5H10M6 13.5H2.5V10',
  pan: 'M8 2v12M2 8h12M6.3 3.7 8 2l1.7 1.7M6.3 12.3 8 14l1.7-1.7M3.7 6.3 2 8l1.7 1.7M12.3 6.3 14 8l-1.7 1.7',
  lasso: 'M8.5 2.5c3 0 5.5 1.6 5.5 3.7s-2.5 3.7-5.5 3.7S3 8.3 3 6.2 5.5 2.5 8.5 2.5M4.6 9c-.4 2 .6 3-.8 5',
  keys: 'M3 4h10a1.5 1.5 0 0 1 1.5 1.5v5A1.5 1.5 0 0 1 13 12H3a1.5 1.5 0 0 1-1.5-1.5v-5A1.5 1.5 0 0 1 3 4M4.2 7h.01M7 7h.01M9.8 7h.01M5 9.6h6',
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

/**
 * @param {"crosshair" | "info" | "warning" | "tick" | "plus" | "minus" | "fit" | "pan" | "lasso" | "keys" | "chevron" | "image"} name
 * @param {number} [size] CSS px
 */
export function icon(name, size = name === 'image' ? 24 : 16) {
  const box = name === 'image' ? 24 : 16;
  const node = svg('svg', { width: size, height: size, viewBox: `0 0 ${box} ${box}`, 'aria-hidden': 'true' });
  node.append(
    svg('path', {
      d: PATHS[name] ?? '',
      fill: 'none',
      stroke: 'currentColor',
      'stroke-width': 1.5,
      'stroke-linecap': 'round',
      'stroke-linejoin': 'round',
      ...(name === 'lasso' ? { 'stroke-dasharray': '2.4 2.2' } : {}),
    }),
  );
  return /** @type {SVGElement} */ (node);
}
