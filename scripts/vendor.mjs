// Puts the libraries that the console's page loads where it finds them: as their npm packages bring them for browsers.

import { cpSync, existsSync, rmSync } from 'node:fs';
import { createRequire } from 'node:module';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';

const require = createRequire(import.meta.url);
const target = fileURLToPath(new URL('../console/vendor/', import.meta.url));

/** Package, what of it, and the folder it goes to. */
const LIBRARIES = [['yaml', 'browser', 'yaml']];

for (const [name, part, folder] of LIBRARIES) {
  const source = join(dirname(require.resolve(`${name}/package.json`)), part);
  if (!existsSync(source)) throw new Error(`${name} has no ${part}`);
  rmSync(join(target, folder), { recursive: true, force: true });
  cpSync(source, join(target, folder), { recursive: true });
}
