// The DOM that every widget shares: head, bar, body, caption.
import { icon } from './icons.js';

/** @typedef {import("./text.js").Parts} Parts */
/** @typedef {import("./text.js").Part} Part */
/** @typedef {Parameters<typeof icon>[0]} IconName */

const LIVE_INTERVAL = 500; // ms: a screen reader hears at most two captions a second

/**
 * An element with a class and text; the text is always set as text.
 * @template {keyof HTMLElementTagNameMap} T
 * @param {T} tag
 * @param {string} [name]
 * @param {string} [text]
 * @returns {HTMLElementTagNameMap[T]}
 */
export function make(tag, name, text) {
  const node = document.createElement(tag);
  if (name) node.className = name;
  if (text !== undefined) node.textContent = text;
  return node;
}

/**
 * Calls back on one or several kinds of event.
 * @param {EventTarget} node @param {string} kinds @param {(event: any) => void} fn @param {AddEventListenerOptions} [options]
 */
export function hear(node, kinds, fn, options) {
  for (const kind of kinds.split(' ')) node.addEventListener(kind, fn, options);
}

/** Several attributes at once. @param {Element} node @param {Record<string, string | number | boolean>} values */
export function attributes(node, values) {
  for (const [name, value] of Object.entries(values)) node.setAttribute(name, /** @type {string} */ (value));
}

/** Text that is already there stays, so that nothing is laid out again. @param {Element} node @param {string} text */
export function put(node, text) {
  if (node.textContent !== text) node.textContent = text;
}

/** @param {Part} part */
function piece(part) {
  if (typeof part === 'string') return document.createTextNode(part);
  const [kind, text] = Object.entries(part)[0] ?? ['q', ''];
  if (kind === 'mono' || kind === 'q') return make('span', `dvw-${kind}`, text);
  return make('b', kind === 'b' ? '' : `dvw-${kind}`, text);
}

/** Replaces what an element holds by a sentence. @param {Element} node @param {Parts} parts */
export function write(node, parts) {
  const list = Array.isArray(parts) ? parts : [parts];
  node.replaceChildren(...list.map(piece));
}

/**
 * The caption speaks at once to the eye and at most twice a second to a screen reader. It never shrinks while the
 * width stays, so that a longer sentence moves what is below it once and not at every move of the pointer.
 * @param {HTMLElement} cap
 * @param {AbortSignal} signal
 */
function captionOf(cap, signal) {
  const [text, live] = [make('span'), make('span', 'dvw-unseen')];
  attributes(live, { 'aria-live': 'polite' });
  attributes(text, { 'aria-hidden': true });
  cap.append(icon('info'), text, live);
  const tell = throttle(() => live.replaceChildren(text.textContent ?? ''), LIVE_INTERVAL, signal);
  keepHeight(cap, signal);
  let shown = '';
  return {
    /** @param {Parts} parts @param {IconName} [name] */
    say(parts, name = 'crosshair') {
      const key = name + JSON.stringify(parts);
      if (key === shown) return;
      shown = key;
      cap.firstElementChild?.replaceWith(icon(name));
      write(text, parts);
      tell();
    },
  };
}

/**
 * Runs at once, then not again before `wait` ms; the last call is never lost.
 * @param {() => void} run
 * @param {number} wait
 * @param {AbortSignal} signal
 */
export function throttle(run, wait, signal) {
  let timer = 0;
  let again = false;
  const fire = () => {
    again = false;
    run();
    timer = window.setTimeout(() => {
      timer = 0;
      if (again) fire();
    }, wait);
  };
  hear(signal, 'abort', () => clearTimeout(timer));
  return () => {
    again = true;
    if (!timer && !signal.aborted) fire();
  };
}

/** What has grown stays grown while its width stays. @param {HTMLElement} node @param {AbortSignal} signal */
export function keepHeight(node, signal) {
  let [width, height] = [0, 0];
  const observer = new ResizeObserver(() => {
    const box = node.getBoundingClientRect();
    if (!box.width) return;
    if (Math.abs(box.width - width) > 1) {
      [width, height] = [box.width, 0];
      node.style.minHeight = '';
      return;
    }
    if (box.height > height + 0.5) {
      height = box.height;
      node.style.minHeight = `${height}px`;
    }
  });
  observer.observe(node);
  hear(signal, 'abort', () => observer.disconnect());
}

/**
 * @param {HTMLElement} el where the host wants the widget
 * @param {AbortSignal} signal
 */
export function createFrame(el, signal) {
  const root = make('section', 'dvw');
  // A group, not a landmark: a notebook may hold twenty of them.
  attributes(root, { role: 'group' });
  // JupyterLab runs its own shortcuts on letters and arrows pressed inside an output otherwise. It looks for this mark
  // from the focused element upwards, but asks first whether a shortcut is meant for that element: so it has the mark.
  hear(root, 'focusin', ({ target }) =>
    attributes(/** @type {Element} */ (target), { 'data-lm-suppress-shortcuts': '' }),
  );
  const head = make('div', 'dvw-head');
  const bar = make('div', 'dvw-bar');
  const body = make('div', 'dvw-body');
  const cap = make('div', 'dvw-cap');
  const title = make('span', 'dvw-title');
  const sub = make('span', 'dvw-sub');
  const status = make('div', 'dvw-status');
  status.tabIndex = -1;
  head.append(title, sub, status);
  root.append(head, bar, body, cap);
  el.replaceChildren(root);
  const caption = captionOf(cap, signal);
  // A control that is off says why in the caption.
  hear(root, 'dvw-reason', (event) => caption.say([/** @type {CustomEvent} */ (event).detail], 'info'), {
    signal,
  });
  const note = noteOf(root, body);
  return {
    root,
    head,
    bar,
    body,
    status,
    caption,
    note,
    /** @param {string} text */
    title(text) {
      title.textContent = text;
      attributes(root, { 'aria-label': text });
    },
    /** @param {Parts} parts */
    sub: (parts) => write(sub, parts),
  };
}

/**
 * An error takes the place of the picture and keeps its height. Returns a setter: parts, or null for none.
 * @param {HTMLElement} root
 * @param {HTMLElement} body
 */
function noteOf(root, body) {
  /** @type {HTMLElement | null} */
  let note = null;
  /** @param {Parts | null} parts */
  return (parts) => {
    if (!parts) {
      if (note) body.style.minHeight = '';
      root.classList.remove('dvw-failed');
      note?.remove();
      note = null;
      return;
    }
    if (!note) body.style.minHeight = `${body.offsetHeight}px`;
    root.classList.add('dvw-failed');
    note ??= make('div', 'dvw-note');
    const text = make('span');
    write(text, parts);
    note.replaceChildren(icon('warning'), text);
    attributes(note, { role: 'alert' });
    if (!note.isConnected) body.prepend(note);
  };
}

/**
 * The empty state: an icon, a line, and the Python that fills it.
 * @param {string} line
 * @param {string} code
 */
export function empty(line, code) {
  const node = make('div', 'dvw-empty');
  node.append(icon('image'), make('span', '', line), make('code', 'dvw-mono', code));
  return node;
}
