import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import sketchpad from '../src/sketchpad/index.js';
import webcam from '../src/webcam/index.js';
import { drawn, one, pretendWidth, readable, show } from './helpers.js';

const row = { layer: 'conv1', kind: 'Conv2d', channels: 2, full: [2, 2], shape: [2, 2, 2], lo: 0, hi: 4 };
const traits = {
  layer: 'conv1',
  channel: 0,
  target: 0,
  brush: 0.1,
  ink: 'light',
  centred: true,
  _aimed: false,
  _classes: ['cat', 'dog'],
  _network: { name: 'demo', input: [1, 32, 32] },
  _rows: [{ layer: 'conv1', kind: 'Conv2d', channels: 2, full: [2, 2] }],
  _sheet: [32, 32, 1],
};
const answered = {
  _scores: new Float32Array([0.25, 0.75]),
  _strips: new Uint8Array([0, 0, 0, 255, 9, 9, 9, 9]),
  _strips_meta: { key: 1, layers: [row] },
};

/** happy-dom draws nothing: every canvas takes all calls. */
function pretendCanvas() {
  const ctx = new Proxy(/** @type {Record<string, any>} */ ({}), {
    get: (kept, name) => kept[String(name)] ?? (() => ({ data: new Uint8ClampedArray(4 * 32 * 32) })),
  });
  vi.spyOn(HTMLCanvasElement.prototype, 'getContext').mockImplementation(() => /** @type {any} */ (ctx));
  vi.stubGlobal('ImageData', class {});
  vi.stubGlobal(
    'IntersectionObserver',
    class {
      observe() {}
      disconnect() {}
    },
  );
}
beforeEach(() => {
  pretendCanvas();
  pretendWidth(900);
});
afterEach(() => {
  vi.restoreAllMocks();
  vi.unstubAllGlobals();
  document.body.replaceChildren();
});

const settled = async () => {
  await new Promise((done) => setTimeout(done, 5));
  await drawn();
};
const caption = (/** @type {HTMLElement} */ root) => readable(one(root, '.dvw-cap'));
/** @param {HTMLElement} pad @param {string} kind */
const touch = (pad, kind) =>
  pad.dispatchEvent(new PointerEvent(kind, { bubbles: true, pointerId: 1, button: 0, clientX: 5, clientY: 5 }));

/** A kernel that answers frames at once. @param {any[]} frames */
const kernel = (frames) => (/** @type {any} */ content, /** @type {any} */ reply) => {
  if (content.what === 'frame') frames.push(content);
  setTimeout(() => reply({ type: 'reply', rid: content.rid, ok: true, status: 'done' }));
};

