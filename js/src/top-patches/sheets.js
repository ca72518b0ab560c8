/**
 * The thumbnails. Rows in sight are asked for, the newest wish first, a handful at a time. What has come is kept as
 * it came (compressed), so that everything that was seen stays; only the pictures of the last sheets are kept open.
 */
import { bytes } from '../lib/buffers.js';

/** Rows of one request. */
const ROWS = 8;
/** Sheets kept as pictures. */
const OPEN = 40;

/**
 * @typedef {object} Row thumbnails of one row
 * @property {string} stamp of the values that they were made for
 * @property {Uint8Array<ArrayBuffer>} sheet a JPEG with a row for each unit that was asked for
 * @property {number} at which row of the sheet @property {[number, number]} cell height and width of a thumbnail in it
 * @property {number[]} ids of the images @property {string[]} names of the images
 */

/**
 * @param {object} options
 * @param {(what: string, payload: Record<string, unknown>) => Promise<import('../lib/pump.js').Reply>} options.request
 * @param {() => void} options.changed something has come
 * @param {(sheet: Uint8Array<ArrayBuffer>) => Promise<CanvasImageSource>} [options.open]
 */
export function thumbnails({ request, changed, open = (sheet) => createImageBitmap(new Blob([sheet])) }) {
  /** @type {Map<string, Row>} */
  const kept = new Map();
  /** @type {Map<Uint8Array, CanvasImageSource | null>} oldest first; null while it is opened */
  const opened = new Map();
  let wanted = { key: '', units: /** @type {number[]} */ ([]), stamp: (/** @type {number} */ _unit) => '' };
  let busy = false;
  let failed = '';

  /** @param {any} content @param {any[]} buffers @param {(unit: number) => string} stamp */
  function keep(content, buffers, stamp) {
    const sheet = bytes(buffers[0]).slice();
    for (const [at, unit] of content.units.entries()) {
      const [ids, names] = [content.ids[at], content.names[at]];
      kept.set(`${content.key}|${unit}`, { stamp: stamp(unit), sheet, at, cell: content.cell, ids, names });
    }
  }

  async function next() {
    const { key, units, stamp } = wanted;
    if (busy || key === failed) return;
    const asked = units.filter((unit) => kept.get(`${key}|${unit}`)?.stamp !== stamp(unit)).slice(0, ROWS);
    if (!asked.length) return;
    const stamps = new Map(asked.map((unit) => [unit, stamp(unit)]));
    busy = true;
    try {
      const { content, buffers } = await request('patches', { key, units: asked });
      keep(content, buffers, (unit) => stamps.get(unit) ?? '');
      changed();
    } catch {
      failed = key; // a refusal is final for this content
    }
    busy = false;
    next();
  }

  /** @param {Uint8Array<ArrayBuffer>} sheet */
  function pictureOf(sheet) {
    const found = opened.get(sheet);
    if (found !== undefined) {
      opened.delete(sheet);
      opened.set(sheet, found);
      return found;
    }
    opened.set(sheet, null);
    for (const old of opened.keys()) {
      if (opened.size <= OPEN) break;
      opened.delete(old);
    }
    open(sheet).then(
      (picture) => {
        opened.set(sheet, picture);
        changed();
      },
      () => {},
    );
    return null;
  }

  return {
    /** @param {string} key @param {number[]} units in sight @param {(unit: number) => string} stamp */
    want(key, units, stamp) {
      wanted = { key, units, stamp };
      next();
    },
    /** What came without being asked for. */
    keep,
    /** @param {string} key @param {number} unit */
    row: (key, unit) => kept.get(`${key}|${unit}`) ?? null,
    pictureOf,
  };
}
