/** The browser's camera: started, stopped, and what is said where there is none. */
import { hear } from '../lib/frame.js';

const INSTEAD = 'A picture can be uploaded, dropped or pasted instead.';

/** Why there is no camera, and what would work, in words. @param {unknown} error @param {{secure: boolean, host: string}} page */
export function reasonOf(error, { secure, host }) {
  if (!secure) {
    return `Browsers give a camera only to pages on https or localhost; ${host} came by plain http. ${INSTEAD}`;
  }
  const name = error instanceof DOMException || error instanceof Error ? error.name : '';
  if (name === 'NotAllowedError' || name === 'SecurityError') {
    return `The browser refused the camera. Allow it in the page's settings, beside the address, and start again. ${INSTEAD}`;
  }
  if (name === 'NotFoundError' || name === 'OverconstrainedError') return `No camera was found. ${INSTEAD}`;
  if (name === 'NotReadableError' || name === 'AbortError') {
    return `The camera is there but gives no picture; another program may be using it. ${INSTEAD}`;
  }
  return `The browser gives this page no camera${name ? ` (${name})` : ''}. ${INSTEAD}`;
}

/**
 * @param {AbortSignal} signal
 * @param {{failed: (reason: string) => void, ended: () => void}} options
 */
export function camera(signal, { failed, ended }) {
  const video = document.createElement('video');
  Object.assign(video, { muted: true, playsInline: true });
  /** @type {MediaStream | null} */
  let stream = null;
  let turn = 0;

  function stop() {
    turn += 1;
    for (const track of stream?.getTracks() ?? []) track.stop();
    stream = null;
    video.srcObject = null;
  }
  async function start() {
    if (stream) return true;
    const mine = ++turn;
    try {
      if (!navigator.mediaDevices?.getUserMedia) throw new Error();
      const wanted = { video: { width: { ideal: 640 }, height: { ideal: 480 } }, audio: false };
      const found = await navigator.mediaDevices.getUserMedia(wanted);
      if (mine !== turn || signal.aborted) {
        for (const track of found.getTracks()) track.stop(); // stopped while the browser was asking
        return false;
      }
      stream = found;
      for (const track of found.getTracks()) {
        hear(track, 'ended', () => {
          stop();
          ended();
        });
      }
      video.srcObject = found;
      await video.play();
      return true;
    } catch (error) {
      if (mine === turn) {
        stop();
        failed(reasonOf(error, { secure: window.isSecureContext, host: location.host }));
      }
      return false;
    }
  }
  hear(signal, 'abort', stop);
  return {
    video,
    start,
    stop,
    get running() {
      return stream !== null;
    },
    get ready() {
      return stream !== null && video.videoWidth > 0 && video.readyState >= 2;
    },
  };
}
