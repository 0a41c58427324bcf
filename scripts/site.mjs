// Puts the console where the Worker's assets are taken from: its modules as they are written, with their libraries.

import './vendor.mjs';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { fill, listed } from './files.mjs';

const source = fileURLToPath(new URL('../console', import.meta.url));
const target = fileURLToPath(new URL('../public/console', import.meta.url));

fill(target, new Map(listed(source).map((path) => [path, readFileSync(join(source, path))])));
