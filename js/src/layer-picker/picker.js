// What a person does with the tree, by pointer, by keyboard and from Python.
import { empty, keepHeight, make } from '../lib/frame.js';
import { count, plural } from '../lib/text.js';
import { createBar } from './bar.js';
import { createTree } from './draw.js';
import { Hands } from './hands.js';
import { ancestors, containers, INPUT, matching, visibleRows } from './tree.js';
import { factsOf, inputSentence, sentence } from './words.js';

/** @typedef {import("./tree.js").Layer} Layer */
/** @typedef {import("./tree.js").Row} Row */
/** @typedef {import("../lib/view.js").View} View */

export class Picker {
  /** @param {View} view */
  constructor(view) {
    this.view = view;
    /** @type {import("./draw.js").Scene} */
    this.scene = { layers: [], network: {}, rows: [], chosen: '', active: INPUT, id: idOf(view) };
    /** @type {boolean[] | null} */
    this.hits = null;
    this.factsShown = '';
    /** @type {string[]} names of all containers */
    this.nested = [];
    this.allOpen = false;
    this.hinted = false;
    this.tree = createTree();
    this.facts = make('dl', 'dvw-facts lp-facts');
    this.nothing = make('div', 'lp-nothing dvw-q');
    this.bar = createBar(view, {
      onQuery: (text) => this.search(text),
      onAll: () => this.toggleAll(),
      onDown: () => this.enter(),
      onEnter: () => this.chooseFirst(),
    });
    this.build();
  }

  build() {
    const { view, tree, facts, nothing } = this;
    this.main = make('div', 'lp-main');
    this.none = empty('There are no layers to show.', 'dv.LayerPicker(net)');
    const box = make('div', 'lp-box');
    box.append(tree.el, nothing);
    this.main.append(box, facts);
    view.body.append(this.main, this.none);
    keepHeight(facts, view.signal);
    tree.el.addEventListener('scroll', view.redraw, { signal: view.signal, passive: true });
    new Hands(this);
  }

  start() {
    const { view } = this;
    view.title('Layers');
    view.draw = () => this.draw();
    view.on(['_layers', '_network'], () => this.renew());
    view.on(['expanded', 'query'], () => this.update());
    view.on('layer', () => this.follow());
    view.on('_fields', () => view.redraw());
    // what cells see takes the kernel a pass or two: the tree does not wait for it
    if (view.live) view.request('fields').catch(() => {});
    this.renew();
  }

  renew() {
    this.update();
    this.reveal();
    this.hint();
  }

  /** Once there is something to point at; a saved page keeps its own first words. */
  hint() {
    const { caption, live } = this.view;
    const some = this.scene.layers.length > 0;
    if (this.hinted || !live) return;
    this.hinted = some;
    const line = 'Point at a layer to see what it gives; a click or Enter chooses it.';
    caption.say(some ? [line] : [{ q: 'Nothing is shown until there is a network.' }], 'info');
  }

  /** A layer that was chosen elsewhere, in Python or in a linked widget, is told too. */
  follow() {
    const { view, scene } = this;
    const elsewhere = scene.chosen !== (view.get('layer') ?? '');
    this.reveal();
    if (elsewhere) this.tell(scene.active, scene.chosen !== '');
  }

  /** Everything on screen follows from the traits. */
  update() {
    const { view, scene } = this;
    scene.layers = view.get('_layers') ?? [];
    scene.network = view.get('_network') ?? {};
    scene.chosen = view.get('layer') ?? '';
    this.hits = matching(scene.layers, view.get('query') ?? '');
    const { expanded } = this;
    scene.rows = visibleRows(scene.layers, expanded, this.hits);
    this.nested = containers(scene.layers);
    this.allOpen = this.nested.every((name) => expanded.has(name));
    if (!scene.rows.some((row) => row.index === scene.active)) scene.active = this.fallback();
    view.redraw();
  }

  /** Where the keyboard goes when its row has gone: to what closed over it, else to the first row. */
  fallback() {
    const { layers, rows, active } = this.scene;
    let index = layers[active]?.parent ?? INPUT;
    while (index >= 0 && !rows.some((row) => row.index === index)) index = layers[index]?.parent ?? INPUT;
    return rows.some((row) => row.index === index) ? index : (rows[0]?.index ?? INPUT);
  }

  get expanded() {
    return new Set(/** @type {string[]} */ (this.view.get('expanded') ?? []));
  }

  draw() {
    const { view, scene } = this;
    const { layers, network } = scene;
    const some = layers.length > 0;
    const query = view.get('query') ?? '';
    this.main?.toggleAttribute('hidden', !some);
    this.none?.toggleAttribute('hidden', some);
    view.bar.hidden = !some;
    view.sub(headline(network));
    const nested = this.nested.length > 0;
    this.bar.show({ query, hits: this.hits, total: layers.length, nested, allOpen: this.allOpen });
    this.nothing.textContent = scene.rows.length
      ? ''
      : `No name and no kind contains “${query.trim()}”. Esc clears the search.`;
    this.nothing.hidden = scene.rows.length > 0;
    this.tree.el.classList.toggle('lp-flat', !nested);
    this.tree.draw(scene);
    this.showFacts();
  }

