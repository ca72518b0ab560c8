/** Pictures that are pasted, dropped or uploaded: decoded in the page, upright, and refused in one sentence. */
import { context } from '../lib/canvas.js';
import { button } from '../lib/controls.js';
import { attributes, hear, make } from '../lib/frame.js';

const LARGEST_FILE = 64 << 20; // bytes
const MOST_PIXELS = 1e8;
const KEPT = 1024; // px of the longer side

/** What goes wrong with a file, with its name kept short: it is only text. @param {string} name @param {string} why */
const refusal = (name, why) => new Error(`${name.length > 60 ? `${name.slice(0, 57)}…` : name || 'This'} ${why}`);

/**
 * @param {Blob & {name?: string}} file
 * @returns {Promise<{canvas: HTMLCanvasElement, name: string}>}
 */
export async function decoded(file) {
  const name = file.name ?? 'pasted picture';
  if (file.size > LARGEST_FILE) {
    throw refusal(name, `has ${Math.round(file.size / 1e6)} MB; pictures up to ${LARGEST_FILE >> 20} MB can be read.`);
  }
  const upright = /** @type {ImageBitmapOptions} */ ({ imageOrientation: 'from-image' });
  const image = await createImageBitmap(file, upright).catch(() => null);
  if (!image) throw refusal(name, 'cannot be read as a picture; give a PNG, JPEG, WebP or GIF file.');
  const { width, height } = image;
  if (width * height > MOST_PIXELS) {
    image.close();
    throw refusal(name, `is ${width} × ${height} px; pictures up to 100 million pixels can be read.`);
  }
  const canvas = make('canvas');
  const scale = Math.min(1, KEPT / Math.max(width, height));
  canvas.width = Math.max(1, Math.round(width * scale));
  canvas.height = Math.max(1, Math.round(height * scale));
  const ctx = context(canvas);
  ctx.imageSmoothingQuality = 'high';
  ctx.fillStyle = '#fff'; // what is clear is white, as on a page
  ctx.fillRect(0, 0, canvas.width, canvas.height);
  ctx.drawImage(image, 0, 0, canvas.width, canvas.height);
  image.close();
  return { canvas, name };
}

/** The middle of a picture, so that it covers a sheet. @param {HTMLCanvasElement} from @param {CanvasRenderingContext2D} ctx @param {number} w @param {number} h */
export function cover(from, ctx, w, h) {
  const scale = Math.max(w / from.width, h / from.height);
  const [sw, sh] = [w / scale, h / scale];
  ctx.imageSmoothingEnabled = true;
  ctx.imageSmoothingQuality = 'high';
  ctx.drawImage(from, (from.width - sw) / 2, (from.height - sh) / 2, sw, sh, 0, 0, w, h);
}

/**
 * Hears what is pasted into the widget and dropped on it; the button opens a file.
 * @param {import('../lib/view.js').View} view
 * @param {(canvas: HTMLCanvasElement, name: string) => void} use
 * @param {() => void} refused the caption has said why
 */
export function pictures(view, use, refused) {
  const { root, signal, caption } = view;
  const field = make('input');
  Object.assign(field, { type: 'file', accept: 'image/*', hidden: true });
  attributes(field, { 'aria-label': 'Picture file', tabindex: -1 });
  const upload = button({ label: 'Upload', onClick: () => field.click() });

  /** @param {Blob | null | undefined} file */
  async function open(file) {
    if (!file) return caption.say('Nothing in there is a picture; copy or drop an image file.', 'warning');
    if (!view.live)
      return caption.say('No kernel: a picture cannot be looked at here. Run the notebook for that.', 'info');
    try {
      const { canvas, name } = await decoded(file);
      if (!signal.aborted) use(canvas, name);
    } catch (error) {
      caption.say(/** @type {Error} */ (error).message, 'warning');
      refused();
    }
  }
  /** @param {DataTransfer | null} data */
  const picked = (data) => [...(data?.files ?? [])].find(({ type }) => type.startsWith('image/')) ?? data?.files[0];

  hear(field, 'change', () => {
    open(field.files?.[0]);
    field.value = '';
  });
  hear(root, 'paste', (event) => take(event, event.clipboardData), { signal });
  hear(root, 'drop', (event) => take(event, event.dataTransfer), { signal });
  hear(root, 'dragover', (event) => stop(event), { signal }); // or the browser would open the file
  /** @param {Event} event */
  function stop(event) {
    event.preventDefault();
    event.stopPropagation();
    root.classList.toggle('lv-drop', event.type === 'dragover');
  }
  hear(root, 'dragleave', () => root.classList.remove('lv-drop'), { signal });
  /** @param {Event} event @param {DataTransfer | null} data */
  function take(event, data) {
    stop(event);
    open(picked(data));
  }
  const el = make('span', 'lv-upload');
  el.append(upload.el, field);
  return { el, disable: upload.disable };
}
