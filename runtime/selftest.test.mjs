// The deployment measures itself: in workerd, with an outside that has Cloudflare's trace, or none.

import assert from 'node:assert/strict';
import { test } from 'node:test';
import { Sluice } from './harness.mjs';

/** A Worker whose outside answers by `answer`; `asked` counts. */
async function measured(t, answer) {
  const asked = [];
  const outboundService = async (request) => {
    asked.push(`${request.method} ${request.url}`);
    return answer(request);
  };
  const sluice = await Sluice.start(t, {}, { outboundService });
  const { status, body } = await sluice.admin('POST selftest');
  assert.equal(status, 200, JSON.stringify(body));
  return { sluice, asked, body, check: (name) => body.checks.find((check) => check.name === name) };
}

test('a deployment says what its parts take, and what that means', async (t) => {
  const { asked, body, check } = await measured(t, () => new Response('fl=1f1\ncolo=FRA\nloc=DE\n'));
  assert.deepEqual(body.errors, []);
  assert.equal(check('master_key').verdict, 'good');
  for (const name of ['object', 'kv', 'd1']) {
    assert.notEqual(check(name).verdict, 'failed', name);
    assert.ok(check(name).value >= 0 && check(name).value < 10_000, JSON.stringify(check(name)));
  }
  assert.match(check('egress').message, /leave from FRA and seem to come from DE/);
  // No ceiling here: everything that was tried went through, and no more was.
  assert.equal(check('subrequests_inside').value, 60);
  assert.equal(check('subrequests_outside').value, 60);
  assert.equal(asked.length, 61);
  assert.deepEqual([...new Set(asked)].sort(), [
    'GET https://cloudflare.com/cdn-cgi/trace',
    'HEAD https://cloudflare.com/cdn-cgi/trace',
  ]);
  for (const { name, value, unit, verdict, message } of body.checks) t.diagnostic(`${name}: ${value} ${unit}, ${verdict}: ${message}`);
});

test('where the network cannot be reached the rest is measured all the same', async (t) => {
  const { asked, check } = await measured(t, () => new Response('no', { status: 403 }));
  assert.equal(asked.length, 1);
  assert.equal(check('subrequests_outside').verdict, 'unknown');
  assert.equal(check('egress').verdict, 'unknown');
  assert.notEqual(check('kv').verdict, 'failed');
});

test('nobody but the operator may have it measured', async (t) => {
  const { sluice, asked } = await measured(t, () => new Response('colo=FRA\nloc=DE\n'));
  const before = asked.length;
  const stranger = await fetch(`${sluice.url}/admin/api/selftest`, { method: 'POST' });
  assert.equal(stranger.status, 401);
  assert.equal((await sluice.admin('GET selftest')).status, 405);
  assert.equal(asked.length, before);
});
