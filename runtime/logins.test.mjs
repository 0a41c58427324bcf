// Every sign-in, from the console's request to a call on the new account, in workerd against emulated providers.

import assert from 'node:assert/strict';
import { test } from 'node:test';
import { ADMIN_KEY } from './harness.mjs';
import { subscribed } from './subscription.mjs';

const DEVICE = ['codex', 'qwen-code', 'kiro-builder-id', 'kimi', 'xai'];
const PASTE = ['gemini-cli', 'antigravity', 'codex', 'claude', 'kiro', 'iflow'];
/** Providers that name the person. */
const NAMED = ['gemini-cli', 'antigravity', 'codex', 'claude', 'iflow', 'xai'];

async function until(what, ask) {
  for (let round = 0; round < 200; round += 1) {
    const got = await ask();
    if (got) return got;
    await new Promise((resolve) => setTimeout(resolve, 50));
  }
  throw new Error(`${what} did not come`);
}

const done = (sluice, id) =>
  until('the end of the sign-in', async () => {
    const { body } = await sluice.admin(`GET logins/${id}`);
    return body.state !== 'waiting' && body;
  });

/** At an address of its own, because not every provider has a usual one here. */
async function begin(sluice, provider, kind, more = {}) {
  const options = { base_url: 'http://127.0.0.1:9', protocol: 'chat' };
  const { status, body } = await sluice.admin('POST logins', { provider, kind, options, ...more });
  assert.equal(status, 201, JSON.stringify(body));
  return body;
}

