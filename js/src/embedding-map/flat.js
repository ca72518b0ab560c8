/** Draws the map on a plain canvas where there is no WebGL2: up to 5,000 images. Same shape as the scene. */

/** @typedef {import('./scene.js').Picture} Picture */
/** @typedef {import('./scene.js').Mark} Mark */

/** Most images that are drawn. */
export const MOST = 5000;

/** @param {number[] | Uint8Array} c @param {number} at */
const color = (c, at = 0) => `rgb(${c[at]} ${c[at + 1]} ${c[at + 2]})`;

/** @param {{art: (id: number, level: number) => HTMLCanvasElement | null, ids: () => ArrayLike<number>}} options ids: most wanted first */
export function flat({ art, ids }) {
  return {
    able: true,
    idle: false,
    /** @param {Picture} picture @param {CanvasRenderingContext2D} ctx */
    draw(picture, ctx) {
      const { w, h, marks, flats } = picture;
      ctx.setTransform(1, 0, 0, 1, 0, 0);
      ctx.clearRect(0, 0, w, h);
      dots(picture, ctx, ids());
      for (const { x, y, w, h, color: c } of flats) {
        ctx.globalAlpha = c[3];
        ctx.fillStyle = color(c.map((v) => v * 255));
        ctx.fillRect(x - w / 2, y - h / 2, w, h);
      }
      for (const mark of marks.slice(0, MOST)) picture.paper[1] ? ink(mark, ctx) : photo(mark, ctx);
      ctx.globalAlpha = 1;
      return false;
    },
    forget() {},
    release() {},
    bytes: () => 0,
  };

  /** @param {Mark} mark @param {CanvasRenderingContext2D} ctx */
  function ink({ id, x, y, size, level, alpha }, ctx) {
    const image = art(id, level);
    ctx.globalAlpha = alpha;
    if (image) ctx.drawImage(image, x - size / 2, y - size / 2, size, size);
  }

  /** @param {Mark} mark @param {CanvasRenderingContext2D} ctx */
  function photo(mark, ctx) {
    const { x, y, size, frame, tint, alpha } = mark;
    ctx.globalAlpha = alpha;
    ctx.fillStyle = color(tint.map((v) => v * 255));
    if (frame) ctx.fillRect(x - size / 2, y - size / 2, size, size);
    ink({ ...mark, size: size - 2 * frame }, ctx);
  }
}

/** @param {Picture} picture @param {CanvasRenderingContext2D} ctx @param {ArrayLike<number>} ids */
function dots({ w, h, points, view, colour, flags, ramp, dot }, ctx, ids) {
  const many = Math.min(ids.length, MOST);
  const { from, to, t } = points;
  for (let k = 0; k < many; k++) {
    const i = ids[k];
    if (flags.values[i] & 1) continue;
    const x = (from[2 * i] + (to[2 * i] - from[2 * i]) * t - view.x) * view.scale + w / 2;
    const y = (from[2 * i + 1] + (to[2 * i + 1] - from[2 * i + 1]) * t - view.y) * view.scale + h / 2;
    ctx.globalAlpha = flags.values[i] & 2 ? dot.dimmed : dot.alpha;
    ctx.fillStyle = color(ramp.rgba, 4 * colour.values[i]);
    ctx.fillRect(x - dot.size / 2, y - dot.size / 2, dot.size, dot.size);
  }
}
