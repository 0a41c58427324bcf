// The operator's API against its own description: Schemathesis, an independent program, makes requests of
// docs/openapi.json and holds every answer of the running Worker to it.

import assert from 'node:assert/strict';
import { execFile } from 'node:child_process';
import { existsSync, readFileSync, renameSync, rmSync } from 'node:fs';
import { homedir } from 'node:os';
import { join } from 'node:path';
import { test } from 'node:test';
import { promisify } from 'node:util';
import { ADMIN_KEY, Sluice } from './harness.mjs';

const run = promisify(execFile);
const SCHEMATHESIS = '4.32.5';
const described = JSON.parse(readFileSync(new URL('../docs/openapi.json', import.meta.url), 'utf8'));

/** The program, in a cache; `undefined`, with `t` skipped aloud, where it cannot be had. */
async function schemathesis(t) {
  const folder = join(process.env.XDG_CACHE_HOME ?? join(homedir(), '.cache'), 'sluice', `schemathesis-${SCHEMATHESIS}`);
  if (!existsSync(folder)) {
    const part = `${folder}.${process.pid}`;
    console.log(`Installing schemathesis ${SCHEMATHESIS} into ${folder} (once).`);
    try {
      await run('python3', ['-m', 'venv', part], { timeout: 60_000 });
      await run(`${part}/bin/python`, ['-m', 'pip', 'install', '-q', '--retries=0', `schemathesis==${SCHEMATHESIS}`], { timeout: 300_000 });
      renameSync(part, folder);
    } catch (error) {
      rmSync(part, { recursive: true, force: true });
      const reason = `schemathesis cannot be installed: ${`${error.stderr || error.message}`.trim().split('\n').at(-1)}`;
      console.log(`skipped: ${reason}`);
      return t.skip(reason);
    }
  }
  // The folder has moved since its scripts were written.
  return [`${folder}/bin/python`, ['-c', 'from schemathesis.cli import schemathesis; schemathesis()']];
}

test('the description is served as it is, to everybody', async (t) => {
  const sluice = await Sluice.start(t);
  const response = await fetch(`${sluice.url}/admin/api/openapi.json`);
  assert.equal(response.status, 200);
  assert.match(response.headers.get('content-type'), /^application\/json/);
  assert.deepEqual(await response.json(), described);
});

test('every answer that Schemathesis gets is one that the description has', async (t) => {
  const program = await schemathesis(t);
  if (program === undefined) return;
  // Whatever it makes up stays on this machine.
  const sluice = await Sluice.start(t, {}, { outboundService: () => Response.json({ data: [] }) });
  assert.equal((await sluice.admin('POST tokens', { name: 'laptop', budget: { micro: 1000 } })).status, 201);
  const [file, before] = program;
  const checks = 'not_a_server_error,status_code_conformance,content_type_conformance,response_schema_conformance,response_headers_conformance';
  // The tail has no end, and whoever guesses the key is made to wait.
  const args = ['run', `${sluice.url}/admin/api/openapi.json`, '-H', `Authorization: Bearer ${ADMIN_KEY}`, '--checks', checks]
    .concat(['--exclude-path', '/admin/api/tail', '--exclude-path', '/admin/api/session', '--phases', 'examples,fuzzing', '--mode', 'all', '--seed', '7', '--max-examples', '12'])
    .concat(['--generation-database', 'none', '--suppress-health-check', 'all', '--no-color', '--continue-on-failure', '--request-timeout', '10']);
  const told = await run(file, [...before, ...args], { timeout: 90_000, maxBuffer: 64 << 20, cwd: sluice.persist }).catch((error) => error);
  const text = `${told.stdout ?? ''}${told.stderr ?? ''}`;
  assert.ok(!(told instanceof Error), text.slice(-20_000) || told.message);
  console.log(text.split('\n').filter((line) => /tested|Test cases|generated|Seed/.test(line)).join('\n'));
});
