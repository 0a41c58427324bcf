// Secrets are seeded wherever Sluice keeps one, everything is done to make it speak, and then every place that it writes
// to is read: answers, headers, logs, the books, the object's disk, KV.

import assert from 'node:assert/strict';
import { test } from 'node:test';
import { ADMIN_KEY, Sluice, behave } from './harness.mjs';
import { CLIENTS } from './services.mjs';
import { OAuth } from './provider/oauth.mjs';

const MARK = 'canary-of-the-vault';
const secret = (what) => `sk-${MARK}-${what}-0123456789`;
const ENV = secret('variable');
const STORED = secret('stored');
/** An operator's own header is no credential: it is stored as it is, and shown as a hint. */
const HEADER = 'a-header-of-the-operator-0123456789';
const MASTER = secret('master');
const CLIENT = secret('client');
const OAUTH_CLIENT = secret('oauth-client');

const READS = [
  'accounts', 'accounts/openai-1', 'accounts/stored', 'accounts/login', 'accounts/stored/quota', 'accounts/login/quota', 'accounts/nobody',
  'health', 'providers', 'models', 'config', 'config/history', 'tokens', 'usage', 'usage/summary', 'prices', 'session', 'export', 'logins',
  'overview', 'audit', 'metrics', 'captures',
];

async function seeded(t) {
  const oauth = await OAuth.start();
  const sluice = await Sluice.start(t, {
    OPENAI_API_KEY: ENV,
    SLUICE_MASTER_KEY: MASTER,
    SLUICE_API_KEY: CLIENT,
    SLUICE_AUTH_URL: oauth.url,
    GEMINI_CLI_CLIENT_SECRET: OAUTH_CLIENT,
  });
  t.after(() => oauth.stop());
  sluice.provider.oauth = oauth;
  return { sluice, oauth };
}

test('a secret is nowhere but at its provider', async (t) => {
  const { sluice, oauth } = await seeded(t);
  const seen = [];
  const note = async (what, response) => {
    const text = await response.text();
    seen.push([what, `${JSON.stringify([...response.headers])}\n${text}`]);
    return text;
  };
  const admin = async (method, path, body) => {
    const headers = { authorization: `Bearer ${ADMIN_KEY}`, 'content-type': 'application/json' };
    const response = await fetch(`${sluice.url}/admin/api/${path}`, { method, headers, body: body && JSON.stringify(body) });
    return note(`${method} ${path}`, response);
  };
  const family = oauth.account('codex', { email: 'someone@example.com' });
  const { access, refresh, lifetime } = oauth.issue(family);
  const base = `${sluice.provider.url}/v1`;
  await admin('POST', 'accounts', { id: 'stored', provider: 'openai', credential: { api_key: STORED }, base_url: base, headers: { 'x-team': HEADER } });
  await admin('POST', 'accounts', {
    id: 'login', provider: 'codex', base_url: `${sluice.provider.url}/backend-api/codex`,
    credential: { access_token: access, refresh_token: refresh, expires: Date.now() + lifetime * 1000, account_id: `account of ${family.email}` },
  });
  const token = JSON.parse(await admin('POST', 'tokens', { name: 'somebody' })).key;
  // The one place where it is shown.
  const shown = seen.pop();
  assert.ok(shown[1].includes(token));

  const call = async (what, client, model, key, stream) => {
    const [url, body] = CLIENTS[client].ask(model, stream);
    await note(what, await sluice.fetch(url, { body, headers: { authorization: `Bearer ${key}` } }));
  };
  // A provider that repeats what it was sent, in every kind of refusal; and one that has not heard of it.
  const behaviors = [
    () => behave.answer(),
    ...[400, 401, 403, 404, 429, 500].map((status) => () => behave.refuse(status, {}, (key) => `Incorrect API key provided: ${key}. Bearer ${key}`)),
    () => behave.errorInside(500),
    () => behave.cut(1),
    (own) => (own === access ? behave.refuse(502) : behave.raw('text/html', [`<html>${own}</html>`])),
  ];
  for (const [at, behavior] of behaviors.entries()) {
    for (const [key, own] of [[ENV, ENV], [STORED, STORED], [family.email, access]]) sluice.provider.script(key, behavior(own));
    for (const client of Object.keys(CLIENTS)) {
      for (const [key, model] of [[CLIENT, 'gpt-4.1'], [token, 'gpt-5.4'], [token, 'codex/gpt-5.4']]) {
        await call(`${client} ${model} ${at}`, client, model, key, at % 2 === 0);
      }
    }
    for (const id of ['openai-1', 'stored', 'login']) {
      await admin('POST', `accounts/${id}/test`, { model: 'gpt-5.4' });
      await admin('POST', `accounts/${id}/reset`);
    }
  }
  await note('a wrong key', await sluice.fetch('/v1/chat/completions', { body: {}, headers: { authorization: `Bearer ${secret('unknown')}` } }));
  await note('a key in the address', await fetch(`${sluice.url}/v1/models?key=${CLIENT}`));
  await note('explained', await sluice.chat({}, { headers: { authorization: `Bearer ${CLIENT}`, 'x-sluice-explain': '1' } }));
  await admin('POST', 'accounts/login/quota');
  await admin('POST', 'accounts/login/refresh');
  family.revoked = true;
  await admin('POST', 'accounts/login/refresh');
  await admin('POST', 'accounts/login/quota');
  await admin('POST', 'route/explain', { model: 'gpt-4.1' });
  await admin('POST', 'accounts', { provider: 'openai', credential: { api_key: `${STORED}\n${ENV}` } });
  await admin('POST', 'import', { accounts: [{ provider: 'openai', credential: { api_key: STORED } }, { provider: 'no', credential: { api_key: ENV } }] });
  await admin('POST', 'restore', {});
  await (await sluice.worker.getWorker()).scheduled({ cron: '*/5 * * * *' });
  for (const path of READS) await admin('GET', path);
  await note('health', await fetch(`${sluice.url}/healthz`));

  const db = await sluice.worker.getD1Database('DB');
  const { results: tables } = await db.prepare("SELECT name FROM sqlite_master WHERE type = 'table' AND name NOT LIKE '\\_cf%' ESCAPE '\\'").all();
  for (const { name } of tables) {
    const { results } = await db.prepare(`SELECT * FROM "${name}"`).all();
    seen.push([`D1 ${name}`, JSON.stringify(results)]);
  }
  assert.ok(seen.some(([what, text]) => what === 'D1 usage' && text.includes('gpt-4.1')), 'the books are written');
  const kv = await sluice.worker.getKVNamespace('KV');
  const { keys } = await kv.list();
  assert.ok(keys.length >= 2, 'there are copies');
  for (const { name } of keys) seen.push([`KV ${name}`, `${name} ${await kv.get(name)}`]);
  seen.push(['the disk of the object', sluice.disk()]);
  seen.push(['the log', sluice.log]);
  assert.ok(sluice.log.length > 1000, 'there is a log');

  const secrets = [ENV, STORED, HEADER, MASTER, CLIENT, OAUTH_CLIENT, ADMIN_KEY, token, ...oauth.secretsIssued().filter((one) => one.length >= 12)];
  const leaks = [];
  for (const [what, text] of seen) {
    const stored = /^KV |^the disk|^GET export/.test(what);
    for (const one of [MARK, ...secrets]) if (text.includes(one) && !(stored && one === HEADER)) leaks.push(`${what}: ${one}`);
  }
  assert.deepEqual(leaks, []);
  assert.ok(seen.length > 200, `${seen.length} places were read`);
});