  showFacts() {
    const { layers, network, chosen } = this.scene;
    const layer = layers.find((l) => l.name === chosen);
    const repeats = layers.some((l) => l.called > 1);
    /** @type {[string, string][]} */
    const general = [
      ['Layer', 'none chosen'],
      ['Input', (network.input ?? []).map(count).join(' × ')],
      ['Weights', count(network.parameters ?? 0)],
      ['Layers', count(layers.length)],
    ];
    const facts = layer ? factsOf(layer, repeats, this.view.get('_fields')?.[chosen]) : general;
    const key = JSON.stringify(facts);
    if (key === this.factsShown) return; // a selected text stays selected while the tree scrolls
    this.factsShown = key;
    this.facts.replaceChildren(
      ...facts.flatMap(([term, text]) => [make('dt', '', term), factOf(term, text, Boolean(layer))]),
    );
  }

  /** Opens what lies above the chosen layer and scrolls to it. */
  reveal() {
    const { view, scene } = this;
    const name = view.get('layer') ?? '';
    const index = scene.layers.findIndex((layer) => layer.name === name);
    if (index >= 0) {
      const closed = ancestors(scene.layers, name).filter((above) => !this.expanded.has(above));
      const hidden = !scene.rows.some((row) => row.index === index);
      if (hidden && this.hits && !this.hits[index]) view.set('query', '');
      if (hidden && closed.length) view.set('expanded', [...this.expanded, ...closed]);
      scene.active = index;
    }
    this.update();
    // the active row of that moment: a key may have moved on before the rows are there
    if (index >= 0) this.later(() => this.tree.show(this.at(this.scene.active), true));
  }

  /** After the rows are there: before the first drawing nothing has a height to scroll in. @param {() => void} run */
  later(run) {
    const { view } = this;
    const draw = () => this.draw();
    view.draw = () => {
      view.draw = draw;
      draw();
      run();
      draw();
    };
    view.redraw();
  }

  /** @param {number} index */
  at(index) {
    return this.scene.rows.findIndex((row) => row.index === index);
  }

  /** @param {string} text */
  search(text) {
    this.view.set('query', text);
    this.update();
    this.tree.el.scrollTop = 0;
  }

  /** @returns {boolean} whether there was one */
  endSearch() {
    if (!this.hits) return false;
    const { active } = this.scene;
    this.search('');
    this.moveTo(this.at(active));
    return true;
  }

  /** From the search field into the tree. */
  enter() {
    const first = this.scene.rows.find((row) => !row.quiet) ?? this.scene.rows[0];
    if (!first) return;
    this.moveTo(this.at(first.index));
    this.tree.el.focus();
  }

  chooseFirst() {
    const first = this.scene.rows.find((row) => !row.quiet && row.index !== INPUT);
    if (first && this.hits) this.choose(first.index);
  }

  toggleAll() {
    this.view.set('expanded', this.allOpen ? [] : this.nested);
    this.update();
  }

  /** @param {number} index */
  choose(index) {
    const layer = this.scene.layers[index];
    if (!layer) return;
    this.scene.active = index;
    this.scene.chosen = layer.name;
    if (this.view.get('layer') !== layer.name) this.view.set('layer', layer.name);
    this.tell(index);
    this.update();
  }

  /** @param {number[]} indices @param {boolean} open */
  setOpen(indices, open) {
    const names = this.expanded;
    for (const index of indices) {
      const name = this.scene.layers[index]?.name ?? '';
      if (open) names.add(name);
      else names.delete(name);
    }
    this.view.set('expanded', [...names]);
    this.update();
  }

  /** @param {number} at position of a row */
  moveTo(at) {
    const row = this.scene.rows[at];
    if (!row) return;
    this.scene.active = row.index;
    this.tree.show(at);
    this.tell(row.index);
    this.view.redraw();
  }

  /** @param {number} index @param {boolean} [really] */
  tell(index, really = true) {
    if (!really) return;
    const { layers, network, rows } = this.scene;
    const layer = layers[index];
    if (layer) this.view.caption.say(sentence(layer));
    else if (rows.some((row) => row.index === INPUT)) this.view.caption.say(inputSentence(network.input ?? []));
  }
}

/** Ids are global in a page, and one model may have several views. @param {View} view */
function idOf(view) {
  return `lp-${view.get('_uid') || 'tree'}-${Math.floor(Math.random() * 1e9).toString(36)}`;
}

/** @param {{name?: string, parameters?: number}} network */
function headline({ name, parameters }) {
  if (!name) return '';
  return parameters === undefined ? name : `${name} · ${plural(parameters, 'weight')}`;
}

/** A long name breaks after its dots. @param {string} term @param {string} text @param {boolean} named */
function factOf(term, text, named) {
  if (term !== 'Layer' || !named) return make('dd', '', text);
  const node = make('dd', 'dvw-mono');
  for (const part of text.split(/(?<=\.)/)) node.append(part, make('wbr'));
  return node;
}
