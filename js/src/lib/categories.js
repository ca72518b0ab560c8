/** Ten colours that stay apart for every kind of sight, and the neutral for all further categories. */

const LIGHT = '616ff2 c88346 0e7d65 91033e 6140c9 666b02 7591dd b2629e 11440b 4e4970 788290'.split(' ');
const DARK = 'b5b4fc f9d476 369877 fe599c 9963e6 9bb446 93e9f9 fba9b1 628c06 7c98c8 858e9a'.split(' ');

/** How many categories have a colour of their own. */
export const COLOURED = 10;

/** The ten and the neutral, as "#rrggbb". @param {boolean} dark */
export const categories = (dark) => (dark ? DARK : LIGHT).map((hex) => `#${hex}`);

/** "#rrggbb" -> [r, g, b], 0..255. @param {string} hex @returns {[number, number, number]} */
export function rgb(hex) {
  const n = Number.parseInt(hex.slice(1), 16);
  return [n >> 16, (n >> 8) & 255, n & 255];
}
