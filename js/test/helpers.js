import { FakeModel } from '../src/host/model.js';

/** @typedef {ConstructorParameters<typeof FakeModel>[1]} Kernel */

/** The traits that every widget has. */
export const BASE = {
  _uid: 'w1',
  _live: true,
  _job: 0,
  status: 'idle',
  progress: 0,
  _doing: '',
  error: '',
};

/** happy-dom lays nothing out: everything is `width` wide. @param {number} width */
export function pretendWidth(width) {
  for (const name of ['clientWidth', 'offsetWidth']) {
    Object.defineProperty(HTMLElement.prototype, name, { configurable: true, get: () => width });
  }
}

/** Two frames: what was asked for in the first is drawn. */
export async function drawn() {
  for (let i = 0; i < 2; i += 1) await new Promise((resolve) => requestAnimationFrame(() => resolve(undefined)));
}

/**
 * Shows a widget as a host does.
 * @param {() => {render: (props: any) => () => void}} factory
 * @param {Record<string, any>} [state]
 * @param {Kernel} [kernel]
 */
export function show(factory, state = {}, kernel) {
  const model = new FakeModel({ ...BASE, ...state }, kernel);
  return { model, ...showModel(factory(), model) };
}

/** @param {{render: (props: any) => () => void}} definition @param {FakeModel} model */
export function showModel(definition, model) {
  const el = document.createElement('div');
  document.body.append(el);
  const close = definition.render({ model, el });
  const root = /** @type {HTMLElement} */ (el.querySelector('.dvw'));
  return { el, root, close };
}

/** @param {ParentNode} root @param {string} selector @returns {HTMLElement} */
export function one(root, selector) {
  const node = root.querySelector(selector);
  if (!(node instanceof HTMLElement)) throw new Error(`nothing fits ${selector}`);
  return node;
}

/** What a person can read in an element: hidden parts and the copy for screen readers left out. @param {HTMLElement} node */
export function readable(node) {
  const copy = /** @type {HTMLElement} */ (node.cloneNode(true));
  for (const gone of copy.querySelectorAll('[hidden], .dvw-unseen')) gone.remove();
  return copy.textContent ?? '';
}

/**
 * Makes a model's host repeat, when asked, what was last saved, as Jupyter does once the kernel has heard it: what was set
 * and not saved is lost then.
 * @param {FakeModel} model @returns {() => void}
 */
export function echoing(model) {
  let saved = { ...model.state };
  model.save_changes = () => {
    saved = { ...model.state };
  };
  return () => model.put(saved);
}
