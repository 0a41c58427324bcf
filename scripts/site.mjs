// Puts the console where the Worker's assets are taken from: its modules as they are written, with their libraries.

import './vendor.mjs';
import { cpSync, rmSync } from 'node:fs';
import { fileURLToPath } from 'node:url';

const source = fileURLToPath(new URL('../console', import.meta.url));
const target = fileURLToPath(new URL('../public/console', import.meta.url));

rmSync(target, { recursive: true, force: true });
cpSync(source, target, { recursive: true });
