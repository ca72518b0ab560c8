// Runs widgets in a plain page: no kernel, no network, no ipywidgets. Built to static/host.js, which `to_html` puts
// into <script type="module">. It starts by itself when the page holds
//
//   <script type="application/json" id="dvw-state">
//     {"esm":     {"layer_picker": "<text of layer_picker.js>"},      each bundle once, by name
//      "css":     {"layer_picker": "<text of layer_picker.css>"},
//      "widgets": [{"esm": "layer_picker",                            which bundle
//                   "state": {"_uid": "1", "_live": false, …},        traits, without the binary ones
//                   "buffers": {"_tiles": "<base64>", …},             binary traits; may be left out
//                   "scenes": [{"at": {"layer": "conv1"},            what else can be chosen: the values that call for
//                               "state": {…}, "buffers": {…}}],      it, and the traits that differ then
//                   "el": "#maps"}],                                  where; left out: at the end of #dvw or of the body
//      "links":   [[[0, "layer"], [1, "layer"]]]}                     equal traits of two widgets; may be left out
//   </script>
//
// In that JSON every "<" must be written as \u003c, or a label such as "</script>" would end the script.
// `mount` can also be imported; it resolves to {model, el, close}.
import { FakeModel } from './model.js';
import { stage } from './scenes.js';

export { FakeModel };

/** @typedef {{default: any}} Module */
/**
 * @param {Element} el
 * @param {object} widget
 * @param {string | Module} widget.esm the bundle's text, or the module
 * @param {string} [widget.css]
 * @param {Record<string, any>} widget.state
 * @param {Record<string, Uint8Array>} [widget.buffers]
 * @param {ConstructorParameters<typeof FakeModel>[1]} [widget.kernel]
 */
export async function mount(el, { esm, css = '', state, buffers = {}, kernel }) {
  const module = typeof esm === 'string' ? await load(esm) : esm;
  addStyle(css);
  const model = new FakeModel({ ...state, ...views(buffers) }, kernel);
  const definition = typeof module.default === 'function' ? await module.default() : module.default;
  const place = document.createElement('div');
  el.append(place);
  await definition.initialize?.({ model });
  const cleanup = await definition.render({ model, el: place });
  const close = () => {
    cleanup?.();
    place.remove();
  };
  return { model, el: place, close };
}

/** @param {Record<string, Uint8Array>} buffers */
function views(buffers) {
  const entries = Object.entries(buffers).map(([name, b]) => [
    name,
    new DataView(b.buffer, b.byteOffset, b.byteLength),
  ]);
  return Object.fromEntries(entries);
}

/** Through a blob: a page from file:// may not import its neighbours. @param {string} text @returns {Promise<Module>} */
async function load(text) {
  const url = URL.createObjectURL(new Blob([text], { type: 'text/javascript' }));
  try {
    return await import(/* @vite-ignore */ url);
  } finally {
    URL.revokeObjectURL(url);
  }
}

/** @param {string} css */
function addStyle(css) {
  const there = [...document.querySelectorAll('style')].some((style) => style.textContent === css);
  if (!css || there) return;
  const style = document.createElement('style');
  style.textContent = css;
  document.head.append(style);
}

/** @param {string} text */
function decode(text) {
  return Uint8Array.from(atob(text), (letter) => letter.charCodeAt(0));
}

/** @typedef {Awaited<ReturnType<typeof mount>>} Mounted */
/** What one widget cannot show is not passed on to it. @param {Mounted[]} mounted @param {[number, string][]} ends */
function link(mounted, [[i, a], [j, b]] = /** @type {any} */ ([])) {
  const [left, right] = [mounted[i]?.model, mounted[j]?.model];
  left?.on(`change:${a}`, () => right?.take(b, left.get(a)));
  right?.on(`change:${b}`, () => left?.take(a, right.get(b)));
}

/** Says what this page does not hold. @param {string} text */
function say(text) {
  const place = document.querySelector('#dvw-says');
  if (place) place.textContent = text;
}

/** Runs what the page holds. @param {string} text the JSON */
export async function start(text) {
  const { esm = {}, css = {}, widgets = [], links = [] } = JSON.parse(text);
  /** @type {Map<string, Promise<Module>>} */
  const modules = new Map();
  /** @param {string} name */
  const moduleOf = (name) => {
    if (!modules.has(name)) modules.set(name, load(esm[name] ?? name));
    return /** @type {Promise<Module>} */ (modules.get(name));
  };
  const mounted = [];
  for (const w of widgets) {
    const el = (w.el && document.querySelector(w.el)) || document.querySelector('#dvw') || document.body;
    const buffers = Object.fromEntries(Object.entries(w.buffers ?? {}).map(([name, b]) => [name, decode(String(b))]));
    const shown = await mount(el, { esm: await moduleOf(w.esm), css: css[w.esm] ?? w.css, state: w.state, buffers });
    stage(shown.model, w.scenes ?? [], (packed) => views({ _: decode(packed) })._, say);
    mounted.push(shown);
  }
  for (const ends of links) link(mounted, ends);
  document.dispatchEvent(new Event('dvw-linked')); // from now on, what one widget sets reaches the others
  return mounted;
}

const state = document.querySelector('script#dvw-state');
if (state) start(state.textContent ?? '');
