// The controls of the bar. Each is {el, set, disable}: `set` never calls back, `disable(reason)` says why in the caption.
import { clamp } from './clamp.js';
import { attributes, hear, make } from './frame.js';
import { icon } from './icons.js';

/** @typedef {import("./frame.js").IconName} IconName */
/** @template V @typedef {{value: V, label: string}} Option */

/**
 * Fires the reason as an event: a control knows nothing of the caption that will say it.
 * @param {HTMLElement} el the wrapper, which still hears the pointer when the control inside is off
 * @param {(off: boolean) => void} turn
 */
function disabler(el, turn) {
  let reason = '';
  const tell = () => {
    if (reason) el.dispatchEvent(new CustomEvent('dvw-reason', { detail: reason, bubbles: true }));
  };
  hear(el, 'pointerenter focusin click', tell);
  /** @param {string | null} why */
  return (why) => {
    reason = why ?? '';
    turn(Boolean(reason));
  };
}

/** Turns a field of the page off and on. @param {HTMLInputElement | HTMLSelectElement} field */
const turn = (field) => (/** @type {boolean} */ off) => {
  field.disabled = off;
};

/** @param {'label' | 'span'} tag @param {string} label @param {Node[]} inner */
function labelled(tag, label, ...inner) {
  const el = make(tag, 'dvw-ctl');
  el.append(make('span', 'dvw-label', label), ...inner);
  return el;
}

/** Several parts under one label. @param {string} label @param {Node} inner */
function grouped(label, inner) {
  const el = labelled('span', label, inner);
  attributes(el, { role: 'group', 'aria-label': label });
  return el;
}

/**
 * With an icon the label is read out but not shown. A button that is off keeps its place in the tab
 * order (aria-disabled), so that its reason can be found with the keyboard too.
 * @param {{label: string, icon?: IconName, pressed?: boolean, onClick?: () => void}} options
 */
export function button({ label, icon: name, pressed, onClick }) {
  const el = make('button', 'dvw-btn');
  el.type = 'button';
  el.classList.toggle('dvw-icon', Boolean(name));
  /** @param {string} next */
  const relabel = (next) => {
    el.replaceChildren(name ? icon(name) : next);
    if (name) attributes(el, { 'aria-label': next });
  };
  /** @param {boolean} next */
  const set = (next) => attributes(el, { 'aria-pressed': next });
  if (pressed !== undefined) set(pressed);
  relabel(label);
  const disable = disabler(el, (off) => attributes(el, { 'aria-disabled': off }));
  hear(el, 'click', () => {
    if (el.getAttribute('aria-disabled') !== 'true') onClick?.();
  });
  return { el, set, disable, relabel };
}

/**
 * Two or three options side by side.
 * @template V
 * @param {{label: string, options: Option<V>[], value: V, onChange: (value: V) => void}} options
 */
export function segmented({ label, options, value, onChange }) {
  const seg = make('span', 'dvw-seg');
  const el = grouped(label, seg);
  /** @type {{value: V, button: ReturnType<typeof button>}[]} */
  let parts = [];
  let off = false;
  const show = () => {
    seg.classList.toggle('dvw-off', off);
    for (const part of parts) attributes(part.button.el, { 'aria-disabled': off });
  };
  /** @param {V} next */
  const set = (next) => {
    value = next;
    for (const part of parts) part.button.set(part.value === next);
  };
  /** @param {V} next */
  const choose = (next) => {
    if (off || next === value) return;
    set(next);
    onChange(next);
  };
  /** @param {Option<V>[]} list */
  const setOptions = (list) => {
    parts = list.map((o) => ({
      value: o.value,
      button: button({ label: o.label, pressed: o.value === value, onClick: () => choose(o.value) }),
    }));
    seg.replaceChildren(...parts.map((part) => part.button.el));
    show();
  };
  setOptions(options);
  const disable = disabler(el, (next) => {
    off = next;
    show();
  });
  return { el, set, disable, setOptions };
}

/**
 * More options than fit side by side. Values may be anything; the page only sees their position.
 * @template V
 * @param {{label: string, options: Option<V>[], value: V, onChange: (value: V) => void}} options
 */
export function select({ label, options, value, onChange }) {
  const field = make('select');
  const box = make('span', 'dvw-sel');
  box.append(field, icon('chevron'));
  const el = labelled('label', label, box);
  let list = options;
  /** @param {V} next */
  const set = (next) => {
    value = next;
    field.selectedIndex = list.findIndex((o) => o.value === next);
  };
  /** @param {Option<V>[]} next */
  const setOptions = (next) => {
    list = next;
    field.replaceChildren(...next.map((o) => make('option', '', o.label)));
    set(value);
  };
  setOptions(options);
  hear(field, 'change', () => {
    const chosen = list[field.selectedIndex];
    if (!chosen) return;
    value = chosen.value;
    onChange(value);
  });
  const disable = disabler(el, turn(field));
  return { el, set, disable, setOptions };
}

