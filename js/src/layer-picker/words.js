// What is said about a layer: the caption's sentence, the facts, the name that a screen reader hears.
import { count, plural, size } from '../lib/text.js';

/** @typedef {import("./tree.js").Layer} Layer */
/** @typedef {import("../lib/text.js").Part} Part */

/** @type {[RegExp, string][]} the first that fits the kind */
const DOES = [
  [/^ConvTranspose/, 'Spreads each cell over a larger map with learned kernels.'],
  [/^(Conv|LazyConv)/, 'Slides learned kernels over the map; each makes a channel.'],
  [/^(BatchNorm|SyncBatchNorm|InstanceNorm|FrozenBatchNorm)/, 'Shifts and scales each channel to a common range.'],
  [/^(LayerNorm|GroupNorm|RMSNorm|LocalResponseNorm)/, 'Shifts and scales values to a common range.'],
  [/^(ReLU|ReLU6|Threshold)$/, 'Keeps what is positive; the rest becomes 0.'],
  [
    /^(GELU|SiLU|Mish|ELU|CELU|SELU|LeakyReLU|PReLU|Hardswish|Softplus|QuickGELU)$/,
    'Keeps what is positive, softly dampens the rest.',
  ],
  [/^(Sigmoid|Hardsigmoid|LogSigmoid)$/, 'Squeezes each value between 0 and 1.'],
  [/^(Tanh|Hardtanh|Softsign)$/, 'Squeezes each value between −1 and 1.'],
  [/^(Softmax|LogSoftmax)/, 'Turns scores into shares that add up to 1.'],
  [/MaxPool/, 'Keeps the largest value of each window.'],
  [/AvgPool|AveragePool/, 'Averages the values of each window.'],
  [/^(Linear|LazyLinear|NonDynamicallyQuantizableLinear)$/, 'Weighs all its inputs; each unit gives one number.'],
  [/Dropout|StochasticDepth|DropPath/, 'Drops values while training; here it changes nothing.'],
  [/^(Flatten|Unflatten|PixelShuffle|Permute)/, 'Rearranges the numbers, changes none.'],
  [/^Identity$/, 'Passes on what it gets.'],
  [/Attention/, 'Lets every token gather from all the others.'],
  [/^(Upsample|Upsampling)/, 'Enlarges the map without learning.'],
  [/^Embedding/, 'Looks up a learned vector.'],
  [/^SqueezeExcitation$/, 'Weighs each channel by what the whole map shows.'],
];

/** @param {Layer} layer */
export function whatItDoes(layer) {
  if (layer.joins === 'add') return 'Adds its input to its result (a skip connection).';
  if (layer.joins === 'cat') return 'Joins its input and its result, channel after channel.';
  const known = DOES.find(([pattern]) => pattern.test(layer.kind));
  if (known) return known[1];
  if (layer.children)
    return `Runs the ${layer.children === 1 ? 'layer' : `${count(layer.children)} layers`} inside it.`;
  return 'Computes something of its own.';
}

/** "64 channels of 56 × 56" @param {Layer} layer */
export function gives(layer) {
  const { layout, shape, channels, grid } = layer;
  if (layout === 'maps') return `${plural(channels, 'channel')} of ${size(grid)}`;
  if (layout === 'tokens') return `${plural(tokens(layer), 'token')} of ${plural(channels, 'number')}`;
  if (layout === 'vector') return plural(channels, 'number');
  return shape.length ? `${size(shape)} numbers` : 'one number';
}

/** Class tokens are counted too: all of the shape that is not channels. @param {Layer} layer */
function tokens({ shape, channels }) {
  return shape.reduce((product, n) => product * n, 1) / Math.max(1, channels);
}

/** @param {Layer} layer */
export function weights(layer) {
  return layer.parameters ? `${plural(layer.parameters, 'weight')}` : 'no weights';
}

/** @param {Layer} layer @returns {Part[]} */
export function sentence(layer) {
  const often = layer.called > 1 ? [', called ', { b: `${count(layer.called)} times` }] : [];
  const name = { b: layer.name };
  if (layer.joins === 'add')
    return [name, ' adds its input to its result: ', gives(layer), ', ', weights(layer), ...often, '.'];
  if (layer.joins === 'cat')
    return [name, ' joins its input and its result: ', gives(layer), ', ', weights(layer), ...often, '.'];
  if (layer.children)
    return [
      name,
      ` holds ${plural(layer.children, 'part')} and gives `,
      gives(layer),
      ', ',
      weights(layer),
      ...often,
      '.',
    ];
  return [name, ': ', gives(layer), ', ', weights(layer), ...often, '.'];
}

/** @param {number[]} input channels, height, width @returns {Part[]} */
export function inputSentence(input) {
  const [channels = 1, ...rest] = input;
  const what = channels === 3 ? '3 colours' : channels === 1 ? 'one channel' : plural(channels, 'channel');
  return [{ b: 'input' }, rest.length ? `: ${what} of ${size(rest)} pixels.` : `: ${plural(channels, 'number')}.`];
}

/**
 * @param {Layer} layer
 * @param {boolean} repeats whether any layer of the network is called more than once, so that the row keeps its place
 * @param {Seen} [seen] what its cells see, once that is known
 * @returns {[string, string][]}
 */
export function factsOf(layer, repeats, seen) {
  const called = layer.called === 1 ? 'once' : `${count(layer.called)} times`;
  return [
    ['Layer', layer.name],
    ['Output', size(layer.shape)],
    ['Weights', layer.parameters ? count(layer.parameters) : 'none'],
    ...(repeats ? [/** @type {[string, string]} */ (['Called', called])] : []),
    ...seenFacts(layer, seen),
    ['What it does', whatItDoes(layer)],
  ];
}

/** @typedef {{status: string, sees: number[], apart: number[] | null}} Seen */
/** @param {Layer} layer @param {Seen} [seen] @returns {[string, string][]} */
function seenFacts({ grid, layout }, seen) {
  if (!seen || !['exact', 'upper bound', 'whole image'].includes(seen.status)) return [];
  const one = layout === 'tokens' ? 'One token' : layout === 'vector' ? 'One unit' : 'One cell';
  const { status, sees, apart } = seen;
  const least = status === 'upper bound' ? 'at most ' : '';
  const what = status === 'whole image' ? 'the whole image' : `${least}${size(sees)} px`;
  const lies = apart && grid[0] * grid[1] > 1 && (apart[0] || apart[1]);
  const steps = lies ? [...new Set(apart)].map((side) => Math.round(side * 100) / 100).join(' × ') : '';
  return [
    [`${one} sees`, what],
    ...(lies ? [/** @type {[string, string]} */ (['Cells lie', `${steps} px apart`])] : []),
  ];
}

/** The whole name: read out, a row stands without the rows above it. @param {Layer} layer */
export function spoken(layer) {
  return [layer.name, kindOf(layer), `output ${size(layer.shape)}`, weights(layer)].join(', ');
}

/** "Conv2d 3 × 3, stride 2" @param {Layer} layer */
export function kindOf(layer) {
  return layer.detail ? `${layer.kind} ${layer.detail}` : layer.kind;
}
