// True classes against predicted ones as a grid of buttons, and the images of the chosen cell.
import { button } from '../lib/controls.js';
import { empty } from '../lib/frame.js';
import { box } from '../lib/parts.js';
import { widget } from '../lib/view.js';
import { createImages } from './images.js';
import { createMatrix } from './matrix.js';
import { EMPTY, HINT, ofCell, ofImage, UNLABELLED } from './words.js';
import './style.css';

const TRAITS = ['cell', 'shares', 'image', '_table', '_members', '_thumbs', '_thumbs_meta', 'status'];

/** @param {import('../lib/view.js').View} view */
function setup(view) {
  const { get, set, caption, redraw } = view;
  view.title('Confusion matrix');
  const shares = button({ label: 'Shares of a row', pressed: false, onClick: () => set('shares', !get('shares')) });
  view.bar.append(shares.el);
  const table = () => get('_table') ?? {};
  const cell = () => /** @type {[number, number] | null} */ (get('cell')?.length === 2 ? get('cell') : null);

  const matrix = createMatrix({
    onHover: (row, column) => caption.say(ofCell(table(), row, column)),
    onChoose(row, column) {
      caption.say(ofCell(table(), row, column));
      set('cell', [row, column]);
      // with a kernel both follow from the cell there; in a saved page they are known here
      const ids = get('_members')?.[row]?.[column] ?? [];
      if (!view.live && ids.length) {
        set(
          'selected',
          [...ids].sort((a, b) => a - b),
        );
        set('image', ids[0]);
      }
    },
    onLeave: () => set('cell', []),
  });
  const images = createImages({
    changed: redraw,
    onHover: (at) => caption.say(ofImage(at, table(), cell())),
    onChoose: (id) => set('image', id),
  });
  const whole = box('cm', matrix.el, images.el);
  const soon = empty(EMPTY, 'matrix.wait()');
  const none = empty(UNLABELLED, 'dv.ImageSet(photos, labels=[...], classes=[...])');
  view.body.append(whole, soon, none);
  caption.say(HINT, 'info');

  view.draw = () => {
    const shown = table();
    const { names = [], labelled = 0, done = 0, total = 1 } = shown;
    soon.hidden = names.length > 0 || (total > 0 && done === total);
    none.hidden = names.length > 0 || !soon.hidden;
    whole.hidden = !names.length;
    shares.set(Boolean(get('shares')));
    view.sub(labelled || names.length ? shown.says : '');
    if (!names.length) return;
    matrix.show(shown, cell(), Boolean(get('shares')));
    const at = cell();
    const ids = at ? (get('_members')?.[at[0]]?.[at[1]] ?? []) : [];
    images.show({
      ids,
      meta: get('_thumbs_meta') ?? {},
      data: get('_thumbs'),
      image: get('image'),
      cell: at,
      table: shown,
    });
  };
  view.on(TRAITS, redraw);
}

export default widget(setup, { runs: true });