/**
 * @param {{label: string, min: number, max: number, step: number, value: number, format: (v: number) => string,
 *   onInput: (v: number) => void}} options
 */
export function slider({ label, min, max, step, value, format, onInput }) {
  const field = make('input', 'dvw-rng');
  Object.assign(field, { type: 'range', min, max, step });
  const out = make('output');
  const el = labelled('label', label, field, out);
  const show = () => {
    const v = Number(field.value);
    field.style.setProperty('--v', `${((v - min) / (max - min || 1)) * 100}%`);
    out.textContent = format(v);
    attributes(field, { 'aria-valuetext': format(v) });
  };
  /** @param {number} v */
  const set = (v) => {
    field.value = String(v);
    show();
  };
  hear(field, 'input', () => {
    show();
    onInput(Number(field.value));
  });
  set(value);
  const disable = disabler(el, turn(field));
  return { el, set, disable };
}

/**
 * A whole number with a step down, a field to type in, and a step up. `format` is what the field says at rest.
 * @param {{label: string, value: number, min: number, max: number, format?: (v: number) => string, onChange: (v: number) => void}} options
 */
export function stepper({ label, value, min, max, format = String, onChange }) {
  const field = make('input', 'dvw-field');
  Object.assign(field, { type: 'text', inputMode: 'numeric', autocomplete: 'off' });
  attributes(field, { role: 'spinbutton', 'aria-label': label });
  /** @param {number} v */
  const set = (v) => {
    value = v;
    field.value = format(v);
    attributes(field, { 'aria-valuemin': min, 'aria-valuemax': max, 'aria-valuenow': v, 'aria-valuetext': format(v) });
  };
  /** @param {number} v */
  const go = (v) => {
    const next = clamp(Math.round(v), min, max);
    const moved = Number.isFinite(next) && next !== value;
    set(moved ? next : value);
    if (moved) onChange(next);
  };
  const less = button({ label: `${label}: one less`, icon: 'minus', onClick: () => go(value - 1) });
  const more = button({ label: `${label}: one more`, icon: 'plus', onClick: () => go(value + 1) });
  const box = make('span', 'dvw-step');
  box.append(less.el, field, more.el);
  const el = grouped(label, box);
  hear(field, 'focus', () => {
    field.value = String(value);
    field.select();
  });
  hear(field, 'blur', () => set(value));
  hear(field, 'change', () => go(Number.parseInt(field.value, 10)));
  hear(field, 'keydown', (/** @type {KeyboardEvent} */ event) => {
    const by = { ArrowUp: 1, ArrowDown: -1, PageUp: 10, PageDown: -10 }[event.key];
    if (!by) return;
    event.preventDefault();
    go(value + by);
  });
  set(value);
  /** @param {number} lo @param {number} hi */
  const setRange = (lo, hi) => {
    [min, max] = [lo, hi];
    set(value);
  };
  const disable = disabler(el, (off) => {
    field.disabled = off;
    for (const b of [less, more]) attributes(b.el, { 'aria-disabled': off });
  });
  return { el, set, disable, setRange };
}

/**
 * Esc clears and keeps the focus. The label is the placeholder and the accessible name.
 * @param {{label: string, value?: string, onInput: (text: string) => void}} options
 */
export function search({ label, value = '', onInput }) {
  const field = make('input', 'dvw-field');
  Object.assign(field, { type: 'search', placeholder: label, autocomplete: 'off', spellcheck: false });
  attributes(field, { 'aria-label': label });
  const clear = button({ label: 'Clear the search', icon: 'plus', onClick: () => change('') });
  const el = make('span', 'dvw-search');
  el.append(field, clear.el);
  /** @param {string} text */
  const set = (text) => {
    if (field.value !== text) field.value = text; // not while typing: it would move the cursor
    clear.el.hidden = text === '';
  };
  /** @param {string} text */
  function change(text) {
    set(text);
    field.focus();
    onInput(text);
  }
  hear(field, 'input', () => {
    clear.el.hidden = field.value === '';
    onInput(field.value);
  });
  hear(field, 'keydown', (event) => {
    if (event.key !== 'Escape' || field.value === '') return;
    event.preventDefault();
    event.stopPropagation();
    change('');
  });
  set(value);
  const disable = disabler(el, turn(field));
  return { el, set, disable, field };
}
