// The page drives long work: the kernel advances a generator for 0.1 to 0.4 s per `step` message and replies.
// One pump a model, shared by its views; it stops with the last view and goes on with the next one, also after a
// reload of the page, because `status` is a trait.

/** @typedef {import("@anywidget/types").AnyModel<any>} Model */
/** @typedef {{content: any, buffers: any[]}} Reply */
/** @typedef {{resolve: (reply: Reply) => void, reject: (reason: Error) => void}} Asked */

const PATIENCE = 5000; // ms without a reply before the head says that it waits
const SECOND_LOOK = 1000; // ms after which a kernel and a page that disagree about "running" are compared again
export const NO_REASON = 'The kernel gave no reason.';
const WATCHED = ['status', '_job', '_live'];

export class Pump {
  // An integer called rid: ipykernel 7.4 remembers every string `content.id` that a message carries. Random, since
  // several pages may share a kernel and all of them see all replies.
  #rid = Math.floor(Math.random() * 2 ** 30);
  /** @type {Set<{model: Model, changed: () => void}>} */
  #views = new Set();
  /** @type {{rid: number, job: number} | null} */
  #step = null;
  /** What was sent and not answered; null where nobody waits for the answer. @type {Map<number, Asked | null>} */
  #open = new Map();
  #patience = 0;
  #look = 0;
  waiting = false;

  get idle() {
    return this.#views.size === 0;
  }

  /**
   * Joins a view. Every view listens on its own model object, because hosts drop a model's listeners with its view.
   * @param {Model} model
   * @param {() => void} changed called when `waiting` changes
   * @returns {() => void} leaves
   */
  attach(model, changed) {
    const view = { model, changed };
    const turned = () => this.#turned();
    /** @param {any} content @param {any[]} buffers */
    const receive = (content, buffers) => this.#receive(content, buffers);
    this.#views.add(view);
    model.on('msg:custom', receive);
    for (const name of WATCHED) model.on(`change:${name}`, turned);
    this.#kick();
    return () => {
      if (!this.#views.delete(view)) return;
      model.off('msg:custom', receive);
      for (const name of WATCHED) model.off(`change:${name}`, turned);
      if (this.#views.size === 0) this.#stop();
    };
  }

  /** Any view's model will do: they stand for the same object in the kernel. */
  get #model() {
    for (const view of this.#views) return view.model;
    return null;
  }

  /** Sends the next step if one is due. */
  #kick() {
    const model = this.#model;
    if (!model || this.#step || model.get('status') !== 'running' || !isLive(model)) return;
    const job = model.get('_job');
    this.#step = { rid: this.send({ type: 'step', job }), job };
  }

  /**
   * @param {Record<string, unknown>} content
   * @param {Asked | null} [asked]
   * @returns {number} its rid, or −1 when there is no kernel to hear it
   */
  send(content, asked = null) {
    const model = this.#model;
    if (!model || !isLive(model)) return -1;
    this.#rid += 1;
    const rid = this.#rid;
    this.#open.set(rid, asked);
    this.#watch();
    model.send({ ...content, rid });
    return rid;
  }

  /**
   * Asks for something once; rejects with the kernel's reason.
   * @param {string} what
   * @param {Record<string, unknown>} [payload]
   * @returns {Promise<Reply>}
   */
  request(what, payload = {}) {
    return new Promise((resolve, reject) => {
      const rid = this.send({ ...payload, type: 'request', what }, { resolve, reject });
      if (rid < 0) reject(new Error('A saved page has no kernel to ask.'));
    });
  }

  /** @param {any} content @param {any[]} buffers */
  #receive(content, buffers) {
    if (content?.type !== 'reply' || !this.#open.has(content.rid)) return; // another page's, or a second view's copy
    const asked = this.#open.get(content.rid);
    this.#open.delete(content.rid);
    this.#heard();
    if (content.ok) asked?.resolve({ content, buffers: buffers ?? [] });
    else asked?.reject(new Error(content.reason ?? NO_REASON));
    if (this.#step?.rid === content.rid) this.#advance(content);
  }

  /** Goes on at once, unless this very job has ended or was refused: then a change of a trait starts the next. @param {any} content */
  #advance(content) {
    const same = this.#step?.job === this.#model?.get('_job');
    this.#step = null;
    if (content.ok && content.status === 'running') return this.#kick();
    if (!same) return this.#kick();
    clearTimeout(this.#look);
    this.#look = window.setTimeout(() => this.#kick(), SECOND_LOOK);
  }

  /** A trait that changed is a sign of life, and the answer to cancel, resume and retry. */
  #turned() {
    for (const [rid, asked] of this.#open) if (!asked && rid !== this.#step?.rid) this.#open.delete(rid);
    this.#heard();
    this.#kick();
  }

  #watch() {
    if (this.#patience || this.waiting) return;
    this.#patience = window.setTimeout(() => this.#setWaiting(true), PATIENCE);
  }

  #heard() {
    clearTimeout(this.#patience);
    this.#patience = 0;
    this.#setWaiting(false);
    if (this.#open.size) this.#watch();
  }

  /** @param {boolean} waiting */
  #setWaiting(waiting) {
    this.#patience = 0;
    if (this.waiting === waiting) return;
    this.waiting = waiting;
    for (const view of this.#views) view.changed();
  }

  #stop() {
    clearTimeout(this.#patience);
    clearTimeout(this.#look);
    this.#patience = 0;
    this.waiting = false;
    this.#step = null;
    for (const asked of this.#open.values()) asked?.reject(new Error('The view was closed.'));
    this.#open.clear();
  }
}

/** @param {Model} model */
export function isLive(model) {
  return model.get('_live') !== false;
}
