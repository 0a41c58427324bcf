// Puts the console where the Worker's assets are taken from: its modules one by one, without their comments and spaces, and
// their libraries. The description of the operator's API lies beside it, under its own address.

import './vendor.mjs';
import { mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { dirname, extname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { transformSync } from 'esbuild';
import { fill, listed } from './files.mjs';

const source = fileURLToPath(new URL('../console', import.meta.url));
const target = fileURLToPath(new URL('../public/console', import.meta.url));
const LOADERS = { '.mjs': 'js', '.css': 'css' };

/** A module stays a module of its own with the names it exports; what is inside of it is written shorter. */
function made(path) {
  const text = readFileSync(join(source, path));
  const loader = LOADERS[extname(path)];
  if (loader === undefined || path.startsWith('vendor')) return text;
  return transformSync(text.toString(), { loader, minify: true, charset: 'utf8', target: 'es2022', legalComments: 'none', sourcefile: path }).code;
}

fill(target, new Map(listed(source).map((path) => [path, made(path)])));

const description = fileURLToPath(new URL('../public/admin/api/openapi.json', import.meta.url));
mkdirSync(dirname(description), { recursive: true });
writeFileSync(description, JSON.stringify(JSON.parse(readFileSync(new URL('../docs/openapi.json', import.meta.url), 'utf8'))));
