import { afterEach, describe, expect, it, vi } from 'vitest';
import { geometry, PAD, step, tileGrid } from '../src/lib/grid.js';

const shape = { count: 20, columns: 8, gap: 4, aspect: 2, width: 8 * 50 + 7 * 4 + 2 * PAD };

describe('geometry of a grid', () => {
  it('tiles fill the width and keep their proportions', () => {
    const geo = geometry(shape);
    expect([geo.w, geo.h, geo.rows]).toEqual([50, 25, 3]);
    expect(geo.height).toBe(3 * 25 + 2 * 4 + 2 * PAD);
    expect(geo.box(9)).toEqual({ x: PAD + 54, y: PAD + 29, w: 50, h: 25 });
  });

  it('the tile under a point is the one that is drawn there', () => {
    const geo = geometry(shape);
    for (let i = 0; i < 20; i++) {
      const { x, y, w, h } = geo.box(i);
      expect(geo.at(x + 1, y + 1)).toBe(i);
      expect(geo.at(x + w - 1, y + h - 1)).toBe(i);
    }
  });

  it('there is no tile behind the last one and outside the grid', () => {
    const geo = geometry(shape);
    const { x, y } = geo.box(19);
    expect(geo.at(x + 55, y + 1)).toBe(-1);
    expect(geo.at(-10, 10)).toBe(-1);
    expect(geo.at(10, -10)).toBe(-1);
  });

  it('only the rows that are in sight are drawn', () => {
    const geo = geometry({ ...shape, count: 2048 });
    expect(geo.span(0, 60)).toEqual([0, 16]);
    const [first, last] = geo.span(29 * 10 + PAD, 29 * 12 + PAD - 5);
    expect([first, last]).toEqual([80, 96]);
    expect(geo.span(1e6, 1e6 + 100)).toEqual([2048, 2048]);
  });

  it('rows may be further apart than columns and may have a fixed height', () => {
    const geo = geometry({ ...shape, rowHeight: 44, rowGap: 12 });
    expect(geo.box(8).y - geo.box(0).y).toBe(56);
    expect(geo.at(PAD + 1, PAD + 57)).toBe(8);
  });

  it('an empty grid has no height', () => expect(geometry({ ...shape, count: 0 }).height).toBe(0));
});

describe('keys in a grid', () => {
  const grid = { count: 20, columns: 8, page: 2 };
  const cases = /** @type {[string, number, number][]} */ ([
    ['ArrowRight', 7, 8],
    ['ArrowRight', 19, 19],
    ['ArrowLeft', 8, 7],
    ['ArrowLeft', 0, 0],
    ['ArrowDown', 3, 11],
    ['ArrowDown', 13, 13],
    ['ArrowDown', 11, 19],
    ['ArrowUp', 11, 3],
    ['ArrowUp', 3, 3],
    ['Home', 13, 8],
    ['End', 9, 15],
    ['End', 17, 19],
    ['PageDown', 1, 17],
    ['PageDown', 6, 14],
    ['PageUp', 17, 1],
    ['PageUp', 9, 1],
  ]);
  for (const [key, from, to] of cases) {
    it(`${key} leads from tile ${from} to tile ${to}`, () => expect(step(key, from, grid)).toBe(to));
  }

  it('Home and End with Ctrl lead to the first and the last tile', () => {
    expect(step('Home', 13, { ...grid, ctrl: true })).toBe(0);
    expect(step('End', 3, { ...grid, ctrl: true })).toBe(19);
  });

  it('other keys are left to the page', () => expect(step('a', 3, grid)).toBe(null));
});

describe('a grid in a page', () => {
  const end = new AbortController();
  afterEach(() => document.body.replaceChildren());

  /** @param {(i: number) => void} onChoose */
  function mount(onChoose) {
    const root = document.body.appendChild(document.createElement('section'));
    const redraw = vi.fn();
    const view = { signal: end.signal, root, redraw };
    const grid = tileGrid({ view, label: 'Channels', name: (i) => `tile ${i}`, draw() {}, onHover() {}, onChoose });
    root.append(grid.el);
    grid.update({ count: 20, columns: 8, gap: 4, aspect: 1, chosen: 3 });
    return { grid, redraw };
  }

  /** @param {HTMLElement} el @param {string} key @param {object} [more] */
  const press = (el, key, more) => {
    const event = new KeyboardEvent('keydown', { key, cancelable: true, ...more });
    el.dispatchEvent(event);
    return event.defaultPrevented;
  };

  it('is one tab stop with a role, a name and an active cell', () => {
    const { el } = mount(() => {}).grid;
    expect([el.tabIndex, el.getAttribute('role'), el.getAttribute('aria-label')]).toEqual([0, 'grid', 'Channels']);
    const id = el.getAttribute('aria-activedescendant');
    expect(el.querySelector('[role=row] > [role=gridcell]')?.id).toBe(id);
  });

  it('arrows choose the next tile and Enter chooses again', () => {
    const onChoose = vi.fn();
    const { el } = mount(onChoose).grid;
    expect(press(el, 'ArrowDown')).toBe(true);
    expect(press(el, 'Enter')).toBe(true);
    expect(onChoose.mock.calls).toEqual([[11], [11]]); // also where no frame was drawn in between
  });

  it('keys that mean nothing here, or come with Alt, reach the page', () => {
    const onChoose = vi.fn();
    const { el } = mount(onChoose).grid;
    expect(press(el, 'x')).toBe(false);
    expect(press(el, 'ArrowLeft', { altKey: true })).toBe(false);
    expect(onChoose).not.toHaveBeenCalled();
  });
});
