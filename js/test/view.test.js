import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import { FakeModel } from '../src/host/model.js';
import { describe as describeJob, sentences } from '../src/lib/states.js';
import { widget } from '../src/lib/view.js';
import { BASE, drawn, one, pretendWidth, readable, show, showModel } from './helpers.js';

/** @typedef {import('../src/lib/view.js').View} View */

const plain = widget((view) => {
  view.title('Occlusion');
  view.body.append(Object.assign(document.createElement('p'), { textContent: 'the picture' }));
});
/** @param {HTMLElement} root */
const action = (root) => one(root, '.dvw-status button');
/** @param {HTMLElement} root */
const head = (root) => readable(one(root, '.dvw-status'));
/** @param {HTMLElement} root */
const caption = (root) => readable(one(root, '.dvw-cap'));

afterEach(() => void vi.useRealTimers());
beforeEach(() => {
  document.body.replaceChildren();
  pretendWidth(480);
});

describe('the frame', () => {
  it('names its section by its title and keeps JupyterLab from taking its keys', () => {
    const { root } = show(plain);
    expect(root.getAttribute('aria-label')).toBe('Occlusion');
    const field = document.createElement('input');
    root.append(field);
    field.dispatchEvent(new Event('focusin', { bubbles: true }));
    expect('lmSuppressShortcuts' in field.dataset).toBe(true);
  });

  it('shows file names and labels as text', () => {
    const evil = '<img src=x onerror=alert(1)>';
    const { root } = show(
      widget((view) => {
        view.title(evil);
        view.sub([{ mono: evil }, evil]);
        view.caption.say([{ b: evil }, ' is ', { down: evil }]);
      }),
    );
    expect(root.querySelector('img')).toBeNull();
    expect(caption(root)).toBe(`${evil} is ${evil}`);
  });

  it('tells a screen reader at most two captions a second, and never loses the last', () => {
    vi.useFakeTimers();
    const views = /** @type {View[]} */ ([]);
    const { root } = show(widget((v) => void views.push(v)));
    const said = () => one(root, '[aria-live=polite]').textContent;
    views[0]?.caption.say(['one']);
    views[0]?.caption.say(['two']);
    views[0]?.caption.say(['three']);
    expect([caption(root), said()]).toEqual(['three', 'one']);
    vi.advanceTimersByTime(500);
    expect(said()).toBe('three');
  });

  it('puts the reason of a control that is off into the caption', () => {
    const { root } = show(plain);
    one(root, '.dvw-body').dispatchEvent(new CustomEvent('dvw-reason', { detail: 'No kernel.', bubbles: true }));
    expect(caption(root)).toBe('No kernel.');
  });
});

describe('the states', () => {
  it('say nothing when idle', () => {
    const { root } = show(plain);
    expect(head(root)).toBe('');
    expect(action(root).hidden).toBe(true);
  });

  it('show words, progress and Cancel while running', () => {
    const { root, model } = show(plain, { status: 'running', progress: 0.31, _doing: '468 of 1,797 images' });
    expect(head(root)).toBe('468 of 1,797 imagesCancel');
    expect(one(root, '[role=progressbar]').getAttribute('aria-valuenow')).toBe('31');
    action(root).click();
    expect(model.sent.at(-1)).toMatchObject({ type: 'cancel', rid: expect.any(Number) });
  });

  it('offer Resume when cancelled and say how far it came', () => {
    const { root, model } = show(plain, { status: 'running', progress: 0.48 });
    model.set('status', 'cancelled');
    expect(caption(root)).toBe('Cancelled at 48 %. What is there stays and can be explored.');
    expect(action(root).textContent).toBe('Resume');
    action(root).click();
    expect(model.sent.at(-1)).toMatchObject({ type: 'resume' });
  });

  it('replace the picture by a sentence on an error, with a way out, and bring it back', () => {
    const { root, model } = show(plain);
    model.set('error', "No layer 'blok'. Did you mean 'block'?");
    model.set('status', 'error');
    const note = one(root, '.dvw-note[role=alert]');
    expect(note.textContent).toBe("No layer 'blok'. Did you mean block?");
    expect(one(note, 'b').textContent).toBe("No layer 'blok'.");
    expect(root.classList.contains('dvw-failed')).toBe(true);
    expect(action(root).textContent).toBe('Try again');
    action(root).click();
    expect(model.sent.at(-1)).toMatchObject({ type: 'retry' });
    model.set('error', '');
    model.set('status', 'idle');
    expect(root.querySelector('.dvw-note')).toBeNull();
    expect(root.classList.contains('dvw-failed')).toBe(false);
  });

  it('mark a saved page and offer nothing that needs a kernel', () => {
    const { root, model } = show(plain, { _live: false, status: 'running', progress: 0.5 });
    expect(head(root)).toBe('Saved page');
    expect(action(root).hidden).toBe(true);
    expect(caption(root)).toContain('No kernel: stopped at 50 %');
    expect(model.sent).toEqual([]);
  });

  it('say that they wait for the kernel', () => {
    vi.useFakeTimers();
    const { root } = show(plain, { status: 'running', _doing: '1 of 9' });
    vi.advanceTimersByTime(5100);
    expect(head(root)).toContain('waiting for the kernel');
  });

  it('say Done after seconds, not after an instant', () => {
    vi.useFakeTimers();
    const { root, model } = show(plain, { status: 'running' });
    model.set('status', 'done');
    expect(head(root)).toBe('');
    model.set('status', 'running');
    vi.advanceTimersByTime(3000);
    model.set('status', 'done');
    expect(head(root)).toBe('Done');
  });

  it('are told over the first words of a widget that was cancelled before it was shown', () => {
    const talks = widget((view) => view.caption.say(['Point at something.'], 'info'));
    expect(caption(show(talks, { status: 'cancelled', progress: 0.48 }).root)).toContain('Cancelled at 48 %');
    expect(caption(show(talks, { status: 'idle' }).root)).toBe('Point at something.');
  });

  it('mark Done only for what ran long', () => {
    const job = { status: 'done', progress: 1, doing: '', live: true, waiting: false };
    expect(describeJob({ ...job, long: true })).toMatchObject({ words: 'Done', tick: true, action: null });
    expect(describeJob({ ...job, long: false })).toMatchObject({ words: '', tick: false });
  });

  it('leave apostrophes in errors alone', () => {
    const parts = sentences("It failed. The network's layer 'a.b' isn't `c`.");
    expect(parts).toEqual([
      { b: 'It failed.' },
      " The network's layer ",
      { mono: 'a.b' },
      " isn't ",
      { mono: 'c' },
      '.',
    ]);
  });
});

