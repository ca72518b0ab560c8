// What the bar says.
import { plural } from '../lib/text.js';

/** @typedef {import("../lib/text.js").Part} Part */
/**
 * @typedef {object} Now what all panels look at
 * @property {{name: string, label: string}} image
 * @property {boolean[]} can undo, redo
 * @property {boolean} own whether the class was chosen
 * @property {string} instead the layer whose kernels are shown
 */

/** @param {{name?: string, count?: number}} network */
export function headline({ name = '', count = 0 }) {
  return name && `${name} · ${plural(count, 'image')}`;
}

/**
 * @param {Now} now
 * @param {{layer: string, channel: number, target: string, kind: string, kernels: boolean}} chosen
 * @returns {Part[]}
 */
export function sentence({ image, own, instead }, { layer, channel, target, kind, kernels }) {
  const label = image.label && image.label !== image.name ? ` (${image.label})` : '';
  const how = own ? ', as chosen' : ', the most probable';
  const none = kernels && instead && instead !== layer;
  return [
    'Unit ',
    { b: String(channel) },
    ' of ',
    { b: layer },
    ' on ',
    { b: image.name },
    `${label}; class `,
    { b: target },
    `${how}.`,
    ...(none ? [` ${kind} has no kernels of its own: those of `, { b: instead }, ' are shown.'] : []),
  ];
}

export const otherPicture = () =>
  'This link shows another image or layer than this page holds: give it to explorer.state in a notebook.';
