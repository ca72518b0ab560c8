/** Who is hidden and who steps back: filter, isolated selection, search, the category that is pointed at. */

export const HIDDEN = 1;
export const DIMMED = 2;

/** Who stands out; null when all do. @typedef {{stamp: string, test: (id: number) => boolean} | null} Focus */

export function flagger() {
  let [stamp, hidden] = ['', ''];
  let version = 0;
  let values = new Uint8Array(0);
  return {
    get values() {
      return values;
    },
    get version() {
      return version;
    },
    get hidden() {
      return hidden;
    },
    /**
     * @param {number} count @param {number[]} missing ids that could not be read
     * @param {Focus} only all others are hidden @param {Focus} focus all others step back
     */
    update(count, missing, only, focus) {
      const next = `${count} ${missing.length} ${only?.stamp} ${focus?.stamp}`;
      if (next === stamp) return;
      [stamp, hidden] = [next, `${count} ${missing.length} ${only?.stamp}`];
      version++;
      values = new Uint8Array(count);
      for (let i = 0; i < count; i++) {
        values[i] = (only && !only.test(i) ? HIDDEN : 0) | (focus && !focus.test(i) ? DIMMED : 0);
      }
      for (const id of missing) values[id] |= HIDDEN;
    },
  };
}

/** Both at once. @param {Focus} a @param {Focus} b @returns {Focus} */
export function both(a, b) {
  if (!a || !b) return a ?? b;
  return { stamp: `${a.stamp}&${b.stamp}`, test: (id) => a.test(id) && b.test(id) };
}
