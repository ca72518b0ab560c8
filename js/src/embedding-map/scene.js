/** Draws the map with WebGL2: dots for all points, thumbnails from slots in texture arrays. */
import { LAYER, LEVELS, perLayer, plan, slots } from './slots.js';
import { share } from './context.js';
import { DOTS, MARKS, program } from './shaders.js';

/** @typedef {import('./thumbs.js').Cell} Cell */
/** @typedef {{id: number, x: number, y: number, size: number, level: number, alpha: number, frame: number, tint: number[]}} Mark middle and size in device px */
/** @typedef {{x: number, y: number, w: number, h: number, color: number[]}} Flat */
/**
 * @typedef {object} Picture what to draw
 * @property {number} w device px @property {number} h
 * @property {{from: Uint16Array, to: Uint16Array, stamp: number, t: number}} points
 * @property {{x: number, y: number, scale: number}} view middle, and device px to a unit
 * @property {{values: Uint8Array, stamp: string}} colour index into the ramp, a point each
 * @property {{values: Uint8Array, stamp: string}} flags 1 hidden, 2 dimmed
 * @property {{rgba: Uint8Array, stamp: string}} ramp
 * @property {{size: number, alpha: number, dimmed: number, thin: number}} dot every how many-th point is drawn
 * @property {Mark[]} marks @property {Flat[]} flats
 * @property {[number, number]} paper
 * @property {number} now
 */

const FADE = 120; // ms in which a sharper thumbnail takes the place of a coarser one
const STRIDE = 20;

/**
 * @param {Document} document
 * @param {{pixels: (id: number, level: number) => Cell | undefined, changed: () => void, still: () => boolean}} options
 */
export function scene(document, { pixels, changed, still }) {
  /** @type {ReturnType<typeof build> | null} */
  let made = null;
  let count = -1;
  /** @type {ReturnType<typeof share>} */
  let shared = null;
  const user = {
    lost() {
      made = null;
      changed();
    },
    back: changed,
  };

  /** @param {number} many */
  function ready(many) {
    shared ??= share(document, user);
    if (!shared || shared.gl.isContextLost()) return null;
    if (!made || many !== count) {
      made?.free();
      made = build(shared.gl, many);
      count = many;
    }
    return made;
  }

  return {
    /** Whether there is WebGL2 at all. */
    get able() {
      shared ??= share(document, user);
      return shared !== null;
    },
    /** True when a thumbnail is still fading in. @param {Picture} picture @param {CanvasRenderingContext2D} target */
    draw(picture, target) {
      const parts = ready(picture.points.to.length >> 1);
      if (!parts || !shared) return false; // what was drawn before stays
      const { canvas, gl } = shared;
      const { w, h } = picture;
      if (canvas.width < w || canvas.height < h) {
        canvas.width = Math.max(w, canvas.width);
        canvas.height = Math.max(h, canvas.height);
      }
      gl.viewport(0, canvas.height - h, w, h);
      gl.clearColor(0, 0, 0, 0);
      gl.clear(gl.COLOR_BUFFER_BIT);
      const fading = parts.draw(picture, pixels, still());
      target.setTransform(1, 0, 0, 1, 0, 0);
      target.clearRect(0, 0, w, h);
      target.drawImage(canvas, 0, 0, w, h, 0, 0, w, h);
      return fading;
    },
    /** Other images: no slot holds what it did. */
    forget: () => made?.forget(),
    /** Off-screen: the graphics memory is given back, and filled again from main memory. */
    release() {
      made?.free();
      made = null;
      shared?.leave();
      shared = null;
    },
    bytes: () => made?.bytes ?? 0,
    /** Nothing is drawn: the context is lost, and comes back. */
    get idle() {
      return made === null;
    },
  };
}