describe('a view', () => {
  it('draws once a frame, however often it is asked', async () => {
    const draw = vi.fn();
    const { model } = show(
      widget((view) => {
        view.draw = draw;
        view.on(['a', 'b'], view.redraw);
      }),
      { a: 0, b: 0 },
    );
    await drawn();
    draw.mockClear();
    for (const value of [1, 2, 3]) {
      model.set('a', value);
      model.set('b', value);
    }
    await drawn();
    expect(draw).toHaveBeenCalledTimes(1);
  });

  it('does not draw into nothing', async () => {
    pretendWidth(0);
    const draw = vi.fn();
    show(
      widget((view) => {
        view.draw = draw;
      }),
    );
    await drawn();
    expect(draw).not.toHaveBeenCalled();
  });

  it('shows in words what went wrong while drawing, and recovers', async () => {
    const told = vi.fn();
    vi.stubGlobal('reportError', told); // for developers, in the console
    const { root, model } = show(
      widget((view) => {
        view.draw = () => {
          if (view.get('bad')) throw new Error('no such colour');
        };
        view.on('bad', view.redraw);
      }),
      { bad: true },
    );
    await drawn();
    expect(one(root, '.dvw-note').textContent).toContain('no such colour');
    expect(told).toHaveBeenCalledOnce();
    model.set('bad', false);
    await drawn();
    expect(root.querySelector('.dvw-note')).toBeNull();
    vi.unstubAllGlobals();
  });

  it('shows what went wrong while setting up', () => {
    const told = vi.fn();
    vi.stubGlobal('reportError', told); // for developers, in the console
    const { root } = show(
      widget(() => {
        throw new Error('half a module');
      }),
    );
    expect(one(root, '.dvw-note').textContent).toContain('half a module');
    expect(told).toHaveBeenCalledOnce();
    vi.unstubAllGlobals();
  });

  it('leaves nothing behind', async () => {
    const draw = vi.fn();
    const cleanup = vi.fn();
    const { model, el, close } = show(
      widget((view) => {
        view.draw = draw;
        view.on('a', view.redraw);
        return cleanup;
      }),
      { status: 'running' },
    );
    await drawn();
    draw.mockClear();
    close();
    model.set('a', 1);
    await drawn();
    expect([model.handlers, el.childNodes.length, draw.mock.calls.length]).toEqual([[], 0, 0]);
    expect(cleanup).toHaveBeenCalledOnce();
  });

  it("goes when the host's own signal says so", () => {
    const host = new AbortController();
    const model = new FakeModel(BASE);
    const el = document.createElement('div');
    plain().render({ model, el, signal: host.signal });
    host.abort();
    expect(model.handlers).toEqual([]);
  });

  it('shares one pump with the other views of its model, and none with other models', () => {
    const definition = plain();
    const model = new FakeModel({ ...BASE, status: 'running' });
    const other = new FakeModel({ ...BASE, _uid: 'w2', status: 'running' });
    const first = showModel(definition, model);
    showModel(definition, model);
    showModel(definition, other);
    expect([model.sent.length, other.sent.length]).toEqual([1, 1]);
    first.close();
    model.emit('msg:custom', { type: 'reply', rid: model.sent[0].rid, ok: true, job: 0, status: 'running' }, []);
    expect(model.sent).toHaveLength(2);
  });

  it('marks itself dark under every host that says so', () => {
    const host = document.createElement('div');
    host.className = 'dark';
    document.body.append(host);
    const inner = host.attachShadow({ mode: 'open' });
    const el = document.createElement('div');
    inner.append(el);
    plain().render({ model: new FakeModel(BASE), el });
    expect(one(el, '.dvw').classList.contains('dvw-dark')).toBe(true);
  });
});