describe('the sketchpad', () => {
  it('sends what is drawn, and the caption says what the network says', async () => {
    /** @type {any[]} */
    const frames = [];
    const { root, model, close } = show(sketchpad, { ...traits }, kernel(frames));
    await settled();
    expect(caption(root)).toMatch(/Draw with mouse, pen or finger, or with the keyboard/);
    const pad = one(root, '.sk-pad');
    touch(pad, 'pointerdown');
    await settled();
    expect(frames[0]).toMatchObject({ codec: 'raw', shape: [32, 32, 1], end: false, picture: false });
    touch(pad, 'pointerup');
    await settled();
    expect(frames.at(-1)).toMatchObject({ end: true });
    for (const [name, value] of Object.entries(answered)) model.set(name, value);
    await settled();
    expect(caption(root)).toMatch(/The network says dog with 0\.75; next is cat with 0\.25\./);
    expect(readable(one(root, '.lv-first'))).toMatch(/dog/);
    close();
  });

  it('draws with the keyboard: Space puts the pen down, Ctrl+Z takes back, Delete clears', async () => {
    /** @type {any[]} */
    const frames = [];
    const { root, close } = show(sketchpad, { ...traits }, kernel(frames));
    const pad = one(root, '.sk-pad');
    const press = async (/** @type {string} */ key, ctrlKey = false) => {
      const event = new KeyboardEvent('keydown', { key, ctrlKey, bubbles: true, cancelable: true });
      pad.dispatchEvent(event);
      await settled();
      return event.defaultPrevented;
    };
    expect(await press('ArrowLeft')).toBe(true);
    expect(frames).toHaveLength(0);
    await press(' ');
    expect(caption(root)).toMatch(/The pen is down/);
    await press('ArrowDown');
    await press(' ');
    expect(frames.at(-1)).toMatchObject({ end: true });
    const undo = /** @type {HTMLElement} */ (
      [...root.querySelectorAll('button')].find((b) => b.textContent === 'Undo')
    );
    expect(undo.getAttribute('aria-disabled')).toBe('false');
    const before = frames.length;
    await press('z', true);
    expect([undo.getAttribute('aria-disabled'), frames.length]).toEqual(['true', before + 1]);
    expect(await press('x')).toBe(false);
    close();
  });

  it('says in a saved page that it cannot draw, and sends nothing; the last answer stays', async () => {
    const { root, model, close } = show(sketchpad, { ...traits, ...answered, _live: false });
    await settled();
    expect(readable(root)).toMatch(/Saved page/);
    touch(one(root, '.sk-pad'), 'pointerdown');
    await settled();
    expect(caption(root)).toMatch(/No kernel: drawing needs a running notebook/);
    expect(model.sent).toEqual([]);
    expect(readable(one(root, '.lv-first'))).toMatch(/dog0\.75/);
    close();
  });

  it('lets a bar mark a class and let it go, and a strip choose layer and unit', async () => {
    const { root, model, close } = show(sketchpad, { ...traits, ...answered });
    await settled();
    const bars = root.querySelectorAll('.lv-bar');
    const dog = /** @type {HTMLElement} */ (bars[1]);
    dog.click();
    expect([model.get('target'), model.get('_aimed')]).toEqual([1, true]);
    dog.click();
    expect(model.get('_aimed')).toBe(false);
    const list = one(root, '.lv-list');
    list.dispatchEvent(new KeyboardEvent('keydown', { key: 'ArrowRight', bubbles: true }));
    expect(model.get('channel')).toBe(1);
    expect(one(root, '[role=option]').textContent).toBe('conv1, Conv2d, 2 of 2 × 2');
    close();
  });
});

describe('the webcam', () => {
  const film = { ...traits, on: false, frozen: false, mirror: true, _frame: [74, 640, 1] };
  const startOf = (/** @type {HTMLElement} */ root) => /** @type {HTMLElement} */ (one(root, '.wc-start'));

  it('says why there is no camera, and is off again', async () => {
    const { root, model, close } = show(webcam, { ...film });
    await settled();
    expect(readable(one(root, '.wc-pic'))).toMatch(/The camera is off/);
    vi.stubGlobal('navigator', {
      mediaDevices: { getUserMedia: () => Promise.reject(new DOMException('no', 'NotFoundError')) },
    });
    vi.stubGlobal('isSecureContext', true);
    startOf(root).click();
    await settled();
    expect(caption(root)).toMatch(/No camera was found\. A picture can be uploaded/);
    expect([model.get('on'), startOf(root).textContent]).toEqual([false, 'Start camera']);
    close();
  });

  it('turns the camera off when it is told to, when the tab is hidden and when the view goes', async () => {
    let stopped = 0;
    const track = () => Object.assign(new EventTarget(), { stop: () => (stopped += 1) });
    const given = () => {
      const tracks = [track()];
      return Promise.resolve({ getTracks: () => tracks });
    };
    vi.stubGlobal('navigator', { mediaDevices: { getUserMedia: given } });
    vi.spyOn(HTMLMediaElement.prototype, 'play').mockResolvedValue();
    Object.defineProperty(HTMLVideoElement.prototype, 'srcObject', { configurable: true, writable: true, value: null });
    const { root, model, close } = show(webcam, { ...film });
    startOf(root).click();
    await settled();
    expect([model.get('on'), stopped]).toEqual([true, 0]);
    model.set('on', false); // from Python
    await settled();
    expect(stopped).toBe(1);
    startOf(root).click();
    await settled();
    const hidden = vi.spyOn(document, 'hidden', 'get').mockReturnValue(true);
    document.dispatchEvent(new Event('visibilitychange'));
    expect([stopped, model.get('on')]).toEqual([2, true]);
    hidden.mockReturnValue(false);
    document.dispatchEvent(new Event('visibilitychange'));
    await settled();
    close();
    expect(stopped).toBe(3);
  });
});
