/** A sheet to draw on: every layer of the network, and its scores, follow the pen. */
import { bytes } from '../lib/buffers.js';
import { fit } from '../lib/canvas.js';
import { attributes, make } from '../lib/frame.js';
import { box } from '../lib/parts.js';
import { decode } from '../lib/photo.js';
import { plural, size } from '../lib/text.js';
import { frames, widget } from '../lib/view.js';
import { answer } from '../live/answer.js';
import { newestOnly } from '../live/ask.js';
import { encode } from '../live/encode.js';
import { pictures } from '../live/pictures.js';
import { SAVED, tools } from './bar.js';
import { paper } from './paper.js';
import { pen } from './pen.js';
import './style.css';

const WIDEST = 264; // px
const HINT = 'Draw with mouse, pen or finger, or with the keyboard: arrows move, Space puts the pen down and lifts it.';
const ALONE = 'No kernel: the last drawing and what the network said of it stay; nothing new can be drawn.';
const BUSY = 'The kernel is busy; it gets the newest drawing as soon as it is free.';

/** @param {import('../lib/view.js').View} view */
function setup(view) {
  const { get, body, caption, redraw, on } = view;
  view.title('Sketchpad');
  // which view drew: it does not draw again what comes back to it
  const me = Math.random().toString(36).slice(2);
  const page = paper({ sheet: () => get('_sheet') ?? [1, 1, 1], light: () => get('ink') === 'light' });
  const shown = answer(view);
  let drawing = false;
  /** @type {import('./paper.js').Point | null} */
  let cursor = null;
  /** the caption says something that must stay */
  let quiet = true;

  const link = newestOnly(view, {
    async take() {
      const name = page.picture()?.name;
      const picture = name !== undefined;
      const frame = await encode(page.small(), get('_sheet')[2]);
      return (
        frame && {
          ...frame,
          content: { ...frame.content, end: !drawing, by: me, picture, ...(picture ? { name } : {}) },
        }
      );
    },
    answered() {
      quiet = false;
      shown.listen();
      redraw();
    },
    failed(reason) {
      quiet = true;
      caption.say(reason, 'warning');
    },
    busy() {
      quiet = true;
      caption.say(BUSY, 'info');
      redraw();
    },
  });
  // the pen moves the sheet alone: the layers are drawn when they have changed
  const padOnly = frames(() => view.width > 0 && drawPad(), view.signal);
  function changed() {
    padOnly();
    link.push();
  }
  function undo() {
    page.undo();
    changed();
    redraw();
  }
  function clear() {
    page.clear();
    changed();
    redraw();
  }
  const file = pictures(
    view,
    (source, name) => {
      page.add({ kind: 'picture', source, name, drawn: false, light: get('ink') === 'light' });
      changed();
    },
    shown.hold,
  );
  const bar = tools(view, { upload: file, undo, clear });

  const pad = make('div', 'sk-pad');
  const canvas = make('canvas');
  const place = box('sk-place', pad);
  pad.append(canvas);
  attributes(pad, {
    tabindex: 0,
    role: 'application',
    'aria-roledescription': 'drawing area',
    'aria-label': 'Sheet to draw on: arrows move the pen, Space puts it down and lifts it, Delete clears the sheet',
  });
  body.append(box('lv', box('lv-source', place, shown.bars), shown.el));

  pen(pad, {
    signal: view.signal,
    aspect: () => get('_sheet')[0] / get('_sheet')[1],
    may() {
      if (!view.live) caption.say(SAVED, 'info');
      return view.live;
    },
    down(point, rubber) {
      drawing = true;
      page.add({
        kind: 'stroke',
        erase: rubber || bar.erases(),
        width: get('brush'),
        colour: bar.colour(),
        points: [point],
      });
      changed();
    },
    move(points) {
      page.extend(points);
      changed();
    },
    up() {
      drawing = false;
      changed();
      redraw();
    },
    hover(at) {
      cursor = at;
      padOnly();
    },
    undo: () => view.live && undo(),
    clear: () => view.live && clear(),
    told(down) {
      quiet = true;
      caption.say(down ? 'The pen is down: arrows draw.' : 'The pen is lifted.', 'info');
      quiet = false;
    },
  });

  /** What another view drew, or Python, or what was there before the page was loaded again. */
  async function receive() {
    const { by, kind, shape, codec = 'raw' } = get('_drawing_meta') ?? {};
    const raw = bytes(get('_drawing'));
    if (by === me || drawing || !shape) return;
    if (kind === 'empty') page.forget();
    else if (raw.length === shape[0] * shape[1] * shape[2]) {
      const source = await decode(raw, { codec, shape });
      page.forget();
      page.add({
        kind: 'picture',
        source,
        name: kind === 'picture' ? 'picture' : '',
        drawn: kind === 'drawing',
        light: get('ink') === 'light',
      });
    }
    redraw();
  }
  on(['_drawing', '_drawing_meta'], receive);
  on(['ink', '_sheet'], () => {
    page.render();
    if (!page.empty()) changed();
    redraw();
  });
  on(['brush', 'centred'], redraw);
  receive();

  function drawPad() {
    const [h, w] = get('_sheet') ?? [1, 1];
    const room = Math.min(WIDEST, place.clientWidth || WIDEST);
    const wide = Math.max(48, Math.min(room, (WIDEST * w) / h));
    const tall = (wide * h) / w;
    Object.assign(canvas.style, { width: `${wide}px`, height: `${tall}px` });
    pad.style.width = `${wide}px`;
    const ctx = fit(canvas, wide, tall);
    page.show(ctx, wide, tall);
    if (!cursor) return;
    const [x, y] = [cursor[0] * wide, cursor[1] * wide];
    const r = Math.max(2, (get('brush') * Math.min(wide, tall)) / 2);
    for (const [by, colour] of /** @type {[number, string][]} */ ([
      [0.75, '#000'],
      [-0.25, '#fff'],
    ])) {
      ctx.strokeStyle = colour;
      ctx.lineWidth = 1;
      ctx.beginPath();
      ctx.arc(x, y, r + by, 0, 2 * Math.PI);
      ctx.stroke();
    }
  }

  caption.say(view.live ? HINT : ALONE, 'info');
  view.draw = () => {
    const { name = '', input = [] } = get('_network') ?? {};
    view.sub([name, ` · ${size(input)} · ${plural(get('_rows')?.length ?? 0, 'layer')}`]);
    bar.follow({ undoable: page.undoable(), empty: page.empty() });
    drawPad();
    shown.draw(link.late.is, quiet && !drawing);
  };
}

export default widget(setup);
