// What a host loads for every widget: it passes on to the bundle of the widget's kind, loaded once a page.
//
// Hosts load the text of a widget's module anew for every instance, and a browser lets go of none as long as the page
// lives. This one is small; the bundle comes as a trait, and its text is the key.

/** @typedef {{initialize?: (context: any) => any, render: (context: any) => any}} Definition */

const KEY = Symbol.for('deepviz_widgets.bundles');
const page = /** @type {any} */ (globalThis);
/** @type {Map<string, Promise<Definition>>} */
const bundles = page[KEY] ?? new Map();
page[KEY] = bundles;

/** @param {{get: (name: any) => any}} model */
function bundleOf(model) {
  const text = model.get('_code');
  let found = bundles.get(text);
  if (!found) {
    found = load(text);
    bundles.set(text, found);
    found.catch(() => bundles.delete(text));
  }
  return found;
}

/** @param {string} text @returns {Promise<Definition>} */
async function load(text) {
  const url = URL.createObjectURL(new Blob([text], { type: 'text/javascript' }));
  try {
    const made = (await import(/* @vite-ignore */ url)).default;
    return typeof made === 'function' ? await made() : made;
  } finally {
    URL.revokeObjectURL(url);
  }
}

export default {
  /** @param {any} context */
  async initialize(context) {
    // JupyterLab keeps the models of closed widgets as long as the kernel lives
    context.model.on?.('destroy', () => context.model.set({ _code: '', _css: '' }, { silent: true }));
    return (await bundleOf(context.model)).initialize?.(context);
  },
  /** @param {any} context */
  async render(context) {
    return (await bundleOf(context.model)).render(context);
  },
};
