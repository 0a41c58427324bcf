// A provider with an object of its own: whole, apart, and continued after a restart.

import assert from 'node:assert/strict';
import { readdirSync } from 'node:fs';
import { test } from 'node:test';
import { ADMIN_KEY, KEY, Sluice, behave } from './harness.mjs';

const ask = (sluice, path, key = KEY) =>
  sluice.fetch(path, {
    body: { model: 'claude-sonnet-5', max_tokens: 9, messages: [{ role: 'user', content: 'Hi' }] },
    headers: { authorization: `Bearer ${key}` },
  });

async function admin(sluice, method, path, { shard, body } = {}) {
  const headers = { authorization: `Bearer ${ADMIN_KEY}`, 'content-type': 'application/json', ...(shard && { 'x-sluice-shard': shard }) };
  const response = await fetch(`${sluice.url}/admin/api/${path}`, { method, headers, body: body && JSON.stringify(body) });
  return { status: response.status, body: await response.json() };
}

const objects = (sluice) => readdirSync(`${sluice.persist}/do`, { recursive: true }).filter((name) => /[0-9a-f]{64}\.sqlite$/.test(name));

test('a provider in an object of its own answers, rests and continues there', async (t) => {
  const sluice = await Sluice.start(t, { SLUICE_SHARDS: 'anthropic' });
  const first = await ask(sluice, '/anthropic/v1/messages');
  assert.equal(first.status, 200, await first.text());
  assert.match(first.headers.get('x-sluice-account'), /^anthropic-/);
  assert.equal((await sluice.chat()).status, 200);
  assert.equal(objects(sluice).length, 2, 'two objects');
  const ids = async (shard) => (await admin(sluice, 'GET', 'accounts', { shard })).body.items.map(({ id }) => id);
  assert.deepEqual(await ids('anthropic'), ['anthropic-1', 'anthropic-2']);
  assert.deepEqual(await ids(), ['google-1', 'google-2', 'openai-1', 'openai-2']);
  const elsewhere = await ask(sluice, '/v1/messages');
  assert.equal(elsewhere.status, 404, 'the first object has none of its accounts');
  await elsewhere.text();
  // What is limited there rests there, also after a restart, and nowhere else.
  sluice.provider.script(['anthropic-key-a', 'anthropic-key-b'], behave.refuse(429, { 'retry-after': '3600' }));
  assert.equal((await ask(sluice, '/anthropic/v1/messages')).status, 429);
  await sluice.restart();
  sluice.provider.keys();
  assert.equal((await ask(sluice, '/anthropic/v1/messages')).status, 429);
  assert.deepEqual(sluice.provider.keys(), []);
  assert.equal((await sluice.chat()).status, 200);
});

test('a token, a stored account and its copy belong to the object they were made in', async (t) => {
  const sluice = await Sluice.start(t, { SLUICE_SHARDS: 'anthropic', ANTHROPIC_API_KEY: '' });
  const shard = 'anthropic';
  const made = await admin(sluice, 'POST', 'tokens', { shard, body: { name: 'team' } });
  assert.equal(made.status, 201, JSON.stringify(made.body));
  sluice.provider.script('anthropic-key-stored', behave.answer());
  const account = { provider: 'anthropic', credential: { api_key: 'anthropic-key-stored' }, base_url: `${sluice.provider.url}/v1` };
  assert.equal((await admin(sluice, 'POST', 'accounts', { shard, body: account })).status, 201);
  const there = await ask(sluice, '/anthropic/v1/messages', made.body.key);
  assert.equal(there.status, 200, await there.text());
  const here = await ask(sluice, '/v1/messages', made.body.key);
  assert.equal(here.status, 401, await here.text());
  const { keys } = await (await sluice.worker.getKVNamespace('KV')).list();
  assert.deepEqual(keys.map(({ name }) => name), ['shard/anthropic/account/anthropic-1']);
  await (await sluice.worker.getWorker()).scheduled({ cron: '*/5 * * * *' });
  assert.equal((await admin(sluice, 'DELETE', 'accounts/anthropic-1', { shard })).status, 200);
});
