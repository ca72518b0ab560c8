/** The tools: pen or eraser, its width, its colour or polarity, undo, clear, and a picture from a file. */
import { button, segmented, slider } from '../lib/controls.js';
import { attributes, hear, make } from '../lib/frame.js';
import { percent } from '../lib/text.js';

export const SAVED = 'No kernel: drawing needs a running notebook; the last answer stays.';

/**
 * @param {import('../lib/view.js').View} view
 * @param {{upload: {el: HTMLElement, disable: (why: string | null) => void}, undo: () => void, clear: () => void}} options
 */
export function tools(view, { upload, undo, clear }) {
  const { get, set, bar, live } = view;
  let tool = 'pen';
  const which = segmented({
    label: 'Tool',
    options: [
      { value: 'pen', label: 'Pen' },
      { value: 'eraser', label: 'Eraser' },
    ],
    value: tool,
    onChange: (next) => {
      tool = next;
    },
  });
  const width = slider({
    label: 'Width',
    min: 0.02,
    max: 0.3,
    step: 0.01,
    value: 0.1,
    format: percent,
    onInput: (v) => set('brush', v),
  });
  const ink = segmented({
    label: 'Ink',
    options: [
      { value: 'light', label: 'Light' },
      { value: 'dark', label: 'Dark' },
    ],
    value: 'light',
    onChange: (v) => set('ink', v),
  });
  const centred = button({ label: 'Centre', pressed: false, onClick: () => set('centred', !get('centred')) });
  const back = button({ label: 'Undo', onClick: undo });
  const empty = button({ label: 'Clear', onClick: clear });
  const colour = make('input', 'sk-colour');
  Object.assign(colour, { type: 'color', value: '#1f5fd0' });
  attributes(colour, { 'aria-label': 'Colour of the pen' });
  let coloured = false;
  hear(colour, 'input', () => {
    coloured = true;
  });
  const pen = make('label', 'dvw-ctl');
  pen.append(make('span', 'dvw-label', 'Colour'), colour);
  bar.append(which.el, width.el, pen, ink.el, centred.el, back.el, empty.el, upload.el);
  if (!live) for (const control of [which, width, ink, centred, back, empty, upload]) control.disable(SAVED);

  return {
    erases: () => tool === 'eraser',
    /** '' until one is chosen: then the pen is as dark as its paper is light. */
    colour: () => (coloured ? colour.value : ''),
    /** @param {{undoable: boolean, empty: boolean}} now */
    follow({ undoable, empty: nothing }) {
      const grey = get('_sheet')?.[2] === 1;
      pen.hidden = grey;
      centred.el.hidden = !grey;
      width.set(get('brush'));
      ink.set(get('ink'));
      centred.set(Boolean(get('centred')));
      if (!coloured) colour.value = get('ink') === 'light' ? '#ffffff' : '#000000';
      if (!live) return;
      back.disable(undoable ? null : 'There is nothing to take back.');
      empty.disable(nothing ? 'The sheet is empty.' : null);
    },
  };
}
