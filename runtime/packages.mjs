// Programs from npm that the tests run and the project does not depend on: kept in a cache outside the tree.
// SLUICE_AGENTS=0 does without them.

import { execFile } from 'node:child_process';
import { existsSync, mkdirSync, renameSync, rmSync } from 'node:fs';
import { homedir } from 'node:os';
import { join } from 'node:path';
import { promisify } from 'node:util';

const CACHE = join(process.env.XDG_CACHE_HOME ?? join(homedir(), '.cache'), 'sluice');
const INSTALL_MS = 180_000;

/** Why the registry was of no use: it is not asked twice. */
let absent;

/** The folder of one package of one version, installed if need be; `undefined`, with `t` skipped aloud, if it cannot be. */
export async function installed(t, name, version) {
  const folder = join(CACHE, `agents-${name.split('/').at(-1)}-${version}`);
  const skip = (reason) => {
    console.log(`skipped: ${reason}`);
    t.skip(reason);
  };
  if (process.env.SLUICE_AGENTS === '0') return skip(`SLUICE_AGENTS=0 does without ${name}`);
  if (!existsSync(join(folder, 'node_modules', name))) {
    if (absent !== undefined) return skip(`${name} ${version} is not installed, and ${absent}`);
    const part = `${folder}.${process.pid}`;
    mkdirSync(part, { recursive: true });
    console.log(`Installing ${name} ${version} into ${folder} (once).`);
    const options = ['--no-audit', '--no-fund', '--no-save', '--loglevel=error', '--fetch-retries=0'];
    try {
      const install = ['install', '--prefix', part, ...options, `${name}@${version}`];
      await promisify(execFile)('npm', install, { timeout: INSTALL_MS });
      rmSync(folder, { recursive: true, force: true });
      renameSync(part, folder);
    } catch (error) {
      rmSync(part, { recursive: true, force: true });
      const [why] = `${error.stderr || error.message}`.trim().split('\n');
      absent = `npm said: ${why}`;
      return skip(`${name} ${version} cannot be installed; ${absent}`);
    }
  }
  return join(folder, 'node_modules', name);
}

/** The path of the program `name` of a package that is `installed`. */
export const program = (folder, name) => join(folder.slice(0, folder.indexOf('node_modules')), 'node_modules/.bin', name);
