/** Start, freeze, mirror, and a picture from a file. */
import { button } from '../lib/controls.js';

export const SAVED = 'No kernel: the camera needs a running notebook; the last answer stays.';

/**
 * @param {import('../lib/view.js').View} view
 * @param {{upload: {el: HTMLElement, disable: (why: string | null) => void}, toggle: () => void, freeze: () => void}} options
 */
export function controls(view, { upload, toggle, freeze }) {
  const { get, set, bar, live } = view;
  const start = button({ label: 'Start camera', onClick: toggle });
  const still = button({ label: 'Freeze', pressed: false, onClick: freeze });
  const mirror = button({ label: 'Mirror', pressed: true, onClick: () => set('mirror', !get('mirror')) });
  start.el.classList.add('wc-start');
  bar.append(start.el, still.el, mirror.el, upload.el);
  if (!live) for (const control of [start, still, mirror, upload]) control.disable(SAVED);
  return () => {
    start.relabel(get('on') ? 'Stop camera' : 'Start camera');
    still.set(Boolean(get('frozen')));
    mirror.set(Boolean(get('mirror')));
    if (live) still.disable(get('on') ? null : 'There is nothing to freeze: the camera is off.');
  };
}
