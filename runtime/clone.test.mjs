// Somebody's first minutes: a fresh copy of the repository, the first command of the README, the first streamed token.

import assert from 'node:assert/strict';
import { execFileSync, spawn } from 'node:child_process';
import { cpSync, mkdirSync, mkdtempSync, readFileSync, readdirSync, rmSync, symlinkSync, utimesSync } from 'node:fs';
import { createServer } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test } from 'node:test';
import { fileURLToPath } from 'node:url';

const root = fileURLToPath(new URL('..', import.meta.url));

/** What a clone would have, and what installing and building would add to it. */
function copy() {
  const folder = mkdtempSync(join(tmpdir(), 'sluice-clone-'));
  const listed = execFileSync('git', ['ls-files', '-coz', '--exclude-standard'], { cwd: root, encoding: 'utf8' });
  for (const path of listed.split('\0').filter(Boolean)) {
    cpSync(join(root, path), join(folder, path), { force: true, errorOnExist: false });
  }
  // Each package by itself: a folder that is a link would be emptied by an installation in the copy.
  mkdirSync(join(folder, 'node_modules'));
  for (const name of readdirSync(join(root, 'node_modules'))) {
    if (name !== '.sluice-lock') symlinkSync(join(root, 'node_modules', name), join(folder, 'node_modules', name));
  }
  cpSync(join(root, 'package-lock.json'), join(folder, 'node_modules/.sluice-lock'));
  cpSync(join(root, 'build'), join(folder, 'build'), { recursive: true });
  utimesSync(join(folder, 'build/.stamp'), new Date(), new Date());
  return folder;
}

const freePort = () =>
  new Promise((resolve) => {
    const probe = createServer().listen(0, '127.0.0.1', () => {
      const { port } = probe.address();
      probe.close(() => resolve(port));
    });
  });

test('the first command of the README leads to a token on the screen', async (t) => {
  const folder = copy();
  const began = Date.now();
  const env = {
    ...process.env,
    PORT: String(await freePort()),
    SLUICE_BUILD: readFileSync(join(root, 'build/.stamp'), 'utf8'),
  };
  const served = spawn(join(folder, 'scripts/dev'), { env, detached: true });
  const ended = new Promise((resolve) => served.once('close', resolve));
  t.after(async () => {
    if (served.exitCode === null) process.kill(-served.pid, 'SIGINT');
    await ended;
    rmSync(folder, { recursive: true, force: true });
  });
  let said = '';
  const printed = new Promise((resolve, reject) => {
    for (const stream of [served.stdout, served.stderr]) {
      stream.setEncoding('utf8').on('data', (text) => {
        said += text;
        const command = said.match(/^ {2}(curl -N .*'authorization: Bearer .*')$/m)?.[1];
        if (command !== undefined) resolve(command);
      });
    }
    served.once('close', () => reject(new Error(said)));
  });
  const command = await printed;
  const answer = execFileSync('bash', ['-c', `${command} --silent --show-error --max-time 20`], { encoding: 'utf8' });
  assert.match(answer, /"content":"[^"]+"/);
  assert.match(answer, /^data: \[DONE\]$/m);
  t.diagnostic(`first token after ${((Date.now() - began) / 1000).toFixed(1)} s, with everything installed and built`);
});
