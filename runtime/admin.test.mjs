// The operator's API in workerd: what is stored there answers, survives a restart, and is shown to nobody.

import assert from 'node:assert/strict';
import { test } from 'node:test';
import { ADMIN_KEY, Sluice, behave } from './harness.mjs';

const SECRET = 'openai-key-that-is-stored';

async function withAccount(t) {
  const sluice = await Sluice.start(t, { OPENAI_API_KEY: '' });
  sluice.provider.script(SECRET, behave.answer());
  const account = { provider: 'openai', credential: { api_key: SECRET }, base_url: `${sluice.provider.url}/v1`, label: 'work' };
  const made = await sluice.admin('POST accounts', account);
  assert.equal(made.status, 201, JSON.stringify(made.body));
  return sluice;
}

test('a stored account answers with the next call, and after a restart', async (t) => {
  const sluice = await withAccount(t);
  for (const when of ['at once', 'after a restart']) {
    const response = await sluice.chat();
    assert.equal(response.status, 200, when);
    assert.match((await response.json()).choices[0].message.content, /You said: Hi/);
    assert.equal(response.headers.get('x-sluice-account'), 'openai-1');
    assert.deepEqual(sluice.provider.keys(), [SECRET]);
    await sluice.restart();
  }
  assert.equal((await sluice.admin('DELETE accounts/openai-1')).status, 200);
  assert.equal((await sluice.chat()).status, 404);
  assert.equal((await sluice.admin('POST undo/openai-1')).status, 200);
  assert.equal((await sluice.chat()).status, 200);
});

test('a refused account is shown as resting, and can be put right', async (t) => {
  const sluice = await withAccount(t);
  sluice.provider.script(SECRET, behave.refuse(429, { 'retry-after': '3600' }), behave.answer());
  assert.equal((await sluice.chat()).status, 429);
  const { body } = await sluice.admin('GET accounts/openai-1');
  assert.equal(body.state.models[0].model, 'gpt-4.1');
  assert.match(body.state.models[0].why, /rate limited/);
  assert.equal((await sluice.admin('POST accounts/openai-1/reset')).body.state.name, 'ready');
  assert.equal((await sluice.chat()).status, 200);
});

test('a credential is at rest under seal and in no answer', async (t) => {
  const sluice = await withAccount(t);
  const kv = await sluice.worker.getKVNamespace('KV');
  const mirrored = await kv.get('account/openai-1');
  assert.match(mirrored, /"sealed":"v1\./);
  const shown = await Promise.all(['accounts', 'accounts/openai-1', 'providers'].map((path) => sluice.admin(`GET ${path}`)));
  for (const text of [mirrored, sluice.log, JSON.stringify(shown.map((reply) => reply.body))]) {
    assert.ok(!text.includes(SECRET));
  }
  await sluice.admin('DELETE accounts/openai-1');
  assert.equal(await kv.get('account/openai-1'), null);
});

test('a browser signs in with a cookie that scripts of other sites cannot use', async (t) => {
  const sluice = await withAccount(t);
  const send = (method, path, headers, body) =>
    fetch(`${sluice.url}/admin/api/${path}`, { method, headers, body: body && JSON.stringify(body) });
  assert.equal((await send('POST', 'session', {}, { key: 'wrong' })).status, 401);
  const signed = await send('POST', 'session', {}, { key: ADMIN_KEY });
  assert.equal(signed.status, 204);
  const cookie = signed.headers.get('set-cookie').split(';')[0];
  assert.equal((await send('GET', 'accounts', { cookie })).status, 200);
  const cool = (headers) => send('POST', 'accounts/openai-1/cool', { cookie, ...headers }, { seconds: 1 });
  assert.equal((await cool({})).status, 403);
  assert.equal((await cool({ 'x-sluice-console': '1', origin: 'https://evil.example' })).status, 403);
  assert.equal((await cool({ 'x-sluice-console': '1', origin: sluice.url })).status, 200);
  assert.equal((await send('DELETE', 'session', { cookie, 'x-sluice-console': '1' })).status, 204);
  assert.equal((await send('GET', 'accounts', { cookie })).status, 401);
});

test('what the object serves inside is not reached from outside', async (t) => {
  const sluice = await withAccount(t);
  for (const path of ['/plan', '/report', '/admit', '/admin/api/../../plan', '/admin/api/%2e%2e/%2e%2e/plan']) {
    const response = await fetch(sluice.url + path, { method: 'POST', body: '{}' });
    assert.ok([401, 404, 405].includes(response.status), `${path}: ${response.status}`);
  }
});
