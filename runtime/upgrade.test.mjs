// What an older version has stored, under the Worker as it is now: one folder of tests/fixtures/upgrade for each version.
//
// A release adds its own: SLUICE_SNAPSHOT=0.2.0 node --test runtime/upgrade.test.mjs

import assert from 'node:assert/strict';
import { mkdirSync, mkdtempSync, readFileSync, readdirSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test } from 'node:test';
import { fileURLToPath } from 'node:url';
import { Miniflare } from 'miniflare';
import { statements } from '../scripts/migrate.mjs';
import { options } from '../scripts/worker.mjs';
import { KEY, Sluice, behave, until } from './harness.mjs';

const folder = fileURLToPath(new URL('../tests/fixtures/upgrade', import.meta.url));
const migrations = fileURLToPath(new URL('../migrations', import.meta.url));

const SECRET = 'openai-key-canary-of-an-older-version';
const TOKEN = 'sk-canary-token-of-an-older-version';
const NONE = { OPENAI_API_KEY: '', ANTHROPIC_API_KEY: '', GEMINI_API_KEY: '' };
/** Where the account of a snapshot is: no test may know its provider's port beforehand. */
const ADDRESS = 'http://upgrade.example.com';

/** The object as its storage sees it, in place of the Worker. */
const STORAGE = `
  import { DurableObject } from 'cloudflare:workers';
  export class Pool extends DurableObject {
    async fetch(request) {
      const sql = this.ctx.storage.sql;
      if (request.method === 'GET') return Response.json([...sql.exec('SELECT key, value FROM saved ORDER BY key')]);
      sql.exec('CREATE TABLE IF NOT EXISTS saved (key TEXT PRIMARY KEY, value TEXT NOT NULL) WITHOUT ROWID');
      for (const { key, value } of await request.json()) sql.exec('INSERT INTO saved VALUES (?, ?)', key, value);
      return new Response();
    }
  }
  export default { fetch: (request, env) => env.POOL.getByName('pool').fetch(request) };`;

/** Does something with the stores of a folder while no Worker has them. */
async function stores(persist, use) {
  const { modules, modulesRoot, assets, ...rest } = options({ persist, bindings: {}, host: '127.0.0.1', port: 0 });
  const runtime = new Miniflare({ ...rest, modules: true, script: STORAGE });
  try {
    return await use(runtime, await runtime.getD1Database('DB'));
  } finally {
    await runtime.dispose();
  }
}

/** All that the provider is asked goes through here, whatever address an account has. */
function outside() {
  const service = async (request) => {
    const { pathname, search } = new URL(request.url);
    const body = request.method === 'POST' ? await request.arrayBuffer() : undefined;
    const answer = await fetch(service.url + pathname + search, { method: request.method, headers: request.headers, body });
    return new Response(answer.body, { status: answer.status, headers: answer.headers });
  };
  return service;
}

/** What the snapshot of a version is made of: an account, a token, a route, calls of both, a limited account. */
async function live(t) {
  const service = outside();
  const sluice = await Sluice.start(t, NONE, { outboundService: service });
  service.url = sluice.provider.url;
  for (const key of [SECRET, `${SECRET}-limited`]) sluice.provider.script(key, behave.answer());
  const account = (id, key) => ({ id, provider: 'openai', credential: { api_key: key }, base_url: `${ADDRESS}/v1`, label: id });
  for (const body of [account('kept', SECRET), account('limited', `${SECRET}-limited`)]) {
    const made = await sluice.admin('POST accounts', body);
    assert.equal(made.status, 201, JSON.stringify(made.body));
  }
  const bundle = {
    tokens: [{ name: 'laptop', key: TOKEN, budget: { window: 'total', micro: 1_000_000 } }],
    config: { routes: { 'an-alias': { tiers: [['openai/gpt-4.1']] } } },
  };
  assert.equal((await sluice.admin('POST import', bundle)).status, 200);
  sluice.provider.script(`${SECRET}-limited`, behave.refuse(429, { 'retry-after': '604000' }));
  for (let at = 0; at < 4; at += 1) {
    const headers = { authorization: `Bearer ${TOKEN}` };
    assert.equal((await sluice.chat({ messages: [{ role: 'user', content: `Hi ${at}` }] }, { headers })).status, 200);
  }
  await until(async () => (await sluice.admin('GET usage')).body.items.length === 4);
  return sluice;
}

if (process.env.SLUICE_SNAPSHOT) {
  test('what this version stores is kept for those that come', async (t) => {
    const sluice = await live(t);
    await sluice.worker.dispose();
    sluice.worker = undefined;
    const kept = join(folder, process.env.SLUICE_SNAPSHOT);
    mkdirSync(kept, { recursive: true });
    await stores(sluice.persist, async (runtime, database) => {
      const rows = await (await runtime.dispatchFetch('http://storage/')).json();
      writeFileSync(join(kept, 'object.json'), `${JSON.stringify({ taken: Date.now(), rows }, null, 1)}\n`);
      const { results } = await database.prepare('SELECT * FROM usage ORDER BY id').all();
      writeFileSync(join(kept, 'usage.json'), `${JSON.stringify(results, null, 1)}\n`);
    });
    const files = readdirSync(migrations).filter((name) => name.endsWith('.sql')).sort();
    writeFileSync(join(kept, 'books.sql'), files.map((name) => readFileSync(join(migrations, name), 'utf8')).join('\n'));
  });
}

