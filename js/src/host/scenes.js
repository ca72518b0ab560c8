// What a saved page can show beside what it opens with: maps of other layers, say. A scene is found by the values of a
// few traits, and holds the traits that differ then.

/** @typedef {{at: Record<string, any>, state?: Record<string, any>, buffers?: Record<string, string>}} Scene */

/**
 * @param {import('./model.js').FakeModel} model
 * @param {Scene[]} scenes the first is what the page opens with
 * @param {(packed: string) => any} decode a binary trait
 * @param {(text: string) => void} say
 */
export function stage(model, scenes, decode, say) {
  if (!scenes.length) return;
  const names = Object.keys(scenes[0].at);
  const changing = new Set(scenes.flatMap((s) => [...Object.keys(s.state ?? {}), ...Object.keys(s.buffers ?? {})]));
  const first = Object.fromEntries([...changing, ...names].map((name) => [name, model.get(name)]));
  let [now, asked] = [scenes[0], false];
  const fits = (/** @type {Scene} */ { at }, /** @type {(name: string) => any} */ get) =>
    names.every((name) => at[name] === get(name));

  /** @param {string} name @param {any} value */
  model.accepts = (name, value) => {
    if (!names.includes(name) || scenes.some(({ at }) => at[name] === value)) return true;
    say(missing(scenes, name, value));
    return false;
  };

  // After the last of the traits that one click changes.
  const follow = () => {
    asked = false;
    const found = scenes.find((scene) => fits(scene, (name) => model.get(name)));
    const next = found ?? now;
    const packed = Object.entries(next.buffers ?? {}).map(([name, text]) => [name, decode(text)]);
    if (!found)
      for (const name of names) if (next.at[name] !== model.get(name)) say(missing(scenes, name, model.get(name)));
    if (found) say('');
    if (!found || found !== now) model.put({ ...first, ...next.at, ...next.state, ...Object.fromEntries(packed) });
    now = next;
  };
  for (const name of names)
    model.on(`change:${name}`, () => {
      if (!asked) queueMicrotask(follow);
      asked = true;
    });
}

/** @param {Scene[]} scenes @param {string} name @param {any} value */
function missing(scenes, name, value) {
  const held = [...new Set(scenes.map(({ at }) => at[name]))].map((one) => written(name, one)).join(', ');
  return `This page does not hold ${name} ${written(name, value)}, which needs a kernel; it holds ${held}.`;
}

/** Images are counted from 1 on screen. @param {string} name @param {any} value */
const written = (name, value) => (name === 'image' ? `${value + 1}` : `${value}`);
