// What the bar does in a saved page: the end of the link tells what is chosen.
import { button } from '../lib/controls.js';
import { hear } from '../lib/frame.js';
import { otherPicture } from './words.js';

/** @typedef {import("../lib/view.js").View} View */
/** @typedef {Record<string, any>} State */

const KEY = 'dvw=';

/** A state so that it can stand behind the # of a link; as `fragment` of Python. @param {State} state */
export function pack(state) {
  const text = String.fromCharCode(...new TextEncoder().encode(JSON.stringify(state)));
  return btoa(text).replaceAll('+', '-').replaceAll('/', '_').replace(/=+$/, '');
}

/** @param {string} hash @returns {State | null} null where it holds no state */
export function unpack(hash) {
  const text = hash.slice(hash.lastIndexOf('#') + 1);
  if (!text.startsWith(KEY)) return null;
  try {
    const raw = atob(text.slice(KEY.length).replaceAll('-', '+').replaceAll('_', '/'));
    const state = JSON.parse(new TextDecoder().decode(Uint8Array.from(raw, (letter) => letter.charCodeAt(0))));
    return state && typeof state === 'object' && !Array.isArray(state) ? state : null;
  } catch {
    return null;
  }
}

/** "3-5,9" -> [3, 4, 5, 9] @param {string | number[]} told @param {number} count how many images there are */
export function ids(told, count) {
  if (Array.isArray(told)) return told.filter((id) => Number.isInteger(id) && id >= 0 && id < count);
  const found = [];
  for (const part of String(told ?? '').split(',')) {
    const [first, last = first] = part.split('-').map((end) => Number.parseInt(end, 10));
    for (let id = first ?? Number.NaN; id <= Math.min(last ?? -1, count - 1); id++) if (id >= 0) found.push(id);
  }
  return found;
}

/** @param {View} view */
export function createSaved(view) {
  const link = button({ label: 'Copy link', onClick: copy });
  view.bar.append(link.el);
  // once all widgets of the page are there and linked, so that they hear of it
  hear(document, 'dvw-linked', () => view.live || open(), { once: true, signal: view.signal });

  function address() {
    const state = view.get('_saved') ?? {};
    const now = { ...state, channel: view.get('channel'), selected: view.get('selected') };
    return `${location.href.replace(/#.*$/s, '')}#${KEY}${pack(now)}`;
  }

  async function copy() {
    const text = address();
    history.replaceState(null, '', text); // where the clipboard is refused, the address bar has it
    const done = await navigator.clipboard?.writeText(text).then(
      () => true,
      () => false,
    );
    view.caption.say(
      [done ? 'The link to this view was copied.' : 'The link to this view stands in the address bar.'],
      'info',
    );
  }

  /** Shows what the link tells, as far as this page holds it. */
  function open() {
    const told = unpack(location.hash);
    if (!told) return;
    const state = view.get('_saved') ?? {};
    if (told.image !== state.image || told.layer !== state.layer) {
      view.caption.say(otherPicture(), 'warning');
      return;
    }
    if (Number.isInteger(told.channel) && told.channel >= 0) view.set('channel', told.channel);
    view.set('selected', ids(told.selected, view.get('_network')?.count ?? 0));
  }

  return {
    show() {
      link.el.hidden = view.live;
    },
  };
}
