/** The camera's frames through a network, as fast as the machine allows: the newest only. */
import { bytes } from '../lib/buffers.js';
import { context, fit, nothing } from '../lib/canvas.js';
import { attributes, hear, make, put } from '../lib/frame.js';
import { box } from '../lib/parts.js';
import { decode } from '../lib/photo.js';
import { fixed, size } from '../lib/text.js';
import { frames, widget } from '../lib/view.js';
import { answer } from '../live/answer.js';
import { newestOnly } from '../live/ask.js';
import { encode } from '../live/encode.js';
import { pictures } from '../live/pictures.js';
import { controls, SAVED } from './bar.js';
import { camera } from './camera.js';
import './style.css';

const WIDEST = 264; // px
const HINT = 'Start the camera, or drop, paste or upload a picture; Space freezes the frame.';
const BUSY = 'The kernel is busy; it gets the newest frame as soon as it is free.';

/** How large a frame is sent: its shorter side `least` px, its longer at most `most`, never enlarged. @param {number} w @param {number} h @param {[number, number, number]} frame @returns {[number, number]} */
export function sent(w, h, [least, most]) {
  const scale = Math.min(1, least / Math.min(w, h), most / Math.max(w, h));
  return [Math.max(1, Math.round(w * scale)), Math.max(1, Math.round(h * scale))];
}

