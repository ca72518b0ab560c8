/** Small parts that views are put together from. */
import { make } from './frame.js';

/** A div and what is inside. @param {string} name @param {(Node | string)[]} inside */
export function box(name, ...inside) {
  const el = make('div', name);
  el.append(...inside);
  return el;
}

/** Makes again only what has changed. @template T */
export function keeper() {
  let last = '';
  /** @type {T} */
  let kept;
  return (/** @type {string} */ stamp, /** @type {() => T} */ make) => {
    if (stamp !== last) kept = make();
    last = stamp;
    return kept;
  };
}
