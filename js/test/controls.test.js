import { beforeEach, describe, expect, it, vi } from 'vitest';
import { button, search, segmented, select, slider, stepper } from '../src/lib/controls.js';
import { one } from './helpers.js';

/** @param {HTMLElement} el @param {string} value */
function type(el, value) {
  const field = /** @type {HTMLInputElement} */ (el.querySelector('input') ?? el);
  field.value = value;
  field.dispatchEvent(new Event('input', { bubbles: true }));
  field.dispatchEvent(new Event('change', { bubbles: true }));
}
/** @param {HTMLElement} el @param {string} key */
const press = (el, key) => el.dispatchEvent(new KeyboardEvent('keydown', { key, bubbles: true, cancelable: true }));

beforeEach(() => document.body.replaceChildren());

describe('a control', () => {
  it('gives its reason to whoever listens when it is off, and works again when it is on', () => {
    const onClick = vi.fn();
    const b = button({ label: 'Measure', onClick });
    document.body.append(b.el);
    const reasons = /** @type {string[]} */ ([]);
    document.body.addEventListener('dvw-reason', (event) => reasons.push(/** @type {CustomEvent} */ (event).detail));
    b.disable('This needs a kernel.');
    b.el.click();
    expect([onClick.mock.calls.length, reasons]).toEqual([0, ['This needs a kernel.']]);
    b.disable(null);
    b.el.click();
    expect([onClick.mock.calls.length, reasons.length]).toEqual([1, 1]);
  });

  it('shows its label as text, whatever it holds', () => {
    const s = select({ label: '<b>x</b>', options: [{ value: 1, label: '<img src=x>' }], value: 1, onChange() {} });
    expect(s.el.querySelector('b, img')).toBeNull();
    expect(s.el.textContent).toContain('<img src=x>');
  });
});

describe('a button with an icon', () => {
  it('has its label as its name', () => {
    const b = button({ label: 'Zoom in', icon: 'plus' });
    expect(b.el.getAttribute('aria-label')).toBe('Zoom in');
    expect(b.el.textContent).toBe('');
  });
});

describe('a segmented control', () => {
  const options = [
    { value: 'index', label: 'Index' },
    { value: 'strongest', label: 'Strongest' },
  ];
  const pressed = (/** @type {HTMLElement} */ el) =>
    [...el.querySelectorAll('button')].map((b) => b.getAttribute('aria-pressed'));

  it('presses one and tells once', () => {
    const onChange = vi.fn();
    const s = segmented({ label: 'Order', options, value: 'index', onChange });
    const second = /** @type {HTMLElement} */ (s.el.querySelectorAll('button')[1]);
    second.click();
    second.click();
    expect(onChange.mock.calls).toEqual([['strongest']]);
    expect(pressed(s.el)).toEqual(['false', 'true']);
  });

  it('is set without calling back', () => {
    const onChange = vi.fn();
    const s = segmented({ label: 'Order', options, value: 'index', onChange });
    s.set('strongest');
    expect([pressed(s.el), onChange.mock.calls]).toEqual([['false', 'true'], []]);
  });
});

describe('controls that are off', () => {
  it('do nothing until they are on again', () => {
    const onChange = vi.fn();
    const options = [
      { value: 1, label: 'one' },
      { value: 2, label: 'two' },
    ];
    const seg = segmented({ label: 'n', options, value: 1, onChange });
    const step = stepper({ label: 'n', value: 1, min: 0, max: 9, onChange });
    const act = () => {
      for (const el of [seg.el, step.el]) /** @type {HTMLElement} */ (el.querySelector('button:last-of-type')).click();
    };
    for (const control of [seg, step]) control.disable('No kernel.');
    act();
    expect(onChange).not.toHaveBeenCalled();
    expect(seg.el.querySelectorAll('[aria-disabled=true]')).toHaveLength(2);
    for (const control of [seg, step]) control.disable(null);
    act();
    expect(onChange.mock.calls).toEqual([[2], [2]]);
  });
});

describe('a select', () => {
  it('gives values of any kind', () => {
    const onChange = vi.fn();
    const s = select({
      label: 'n',
      options: [
        { value: 1, label: 'one' },
        { value: 2, label: 'two' },
      ],
      value: 2,
      onChange,
    });
    const field = /** @type {HTMLSelectElement} */ (s.el.querySelector('select'));
    expect(field.selectedIndex).toBe(1);
    field.selectedIndex = 0;
    field.dispatchEvent(new Event('change'));
    expect(onChange).toHaveBeenCalledWith(1);
  });

  it('keeps its value when its options change', () => {
    const s = select({ label: 'n', options: [{ value: 'a', label: 'a' }], value: 'a', onChange() {} });
    s.setOptions([
      { value: 'b', label: 'b' },
      { value: 'a', label: 'a' },
    ]);
    expect(/** @type {HTMLSelectElement} */ (s.el.querySelector('select')).selectedIndex).toBe(1);
  });
});

describe('a slider', () => {
  it('tells numbers and writes them with their unit', () => {
    const onInput = vi.fn();
    const s = slider({ label: 'Patch', min: 8, max: 112, step: 8, value: 56, format: (v) => `${v} px`, onInput });
    expect(one(s.el, 'output').textContent).toBe('56 px');
    type(s.el, '64');
    expect([onInput.mock.calls, one(s.el, 'output').textContent]).toEqual([[[64]], '64 px']);
    expect(one(s.el, 'input').getAttribute('aria-valuetext')).toBe('64 px');
  });
});

describe('a stepper', () => {
  const make = (/** @type {(v: number) => void} */ onChange) =>
    stepper({ label: 'Channel', value: 9, min: 0, max: 63, onChange });

  it('steps by its buttons and by the arrow keys, and stops at its ends', () => {
    const onChange = vi.fn();
    const s = make(onChange);
    const [less, more] = [...s.el.querySelectorAll('button')];
    more?.click();
    less?.click();
    press(one(s.el, 'input'), 'ArrowUp');
    type(s.el, '500');
    more?.click();
    expect(onChange.mock.calls.flat()).toEqual([10, 9, 10, 63]);
  });

  it('forgets what is not a number', () => {
    const onChange = vi.fn();
    const s = make(onChange);
    type(s.el, 'nine');
    expect([onChange.mock.calls.length, /** @type {HTMLInputElement} */ (one(s.el, 'input')).value]).toEqual([0, '9']);
  });
});

describe('a search field', () => {
  it('clears on Escape and lets an empty Escape pass', () => {
    const onInput = vi.fn();
    const outer = vi.fn();
    const s = search({ label: 'Search layers', value: 'conv', onInput });
    document.body.append(s.el);
    document.body.addEventListener('keydown', outer);
    press(s.field, 'Escape');
    expect([s.field.value, onInput.mock.calls, outer.mock.calls.length]).toEqual(['', [['']], 0]);
    press(s.field, 'Escape');
    expect(outer).toHaveBeenCalledTimes(1);
  });

  it('has a button that clears, only while there is something to clear', () => {
    const s = search({ label: 'Search layers', onInput() {} });
    expect(one(s.el, 'button').hidden).toBe(true);
    type(s.el, 'x');
    expect(one(s.el, 'button').hidden).toBe(false);
    one(s.el, 'button').click();
    expect([s.field.value, one(s.el, 'button').hidden]).toEqual(['', true]);
  });
});
