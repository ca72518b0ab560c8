// The rail: a block a layer, as wide as its map and as high as its channels (both logarithmic), joined by a line, with
// the skip connections as arcs beside them. Every row draws its own piece of an arc, so one that is only partly in
// view is still right.
import { svg } from '../lib/icons.js';

/** @typedef {import("./tree.js").Layer} Layer */
/** @typedef {import("./tree.js").Row} Row */

export const ROW = 40; // CSS px
export const RAIL = 54;
const CENTRE = 24.5; // half a pixel: lines of 1 px are crisp on a projector
const ARC = 47.5; // where the outermost arc runs
const NEST = 3;

/** The range of widths and channels in a network, for its blocks' scale. @param {Layer[]} layers @param {number[]} input */
export function rangeOf(layers, input) {
  const widths = layers.map((l) => l.grid[1] ?? 1).filter((w) => w > 1);
  const largest = Math.max(input.at(-1) ?? 1, ...widths, 2);
  const smallest = Math.min(largest / 2, ...widths);
  const channels = Math.max(64, ...layers.map((l) => l.channels));
  return { smallest, largest, channels };
}

/** @param {{width: number, channels: number}} of @param {ReturnType<typeof rangeOf>} range */
export function blockSize({ width, channels }, { smallest, largest, channels: most }) {
  const wide = Math.log2(width / smallest) / Math.log2(largest / smallest);
  const high = Math.log2(Math.max(1, channels)) / Math.log2(most);
  return { w: width > 1 ? 10 + 30 * Math.min(1, Math.max(0, wide)) : 8, h: 4 + 18 * Math.min(1, high) };
}

/**
 * The skip connections that pass each row: which part of the arc a row draws, and how deeply it is nested.
 * @param {Row[]} rows
 * @param {Layer[]} layers
 * @returns {{part: "whole" | "start" | "middle" | "end", nest: number}[][]} for each row
 */
export function arcsOf(rows, layers) {
  /** @type {{part: "whole" | "start" | "middle" | "end", nest: number}[][]} */
  const arcs = rows.map(() => []);
  /** @type {{level: number}[]} */
  const open = [];
  rows.forEach((row, i) => {
    const joins = row.opens && layers[row.index]?.joins;
    const next = rows[i + 1]?.level ?? 0;
    for (const [nest, arc] of open.entries()) arcs[i]?.push({ part: next <= arc.level ? 'end' : 'middle', nest });
    if (joins && row.open) {
      arcs[i]?.push({ part: 'start', nest: open.length });
      open.push({ level: row.level });
    } else if (joins) arcs[i]?.push({ part: 'whole', nest: open.length });
    while (open.length && next <= (open.at(-1)?.level ?? 0)) open.pop();
  });
  return arcs;
}

/** @param {{part: string, nest: number}} arc */
function arcPath({ part, nest }) {
  const x = ARC + NEST * Math.min(2, nest);
  const end = nest ? 34.5 : 37.5;
  if (part === 'middle') return `M${x} 0V${ROW}`;
  if (part === 'start') return `M${CENTRE} 34.5H${x - 5.5}Q${x} 34.5 ${x} 40`;
  if (part === 'end') return `M${x} 0V${end - 6}Q${x} ${end} ${x - 6} ${end}H${CENTRE}`;
  return `M${CENTRE} 4.5H${x - 6}Q${x} 4.5 ${x} 10V30Q${x} 35.5 ${x - 6} 35.5H${CENTRE}`;
}

/**
 * @param {object} of
 * @param {Pick<Layer, "layout" | "depth">} of.layer
 * @param {{w: number, h: number}} of.block
 * @param {boolean} of.first
 * @param {boolean} of.last
 * @param {boolean} of.chosen
 * @param {boolean} [of.within] the chosen layer is inside
 * @param {{part: string, nest: number}[]} of.arcs
 */
export function drawRail({ layer, block, first, last, chosen, within = false, arcs }) {
  const node = svg('svg', {
    class: 'lp-rail',
    width: RAIL,
    height: ROW,
    viewBox: `0 0 ${RAIL} ${ROW}`,
    'aria-hidden': 'true',
  });
  const w = 2 * Math.round((block.w - 1) / 2) + 1; // whole pixels on both sides of the line
  const h = 2 * Math.round(block.h / 2);
  /** @param {number} y1 @param {number} y2 */
  const line = (y1, y2) => svg('path', { class: 'lp-line', d: `M${CENTRE} ${y1}V${y2}` });
  if (!first) node.append(line(0, 20 - h / 2));
  if (!last) node.append(line(20 + h / 2, ROW));
  for (const arc of arcs) node.append(svg('path', { class: 'lp-line', d: arcPath(arc) }));
  const outlined = (layer.depth > 0 || within) && !chosen;
  const inset = outlined ? 0.5 : 0; // a stroke lies on the edge of its box
  const kind = chosen ? 'lp-chosen' : within ? 'lp-within' : outlined ? 'lp-outlined' : 'lp-filled';
  const box = { x: CENTRE - w / 2 + inset, y: 20 - h / 2 + inset, width: w - 2 * inset, height: h - 2 * inset, rx: 2 };
  node.append(svg('rect', { class: `lp-block ${kind}`, ...box }));
  // A row of tokens, not one picture: the block is sliced.
  if (layer.layout === 'tokens') {
    for (const share of [0.25, 0.5, 0.75]) {
      node.append(
        svg('path', {
          class: outlined ? 'lp-line' : 'lp-slice',
          d: `M${box.x + share * box.width} ${box.y}v${box.height}`,
        }),
      );
    }
  }
  return node;
}
