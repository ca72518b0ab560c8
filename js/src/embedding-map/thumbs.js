/**
 * Which thumbnails to ask for, and where those that came are. A few requests are on their way at most; what is looked
 * at now goes first; what got lost is asked for again, later each time.
 */
import { bytes } from '../lib/buffers.js';
import { context } from '../lib/canvas.js';
import { make } from '../lib/frame.js';
import { LEVELS, ROOTED } from './slots.js';

/** @typedef {{canvas: HTMLCanvasElement, x: number, y: number, side: number}} Cell where the pixels of an image are */
/** @typedef {(id: number, level: number, cell: Cell) => void} Landed */

/** Most ids in a request, by level. */
const MANY = [1024, 256, 128, 64];
const FLYING = 3;
/** Bytes of pixels that are kept in main memory. */
const KEPT = 64 * 2 ** 20;
const PATIENCE = 8000; // ms

/** @param {Uint8Array<ArrayBuffer>} raw @returns {Promise<HTMLCanvasElement>} */
export async function decodeSheet(raw) {
  const bitmap = await createImageBitmap(new Blob([raw], { type: 'image/jpeg' }));
  const canvas = make('canvas');
  [canvas.width, canvas.height] = [bitmap.width, bitmap.height];
  context(canvas, true).drawImage(bitmap, 0, 0);
  bitmap.close();
  return canvas;
}

/** @param {number} side */
function square(side) {
  const canvas = make('canvas');
  [canvas.width, canvas.height] = [side, side];
  context(canvas, true).imageSmoothingQuality = 'high';
  return canvas;
}

/**
 * @param {{ask: import('./feed.js').Ask, landed: Landed, changed: () => void, decode?: typeof decodeSheet, patience?: number}} options
 */
export function thumbnails({ ask, landed, changed, decode = decodeSheet, patience = PATIENCE }) {
  /** by level: where each image's pixels are @type {Map<number, Cell>[]} */
  let cells = LEVELS.map(() => new Map());
  /** @type {{level: number, ids: number[], bytes: number}[]} */
  let sheets = [];
  let held = 0;
  /** "level id" -> when it may be asked for again @type {Map<string, number>} */
  let asked = new Map();
  let [flying, wait, turn, count, next] = [0, patience, 0, 0, 0];
  let based = false;
  let version = 0;
  /** @type {HTMLCanvasElement[]} */
  const scratch = [];

  /** @param {number} level @param {number[]} ids @param {HTMLCanvasElement} canvas @param {number} columns */
  function store(level, ids, canvas, columns) {
    const side = LEVELS[level];
    for (const [k, id] of ids.entries()) {
      const cell = { canvas, x: (k % columns) * side, y: Math.floor(k / columns) * side, side };
      cells[level].set(id, cell);
      landed(id, level, cell);
      version++;
    }
    if (!level) return; // the base is kept whole
    sheets.push({ level, ids, bytes: canvas.width * canvas.height * 4 });
    held += canvas.width * canvas.height * 4;
    while (held > KEPT && sheets.length > 1) {
      const old = sheets.shift();
      if (!old) break;
      held -= old.bytes;
      for (const id of old.ids) cells[old.level].delete(id);
    }
  }

  /** @param {number} level @param {number[]} ids */
  async function fetch(level, ids) {
    const mine = turn;
    const until = performance.now() + wait;
    for (const id of ids) asked.set(`${level} ${id}`, until);
    flying++;
    let given = false;
    const land = () => {
      if (!given && mine === turn) flying--;
      given = true;
    };
    const timer = setTimeout(() => {
      land();
      wait *= 2; // a kernel that is busy must not find a heap of questions
      changed();
    }, wait);
    const reply = await ask('thumbs', { level: LEVELS[level], ids });
    clearTimeout(timer);
    if (mine !== turn) return;
    if (reply) {
      wait = patience;
      const canvas = await decode(bytes(reply.buffers[0])).catch(() => null);
      if (mine !== turn) return;
      if (canvas)
        store(Math.max(level, LEVELS.indexOf(reply.content.level)), reply.content.ids, canvas, reply.content.columns);
      for (const id of ids) if (reply.content.ids.length) asked.delete(`${level} ${id}`);
    }
    land();
    changed();
  }

  /** The base, sheet after sheet. */
  async function base() {
    const mine = turn;
    while (next < count) {
      const reply = await ask('base', { from: next });
      if (mine !== turn || !reply || !(reply.content.count > 0) || reply.content.from !== next) break;
      const canvas = await decode(bytes(reply.buffers[0])).catch(() => null);
      if (mine !== turn) return;
      const ids = Array.from({ length: reply.content.count }, (_, k) => reply.content.from + k);
      if (canvas) store(0, ids, canvas, reply.content.columns);
      next += reply.content.count;
      changed();
    }
    if (mine === turn) based = false;
  }

  /** @param {number} id @param {number} level */
  const sharper = (id, level) => cells.find((of, k) => k > level && of.has(id))?.get(id);

  /** @param {number} id @param {number} level @returns {Cell | undefined} */
  function smaller(id, level) {
    const from = sharper(id, level);
    if (!from) return undefined;
    const side = LEVELS[level];
    scratch[level] ??= square(side);
    const canvas = scratch[level];
    context(canvas, true).drawImage(from.canvas, from.x, from.y, from.side, from.side, 0, 0, side, side);
    return { canvas, x: 0, y: 0, side };
  }

  return {
    /** Other images. @param {number} many */
    start(many) {
      turn++;
      [cells, sheets, asked, held, flying, count, next, based, wait] = [
        LEVELS.map(() => new Map()),
        [],
        new Map(),
        0,
        0,
        many,
        0,
        false,
        patience,
      ];
      this.base();
    },
    base() {
      if (based || next >= count || count > ROOTED) return;
      based = true;
      base();
    },
    /** Whether every image has its smallest picture. */
    get rooted() {
      return next >= count;
    },
    /** Changes with every picture that comes. */
    get version() {
      return version;
    },
    /** The pixels of an image at a level, else sharper ones, else coarser ones. @param {number} id @param {number} [level] */
    best(id, level = 3) {
      for (let k = level; k < 4; k++) if (cells[k].has(id)) return cells[k].get(id);
      for (let k = level - 1; k >= 0; k--) if (cells[k].has(id)) return cells[k].get(id);
      return undefined;
    },
    /** The pixels of an image at a level, made smaller from sharper ones where they were not sent; until the next call. @param {number} id @param {number} level */
    cell: (id, level) => cells[level].get(id) ?? (level ? smaller(id, level) : undefined),
    /** What should be there, most wanted first. @param {{id: number, level: number}[]} wanted */
    want(wanted) {
      if (flying >= FLYING) return;
      const now = performance.now();
      /** @type {number[][]} */
      const lists = LEVELS.map(() => []);
      for (const { id, level } of wanted) {
        if (cells[level].has(id) || sharper(id, level) || (asked.get(`${level} ${id}`) ?? 0) > now) continue;
        if (lists[level].length < MANY[level] * FLYING) lists[level].push(id);
      }
      for (const [level, ids] of lists.entries()) {
        for (let k = 0; k < ids.length && flying < FLYING; k += MANY[level])
          fetch(level, ids.slice(k, k + MANY[level]));
      }
    },
  };
}

/** @typedef {ReturnType<typeof thumbnails>} Thumbnails */
