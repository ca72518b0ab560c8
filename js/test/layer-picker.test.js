import { beforeEach, describe, expect, it } from 'vitest';
import picker from '../src/layer-picker/index.js';
import { drawn, one, pretendWidth, readable, show, showModel } from './helpers.js';
import { LAYERS, longNetwork, NETWORK } from './network.js';

const STATE = { layer: '', expanded: [], query: '', _network: NETWORK, _layers: LAYERS };
/** @param {HTMLElement} root */
const names = (root) => [...root.querySelectorAll('.lp-name')].map((node) => node.textContent);
/** @param {HTMLElement} root @param {string} name */
const row = (root, name) => {
  const found = [...root.querySelectorAll('.lp-row')].find((r) => one(r, '.lp-name').textContent === name);
  if (!(found instanceof HTMLElement)) throw new Error(`no row ${name}`);
  return found;
};
/** @param {HTMLElement} root @param {string} key */
const press = async (root, key) => {
  one(root, '[role=tree]').dispatchEvent(new KeyboardEvent('keydown', { key, bubbles: true, cancelable: true }));
  await drawn();
};
/** @param {HTMLElement} root */
const active = (root) => {
  const id = one(root, '[role=tree]').getAttribute('aria-activedescendant');
  return one(/** @type {HTMLElement} */ (root.querySelector(`[id="${id}"]`)), '.lp-name').textContent;
};
/** @param {Record<string, any>} [state] */
const open = async (state = {}) => {
  const shown = show(picker, { ...STATE, ...state });
  await drawn();
  return shown;
};

beforeEach(() => {
  document.body.replaceChildren();
  pretendWidth(480);
});

