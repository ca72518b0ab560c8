import { afterEach, expect, test, vi } from 'vitest';

const CODE = 'export default () => ({initialize() {}, render({el}) { el.textContent = "drawn"; return () => {}; }});';

/** A page in which a bundle's text is imported through `imported`. @param {(text: string) => any} imported */
async function loaded(imported) {
  vi.resetModules();
  Reflect.deleteProperty(globalThis, Symbol.for('deepviz_widgets.bundles'));
  vi.stubGlobal(
    'Blob',
    class {
      /** @param {string[]} parts */
      constructor(parts) {
        this.text = parts.join('');
      }
    },
  );
  vi.spyOn(URL, 'createObjectURL').mockImplementation((/** @type {any} */ blob) => imported(blob.text));
  vi.spyOn(URL, 'revokeObjectURL').mockImplementation(() => {});
  return (await import('../src/loader/index.js')).default;
}

const data = (/** @type {string} */ text) => `data:text/javascript,${encodeURIComponent(text)}`;
const context = (/** @type {string} */ code) => ({ model: { get: () => code }, el: document.createElement('div') });

afterEach(() => {
  vi.restoreAllMocks();
  vi.unstubAllGlobals();
});

test('a bundle is loaded once a page, however many widgets and views there are', async () => {
  const seen = /** @type {string[]} */ ([]);
  const loader = await loaded((text) => seen.push(text) && data(text));
  for (let k = 0; k < 3; k++) {
    const one = context(CODE);
    await loader.initialize(one);
    const cleanup = await loader.render(one);
    expect(one.el.textContent).toBe('drawn');
    expect(cleanup).toBeTypeOf('function');
  }
  await loader.render(context(`${CODE} `));
  expect(seen).toEqual([CODE, `${CODE} `]);
});

test('a closed widget keeps neither its bundle nor its style', async () => {
  const loader = await loaded(data);
  const state = /** @type {Record<string, string>} */ ({ _code: CODE, _css: '.a {}' });
  /** @type {Record<string, () => void>} */
  const handlers = {};
  const model = {
    get: (/** @type {string} */ name) => state[name],
    set: (/** @type {object} */ values) => Object.assign(state, values),
    on: (/** @type {string} */ event, /** @type {() => void} */ fn) => {
      handlers[event] = fn;
    },
  };
  await loader.initialize({ model });
  expect(state._code).toBe(CODE);
  handlers.destroy();
  expect(state).toEqual({ _code: '', _css: '' });
});

test('two instances of the loader share what is loaded', async () => {
  const seen = /** @type {string[]} */ ([]);
  const first = await loaded((text) => seen.push(text) && data(text));
  await first.render(context(CODE));
  vi.resetModules();
  const second = (await import('../src/loader/index.js')).default;
  expect(second).not.toBe(first);
  await second.render(context(CODE));
  expect(seen).toHaveLength(1);
});

test('a bundle that could not be loaded is tried again', async () => {
  let broken = true;
  const loader = await loaded((text) => data(broken ? 'this is no code(' : text));
  await expect(loader.render(context(CODE))).rejects.toThrow();
  broken = false;
  const one = context(CODE);
  await loader.render(one);
  expect(one.el.textContent).toBe('drawn');
});
