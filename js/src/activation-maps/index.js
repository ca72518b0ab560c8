/** What a layer found in an image: every channel as a picture, one of them large. */
import { bytes } from '../lib/buffers.js';
import { ramp } from '../lib/color.js';
import { empty, make, put } from '../lib/frame.js';
import { widget } from '../lib/view.js';
import { controls } from './bar.js';
import { shadeOf } from './contrast.js';
import { surveyed, valueAt } from './data.js';
import { keeper, photo } from './draw.js';
import { drawPicture, figure, listen, measure } from './figures.js';
import { heater } from './heat.js';
import { sharpener } from './sharp.js';
import { best, stateOf } from './state.js';
import { channelGrid } from './tiles.js';
import { numberPanel } from './units.js';
import { aside, hint, ofCell, ofChannel, sizes, subject, value } from './words.js';
import './style.css';

/** @typedef {import('../lib/view.js').View} View */
/** @typedef {import('./data.js').Maps} Maps */

/** Most of the photo that the overlay hides. */
const VEIL = 0.85;

/** @param {HTMLElement} body */
function dom(body) {
  const pair = make('div', 'am');
  const [input, large, number] = [figure(), figure(), numberPanel()];
  const scale = make('div', 'dvw-scale am-scale');
  const [lo, strip, hi] = [make('span'), make('canvas'), make('span')];
  scale.append(lo, strip, hi);
  large.el.append(number.el);
  pair.append(input.el, large.el, scale);
  body.append(pair);
  return { pair, input, large, number, scale, lo, strip, hi };
}