/** @param {WebGL2RenderingContext} gl @param {number} count */
function build(gl, count) {
  const budget = plan(count);
  const [dots, marks] = [program(gl, DOTS), program(gl, MARKS)];
  const held = budget.layers.map((n, k) => slots(n * perLayer(k)));
  const textures = budget.layers.map((n, k) => {
    const texture = gl.createTexture();
    gl.activeTexture(gl.TEXTURE0 + k);
    gl.bindTexture(gl.TEXTURE_2D_ARRAY, texture);
    gl.texStorage3D(gl.TEXTURE_2D_ARRAY, 1, k ? gl.RGBA8 : gl.RGB565, LAYER, LAYER, n);
    linear(gl, gl.TEXTURE_2D_ARRAY, gl.LINEAR);
    return texture;
  });
  const ramp = gl.createTexture();
  gl.activeTexture(gl.TEXTURE4);
  gl.bindTexture(gl.TEXTURE_2D, ramp);
  linear(gl, gl.TEXTURE_2D, gl.NEAREST);
  const buffers = Array.from({ length: 6 }, () => gl.createBuffer());
  const [first, second, colours, flags, corners, boxes] = buffers;
  const arrays = [gl.createVertexArray(), gl.createVertexArray()];
  let stride = 0;
  /** Reads every n-th point. @param {number} n */
  function every(n) {
    if (n === stride) return;
    stride = n;
    gl.bindVertexArray(arrays[0]);
    for (const [at, buffer] of [first, second].entries()) {
      gl.bindBuffer(gl.ARRAY_BUFFER, buffer);
      gl.enableVertexAttribArray(at);
      gl.vertexAttribPointer(at, 2, gl.UNSIGNED_SHORT, false, 4 * n, 0);
    }
    for (const [k, buffer] of [colours, flags].entries()) {
      gl.bindBuffer(gl.ARRAY_BUFFER, buffer);
      gl.enableVertexAttribArray(2 + k);
      gl.vertexAttribIPointer(2 + k, 1, gl.UNSIGNED_BYTE, n, 0);
    }
  }
  every(1);
  gl.bindVertexArray(arrays[1]);
  gl.bindBuffer(gl.ARRAY_BUFFER, corners);
  gl.bufferData(gl.ARRAY_BUFFER, new Float32Array([0, 0, 1, 0, 0, 1, 1, 1]), gl.STATIC_DRAW);
  gl.enableVertexAttribArray(0);
  gl.vertexAttribPointer(0, 2, gl.FLOAT, false, 0, 0);
  gl.bindBuffer(gl.ARRAY_BUFFER, boxes);
  for (let k = 1; k <= 5; k++) {
    gl.enableVertexAttribArray(k);
    gl.vertexAttribPointer(k, 4, gl.FLOAT, false, STRIDE * 4, (k - 1) * 16);
    gl.vertexAttribDivisor(k, 1);
  }
  gl.bindVertexArray(null);
  /** @type {Record<string, unknown>} */
  const sent = {};
  /** by level: when the pictures of images landed @type {Map<number, number>[]} */
  let landed = LEVELS.map(() => new Map());
  let data = new Float32Array(STRIDE * 256);

  /** Sends what has changed. @param {string} name @param {unknown} stamp @param {WebGLBuffer | null} buffer @param {ArrayBufferView} values */
  function send(name, stamp, buffer, values) {
    if (sent[name] === stamp) return;
    sent[name] = stamp;
    gl.bindBuffer(gl.ARRAY_BUFFER, buffer);
    gl.bufferData(gl.ARRAY_BUFFER, values, gl.DYNAMIC_DRAW);
  }

  /** The slot of an image at a level; filled when its pixels are here. @param {number} id @param {number} level @param {(id: number, level: number) => Cell | undefined} pixels @param {number} now */
  function slot(id, level, pixels, now) {
    const there = held[level].look(id);
    if (there >= 0) return there;
    const cell = pixels(id, level);
    if (!cell) return -1;
    const { slot: at, lost } = held[level].take(id);
    landed[level].delete(lost);
    landed[level].set(id, now);
    upload(level, at, cell);
    return at;
  }

  /** @param {number} level @param {number} at @param {Cell} cell */
  function upload(level, at, cell) {
    const { side } = cell;
    const across = LAYER / side;
    const [layer, k] = [Math.floor(at / perLayer(level)), at % perLayer(level)];
    const ctx = /** @type {CanvasRenderingContext2D} */ (cell.canvas.getContext('2d'));
    const rgba = ctx.getImageData(cell.x, cell.y, side, side).data;
    gl.activeTexture(gl.TEXTURE0 + level);
    gl.bindTexture(gl.TEXTURE_2D_ARRAY, textures[level]);
    const [x, y] = [(k % across) * side, Math.floor(k / across) * side];
    const [format, type, values] = level
      ? [gl.RGBA, gl.UNSIGNED_BYTE, new Uint8Array(rgba.buffer)]
      : [gl.RGB, gl.UNSIGNED_SHORT_5_6_5, packed(rgba)];
    gl.texSubImage3D(gl.TEXTURE_2D_ARRAY, 0, x, y, layer, side, side, 1, format, type, values);
  }

  /** @param {number} at @param {number} level @param {number} slot */
  function locate(at, level, slot) {
    const across = LAYER / LEVELS[level];
    const k = slot % perLayer(level);
    data.set([level, Math.floor(slot / perLayer(level)), k % across, Math.floor(k / across)], at);
  }

  /** @param {Mark} mark @param {number} at @param {(id: number, level: number) => Cell | undefined} pixels @param {number} now @param {boolean} still */
  function place(mark, at, pixels, now, still) {
    let best = -1;
    let slotOf = -1;
    for (let k = mark.level; k >= 0 && best < 0; k--) {
      slotOf = slot(mark.id, k, pixels, now);
      if (slotOf >= 0) best = k;
    }
    for (let k = mark.level + 1; k < 4 && best < 0; k++) {
      slotOf = held[k].look(mark.id);
      if (slotOf >= 0) best = k;
    }
    if (best < 0) return 0;
    const age = still ? 1 : Math.min(1, (now - (landed[best].get(mark.id) ?? 0)) / FADE);
    let [under, blend, alpha] = [best, 0, mark.alpha];
    locate(at + 8, best, slotOf);
    locate(at + 4, best, slotOf);
    if (age < 1) {
      let coarse = -1;
      for (under = best - 1; under >= 0 && coarse < 0; under--) coarse = held[under].look(mark.id);
      if (coarse >= 0) {
        locate(at + 4, under + 1, coarse);
        blend = age;
      } else alpha *= age;
    }
    data.set([mark.x, mark.y, mark.size, mark.size], at);
    data.set([blend, alpha, mark.frame, 0], at + 12);
    data.set(mark.tint, at + 16);
    return age < 1 ? 2 : 1;
  }

  return {
    bytes: budget.bytes,
    forget() {
      for (const level of held) level.clear();
      landed = LEVELS.map(() => new Map());
      for (const name of Object.keys(sent)) delete sent[name];
    },
    free() {
      for (const texture of [...textures, ramp]) gl.deleteTexture(texture);
      for (const buffer of buffers) gl.deleteBuffer(buffer);
      for (const array of arrays) gl.deleteVertexArray(array);
      for (const { program } of [dots, marks]) gl.deleteProgram(program);
    },
    /** @param {Picture} picture @param {(id: number, level: number) => Cell | undefined} pixels @param {boolean} still */
    draw(picture, pixels, still) {
      const { points, view, colour, dot, w, h, now } = picture;
      gl.bindVertexArray(null);
      send('from', points.stamp, first, points.from);
      send('to', points.stamp, second, points.to);
      send('colour', colour.stamp, colours, colour.values);
      send('flags', picture.flags.stamp, flags, picture.flags.values);
      gl.activeTexture(gl.TEXTURE4);
      gl.bindTexture(gl.TEXTURE_2D, ramp);
      if (sent.ramp !== picture.ramp.stamp) {
        gl.texImage2D(gl.TEXTURE_2D, 0, gl.RGBA, 256, 1, 0, gl.RGBA, gl.UNSIGNED_BYTE, picture.ramp.rgba);
        sent.ramp = picture.ramp.stamp;
      }
      gl.enable(gl.BLEND);
      gl.blendFunc(gl.ONE, gl.ONE_MINUS_SRC_ALPHA);
      gl.useProgram(dots.program);
      gl.bindVertexArray(arrays[0]);
      gl.uniform1f(dots.at.t, points.t);
      gl.uniform1f(dots.at.size, dot.size);
      gl.uniform1f(dots.at.round, dot.size >= 2 ? dot.size : 0);
      gl.uniform4f(dots.at.place, view.x, view.y, (2 * view.scale) / w, (-2 * view.scale) / h);
      gl.uniform2f(dots.at.fade, dot.alpha, dot.dimmed);
      gl.uniform1i(dots.at.ramp, 4);
      every(dot.thin);
      if (dot.alpha > 0) gl.drawArrays(gl.POINTS, 0, Math.ceil(count / dot.thin));

      const { marks: shown, flats } = picture;
      const total = shown.length + flats.length;
      if (!total) return false;
      if (data.length < total * STRIDE) data = new Float32Array(total * STRIDE * 2);
      let [many, fading] = [0, false];
      for (const { x, y, w, h, color } of flats) {
        const at = many++ * STRIDE;
        data.fill(0, at, at + STRIDE);
        data.set([x, y, w, h], at);
        data.set([0, 1, 0, 1], at + 12);
        data.set(color, at + 16);
      }
      for (const mark of shown) {
        const placed = place(mark, many * STRIDE, pixels, now, still);
        if (placed) many++;
        fading ||= placed === 2;
      }
      gl.useProgram(marks.program);
      gl.bindVertexArray(arrays[1]);
      gl.bindBuffer(gl.ARRAY_BUFFER, boxes);
      gl.bufferData(gl.ARRAY_BUFFER, data.subarray(0, many * STRIDE), gl.DYNAMIC_DRAW);
      for (const [k, texture] of textures.entries()) {
        gl.activeTexture(gl.TEXTURE0 + k);
        gl.bindTexture(gl.TEXTURE_2D_ARRAY, texture);
        gl.uniform1i(marks.at[`s${k}`], k);
      }
      gl.uniform2f(marks.at.screen, w, h);
      gl.uniform2f(marks.at.paper, ...picture.paper);
      gl.drawArraysInstanced(gl.TRIANGLE_STRIP, 0, 4, many);
      return fading;
    },
  };
}

/** @param {WebGL2RenderingContext} gl @param {number} target @param {number} filter */
function linear(gl, target, filter) {
  gl.texParameteri(target, gl.TEXTURE_MIN_FILTER, filter);
  gl.texParameteri(target, gl.TEXTURE_MAG_FILTER, filter);
  gl.texParameteri(target, gl.TEXTURE_WRAP_S, gl.CLAMP_TO_EDGE);
  gl.texParameteri(target, gl.TEXTURE_WRAP_T, gl.CLAMP_TO_EDGE);
}

/** RGBA -> 5, 6 and 5 bits. @param {Uint8ClampedArray} rgba */
function packed(rgba) {
  const out = new Uint16Array(rgba.length / 4);
  for (let i = 0; i < out.length; i++)
    out[i] = ((rgba[4 * i] >> 3) << 11) | ((rgba[4 * i + 1] >> 2) << 5) | (rgba[4 * i + 2] >> 3);
  return out;
}
