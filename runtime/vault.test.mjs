// The master key in workerd: another one, a wrong one, none; and accounts that come back from their copies.

import assert from 'node:assert/strict';
import { rmSync } from 'node:fs';
import { test } from 'node:test';
import { Sluice, behave } from './harness.mjs';

const FIRST = 'the first master key of the tests';
const SECOND = 'the second master key of the tests';
const SECRET = 'openai-key-that-is-stored';

async function stored(t, count = 2) {
  const sluice = await Sluice.start(t, { OPENAI_API_KEY: '', SLUICE_MASTER_KEY: FIRST });
  sluice.provider.script(SECRET, behave.answer());
  for (let number = 1; number <= count; number += 1) {
    const body = { provider: 'openai', credential: { api_key: number === 1 ? SECRET : `${SECRET}-${number}` }, base_url: `${sluice.provider.url}/v1`, priority: number };
    assert.equal((await sluice.admin('POST accounts', body)).status, 201);
  }
  return sluice;
}

async function restarted(sluice, keys) {
  for (const name of ['SLUICE_MASTER_KEY', 'SLUICE_MASTER_KEY_PREVIOUS']) delete sluice.bindings[name];
  Object.assign(sluice.bindings, keys);
  await sluice.restart();
  return (await sluice.admin('GET health')).body.vault;
}

const wake = async (sluice) => (await sluice.worker.getWorker()).scheduled({ cron: '*/5 * * * *' });

/** Ids of the keys that have sealed the copies in KV. */
async function seals(sluice) {
  const kv = await sluice.worker.getKVNamespace('KV');
  const { keys } = await kv.list({ prefix: 'account/' });
  const copies = await Promise.all(keys.map(({ name }) => kv.get(name)));
  return new Set(copies.map((copy) => JSON.parse(copy).sealed.split('.')[1]));
}

test('the master key is rotated, a few accounts at a time, and nobody notices', async (t) => {
  const sluice = await stored(t, 10);
  const before = (await sluice.admin('GET health')).body.vault.key;
  assert.deepEqual(await seals(sluice), new Set([before]));
  const both = await restarted(sluice, { SLUICE_MASTER_KEY: SECOND, SLUICE_MASTER_KEY_PREVIOUS: FIRST });
  assert.deepEqual([both.state, both.locked], ['ok', 0]);
  assert.ok(both.outdated === 10 || both.outdated === 2, 'the clock may have come already');
  assert.notEqual(both.key, before);
  assert.equal((await sluice.chat()).status, 200);
  await wake(sluice);
  assert.ok((await sluice.admin('GET health')).body.vault.outdated <= 2, 'eight at a time');
  await wake(sluice);
  assert.equal((await sluice.admin('GET health')).body.vault.outdated, 0);
  assert.deepEqual(await seals(sluice), new Set([both.key]), 'the copies too');
  const alone = await restarted(sluice, { SLUICE_MASTER_KEY: SECOND });
  assert.deepEqual([alone.state, alone.locked], ['ok', 0]);
  assert.equal((await sluice.chat()).status, 200);
});

test('a wrong key is one clear error, and nothing is overwritten', async (t) => {
  const sluice = await stored(t);
  for (const [keys, state] of [[{ SLUICE_MASTER_KEY: SECOND }, 'wrong_key'], [{}, 'missing']]) {
    const vault = await restarted(sluice, keys);
    assert.deepEqual([vault.state, vault.locked], [state, 2]);
    assert.match(vault.why, /SLUICE_MASTER_KEY/);
    const refused = await sluice.chat();
    assert.equal(refused.status, 503);
    assert.match((await refused.json()).error.message, /SLUICE_MASTER_KEY/);
    const { body } = await sluice.admin('GET accounts/openai-1');
    assert.equal(body.state.name, 'locked');
    await wake(sluice);
  }
  assert.equal(sluice.provider.requests.length, 0, 'nobody was asked with nothing');
  assert.deepEqual(await restarted(sluice, { SLUICE_MASTER_KEY: FIRST }).then(({ state, locked }) => [state, locked]), ['ok', 0]);
  assert.equal((await sluice.chat()).status, 200);
});

test('accounts come back from their copies when the object is lost', async (t) => {
  const sluice = await stored(t, 3);
  const kv = await sluice.worker.getKVNamespace('KV');
  const stale = await kv.get('account/openai-2');
  await sluice.admin('PATCH accounts/openai-2', { label: 'newer' });
  await sluice.restart(() => rmSync(`${sluice.persist}/do`, { recursive: true }));
  assert.equal((await sluice.admin('GET accounts')).body.total, 4, 'only those of the variables');
  const dry = await sluice.admin('POST restore', { dry_run: true });
  assert.deepEqual([dry.status, dry.body.next, dry.body.accounts.map(({ action }) => action)], [200, null, ['add', 'add', 'add']]);
  assert.equal((await sluice.chat()).status, 404);
  await sluice.admin('POST restore');
  assert.equal((await sluice.chat()).status, 200);
  assert.equal((await sluice.admin('GET accounts/openai-2')).body.label, 'newer');
  await (await sluice.worker.getKVNamespace('KV')).put('account/openai-2', stale);
  const again = await sluice.admin('POST restore');
  assert.deepEqual(again.body.accounts.map(({ action }) => action), ['skip', 'skip', 'skip']);
  assert.equal((await sluice.admin('GET accounts/openai-2')).body.label, 'newer', 'an older copy overwrites nothing');
  assert.ok(!JSON.stringify([dry.body, again.body]).includes('sealed'));
});

test('an import of thousands is copied a few at a time, by the clock', async (t) => {
  const sluice = await stored(t, 1);
  const accounts = Array.from({ length: 200 }, (_, at) => ({ provider: 'groq', credential: { api_key: `gsk_canary_${at}_0123456789` } }));
  const { body } = await sluice.admin('POST import', { accounts });
  assert.ok(body.accounts.every(({ action }) => action === 'add'));
  const kv = await sluice.worker.getKVNamespace('KV');
  const copied = async () => (await kv.list({ prefix: 'account/' })).keys.length;
  const first = await copied();
  assert.ok(first >= 41 && first < 201, `${first}`);
  await sluice.restart();
  for (let round = 0; round < 4; round += 1) await wake(sluice);
  assert.equal(await (await sluice.worker.getKVNamespace('KV')).list({ prefix: 'account/' }).then(({ keys }) => keys.length), 201);
});