/** @param {View} view */
function setup(view) {
  const { get, redraw, root, body, signal } = view;
  view.title('Activation maps');
  const state = stateOf(view);
  const picture = photo(view);
  const heatOf = heater(view);
  const sharp = sharpener({ request: view.request, bytes, changed: redraw });
  const bar = controls(view, onOver);
  const parts = dom(body);
  const { input, large } = parts;
  const [enlarged, laidOver] = [keeper(), keeper()];
  /** What the caption is about. @type {{cell?: import('./figures.js').Cell | null, channel?: number}} */
  let about = {};
  let told = '';
  /** @type {import('./heat.js').Heat | null} */
  let heat = null;

  const grid = channelGrid(view, {
    state,
    sharp,
    tell,
    onHover(channel) {
      // a box that the caption no longer speaks of goes
      if (about.cell) redraw();
      about = { channel };
    },
    onChoose(channel) {
      about = { channel };
      view.set('channel', channel);
    },
  });
  const nothing = empty('Choose a layer:', `maps.layer = "${get('_layers')?.[0]?.name ?? 'conv1'}"`);
  body.append(grid.el, nothing);
  for (const { pic } of [input, large]) {
    listen(pic, {
      signal,
      full: () => (state.maps?.face === 'maps' ? state.maps.full : null),
      cell: () => about.cell ?? null,
      onCell(cell) {
        about = { cell };
        redraw();
      },
    });
  }
  view.on(['channel', 'image', 'layer', 'call', 'scale', 'gamma', 'colors', 'overlay', '_image'], redraw);

  /** @param {string} over */
  function onOver(over) {
    view.set('over', over);
    if (over !== 'all' || surveyed(get, state.maps) || !view.live) return;
    view.request('survey').catch(({ message }) => view.caption.say(message, 'warning'));
  }

  /** @param {Maps} maps */
  function sentence(maps) {
    const channel = state.channel();
    const { cell, channel: pointed } = about;
    if (cell && cell.row < maps.full[0] && cell.column < maps.full[1]) {
      const exact = state.exact(maps, channel);
      return ofCell(
        maps,
        channel,
        cell,
        valueAt(maps, exact, channel, cell.row, cell.column),
        Boolean(exact),
        state.image(),
        heat,
      );
    }
    about = { channel: pointed };
    return pointed === undefined
      ? hint(maps, view.live)
      : ofChannel(maps, Math.min(pointed, maps.count - 1), state.survey);
  }

  /** Only when it says something else: the states of the job speak through the same caption. */
  function tell() {
    if (get('status') === 'error') told = ''; // the note speaks; what comes after it is new
    if (!state.maps || get('status') === 'error') return;
    const parts = sentence(state.maps);
    const key = JSON.stringify(parts);
    if (key !== told) view.caption.say(parts, typeof parts === 'string' ? 'info' : 'crosshair');
    told = key;
  }

  /** Nothing is chosen and nothing was computed. */
  function blank() {
    const is = !state.maps && !get('layer');
    nothing.hidden = !is;
    parts.pair.hidden = is;
    grid.el.hidden = !state.maps;
    if (is) view.caption.say('Nothing is computed until there is a layer.', 'info');
    return is;
  }

  /** The chosen channel in its colours. @param {Maps} maps @param {ReturnType<typeof keeper>} keep @param {number} [veil] */
  function painted(maps, keep, veil) {
    const channel = state.channel();
    return keep(maps, channel, state.look(maps), best(state, maps, channel, sharp.get(maps.key, channel)), veil);
  }

  /** @param {Maps | null} maps */
  function drawInput(maps, /** @type {{w: number, h: number}} */ size) {
    const image = state.image();
    const veil = maps?.face === 'maps' ? VEIL * (get('overlay') ?? 0) : 0;
    // who lays the map over the photo sees the map
    const over = maps && veil ? painted(maps, laidOver, veil) : heat?.answered ? heat.canvas : null;
    const warm = over && !veil;
    input.title(
      [image.name, image.label].filter(Boolean).join(' · '),
      warm ? 'yellow: what it answers to' : image.height > 1 ? `${image.height} × ${image.width} px` : '',
      `The input image ${image.name}`,
    );
    input.pic.classList.toggle('dvw-stale', state.stale().image);
    drawPicture(
      root,
      input.canvas,
      size,
      [picture(Boolean(over)), over],
      maps,
      about.cell ?? null,
      image,
      Boolean(warm),
    );
  }

  /** @param {Maps | null} maps */
  function drawLarge(maps, /** @type {{w: number, h: number}} */ size) {
    const flat = maps && maps.face !== 'maps';
    large.el.classList.toggle('dvw-stale', state.stale().maps);
    large.pic.hidden = parts.scale.hidden = Boolean(flat);
    parts.number.el.hidden = !flat;
    const channel = state.channel();
    if (maps)
      large.title(
        subject(maps, channel),
        aside(maps, channel),
        `${subject(maps, channel)} of ${maps.layer}, ${aside(maps, channel)}. Arrow keys read its cells.`,
      );
    if (flat) return parts.number.draw(root, maps, channel, size);
    drawPicture(root, large.canvas, size, [maps && painted(maps, enlarged)], maps, about.cell ?? null, null);
    if (maps) drawScale(maps, channel);
  }

  /** @param {Maps} maps @param {number} channel */
  function drawScale(maps, channel) {
    const look = state.look(maps);
    const shade = shadeOf(maps, channel, look);
    ramp(parts.strip, look.lut, shade);
    put(parts.lo, value(shade.lo));
    put(parts.hi, (shade.signed && shade.hi ? '+' : '') + value(shade.hi));
  }

  view.draw = () => {
    state.read();
    const { maps } = state;
    if (blank()) return;
    view.sub([{ mono: maps?.layer ?? get('layer') }, maps ? ` · ${sizes(maps)}` : '']);
    bar.face(maps?.face === 'maps');
    const { cell } = about;
    heat = heatOf(cell && maps?.face === 'maps' ? { key: maps.key, channel: state.channel(), ...cell } : null);
    const size = measure(parts.pair, state.image());
    drawInput(maps, size);
    drawLarge(maps, size);
    grid.draw();
  };
}

export default widget(setup, { runs: true });
