// Which panels are on screen: tabs in a narrow cell, toggles over a grid in a wide one.
import { attributes, hear, make } from '../lib/frame.js';

/** @typedef {import("../lib/view.js").View} View */
/** @typedef {{name: string, label: string, why: string}} Panel */

/** @param {View} view */
export function createTabs(view) {
  const el = make('div', 'ex-tabs');
  view.bar.after(el);
  let drawn = '';
  hear(el, 'keydown', (/** @type {KeyboardEvent} */ event) => move(el, event));

  /** @param {Panel} panel @param {boolean} tabs @param {boolean} on */
  function part({ name, label, why }, tabs, on) {
    const node = make('button', 'ex-tab', label);
    node.type = 'button';
    node.dataset.panel = name;
    attributes(node, tabs ? { role: 'tab', 'aria-selected': on, tabindex: on ? 0 : -1 } : { 'aria-pressed': on });
    if (why) attributes(node, { 'aria-disabled': true });
    hear(node, 'click', () => {
      if (why) view.caption.say([`${label}: ${why}`], 'warning');
      else if (tabs) view.set('tab', name);
      else toggle(name);
    });
    return node;
  }

  /** @param {string} name */
  function toggle(name) {
    const shown = /** @type {string[]} */ (view.get('shown') ?? []);
    view.set('shown', shown.includes(name) ? shown.filter((one) => one !== name) : [...shown, name]);
  }

  return {
    /** @param {boolean} tabs */
    show(tabs) {
      el.hidden = !view.live; // a saved page has those that were on screen, one below the other
      const panels = /** @type {Panel[]} */ (view.get('_panels') ?? []);
      const [tab, shown] = [view.get('tab'), view.get('shown') ?? []];
      const key = JSON.stringify([panels, tabs, tab, shown]);
      if (key === drawn) return;
      drawn = key;
      const inside = el.contains(document.activeElement) || el.contains(rootOf(el).activeElement);
      const focused = inside && /** @type {HTMLElement} */ (rootOf(el).activeElement)?.dataset.panel;
      attributes(el, { role: tabs ? 'tablist' : 'group', 'aria-label': tabs ? 'Panels' : 'Panels of the grid' });
      el.classList.toggle('ex-grid', !tabs);
      el.replaceChildren(
        ...panels.map((panel) => part(panel, tabs, tabs ? panel.name === tab : shown.includes(panel.name))),
      );
      if (focused) /** @type {HTMLElement | null} */ (el.querySelector(`[data-panel="${focused}"]`))?.focus();
    },
  };
}

/** @param {Node} node @returns {Document | ShadowRoot} */
const rootOf = (node) => /** @type {Document | ShadowRoot} */ (node.getRootNode());

/** After the ARIA pattern of tabs: arrows, Home and End move, Enter and space choose. @param {HTMLElement} el @param {KeyboardEvent} event */
function move(el, event) {
  const parts = /** @type {HTMLElement[]} */ ([...el.children]);
  const at = parts.indexOf(/** @type {HTMLElement} */ (event.target));
  const to = { ArrowRight: at + 1, ArrowLeft: at - 1, Home: 0, End: parts.length - 1 }[event.key];
  if (at < 0 || to === undefined) return;
  event.preventDefault();
  parts[(to + parts.length) % parts.length]?.focus();
}