describe('the layer picker', () => {
  it('is a tree whose items say their level, place and state', async () => {
    const { root } = await open({ layer: 'layer1.0', expanded: ['layer1'] });
    expect(names(root)).toEqual(['input', 'conv1', 'relu', 'layer1', '0', '1', 'fc']);
    const item = row(root, '0');
    const told = ['role', 'aria-level', 'aria-posinset', 'aria-setsize', 'aria-expanded', 'aria-selected'];
    expect(told.map((name) => item.getAttribute(name))).toEqual(['treeitem', '2', '1', '2', 'false', 'true']);
    expect(item.querySelector('.dvw-unseen')?.textContent).toBe(
      'layer1.0, BasicBlock, output 64 × 56 × 56, 73,984 weights',
    );
    expect(row(root, 'input').hasAttribute('aria-selected')).toBe(false);
  });

  it('chooses a layer with a click and tells Python', async () => {
    const { root, model } = await open();
    row(root, 'conv1').click();
    await drawn();
    expect(model.get('layer')).toBe('conv1');
    expect(row(root, 'conv1').getAttribute('aria-selected')).toBe('true');
    expect(readable(one(root, '.lp-facts'))).toContain('conv1');
  });

  it('never chooses the input', async () => {
    const { root, model } = await open();
    row(root, 'input').click();
    await press(root, 'Home');
    await press(root, 'Enter');
    expect(model.get('layer')).toBe('');
  });

  it('opens and closes with the chevron without choosing', async () => {
    const { root, model } = await open();
    one(row(root, 'layer1'), '.lp-chevron').click();
    await drawn();
    expect([model.get('expanded'), model.get('layer')]).toEqual([['layer1'], '']);
    one(row(root, 'layer1'), '.lp-chevron').click();
    await drawn();
    expect(model.get('expanded')).toEqual([]);
  });

  it('is used with the keyboard alone', async () => {
    const { root, model } = await open();
    for (const key of ['l', 'ArrowRight', 'ArrowRight', 'ArrowRight', 'ArrowRight', 'Enter']) await press(root, key);
    expect([active(root), model.get('layer')]).toEqual(['conv1', 'layer1.0.conv1']);
    for (const key of ['ArrowLeft', 'ArrowLeft', 'ArrowLeft', 'ArrowLeft']) await press(root, key);
    expect([active(root), model.get('expanded')]).toEqual(['layer1', []]);
  });

  it('moves the keyboard to the container that closes over it', async () => {
    const { root, model } = await open({ layer: 'layer1.0.conv1', expanded: ['layer1', 'layer1.0'] });
    expect(active(root)).toBe('conv1');
    model.set('expanded', []);
    await drawn();
    expect(active(root)).toBe('layer1');
  });

  it('reveals a layer that Python sets, and keeps what was open', async () => {
    const { root, model } = await open({ expanded: ['layer1', 'layer1.1'] });
    model.set('layer', 'layer1.0.conv2');
    await drawn();
    expect([...model.get('expanded')].sort()).toEqual(['layer1', 'layer1.0', 'layer1.1']);
    expect(row(root, 'conv2').getAttribute('aria-selected')).toBe('true');
    expect(active(root)).toBe('conv2');
  });

  it('ends a search that hides the layer that Python sets', async () => {
    const { root, model } = await open({ query: 'linear' });
    model.set('layer', 'layer1.1.conv1');
    await drawn();
    expect(model.get('query')).toBe('');
    expect(names(root)).toContain('1');
  });

  it('searches names and kinds and counts what it finds', async () => {
    const { root, model } = await open();
    const field = /** @type {HTMLInputElement} */ (one(root, 'input'));
    field.value = 'basic';
    field.dispatchEvent(new Event('input', { bubbles: true }));
    await drawn();
    expect([model.get('query'), names(root)]).toEqual(['basic', ['layer1', '0', '1']]);
    expect(one(root, '[role=status]').textContent).toBe('2 of 9 layers');
    await press(root, 'Escape');
    expect([model.get('query'), one(root, '[role=status]').textContent]).toEqual(['', '9 layers']);
  });

  it('says so when nothing fits', async () => {
    const { root } = await open({ query: 'transformer' });
    expect(readable(one(root, '.lp-nothing'))).toContain('“transformer”');
  });

  it('expands and collapses everything with one button', async () => {
    const { root, model } = await open();
    const all = one(root, '.lp-all');
    expect(all.textContent).toBe('Expand all');
    all.click();
    await drawn();
    expect([names(root).length, all.textContent]).toEqual([10, 'Collapse all']);
    all.click();
    expect(model.get('expanded')).toEqual([]);
  });

  it('says in the caption what the pointer is over, but not when it rests while the keyboard moves', async () => {
    const { root } = await open();
    const move = () =>
      row(root, 'conv1').dispatchEvent(new MouseEvent('pointermove', { clientX: 5, clientY: 9, bubbles: true }));
    const caption = () => readable(one(root, '.dvw-cap'));
    move();
    expect(caption()).toBe('conv1: 64 channels of 112 × 112, 9,408 weights.');
    await press(root, 'End');
    move();
    expect(caption()).toBe('fc: 1,000 numbers, 513,000 weights.');
  });

  it('shows untrusted names as text', async () => {
    const evil = '<img src=x onerror=alert(1)>';
    const layers = [{ ...LAYERS[0], name: evil, kind: evil, detail: evil }];
    const { root } = await open({ _layers: layers, _network: { ...NETWORK, name: evil }, layer: evil });
    expect(root.querySelector('img')).toBeNull();
    expect(names(root)).toEqual(['input', evil]);
    expect(readable(one(root, '.dvw-sub'))).toContain(evil);
  });

  it('keeps few rows however long the network, and the active one among them', async () => {
    const { root } = await open({ _layers: longNetwork(900) });
    await press(root, 'End');
    expect(active(root)).toBe('conv899');
    expect(root.querySelectorAll('.lp-row').length).toBeLessThan(40);
    one(root, '[role=tree]').scrollTop = 0;
    one(root, '[role=tree]').dispatchEvent(new Event('scroll'));
    await drawn();
    expect(active(root)).toBe('conv899');
    const tops = [...root.querySelectorAll('.lp-row')].map((node) =>
      Number.parseInt(/** @type {HTMLElement} */ (node).style.top, 10),
    );
    expect(tops).toEqual([...tops].sort((a, b) => a - b));
  });

  it('bears traits that have not arrived', async () => {
    const { root, model } = await open({
      _layers: undefined,
      _network: undefined,
      expanded: undefined,
      query: undefined,
    });
    expect(readable(one(root, '.dvw-body'))).toContain('no layers');
    model.set('_layers', LAYERS);
    await drawn();
    expect(names(root)).toContain('conv1');
  });

  it('works in a saved page', async () => {
    const { root, model } = await open({ _live: false });
    row(root, 'fc').click();
    await drawn();
    expect([model.get('layer'), model.sent]).toEqual(['fc', []]);
  });

  it('follows in a second view of the same model', async () => {
    const { model, root } = await open();
    const second = showModel(picker(), model);
    one(row(root, 'layer1'), '.lp-chevron').click();
    await drawn();
    expect(names(second.root)).toEqual(names(root));
  });
});