/** A folder with the stores of `version` in it. */
async function restored(t, version) {
  const persist = mkdtempSync(join(tmpdir(), 'sluice-upgrade-'));
  t.after(() => rmSync(persist, { recursive: true, force: true }));
  const read = (name) => readFileSync(join(folder, version, name), 'utf8');
  await stores(persist, async (runtime, database) => {
    const { taken, rows: stored } = JSON.parse(read('object.json'));
    // What was to come a week after it was stored is still to come.
    const shifted = (time) => String(Number(time) + Date.now() - taken);
    const recent = stored.map(({ key, value }) => ({ key, value: value.replace(/(?<=[:,[])\d{13}(?=[,}\]])/g, shifted) }));
    await runtime.dispatchFetch('http://storage/', { method: 'POST', body: JSON.stringify(recent) });
    await database.batch(statements(read('books.sql')).map((sql) => database.prepare(sql)));
    const rows = JSON.parse(read('usage.json')).map((row) => {
      const names = Object.keys(row);
      const sql = `INSERT INTO usage (${names.join()}) VALUES (${names.map((_, at) => `?${at + 1}`).join()})`;
      return database.prepare(sql).bind(...Object.values(row));
    });
    await database.batch(rows);
  });
  return persist;
}

for (const version of readdirSync(folder)) {
  test(`${version}: its accounts answer, its tokens pay, its history stays`, async (t) => {
    const persist = await restored(t, version);
    const service = outside();
    const sluice = await Sluice.start(t, NONE, { outboundService: service }, { persist, migrated: false });
    service.url = sluice.provider.url;
    for (const key of [SECRET, `${SECRET}-limited`]) sluice.provider.script(key, behave.answer());

    const { items } = (await sluice.admin('GET accounts')).body;
    assert.deepEqual(items.map(({ id, label }) => [id, label]), [['kept', 'kept'], ['limited', 'limited']]);
    assert.equal(items[1].state.models[0].model, 'gpt-4.1', 'the limit is forgotten');

    const before = (await sluice.admin('GET usage')).body.items;
    assert.equal(before.length, 4);
    const [token] = (await sluice.admin('GET tokens')).body.items;
    assert.equal(token.name, 'laptop');

    const headers = { authorization: `Bearer ${TOKEN}` };
    const response = await sluice.chat({ model: 'an-alias' }, { headers });
    assert.equal(response.status, 200, await response.clone().text());
    assert.equal(response.headers.get('x-sluice-account'), 'kept');
    assert.deepEqual(sluice.provider.keys(), [SECRET]);

    // The books go on where they were, in the columns there are now.
    await until(async () => (await sluice.admin('GET usage')).body.items.length === 5);
    const [newest] = (await sluice.admin('GET usage')).body.items;
    assert.equal(newest.token, token.id);
    const daily = (await sluice.admin('GET usage/daily?from=0&by=token')).body.items;
    assert.equal(daily.reduce((sum, { requests }) => sum + requests, 0), 5);
    const after = (await sluice.admin('GET tokens')).body.items[0];
    assert.ok(after.used.micro > token.used.micro, 'the budget began anew');

    await (await sluice.worker.getWorker()).scheduled({ cron: '*/5 * * * *' });
    const database = await sluice.worker.getD1Database('DB');
    const { value } = await database.prepare("SELECT value FROM meta WHERE name = 'schema'").first();
    assert.equal(Number(value), readdirSync(migrations).filter((name) => name.endsWith('.sql')).length);
    assert.doesNotMatch(sluice.log, /cannot be read/);
    assert.equal((await sluice.chat({}, { headers: { authorization: `Bearer ${KEY}` } })).status, 200);
  });
}

test('a table that an older version had not is made by the call that misses it', async (t) => {
  const persist = await restored(t, '0.1.0');
  await stores(persist, (_, database) => database.batch([database.prepare('DROP TABLE daily'), database.prepare("UPDATE meta SET value = '0'")]));
  const service = outside();
  const sluice = await Sluice.start(t, NONE, { outboundService: service }, { persist, migrated: false });
  service.url = sluice.provider.url;
  sluice.provider.script([SECRET, `${SECRET}-limited`], behave.answer());
  assert.equal((await sluice.chat()).status, 200);
  await until(async () => (await sluice.admin('GET usage')).body.items.length === 5);
  const { items } = (await sluice.admin('GET usage/daily?from=0&by=token')).body;
  assert.equal(items.reduce((sum, { requests }) => sum + requests, 0), 1);
  const database = await sluice.worker.getD1Database('DB');
  const { value } = await database.prepare("SELECT value FROM meta WHERE name = 'schema'").first();
  assert.ok(Number(value) > 0);
});

test('a database that was never made is made by the first call', async (t) => {
  const sluice = await Sluice.start(t, {}, {}, { migrated: false });
  const database = await sluice.worker.getD1Database('DB');
  assert.deepEqual((await database.prepare("SELECT name FROM sqlite_master WHERE name = 'usage'").all()).results, []);
  assert.equal((await sluice.chat()).status, 200);
  await until(async () => (await sluice.admin('GET usage')).body.items.length === 1);
});
