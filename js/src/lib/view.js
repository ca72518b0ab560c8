// What every widget's index.js is made with: `export default widget(setup)`. `setup(view)` runs once a view; the
// frame, the job pump, the states, the theme, sizes and the clean-up are done here.
import './lib.css';
import { createFrame, hear } from './frame.js';
import { isLive, Pump } from './pump.js';
import { createStates } from './states.js';
import { watchTheme } from './theme.js';

/** @typedef {import("@anywidget/types").AnyModel<any>} Model */
/** @typedef {import("./text.js").Parts} Parts */

/**
 * @typedef {object} View
 * @property {Model} model
 * @property {HTMLElement} el the host's element
 * @property {HTMLElement} root section.dvw
 * @property {HTMLElement} head
 * @property {HTMLElement} bar
 * @property {HTMLElement} body
 * @property {{say: (parts: Parts, icon?: import("./frame.js").IconName) => void}} caption
 * @property {AbortSignal} signal aborted when the view goes
 * @property {boolean} live false in a saved page
 * @property {number} width CSS px of the body's content; 0 while the cell is hidden
 * @property {(text: string) => void} title
 * @property {(parts: Parts) => void} sub
 * @property {(name: string) => any} get
 * @property {(name: string, value: any) => void} set sets a trait and saves it
 * @property {(names: string | string[], fn: () => void) => void} on calls back when a trait changes
 * @property {() => void} refit
 * @property {() => void} redraw asks for one call of `draw` in the next frame
 * @property {() => void} draw assigned by `setup`
 * @property {(what: string, payload?: Record<string, unknown>) => Promise<import("./pump.js").Reply>} request
 */

/**
 * @param {(view: View) => void | (() => void)} setup
 * @param {{runs?: boolean}} [options] runs: it has jobs, so the head keeps room for what they say
 */
export function widget(setup, { runs = false } = {}) {
  return () => {
    // In the factory, not in the module: marimo shares one module, and this object, between all widgets of a class.
    /** @type {Map<unknown, Pump>} */
    const pumps = new Map();
    /** @param {Model} model */
    const pumpOf = (model) => {
      const key = model.get('_uid') || model;
      const pump = pumps.get(key) ?? new Pump();
      pumps.set(key, pump);
      return { pump, drop: () => pump.idle && pumps.delete(key) };
    };
    return {
      /** @param {{model: Model, el: HTMLElement, signal?: AbortSignal}} props */
      render({ model, el, signal }) {
        const end = new AbortController();
        const { pump, drop } = pumpOf(model);
        open({ model, el, end, pump, setup, runs });
        const close = () => {
          end.abort();
          drop();
        };
        signal?.addEventListener('abort', close, { once: true });
        return close;
      },
    };
  };
}

/** @param {{model: Model, el: HTMLElement, end: AbortController, pump: Pump, setup: (view: View) => void | (() => void), runs: boolean}} parts */
function open({ model, el, end, pump, setup, runs }) {
  const { signal } = end;
  const frame = createFrame(el, signal);
  frame.root.classList.toggle('dvw-runs', runs);
  const states = createStates({ frame, model, pump });
  const view = viewOf({ model, el, frame, pump, signal });
  const guard = guardWith(states);
  const draws = frames(() => view.width > 0 && guard(view.draw), signal);
  view.redraw = draws;
  view.on = (names, fn) => listen(model, names, () => guard(fn, false), signal);
  const leave = pump.attach(model, () => states.update());
  hear(signal, 'abort', leave);
  states.update();
  guard(() => {
    const cleanup = setup(view);
    if (cleanup) hear(signal, 'abort', cleanup);
  });
  states.remind();
  listen(model, ['status', 'progress', '_doing', 'error', '_live'], () => states.update(), signal);
  listen(model, ['status', '_live'], view.redraw, signal);
  watchSize(frame.body, () => view.refit(), signal);
  watchDensity(view.redraw, signal);
  watchTheme(frame.root, view.redraw, signal);
  hear(signal, 'abort', () => frame.root.remove());
  view.redraw();
}

/**
 * @param {{model: Model, el: HTMLElement, frame: ReturnType<typeof createFrame>, pump: Pump, signal: AbortSignal}} parts
 * @returns {View}
 */
function viewOf({ model, el, frame, pump, signal }) {
  const { body } = frame;
  let width = 0; // kept until the size changes: asking for it lays the page out
  return {
    ...frame,
    model,
    el,
    signal,
    get live() {
      return isLive(model);
    },
    get width() {
      if (!width) {
        const { paddingLeft, paddingRight } = getComputedStyle(body);
        width = Math.max(0, body.clientWidth - (parseFloat(paddingLeft) + parseFloat(paddingRight) || 0));
      }
      return width;
    },
    refit() {
      width = 0;
      this.redraw();
    },
    get: (name) => model.get(name),
    set(name, value) {
      model.set(name, value);
      model.save_changes();
    },
    on() {},
    redraw() {},
    draw() {},
    request: (what, payload) => pump.request(what, payload),
  };
}

/**
 * Runs code of the widget; what it throws is told in the widget, and to developers in the console.
 * @param {ReturnType<typeof createStates>} states
 */
function guardWith(states) {
  let broken = false;
  /** @param {() => void} run @param {boolean} [mends] whether success clears an earlier failure */
  return (run, mends = true) => {
    try {
      run();
      if (broken && mends) states.fail('');
      broken = broken && !mends;
    } catch (error) {
      broken = true;
      const reason = error instanceof Error ? error.message : String(error);
      states.fail(
        `This could not be drawn. The page says: ${reason}. Run the cell again; if it stays, please report it.`,
      );
      reportError(error);
    }
  };
}

/**
 * At most one call in a frame.
 * @param {() => void} draw
 * @param {AbortSignal} signal
 */
export function frames(draw, signal) {
  let asked = 0;
  hear(signal, 'abort', () => cancelAnimationFrame(asked));
  return () => {
    if (asked || signal.aborted) return;
    asked = requestAnimationFrame(() => {
      asked = 0;
      draw();
    });
  };
}

/**
 * @param {Model} model
 * @param {string | string[]} names
 * @param {() => void} fn
 * @param {AbortSignal} signal
 */
function listen(model, names, fn, signal) {
  for (const name of [names].flat()) {
    const heard = () => fn(); // one function a name: hosts differ in what they pass, and off() takes all of a kind
    model.on(`change:${name}`, heard);
    hear(signal, 'abort', () => model.off(`change:${name}`, heard));
  }
}

/** JupyterLab hides scrolled-out cells with display:none and canvases come back blank: a size that leaves 0 draws. @param {Element} node @param {() => void} changed @param {AbortSignal} signal */
function watchSize(node, changed, signal) {
  let width = -1;
  const observer = new ResizeObserver(() => {
    if (node.clientWidth === width) return; // heights follow from what we draw
    width = node.clientWidth;
    changed();
  });
  observer.observe(node);
  hear(signal, 'abort', () => observer.disconnect());
}

/** A window dragged to a projector, or zoomed. @param {() => void} changed @param {AbortSignal} signal */
function watchDensity(changed, signal) {
  const query = matchMedia(`(resolution: ${devicePixelRatio}dppx)`);
  const heard = () => {
    changed();
    watchDensity(changed, signal);
  };
  hear(query, 'change', heard, { once: true, signal });
}
