// A stand-in for a widget's model where there is no kernel: exported pages and tests.

/** @typedef {(...args: any[]) => void} Handler */

export class FakeModel {
  /**
   * @param {Record<string, any>} state traits; binary ones as DataView, as Jupyter gives them
   * @param {(content: any, reply: (content: any, buffers?: any[]) => void) => void} [kernel] hears what the page sends
   */
  constructor(state, kernel) {
    this.state = { ...state };
    this.kernel = kernel;
    /** @type {{event: string, fn: Handler}[]} */
    this.handlers = [];
    /** @type {any[]} everything that the page sent */
    this.sent = [];
    /** @type {any} */
    this.widget_manager = undefined;
  }

  /** @param {any} name a string, in truth @returns {any} */
  get(name) {
    return this.state[name];
  }

  /** As in Backbone: a change is told at once, and only when it is one. @param {any} name @param {any} value */
  set(name, value) {
    if (same(this.state[name], value)) return;
    this.state[name] = value;
    this.emit(`change:${name}`);
  }

  save_changes() {}

  /** Whether a value can be shown. @param {string} _name @param {any} _value @returns {boolean} */
  accepts(_name, _value) {
    return true;
  }

  /** A value from a linked widget. @param {string} name @param {any} value */
  take(name, value) {
    if (this.accepts(name, value)) this.set(name, value);
  }

  /** Several at once: handlers see all of them. @param {Record<string, any>} values */
  put(values) {
    const changed = Object.keys(values).filter((name) => !same(this.state[name], values[name]));
    Object.assign(this.state, values);
    for (const name of changed) this.emit(`change:${name}`);
  }

  /** @param {string} event @param {Handler} fn */
  on(event, fn) {
    this.handlers.push({ event, fn });
  }

  /** @param {string | null} [event] @param {Handler | null} [fn] */
  off(event, fn) {
    this.handlers = this.handlers.filter((h) => (event && h.event !== event) || (fn && h.fn !== fn));
  }

  /** @param {string} event @param {any[]} args */
  emit(event, ...args) {
    for (const h of [...this.handlers]) if (h.event === event) h.fn(...args);
  }

  /** @param {any} content */
  send(content) {
    this.sent.push(content);
    this.kernel?.(content, (reply, buffers = []) => this.emit('msg:custom', reply, buffers));
  }
}

/** @param {any} a @param {any} b */
function same(a, b) {
  if (a === b) return true;
  if (ArrayBuffer.isView(a) || ArrayBuffer.isView(b)) return false;
  return JSON.stringify(a) === JSON.stringify(b);
}
