// The bar over the panels of an explorer: what they all look at, which of them are shown, undo.
import { widget } from '../lib/view.js';
import { createBar } from './bar.js';
import { createSaved } from './saved.js';
import './style.css';
import { createTabs } from './tabs.js';
import { headline, sentence } from './words.js';

const WIDE = 760; // CSS px of the cell from which two panels stand side by side
const TRAITS = ['image', 'layer', 'channel', 'target', 'selected', 'marks', 'shown', 'tab', 'arrangement', '_wide'];
const PRIVATE = ['_panels', '_layers', '_classes', '_network', '_now', '_saved'];

export default widget((view) => {
  const { caption } = view;
  /** @param {string} what @param {Record<string, unknown>} [content] */
  const ask = (what, content) => {
    view.request(what, content).catch((reason) => caption.say([String(reason.message ?? reason)], 'warning'));
  };
  const bar = createBar(view, ask);
  const tabs = createTabs(view);
  const saved = createSaved(view);
  /** @type {boolean | null} */
  let wide = null;

  /** Each view tells its own width once it has changed: two views of different widths must not fight. */
  function measure() {
    const fits = view.width >= WIDE;
    if (fits === wide) return;
    wide = fits;
    if (view.get('_wide') !== fits) view.set('_wide', fits);
  }

  function tell() {
    const now = view.get('_now') ?? {};
    if (!now.image) return;
    const layer = view.get('layer') ?? '';
    const kind = (view.get('_layers') ?? []).find((/** @type {string[]} */ [name]) => name === layer)?.[1] ?? '';
    const kernels = isTabs() ? view.get('tab') === 'kernels' : (view.get('shown') ?? []).includes('kernels');
    const target = (view.get('_classes') ?? [])[view.get('target')] ?? '';
    caption.say(sentence(now, { layer, kind, target, kernels, channel: view.get('channel') ?? 0 }));
  }

  const isTabs = () => {
    const arrangement = view.get('arrangement');
    return arrangement === 'tabs' || (arrangement === 'auto' && !view.get('_wide'));
  };

  view.title('Explorer');
  view.draw = () => {
    measure();
    view.sub(headline(view.get('_network') ?? {}));
    bar.show();
    tabs.show(isTabs());
    saved.show();
    tell();
  };
  view.on([...TRAITS, ...PRIVATE], view.redraw);
});
