// The pointer and the keys of the tree.
import { INPUT, keyAction, typeAhead } from './tree.js';

/** @typedef {import('./tree.js').Row} Row */
/** @typedef {import('./picker.js').Picker} Picker */

const TYPING = 700; // ms between the letters of one type-ahead

export class Hands {
  /** @param {Picker} picker */
  constructor(picker) {
    this.picker = picker;
    this.typed = { text: '', at: 0 };
    this.pointer = { x: Number.NaN, y: Number.NaN, rests: false };
    const { tree, scene, view } = picker;
    const { signal } = view;
    tree.el.addEventListener('keydown', (event) => this.key(event), { signal });
    tree.el.addEventListener('click', (event) => this.click(event), { signal });
    tree.el.addEventListener('dblclick', (event) => this.twice(event), { signal });
    tree.el.addEventListener('pointermove', (event) => this.hover(event), { signal });
    tree.el.addEventListener('wheel', () => (this.pointer.rests = false), { signal, passive: true });
    tree.el.addEventListener('focus', () => picker.tell(scene.active, tree.el.matches(':focus-visible')), {
      signal,
    });
  }

  /** @param {Event} event @returns {Row | undefined} */
  rowOf(event) {
    const node = /** @type {Element} */ (event.target).closest('.lp-row');
    if (!(node instanceof HTMLElement)) return undefined;
    return this.picker.scene.rows[this.picker.at(Number(node.dataset.index))];
  }

  /**
   * Browsers also send a move when rows change under a pointer that rests: then the keyboard keeps the caption.
   * @param {PointerEvent} event
   */
  hover(event) {
    const { x, y, rests } = this.pointer;
    if (rests && x === event.clientX && y === event.clientY) return;
    this.pointer = { x: event.clientX, y: event.clientY, rests: false };
    const row = this.rowOf(event);
    if (row) this.picker.tell(row.index);
  }

  /** @param {Event} event */
  click(event) {
    const row = this.rowOf(event);
    if (!row) return;
    this.picker.scene.active = row.index;
    const mark = /** @type {Element} */ (event.target).closest('.lp-chevron');
    if (mark) this.picker.setOpen([row.index], !row.open);
    else if (row.index === INPUT) this.picker.moveTo(this.picker.at(INPUT));
    else this.picker.choose(row.index);
  }

  /** @param {Event} event */
  twice(event) {
    const row = this.rowOf(event);
    if (row?.opens && !(/** @type {Element} */ (event.target).closest('.lp-chevron')))
      this.picker.setOpen([row.index], !row.open);
  }

  /** @param {KeyboardEvent} event */
  key(event) {
    if (event.ctrlKey || event.metaKey || event.altKey) return;
    this.pointer.rests = true;
    if (this.perform(event.key)) {
      event.preventDefault();
      event.stopPropagation();
    }
  }

  /** @param {string} key @returns {boolean} whether it meant something here */
  perform(key) {
    if (key === '/') {
      this.picker.bar.focus();
      return true;
    }
    if (key === 'Escape') return this.picker.endSearch();
    const { rows, active } = this.picker.scene;
    const typing = this.typed.text !== '' && performance.now() - this.typed.at < TYPING;
    const action = key === ' ' && typing ? null : keyAction(rows, this.picker.at(active), key, this.picker.tree.page());
    if (!action) return key.length === 1 && this.type(key, typing);
    if (action.to !== undefined) this.picker.moveTo(action.to);
    if (action.choose !== undefined) this.picker.choose(action.choose);
    if (action.open !== undefined) this.picker.setOpen([action.open], true);
    if (action.close !== undefined) this.picker.setOpen([action.close], false);
    if (action.openAll?.length) this.picker.setOpen(action.openAll, true);
    return true;
  }

  /** @param {string} letter @param {boolean} typing @returns {boolean} */
  type(letter, typing) {
    this.typed = { text: (typing ? this.typed.text : '') + letter, at: performance.now() };
    const at = typeAhead(this.picker.scene.rows, this.picker.at(this.picker.scene.active), this.typed.text);
    if (at >= 0) this.picker.moveTo(at);
    return true;
  }
}
