// Which theme the host has, and when it changes.
import { hear } from './frame.js';

/** The value of a custom property where it is used. @param {Element} root @param {string} name */
export function css(root, name) {
  return getComputedStyle(root).getPropertyValue(name).trim();
}

/** Looks through shadow roots too: marimo's own mark is outside of ours. @param {Element} root */
export function isDark(root) {
  /** @type {Element | null} */
  let node = root.parentElement ?? hostOf(root);
  while (node) {
    if (node.matches('[data-jp-theme-light="false"], html[theme="dark"], .dark')) return true;
    node = node.parentElement ?? hostOf(node);
  }
  return false;
}

/** @param {Element} node */
function hostOf(node) {
  const top = node.getRootNode();
  return top instanceof ShadowRoot ? top.host : null;
}

/**
 * Calls back whenever colours may have changed. JupyterLab marks the body, Colab the html element, marimo a class.
 * @param {Element} root
 * @param {() => void} changed
 * @param {AbortSignal} signal
 */
export function watchTheme(root, changed, signal) {
  const mark = () => root.classList.toggle('dvw-dark', isDark(root));
  const observer = new MutationObserver(() => {
    mark();
    changed();
  });
  const filter = { attributes: true, attributeFilter: ['class', 'theme', 'data-jp-theme-light', 'data-jp-theme-name'] };
  for (const node of [document.documentElement, document.body]) observer.observe(node, filter);
  const forced = matchMedia('(forced-colors: active)');
  hear(forced, 'change', changed, { signal });
  hear(signal, 'abort', () => observer.disconnect());
  mark();
}
