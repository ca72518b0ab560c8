/** What was drawn: strokes and pictures in their order, so that any step can be taken back. */
import { context } from '../lib/canvas.js';
import { make } from '../lib/frame.js';
import { cover } from '../live/pictures.js';

/**
 * @typedef {[number, number, number]} Point x and y as shares of the sheet's width, and a factor of the pen's width
 * @typedef {{kind: 'stroke', erase: boolean, width: number, colour: string, points: Point[]}} Stroke
 * @typedef {{kind: 'picture', source: HTMLCanvasElement, name: string, drawn: boolean, light: boolean}} Pasted
 * @typedef {Stroke | Pasted | {kind: 'clear'}} Item
 */

const FINE = 512; // px of the longer side: finer than what is shown or sent

/** @param {{sheet: () => [number, number, number], light: () => boolean}} options */
export function paper({ sheet, light }) {
  /** @type {Item[]} */
  let items = [];
  const canvas = make('canvas');
  const small = make('canvas');
  const ground = () => (light() ? '#000' : '#fff');
  const ink = () => (light() ? '#fff' : '#000');

  function fitted() {
    const [h, w] = sheet();
    const scale = FINE / Math.max(h, w, 1);
    const [wide, tall] = [Math.max(1, Math.round(w * scale)), Math.max(1, Math.round(h * scale))];
    const ctx = context(canvas, true); // in main memory, from where it is read for every frame
    if (canvas.width === wide && canvas.height === tall) return ctx;
    canvas.width = wide;
    canvas.height = tall;
    render();
    return ctx;
  }

  /** The newest part of a stroke, or all of it. @param {CanvasRenderingContext2D} ctx @param {Stroke} stroke @param {number} from */
  function trace(ctx, { erase, width, colour, points }, from) {
    ctx.globalCompositeOperation = erase ? 'destination-out' : 'source-over';
    ctx.strokeStyle = sheet()[2] === 1 || !colour ? ink() : colour;
    ctx.lineCap = ctx.lineJoin = 'round';
    const [w, least] = [canvas.width, Math.min(canvas.width, canvas.height)];
    for (let i = Math.max(0, from); i < points.length; i += 1) {
      const [a, b] = [points[Math.max(0, i - 1)], points[i]];
      ctx.lineWidth = width * least * b[2];
      ctx.beginPath();
      ctx.moveTo(a[0] * w, a[1] * w);
      ctx.lineTo(b[0] * w, b[1] * w + (i ? 0 : 0.01)); // a dot is a line of no length, which some browsers leave out
      ctx.stroke();
    }
    ctx.globalCompositeOperation = 'source-over';
  }

  /** @param {CanvasRenderingContext2D} ctx @param {Pasted} item */
  function paste(ctx, item) {
    cover(item.source, ctx, canvas.width, canvas.height);
    if (sheet()[2] !== 1 || item.light === light()) return;
    ctx.globalCompositeOperation = 'difference'; // grey drawings turn round with their paper
    ctx.fillStyle = '#fff';
    ctx.fillRect(0, 0, canvas.width, canvas.height);
    ctx.globalCompositeOperation = 'source-over';
  }

  function current() {
    let last = items.length - 1;
    while (last > 0 && items[last].kind === 'stroke') last -= 1;
    return items.slice(Math.max(0, last));
  }

  function render() {
    const ctx = context(canvas, true); // in main memory, from where it is read for every frame
    ctx.clearRect(0, 0, canvas.width, canvas.height);
    for (const item of current()) {
      if (item.kind === 'picture') paste(ctx, item);
      if (item.kind === 'stroke') trace(ctx, item, 0);
    }
  }

  return {
    render() {
      fitted();
      render();
    },
    /** @param {Item} item */
    add(item) {
      items.push(item);
      const ctx = fitted();
      if (item.kind === 'stroke') trace(ctx, item, 0);
      else render();
    },
    /** @param {Point[]} points of the stroke that is being drawn */
    extend(points) {
      const stroke = items[items.length - 1];
      if (stroke?.kind !== 'stroke') return;
      const from = stroke.points.length;
      stroke.points.push(...points);
      trace(fitted(), stroke, from);
    },
    undo() {
      items.pop();
      fitted();
      render();
    },
    clear() {
      if (this.empty()) return;
      this.add({ kind: 'clear' });
    },
    forget() {
      items = [];
      fitted();
      render();
    },
    undoable: () => items.length > 0,
    empty: () => current().every(({ kind }) => kind === 'clear'),
    /** The picture beneath the strokes, if there is one. */
    picture: () => /** @type {Pasted | undefined} */ (current().find((item) => item.kind === 'picture' && !item.drawn)),
    /** @param {CanvasRenderingContext2D} ctx @param {number} w @param {number} h */
    show(ctx, w, h) {
      fitted();
      ctx.fillStyle = ground();
      ctx.fillRect(0, 0, w, h);
      ctx.imageSmoothingEnabled = true;
      ctx.imageSmoothingQuality = 'high';
      ctx.drawImage(canvas, 0, 0, w, h);
    },
    /** As the kernel gets it: smooth edges, at the size of the sheet. */
    small() {
      const [h, w] = sheet();
      if (small.width !== w || small.height !== h) [small.width, small.height] = [w, h];
      this.show(context(small, true), w, h);
      return small;
    },
  };
}