test('a code typed elsewhere makes an account, at every provider that has such codes', async (t) => {
  const { sluice, oauth } = await subscribed(t);
  for (const provider of DEVICE) {
    const login = await begin(sluice, provider, 'device');
    assert.match(login.url, /^https:\/\//, provider);
    oauth.approve(login.code, { email: `me@${provider}.example` });
    const end = await done(sluice, login.id);
    assert.equal(end.state, 'done', `${provider}: ${JSON.stringify(end)}`);
    const { body } = await sluice.admin(`GET accounts/${end.account}`);
    assert.deepEqual([body.kind, body.state.name], ['oauth', 'ready'], provider);
    assert.ok(body.expires > Date.now(), provider);
    if (NAMED.includes(provider)) assert.equal(body.label, `me@${provider}.example`);
  }
});

test('a pasted address makes an account, at every provider that ends at one', async (t) => {
  const { sluice, oauth } = await subscribed(t);
  for (const provider of PASTE) {
    const login = await begin(sluice, provider, 'paste');
    const text = oauth.authorize(login.url, { email: `me@${provider}.example` });
    const pasted = await sluice.admin(`POST logins/${login.id}/paste`, { text });
    assert.equal(pasted.status, 200, `${provider}: ${JSON.stringify(pasted.body)}`);
    const end = await done(sluice, login.id);
    assert.equal(end.state, 'done', `${provider}: ${JSON.stringify(end)}`);
    const { body } = await sluice.admin(`GET accounts/${end.account}`);
    if (NAMED.includes(provider)) assert.equal(body.label, `me@${provider}.example`);
    const twice = await sluice.admin(`POST logins/${login.id}/paste`, { text });
    assert.equal(twice.status, 409, provider);
  }
});

test('the account of a sign-in answers, and is renewed like any other', async (t) => {
  const { sluice, oauth, upstream, ask } = await subscribed(t);
  const options = { base_url: upstream.url, protocol: 'chat' };
  const login = await begin(sluice, 'xai', 'device', { options });
  oauth.approve(login.code, { email: 'me@example.com', lifetime: 2 });
  const end = await done(sluice, login.id);
  assert.equal((await sluice.admin(`PATCH accounts/${end.account}`, { allow: ['subscribed'] })).status, 200);
  oauth.kinds();
  await new Promise((resolve) => setTimeout(resolve, 2_100));
  assert.deepEqual(await ask(), { status: 200, said: 'Hello, me@example.com' });
  assert.deepEqual([oauth.kinds(), upstream.judged], [['xai refresh'], ['ok']]);
});

test('whoever says no, and whatever belongs to another sign-in, is told', async (t) => {
  const { sluice, oauth } = await subscribed(t);
  const denied = await begin(sluice, 'xai', 'device');
  oauth.deny(denied.code);
  assert.match((await done(sluice, denied.id)).error, /access_denied/);
  const [one, two] = [await begin(sluice, 'codex', 'paste'), await begin(sluice, 'codex', 'paste')];
  const text = oauth.authorize(two.url);
  const foreign = await sluice.admin(`POST logins/${one.id}/paste`, { text });
  assert.deepEqual([foreign.status, foreign.body.error.field], [400, 'text']);
  assert.match(foreign.body.error.message, /another sign-in/);
  const refused = await sluice.admin(`POST logins/${one.id}/paste`, { text: oauth.authorize(one.url, { deny: true }) });
  assert.match(refused.body.error.message, /access_denied/);
  assert.equal((await sluice.admin(`GET logins/${one.id}`)).body.state, 'failed');
  assert.equal((await sluice.admin(`POST logins/${two.id}/paste`, { text })).status, 200);
});

test('a sign-in goes on after a crash', async (t) => {
  const { sluice, oauth } = await subscribed(t);
  const device = await begin(sluice, 'codex', 'device');
  const paste = await begin(sluice, 'claude', 'paste');
  await sluice.crash();
  oauth.approve(device.code);
  assert.equal((await done(sluice, device.id)).state, 'done');
  const text = oauth.authorize(paste.url);
  assert.equal((await sluice.admin(`POST logins/${paste.id}/paste`, { text })).body.state, 'done');
});

test('a dead account works again when its person has signed in', async (t) => {
  const { sluice, oauth, imported, ask, account } = await subscribed(t);
  const { id, family } = await imported('xai', { left: -1 });
  family.revoked = true;
  assert.notEqual((await ask()).status, 200);
  assert.equal((await account(id)).state.name, 'sign_in');
  const login = await begin(sluice, 'xai', 'device', { account: id });
  oauth.approve(login.code, { email: 'me@example.com' });
  assert.equal((await done(sluice, login.id)).account, id);
  assert.equal((await account(id)).state.name, 'ready');
  assert.deepEqual(await ask(), { status: 200, said: 'Hello, me@example.com' });
});

test('a service account buys its tokens with a signature', async (t) => {
  const { generateKeyPairSync } = await import('node:crypto');
  const { sluice, oauth, upstream, ask } = await subscribed(t);
  const { publicKey, privateKey } = generateKeyPairSync('rsa', { modulusLength: 2048 });
  oauth.services.set('robot@project.example', publicKey);
  const made = await sluice.admin('POST accounts', {
    provider: 'vertex',
    kind: 'service_account',
    base_url: upstream.url,
    protocol: 'chat',
    models: ['subscribed'],
    credential: {
      client_email: 'robot@project.example',
      private_key: privateKey.export({ type: 'pkcs8', format: 'pem' }),
      project_id: 'project',
      location: 'us-central1',
    },
  });
  assert.equal(made.status, 201, JSON.stringify(made.body));
  await ask();
  assert.deepEqual(oauth.kinds(), ['vertex refresh']);
  const { body } = await sluice.admin(`GET accounts/${made.body.id}`);
  assert.ok(body.expires > Date.now(), JSON.stringify(body));
});

test('nothing secret is in a log, an answer, an error, the mirror or the rows', async (t) => {
  const { sluice, oauth, imported, ask } = await subscribed(t);
  const accounts = [await imported('xai', { left: -1 }), await imported('kimi', { left: -1 })];
  const seen = [JSON.stringify(await ask())];
  accounts[0].family.revoked = true;
  oauth.advance(864_001_000);
  for (let round = 0; round < 3; round += 1) seen.push(JSON.stringify(await ask()));
  const states = [];
  for (const provider of PASTE) {
    const login = await begin(sluice, provider, 'paste');
    states.push(new URL(login.url).searchParams.get('state'));
    const text = oauth.authorize(login.url);
    seen.push(JSON.stringify(await sluice.admin(`POST logins/${login.id}/paste`, { text })));
    seen.push(JSON.stringify((await sluice.admin(`GET logins/${login.id}`)).body));
  }
  for (const path of ['accounts', 'providers', 'session']) seen.push(JSON.stringify((await sluice.admin(`GET ${path}`)).body));
  const stored = [];
  const kv = await sluice.worker.getKVNamespace('KV');
  for (const { name } of (await kv.list()).keys) stored.push(name, await kv.get(name));
  const database = await sluice.worker.getD1Database('DB');
  const rows = async (query) => (await database.prepare(query).all()).results;
  for (const { name } of await rows("SELECT name FROM sqlite_master WHERE type = 'table' AND name NOT GLOB '_cf*'")) {
    stored.push(JSON.stringify(await rows(`SELECT * FROM "${name}"`)));
  }
  stored.push(sluice.log);
  await sluice.restart();
  stored.push(sluice.disk());
  assert.match(stored.at(-1), /"sealed":"v1\./, 'the disk can be read');
  const secrets = [...oauth.secretsIssued(), 'canary-client-secret', ADMIN_KEY, 'iflow-key-'];
  assert.ok(secrets.length > 20 && seen.join().length > 2000);
  for (const text of [...seen, ...stored]) {
    for (const secret of secrets) assert.ok(!text.includes(secret), `${secret} in ${text.slice(0, 300)}`);
  }
  // The address that a person opens has the state in it.
  for (const text of stored) {
    for (const state of states) assert.ok(!text.includes(state), `${state} in ${text.slice(0, 300)}`);
  }
});
