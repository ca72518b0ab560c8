// A kernel that lives in the page: it answers what the embedding map asks, from generated images and positions.
// `window.dvw` holds it, so that a test can make it slow, busy, forgetful or repetitive, and read what it was asked.

const MIX = 2654435761;
const hash = (n) => Math.imul(n + 1, MIX) >>> 0;

/** The colour of image `id`: no two neighbours by id look alike. */
export function colourOf(id) {
  const h = hash(id);
  return [40 + (h & 127) + ((h >>> 20) & 63), 40 + ((h >>> 7) & 127) + ((h >>> 24) & 63), 40 + ((h >>> 14) & 127)];
}

/** One flat colour an image. */
export function flatImage(ctx, id, x, y, side) {
  ctx.fillStyle = `rgb(${colourOf(id).join(' ')})`;
  ctx.fillRect(x, y, side, side);
}

/** A little scene: sky, ground and something on it, in colours of its class. */
export function sceneImage(labels) {
  return (ctx, id, x, y, side) => {
    const h = hash(id);
    const hue = labels[id] * 36 + (h % 24) - 12;
    const rise = 0.35 + ((h >>> 8) % 40) / 100;
    ctx.fillStyle = `hsl(${hue} ${30 + (h % 30)}% ${70 + (h % 20)}%)`;
    ctx.fillRect(x, y, side, side);
    ctx.fillStyle = `hsl(${hue + 40} 45% ${25 + ((h >>> 4) % 20)}%)`;
    ctx.fillRect(x, y + side * rise, side, side * (1 - rise));
    ctx.fillStyle = `hsl(${hue + 180} 60% ${45 + ((h >>> 6) % 20)}%)`;
    const r = side * (0.1 + ((h >>> 12) % 20) / 100);
    ctx.beginPath();
    if (labels[id] % 2) ctx.rect(x + side / 2 - r, y + side * rise - r, 2 * r, 2 * r);
    else ctx.arc(x + side * (0.3 + ((h >>> 16) % 40) / 100), y + side * rise, r, 0, 7);
    ctx.fill();
  };
}

/** Grey values of `side` x `side`, one image after the other. */
export function greyImage(values, own) {
  const one = new OffscreenCanvas(own, own);
  const pen = one.getContext('2d', { willReadFrequently: true });
  return (ctx, id, x, y, side) => {
    const pixels = pen.createImageData(own, own);
    for (let i = 0; i < own * own; i++) {
      const v = values[id * own * own + i];
      pixels.data.set([v, v, v, 255], 4 * i);
    }
    pen.putImageData(pixels, 0, 0);
    ctx.imageSmoothingEnabled = true;
    ctx.drawImage(one, x, y, side, side);
  };
}

/** Clusters: `classes` of them on a ring, images of a class close together. Pairs of 16 bits, y upwards. */
export function clusters(count, classes, seed = 1) {
  let state = seed;
  const random = () => {
    state = (Math.imul(state, 1664525) + 1013904223) >>> 0;
    return state / 2 ** 32;
  };
  const xy = new Uint16Array(2 * count);
  const labels = new Uint8Array(count);
  for (let i = 0; i < count; i++) {
    const c = i % classes;
    labels[i] = c;
    const [angle, far] = [(2 * Math.PI * c) / classes, 0.33 + 0.06 * (c % 3)];
    const r = 0.11 * Math.sqrt(-2 * Math.log(1 - random() * 0.98)) * 0.5;
    const turn = 2 * Math.PI * random();
    xy[2 * i] = 65535 * (0.5 + far * Math.cos(angle) + r * Math.cos(turn));
    xy[2 * i + 1] = 65535 * (0.5 + far * Math.sin(angle) + r * Math.sin(turn));
  }
  return { xy, labels };
}

/** Ids in the order in which they are shown. */
export function ranked(count) {
  return Uint32Array.from({ length: count }, (_, i) => i).sort((a, b) => hash(a) - hash(b));
}

const CHUNK = 200_000;

