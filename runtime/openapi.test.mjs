// The operator's API against its own description: Schemathesis, an independent program, makes requests of
// docs/openapi.json and holds every answer of the running Worker to it.

import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { test } from 'node:test';
import { ADMIN_KEY, Sluice } from './harness.mjs';
import { python, run } from './python.mjs';

const SCHEMATHESIS = 'schemathesis==4.32.5';
const described = JSON.parse(readFileSync(new URL('../docs/openapi.json', import.meta.url), 'utf8'));

test('the description is served as it is, to everybody', async (t) => {
  const sluice = await Sluice.start(t);
  const response = await fetch(`${sluice.url}/admin/api/openapi.json`);
  assert.equal(response.status, 200);
  assert.match(response.headers.get('content-type'), /^application\/json/);
  assert.deepEqual(await response.json(), described);
});

test('every answer that Schemathesis gets is one that the description has', async (t) => {
  const interpreter = await python(t, [SCHEMATHESIS]);
  if (interpreter === undefined) return;
  // Whatever it makes up stays on this machine.
  const sluice = await Sluice.start(t, {}, { outboundService: () => Response.json({ data: [] }) });
  assert.equal((await sluice.admin('POST tokens', { name: 'laptop', budget: { micro: 1000 } })).status, 201);
  const program = ['-c', 'from schemathesis.cli import schemathesis; schemathesis()'];
  const checks = 'not_a_server_error,status_code_conformance,content_type_conformance,response_schema_conformance,response_headers_conformance';
  // The tail has no end, and whoever guesses the key is made to wait.
  const args = ['run', `${sluice.url}/admin/api/openapi.json`, '-H', `Authorization: Bearer ${ADMIN_KEY}`, '--checks', checks]
    .concat(['--exclude-path', '/admin/api/tail', '--exclude-path', '/admin/api/session', '--phases', 'examples,fuzzing', '--mode', 'all', '--seed', '7', '--max-examples', '12'])
    .concat(['--generation-database', 'none', '--suppress-health-check', 'all', '--no-color', '--continue-on-failure', '--request-timeout', '10']);
  const told = await run(interpreter, [...program, ...args], { timeout: 240_000, maxBuffer: 64 << 20, cwd: sluice.persist }).catch((error) => error);
  const text = `${told.stdout ?? ''}${told.stderr ?? ''}`;
  assert.ok(!(told instanceof Error), text.slice(-20_000) || told.message);
  console.log(text.split('\n').filter((line) => /tested|Test cases|generated|Seed/.test(line)).join('\n'));
});