/** @param {import('../lib/view.js').View} view */
function setup(view) {
  const { get, set, model, body, caption, redraw, on, root, signal } = view;
  view.title('Webcam');
  const me = Math.random().toString(36).slice(2);
  const shown = answer(view);
  const frame = make('canvas');
  /** What stands still: a frozen frame, or a picture. @type {{canvas: HTMLCanvasElement, name: string} | null} */
  let still = null;
  let [why, quiet, pace, before] = ['', true, 0, 0];
  let inSight = true;
  /** a still picture that the kernel does not have yet */
  let owed = false;

  const cam = camera(signal, {
    failed(reason) {
      why = reason;
      quiet = true;
      caption.say(reason, 'warning');
      set('on', false);
    },
    ended: () => set('on', false),
  });
  const moving = () => cam.ready && !get('frozen') && inSight && !document.hidden && view.width > 0;

  /** @param {CanvasImageSource} from @param {number} w @param {number} h @param {boolean} mirrored */
  function drawInto(from, w, h, mirrored) {
    const [wide, tall] = sent(w, h, get('_frame') ?? [224, 640, 3]);
    if (frame.width !== wide || frame.height !== tall) [frame.width, frame.height] = [wide, tall];
    const ctx = context(frame, true); // in main memory: every frame is read from it
    ctx.setTransform(mirrored ? -1 : 1, 0, 0, 1, mirrored ? wide : 0, 0);
    ctx.imageSmoothingQuality = 'high';
    ctx.drawImage(from, 0, 0, wide, tall);
  }
  const link = newestOnly(view, {
    async take() {
      const end = Boolean(still && owed);
      if (still && owed) drawInto(still.canvas, still.canvas.width, still.canvas.height, false);
      else if (moving()) drawInto(cam.video, cam.video.videoWidth, cam.video.videoHeight, get('mirror'));
      else return null;
      owed = false;
      const found = await encode(frame, get('_frame')?.[2] ?? 3);
      return found && { ...found, content: { ...found.content, end, by: me, name: end ? (still?.name ?? '') : '' } };
    },
    answered() {
      const now = performance.now();
      if (moving() && before) pace = pace ? 0.8 * pace + 0.2 * (now - before) : now - before;
      before = now;
      quiet = false;
      shown.listen();
      redraw();
      next();
    },
    failed(reason) {
      quiet = true;
      caption.say(reason, 'warning');
      next(500);
    },
    busy() {
      quiet = true;
      caption.say(BUSY, 'info');
      redraw();
    },
  });
  let timer = 0;
  hear(signal, 'abort', () => clearTimeout(timer));
  /** The next frame that the camera has. @param {number} [wait] */
  function next(wait = 0) {
    if (!moving()) return;
    const go = () => !signal.aborted && moving() && link.push();
    clearTimeout(timer);
    if (wait || !cam.video.requestVideoFrameCallback) timer = window.setTimeout(go, wait);
    else cam.video.requestVideoFrameCallback(go);
  }

  async function follow() {
    if (get('on') && view.live && !document.hidden) {
      why = '';
      if (await cam.start()) {
        before = 0;
        if (!get('frozen')) still = null;
        link.push();
        next();
      }
    } else cam.stop();
    redraw();
  }
  function toggle() {
    if (get('on')) return set('on', false);
    model.set('frozen', false);
    set('on', true);
  }
  function freeze() {
    if (get('frozen')) return set('frozen', false);
    if (!cam.ready) return caption.say('There is nothing to freeze: the camera is off.', 'info');
    const { videoWidth: w, videoHeight: h } = cam.video;
    drawInto(cam.video, w, h, get('mirror'));
    keep(frame, '');
    set('frozen', true);
  }
  /** @param {HTMLCanvasElement} source @param {string} name */
  function keep(source, name) {
    const canvas = make('canvas');
    [canvas.width, canvas.height] = [source.width, source.height];
    context(canvas).drawImage(source, 0, 0);
    still = { canvas, name };
    owed = true;
    link.push();
    redraw();
  }
  const file = pictures(
    view,
    (source, name) => {
      keep(source, name);
      set('frozen', true);
    },
    shown.hold,
  );
  const bar = controls(view, { upload: file, toggle, freeze });

  const [pic, canvas, words] = [make('div', 'wc-pic'), make('canvas'), make('span', 'wc-words')];
  pic.append(canvas, words);
  attributes(pic, { tabindex: 0, role: 'img', 'aria-label': 'The picture that the network gets; Space freezes it' });
  body.append(box('lv', box('lv-source', pic, shown.bars), shown.el));
  hear(
    root,
    'keydown',
    (/** @type {KeyboardEvent} */ e) => {
      const at = /** @type {Element} */ (e.target);
      if (e.key !== ' ' || !view.live || at.closest('button, input, select, .dvw-grid')) return;
      e.preventDefault();
      freeze();
    },
    { signal },
  );
  hear(document, 'visibilitychange', follow, { signal });
  const sight = new IntersectionObserver((entries) => {
    inSight = entries[entries.length - 1].isIntersecting;
    if (inSight) next();
  });
  sight.observe(pic);
  hear(signal, 'abort', () => sight.disconnect());

  async function receive() {
    const { by, shape, codec, name = '' } = get('_picture_meta') ?? {};
    const raw = bytes(get('_picture'));
    if (by === me || !raw.length || !shape) return;
    const source = await decode(raw, { codec, shape }).catch(() => null);
    if (source && (get('frozen') || !cam.running)) still = { canvas: source, name };
    redraw();
  }
  on(['_picture', '_picture_meta'], receive);
  on('on', follow);
  on('frozen', () => {
    if (!get('frozen')) {
      still = null;
      link.push();
      next();
    } else if (cam.ready && !still) {
      drawInto(cam.video, cam.video.videoWidth, cam.video.videoHeight, get('mirror')); // frozen from Python
      keep(frame, '');
    }
    redraw();
  });
  on(['mirror', '_frame'], redraw);
  receive();
  follow();

  function drawPicture() {
    const from = still?.canvas ?? (cam.ready ? cam.video : null);
    const [w, h] = still
      ? [still.canvas.width, still.canvas.height]
      : [cam.video.videoWidth || 4, cam.video.videoHeight || 3];
    const wide = Math.min(WIDEST, pic.clientWidth || WIDEST, (WIDEST * w) / h);
    const tall = (wide * h) / w;
    Object.assign(canvas.style, { width: `${wide}px`, height: `${tall}px` });
    const ctx = fit(canvas, wide, tall);
    put(words, from ? '' : why || (view.live ? 'The camera is off.' : 'No picture was saved.'));
    words.hidden = Boolean(from);
    if (!from) return nothing(ctx, root, 0, 0, wide, tall);
    if (!still && get('mirror')) {
      ctx.translate(wide, 0);
      ctx.scale(-1, 1);
    }
    ctx.drawImage(from, 0, 0, wide, tall);
  }

  const drawFrame = frames(() => {
    if (!moving()) return;
    drawPicture();
    film();
  }, signal);
  let filming = false;
  /** The camera's picture alone, as often as it gives one: the layers are drawn when they have changed. */
  function film() {
    if (!cam.video.requestVideoFrameCallback) return drawFrame();
    if (filming) return;
    filming = true;
    cam.video.requestVideoFrameCallback(() => {
      filming = false;
      drawFrame();
    });
  }

  caption.say(view.live ? HINT : SAVED, 'info');
  view.draw = () => {
    const { name = '', input = [] } = get('_network') ?? {};
    const speed = moving() && pace ? ` · ${fixed(1000 / pace, 1)} frames a second` : get('frozen') ? ' · frozen' : '';
    view.sub([name, ` · ${size(input)}${speed}`]);
    bar();
    drawPicture();
    shown.draw(link.late.is, quiet);
    film();
  };
}

export default widget(setup);