export function kernelOf({ count, xy, labels, classes, draw, look = 'photo', ground = 255, noun = 'images', near, extra = {}, inline = count <= 150_000, key = 'k1' }) {
  const log = [];
  const own = { delay: 0, busy: false, lose: () => false, twice: () => false, waiting: [], log, recorded: [], key, generation: 1, count, xy, labels };
  const predictions = labels.map((l, i) => (i % 17 ? l : (l + 1) % classes.length));
  const names = ['label', 'prediction', 'error', 'confidence', 'kept'];
  const frame = () => ({ key: own.key, generation: own.generation, iteration: 750, lo: [-50, -50], hi: [50, 50], bits: 16, layer: 'fc' });
  own.state = {
    layer: 'fc', layers: [], image: 0, selected: [], hovered: -1, view: [], colour: 'label', perplexity: 30, exaggeration: 12, seed: 0,
    playing: false, arrangement: 'map', size: 18, search: '', isolate: false, every: false, status: 'done', progress: 1, _doing: '',
    error: '', _live: true, _job: 0, _uid: `map ${key}`, _mask: new DataView(new ArrayBuffer(0)),
    _points: {
      key, generation: 1, count, classes, keyframes: [0, 250, 500, 750], total: 750, phase: 'done', kl: 0.9, layers: [], probe: [], look, ground, noun,
      engine: 't-SNE', perplexities: [5, 100], steps: true, missing: [],
    },
    _frame: frame(),
    _xy: new DataView(inline ? xy.buffer : new ArrayBuffer(0)),
    _columns: [
      { name: 'label', kind: 'category', categories: classes },
      { name: 'prediction', kind: 'category', categories: classes },
      { name: 'error', kind: 'category', categories: ['right', 'wrong'] },
      { name: 'confidence', kind: 'number', categories: [], lo: 0, hi: 1 },
      { name: 'kept', kind: 'number', categories: [], lo: 0, hi: 1, says: 'Share of its true neighbours that lie beside it.' },
    ],
    _grid: {}, _store: [], _stored: new DataView(new ArrayBuffer(0)),
    _says: {
      kept: 0.58,
      sentences: ['On average 58 % of an image’s 10 nearest stay beside it.'],
      meaning: 'Near means alike; how far apart clusters lie, and how big they are, means little.',
    },
    ...extra,
  };

  const sheet = async (ids, side, columns, quality) => {
    const rows = Math.ceil(ids.length / columns);
    const canvas = new OffscreenCanvas(columns * side, rows * side);
    const ctx = canvas.getContext('2d');
    ids.forEach((id, k) => draw(ctx, id, (k % columns) * side, Math.floor(k / columns) * side, side));
    const blob = await canvas.convertToBlob({ type: 'image/jpeg', quality });
    return new DataView(await blob.arrayBuffer());
  };
  const column = (name) => {
    if (name === 'label') return labels;
    if (name === 'prediction') return predictions;
    if (name === 'error') return labels.map((l, i) => Number(l !== predictions[i]));
    if (name === 'rank') {
      const order = ranked(count);
      const rank = new Uint32Array(count);
      order.forEach((id, k) => { rank[id] = k; });
      return rank;
    }
    return labels.map((_, i) => hash(i * 3 + names.indexOf(name)) % 255);
  };
  const columns = {};
  const neighbours = near ?? ((id) => Array.from({ length: 10 }, (_, k) => (id + classes.length * (k + 1)) % count));

  const answers = {
    base: async ({ from }) => {
      const ids = Array.from({ length: Math.min(4096, count - from) }, (_, k) => from + k);
      return [{ from, count: ids.length, columns: 64, grey: look === 'ink' }, [await sheet(ids, 8, 64, 0.75)]];
    },
    thumbs: async ({ level, ids }) => {
      const given = ids.slice(0, { 32: 256, 64: 128, 128: 64 }[level]);
      return [{ level, ids: given, columns: 16, grey: look === 'ink' }, [await sheet(given, level, 16, 0.75)]];
    },
    column: async ({ name, from }) => {
      columns[name] ??= column(name);
      const part = columns[name].slice(from, from + CHUNK);
      return [{ name, from, count: part.length, bits: 8 * part.BYTES_PER_ELEMENT }, [new DataView(part.buffer)]];
    },
    positions: async ({ iteration, layer, from }) => {
      const all = own.moment?.(iteration, layer) ?? own.xy;
      const part = all.slice(2 * from, 2 * (from + CHUNK));
      const { lo, hi } = frame();
      return [{ generation: own.generation, iteration, layer, from, count: part.length / 2, lo, hi }, [new DataView(part.buffer)]];
    },
    grid: async ({ from }) => {
      const side = Math.ceil(Math.sqrt(count));
      const order = Uint32Array.from({ length: count }, (_, i) => i).sort((a, b) => labels[a] - labels[b] || a - b);
      const cells = new Uint16Array(2 * count);
      order.forEach((id, k) => cells.set([k % side, Math.floor(k / side)], 2 * id));
      const edges = () => Uint8Array.from({ length: side * side }, (_, k) => {
        const [a, b] = [labels[order[k]], labels[order[k + 1]]];
        return k + 1 >= count ? 0 : a === b ? 40 : 255;
      });
      return [{ generation: own.generation, from, count }, [new DataView(cells.buffer), new DataView(edges().buffer), new DataView(edges().buffer)]];
    },
    picture: async ({ id }) => [{ id, codec: 'jpeg', shape: [96, 96, 3] }, [await sheet([id], 96, 1, 0.9)]],
    card: async ({ id }) => [{
      id, name: `img${String(id).padStart(4, '0')}.png`, label: classes[labels[id]], prediction: classes[predictions[id]], confidence: 0.5 + (id % 50) / 100,
      neighbours: neighbours(id), distances: neighbours(id).map((_, k) => 3.2 + k * 0.4), kept: 0.6, columns: {}, false: [],
    }, []],
    search: async ({ text }) => {
      const bits = new Uint8Array(Math.ceil(count / 8));
      let found = 0;
      for (let i = 0; i < count; i++) if (classes[labels[i]].includes(text)) { bits[i >> 3] |= 1 << (i & 7); found++; }
      return [{ text, count: found }, [new DataView(bits.buffer)]];
    },
  };

  const serve = async (content, reply) => {
    const head = { type: 'reply', rid: content.rid, job: 0, status: 'done', what: content.what };
    if (content.type !== 'request') return reply({ ...head, ok: true });
    if (content.key !== own.key) return reply({ ...head, ok: false, reason: 'This map was replaced.' });
    const answer = answers[content.what];
    if (!answer) return reply({ ...head, ok: true, key: own.key });
    const [body, buffers] = await answer(content);
    if (own.delay) await new Promise((end) => setTimeout(end, own.delay));
    const message = { ...head, ok: true, key: own.key, ...body };
    log.push({ what: content.what, level: content.level, asked: content.ids?.length, count: body.count, bytes: JSON.stringify(message).length + buffers.reduce((sum, b) => sum + b.byteLength, 0), at: performance.now() });
    own.recorded.push({ body: { ...message, what: content.what }, buffers });
    if (own.lose(content)) return;
    reply(message, buffers);
    if (own.twice(content)) reply(message, buffers);
  };
  /** The state of a page that was saved now. */
  own.saved = () => {
    const store = [];
    const pieces = [];
    let at = 0;
    for (const { body, buffers } of own.recorded) {
      const places = buffers.map((b) => {
        pieces.push(b);
        at += b.byteLength;
        return [at - b.byteLength, at];
      });
      store.push({ ...body, buffers: places });
    }
    const all = new Uint8Array(at);
    let k = 0;
    for (const b of pieces) {
      all.set(new Uint8Array(b.buffer, b.byteOffset, b.byteLength), k);
      k += b.byteLength;
    }
    return { ...own.state, _uid: 'saved', _live: false, _store: store, _stored: new DataView(all.buffer) };
  };
  own.answer = (content, reply) => {
    if (own.busy) own.waiting.push([content, reply]);
    else serve(content, reply);
  };
  own.free = () => {
    own.busy = false;
    for (const [content, reply] of own.waiting.splice(0)) serve(content, reply);
  };
  return own;
}
