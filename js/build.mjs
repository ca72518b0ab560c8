// Bundles every src/<kebab-name>/index.js to deepviz_widgets/static/<snake_name>.js and .css.
//
// One self-contained module a widget, and no code splitting: hosts load the text through a blob URL, where a
// relative import of a shared chunk cannot resolve. The text is synced into every widget instance on a page,
// so its size is part of the contract and a bundle above its bar fails the build.
import { existsSync, readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { gzipSync } from 'node:zlib';
import { build, context } from 'esbuild';
import { minify } from 'terser';

const HERE = dirname(fileURLToPath(import.meta.url));
const SOURCE = join(HERE, 'src');
const TARGET = join(HERE, '..', 'deepviz_widgets', 'static');
const BAR = 40_000; // bytes of one bundle, unless named here
const BARS = /** @type {Record<string, number>} */ ({
  kernel_grid: 44_000,
  occlusion_map: 44_000,
  sketchpad: 44_000,
  top_patches: 44_000,
  webcam: 44_000,
  embedding_map: 120_000,
});

const names = readdirSync(SOURCE).filter((name) => existsSync(join(SOURCE, name, 'index.js')));

/** @type {import("esbuild").BuildOptions} */
const options = {
  entryPoints: names.map((name) => ({ in: join(SOURCE, name, 'index.js'), out: name.replaceAll('-', '_') })),
  outdir: TARGET,
  absWorkingDir: HERE,
  bundle: true,
  minify: true,
  format: 'esm',
  target: ['chrome105', 'firefox110', 'safari16'], // the first browsers with container queries
  charset: 'utf8',
  legalComments: 'none',
  metafile: true,
  logLevel: 'warning',
};

/** terser squeezes out another 3 %, which leaves room for a feature. @param {import("esbuild").OutputFile} file */
async function squeezed({ path, contents }) {
  if (!path.endsWith('.js')) return { path, contents: Buffer.from(contents) };
  const settings = { module: true, ecma: /** @type {const} */ (2020), compress: { passes: 3, unsafe_arrows: true } };
  const { code } = await minify(Buffer.from(contents).toString(), settings);
  return { path, contents: Buffer.from(code ?? '') };
}

/** @typedef {{outputFiles: {path: string, contents: Buffer}[]}} Result */
/** @param {Result} result */
function report(result) {
  let tooLarge = 0;
  for (const file of result.outputFiles) {
    const name = file.path.slice(TARGET.length + 1);
    const bar = BARS[name.replace(/\.\w+$/, '')] ?? BAR;
    const large = name.endsWith('.js') && file.contents.length > bar;
    tooLarge += Number(large);
    const size = `${(file.contents.length / 1000).toFixed(1)} kB`;
    const packed = `${(gzipSync(file.contents).length / 1000).toFixed(1)} kB packed`;
    process.stdout.write(
      `${name.padEnd(24)} ${size.padStart(9)}  ${packed}${large ? `  above the bar of ${bar / 1000} kB` : ''}\n`,
    );
  }
  if (tooLarge) process.exitCode = 1;
}

/** Whether the committed bundles are those of this source. @param {Result} result */
function compare({ outputFiles }) {
  const stale = outputFiles.filter(({ path, contents }) => !existsSync(path) || !readFileSync(path).equals(contents));
  const built = new Set(outputFiles.map(({ path }) => path));
  const orphans = readdirSync(TARGET).filter((name) => /\.(js|css)$/.test(name) && !built.has(join(TARGET, name)));
  const names = [...stale.map(({ path }) => path.slice(TARGET.length + 1)), ...orphans];
  if (!names.length) return;
  process.stderr.write(`Not what the source gives: ${names.join(', ')}. Run: npm run build\n`);
  process.exitCode = 1;
}

if (process.argv.includes('--watch')) {
  const session = await context(options);
  await session.watch();
} else {
  const { outputFiles } = await build({ ...options, write: false });
  const result = { outputFiles: await Promise.all(outputFiles.map(squeezed)) };
  report(result);
  if (process.argv.includes('--check')) compare(result);
  else for (const { path, contents } of result.outputFiles) writeFileSync(path, contents);
}
