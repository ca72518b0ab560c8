import { beforeEach, describe, expect, it } from 'vitest';
import { mount, start } from '../src/host/index.js';
import { FakeModel } from '../src/host/model.js';
import { widget } from '../src/lib/view.js';
import { BASE } from './helpers.js';

const module = {
  default: widget((view) => {
    view.title('Layers');
    const bytes = view.get('_tiles');
    view.body.textContent = `${view.get('layer')} ${bytes ? new Uint8Array(bytes.buffer, bytes.byteOffset, bytes.byteLength) : ''}`;
  }),
};

beforeEach(() => document.body.replaceChildren());

describe('the page without a kernel', () => {
  it('shows a widget with its traits and its binary traits as DataViews', async () => {
    const tiles = new Uint8Array([9, 1, 2, 3]).subarray(1);
    const shown = await mount(document.body, {
      esm: module,
      state: { ...BASE, layer: 'conv1' },
      buffers: { _tiles: tiles },
    });
    expect(shown.model.get('_tiles')).toBeInstanceOf(DataView);
    expect(shown.el.querySelector('.dvw-body')?.textContent).toBe('conv1 1,2,3');
    shown.close();
    expect(document.body.childElementCount).toBe(0);
  });

  it('adds the style sheet of a class once', async () => {
    const css = '.dvw { color: red }';
    await mount(document.body, { esm: module, css, state: BASE });
    await mount(document.body, { esm: module, css, state: BASE });
    expect([...document.querySelectorAll('style')].filter((style) => style.textContent === css)).toHaveLength(1);
  });

  it('can be answered by a stand-in for the kernel', async () => {
    const heard = /** @type {string[]} */ ([]);
    await mount(document.body, {
      esm: module,
      state: { ...BASE, status: 'running' },
      kernel: (content, reply) => {
        heard.push(content.type);
        if (heard.length < 3) reply({ type: 'reply', rid: content.rid, ok: true, job: 0, status: 'running' });
      },
    });
    await Promise.resolve();
    expect(heard[0]).toBe('step');
  });

  it('bears an empty page', async () => {
    expect(await start('{}')).toEqual([]);
  });
});

describe('the stand-in for a model', () => {
  it('tells a change once, and only when it is one', () => {
    const model = new FakeModel({ expanded: ['a'] });
    let told = 0;
    const heard = () => {
      told += 1;
    };
    model.on('change:expanded', heard);
    model.set('expanded', ['a']);
    model.set('expanded', ['b']);
    model.off('change:expanded', heard);
    model.set('expanded', ['c']);
    expect(told).toBe(1);
  });
});
