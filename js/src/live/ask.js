/** Pixels to the kernel: one frame at a time, always the newest. What was not sent in time is dropped, never queued. */
import { hear } from '../lib/frame.js';

/** @typedef {{content: Record<string, unknown>, data: ArrayBuffer}} Frame */

const PATIENCE = 1500; // ms without an answer before the page says that the kernel is busy

/**
 * @param {import('../lib/view.js').View} view
 * @param {{take: () => Promise<Frame | null>, answered: (ms: number) => void, failed: (reason: string) => void, busy: () => void}} options
 *   `take` makes the frame when it can be sent, and not before
 */
export function newestOnly(view, { take, answered, failed, busy }) {
  const { model, signal } = view;
  // random, as several pages may share a kernel and all of them hear all replies
  let rid = Math.floor(Math.random() * 2 ** 30);
  let [open, due, taking, since, timer] = [0, false, false, 0, 0];
  const late = { is: false };

  /** @param {any} content */
  function heard(content) {
    if (content?.type !== 'reply' || !open || content.rid !== open) return;
    open = 0;
    late.is = false;
    clearTimeout(timer);
    if (content.ok) answered(performance.now() - since);
    else failed(String(content.reason ?? 'The kernel gave no reason.'));
    if (due) push();
  }
  model.on('msg:custom', heard);
  hear(signal, 'abort', () => {
    clearTimeout(timer);
    model.off('msg:custom', heard);
  });

  async function push() {
    if (!view.live || signal.aborted) return;
    due = Boolean(open || taking);
    if (due) return;
    taking = true;
    const frame = await take().catch(() => null);
    taking = false;
    if (frame && !signal.aborted) {
      rid += 1;
      open = rid;
      since = performance.now();
      timer = window.setTimeout(() => {
        late.is = true;
        busy();
      }, PATIENCE);
      model.send({ type: 'request', what: 'frame', rid, ...frame.content }, undefined, [frame.data]);
    } else if (due) push();
  }
  return { push, late };
}
