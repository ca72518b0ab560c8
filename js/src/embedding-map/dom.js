/** The parts of the page that are always there. */
import { button } from '../lib/controls.js';
import { attributes, empty, make } from '../lib/frame.js';
import { svg } from '../lib/icons.js';
import { box } from '../lib/parts.js';

/** Four corners: the whole map. */
function corners() {
  const node = svg('svg', { width: 16, height: 16, viewBox: '0 0 16 16', class: 'dvw-svg', 'aria-hidden': 'true' });
  node.append(svg('path', { d: 'M2.5 6V2.5H6M10 2.5h3.5V6M13.5 10v3.5H10M6 13.5H2.5V10' }));
  return node;
}

/** @param {HTMLElement} body */
export function dom(body) {
  const [scene, over] = [make('canvas', 'em-scene'), make('canvas', 'em-over')];
  const pic = box('em-pic', scene, over);
  pic.tabIndex = 0;
  attributes(pic, { role: 'application', 'aria-roledescription': 'map of images' });
  const zoom = {
    nearer: button({ label: 'Zoom in', icon: 'plus' }),
    farther: button({ label: 'Zoom out', icon: 'minus' }),
    fit: button({ label: 'Show the whole map', icon: 'plus' }),
  };
  zoom.fit.el.replaceChildren(corners());
  const tools = box('em-zoom', zoom.nearer.el, zoom.farther.el, zoom.fit.el);
  const hand = box('em-hand');
  const stage = box('em-stage', pic, hand, tools);
  const below = box('em-below');
  const left = box('em-left', stage, below);
  const right = box('em-side');
  const row = box('em', left, right);
  const nothing = empty('Give it images:', 'dv.EmbeddingMap(net, photos)');
  body.append(row, nothing);
  return { row, nothing, left, right, below, hand, pic, scene, over, zoom };
}

/** @typedef {ReturnType<typeof dom>} Parts */
