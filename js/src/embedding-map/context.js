/**
 * One hidden WebGL2 context a document, shared by all maps on the page: browsers take the oldest away after about 16.
 * A map draws on it and copies the picture to a canvas of its own. The last map that leaves gives it back.
 */
import { hear, make } from '../lib/frame.js';

/** @typedef {{lost: () => void, back: () => void}} User */
/** @typedef {{canvas: HTMLCanvasElement, gl: WebGL2RenderingContext, users: Set<User>}} Shared */

// bundles do not share modules, but they share the document
const NAME = Symbol.for('deepviz_widgets.webgl');

/** @param {Document} document @param {User} user @returns {{canvas: HTMLCanvasElement, gl: WebGL2RenderingContext, leave: () => void} | null} */
export function share(document, user) {
  const holder = /** @type {Record<symbol, Shared | undefined>} */ (/** @type {unknown} */ (document));
  const shared = holder[NAME] ?? open();
  if (!shared) return null;
  holder[NAME] = shared;
  shared.users.add(user);
  const leave = () => {
    if (!shared.users.delete(user) || shared.users.size) return;
    shared.gl.getExtension('WEBGL_lose_context')?.loseContext();
    if (holder[NAME] === shared) holder[NAME] = undefined;
  };
  return { canvas: shared.canvas, gl: shared.gl, leave };
}

/** @returns {Shared | null} */
function open() {
  const canvas = make('canvas');
  const gl = canvas.getContext('webgl2', {
    alpha: true,
    antialias: false,
    depth: false,
    stencil: false,
    premultipliedAlpha: true,
  });
  if (!gl || typeof gl.texStorage3D !== 'function') return null;
  /** @type {Set<User>} */
  const users = new Set();
  hear(canvas, 'webglcontextlost', (event) => {
    event.preventDefault(); // else it never comes back
    for (const user of users) user.lost();
  });
  hear(canvas, 'webglcontextrestored', () => {
    for (const user of users) user.back();
  });
  return { canvas, gl, users };
}
