// Puts the libraries that the console's page loads where it finds them: as their npm packages bring them for browsers.

import { existsSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { buildSync } from 'esbuild';
import { fill } from './files.mjs';

const modules = fileURLToPath(new URL('../node_modules/', import.meta.url));
const target = fileURLToPath(new URL('../console/vendor/', import.meta.url));

/** What of which package becomes which file; a browser does not know packages by name, so imports are made relative. */
const LIBRARIES = [
  ['preact/dist/preact.mjs', 'preact.mjs'],
  ['preact/hooks/dist/hooks.mjs', 'hooks.mjs', (text) => text.replace(/from\s*"preact"/, 'from"./preact.mjs"')],
  ['htm/dist/htm.module.js', 'htm.mjs'],
  ['uplot/dist/uPlot.iife.min.js', 'uplot.mjs', (text) => `${text}\nexport default uPlot;\n`],
  ['uplot/dist/uPlot.min.css', 'uplot.css'],
];

const files = new Map();

function put(source, file, change) {
  const text = readFileSync(source, 'utf8').replace(/\n\/\/# sourceMappingURL=.*\s*$/, '\n');
  const made = change === undefined ? text : change(text);
  if (change !== undefined && made === text) throw new Error(`${source} is not what it was: see scripts/vendor.mjs`);
  files.set(file, made);
}

for (const [name, file, change] of LIBRARIES) {
  const source = join(modules, name);
  if (!existsSync(source)) throw new Error(`node_modules/${name} is missing: npm ci`);
  put(source, file, change);
}
// Of this one only the reader is wanted, which is a fifth of it.
const reader = { contents: "export { load } from 'js-yaml';", resolveDir: modules };
const { outputFiles } = buildSync({ stdin: reader, bundle: true, minify: true, format: 'esm', legalComments: 'inline', write: false });
files.set('yaml.mjs', outputFiles[0].text);
fill(target, files);
