// The emulator of sign-ins is as strict as the providers are.

import assert from 'node:assert/strict';
import { createHash } from 'node:crypto';
import { test } from 'node:test';
import { OAuth, answer } from './provider/oauth.mjs';

async function emulator(t) {
  const oauth = await OAuth.start();
  t.after(() => oauth.stop());
  const post = async (address, fields, headers = {}) => {
    const json = headers['content-type'] === 'application/json';
    const body = json ? JSON.stringify(fields) : new URLSearchParams(fields);
    const response = await fetch(`${oauth.url}/${address}`, { method: 'POST', body, headers });
    return [response.status, await response.json(), response];
  };
  return { oauth, post };
}

const CODEX = 'app_EMoamEEZ73f0CkXaXp7hrann';
const codex = (refresh_token) => ['auth.openai.com/oauth/token', { grant_type: 'refresh_token', refresh_token, client_id: CODEX }];

test('a refresh token is good once, and a second use ends the family', async (t) => {
  const { oauth, post } = await emulator(t);
  const family = oauth.account('codex');
  const first = oauth.issue(family);
  const [status, renewed] = await post(...codex(first.refresh));
  assert.equal(status, 200);
  assert.notEqual(renewed.refresh_token, first.refresh);
  assert.deepEqual([oauth.judge(first.access), oauth.judge(renewed.access_token)], ['ok', 'ok']);
  const [reused, body] = await post(...codex(first.refresh));
  assert.deepEqual([reused, body.error.code], [401, 'refresh_token_reused']);
  assert.deepEqual([oauth.judge(renewed.access_token), family.revoked], ['revoked', true]);
  const [gone, after] = await post(...codex(renewed.refresh_token));
  assert.deepEqual([gone, after.error.code], [401, 'refresh_token_invalidated']);
});

test('tokens end when the clock says so', async (t) => {
  const { oauth } = await emulator(t);
  const { access } = oauth.issue(oauth.account('kimi'));
  oauth.advance(899_000);
  assert.equal(oauth.judge(access), 'ok');
  oauth.advance(2_000);
  assert.equal(oauth.judge(access), 'expired');
});

test('a code needs its verifier and its redirect, once', async (t) => {
  const { oauth, post } = await emulator(t);
  const verifier = 'v'.repeat(43);
  const challenge = createHash('sha256').update(verifier).digest('base64url');
  const redirect_uri = 'http://localhost:1455/auth/callback';
  const query = new URLSearchParams({ client_id: CODEX, redirect_uri, state: 's', code_challenge: challenge });
  const sign = () => new URL(oauth.authorize(`${oauth.url}/auth.openai.com/oauth/authorize?${query}`));
  const exchange = (code, more = {}) => {
    const fields = { grant_type: 'authorization_code', code, redirect_uri, code_verifier: verifier, client_id: CODEX };
    return post('auth.openai.com/oauth/token', { ...fields, ...more });
  };
  const end = sign();
  assert.equal(end.searchParams.get('state'), 's');
  const code = end.searchParams.get('code');
  assert.equal((await exchange(code, { code_verifier: 'w'.repeat(43) }))[0], 401);
  assert.equal((await exchange(code, { redirect_uri: 'http://elsewhere/' }))[0], 401);
  assert.equal((await exchange(code, { client_id: 'another' }))[0], 401);
  const [status, body] = await exchange(code);
  assert.equal(status, 200);
  assert.equal((await exchange(code))[0], 401);
  assert.equal(oauth.judge(body.access_token), 'revoked');
  query.set('redirect_uri', 'https://evil.example/');
  assert.throws(sign, /not registered/);
});

test('a device waits, is approved once, denied, or expires', async (t) => {
  const { oauth, post } = await emulator(t);
  const client_id = '17e5f671-d194-4dfb-9706-5516cb48c098';
  const begin = async () => (await post('auth.kimi.com/api/oauth/device_authorization', { client_id }))[1];
  const grant_type = 'urn:ietf:params:oauth:grant-type:device_code';
  const poll = async ({ device_code }) => {
    const [status, body] = await post('auth.kimi.com/api/oauth/token', { grant_type, device_code, client_id });
    return status === 200 ? oauth.judge(body.access_token) : body.error;
  };
  const one = await begin();
  assert.equal(await poll(one), 'authorization_pending');
  oauth.approve(one.user_code);
  assert.equal(await poll(one), 'ok');
  assert.equal(await poll(one), 'invalid_grant');
  const two = await begin();
  oauth.deny(two.user_code);
  assert.equal(await poll(two), 'access_denied');
  const three = await begin();
  oauth.advance(601_000);
  assert.equal(await poll(three), 'expired_token');
});

test('Google wants a secret and gives no new refresh token', async (t) => {
  const { oauth, post } = await emulator(t);
  const { refresh } = oauth.issue(oauth.account('gemini-cli'));
  const client_id = '681255809395-oo8ft2oprdrnp9e3aqf6av3hmdib135j.apps.googleusercontent.com';
  const fields = { grant_type: 'refresh_token', refresh_token: refresh, client_id };
  assert.equal((await post('oauth2.googleapis.com/token', fields))[1].error, 'invalid_client');
  for (const round of [1, 2]) {
    const [status, body] = await post('oauth2.googleapis.com/token', { ...fields, client_secret: 's' });
    assert.deepEqual([status, body.refresh_token, oauth.judge(body.access_token)], [200, undefined, 'ok'], `round ${round}`);
  }
});

test('an answer can be scripted, and a request held on either side of its effect', async (t) => {
  const { oauth, post } = await emulator(t);
  const family = oauth.account('codex');
  let { refresh } = oauth.issue(family);
  oauth.script('codex refresh', answer(503, { error: 'busy' }, { 'retry-after': '7' }));
  const [status, , response] = await post(...codex(refresh));
  assert.deepEqual([status, response.headers.get('retry-after'), family.refreshes], [503, '7', 0]);
  for (const [when, effect] of [['before', 0], ['after', 1]]) {
    const hold = oauth.hold('codex refresh', when);
    const before = family.refreshes;
    const sent = post(...codex(refresh));
    await hold.arrived;
    assert.equal(family.refreshes - before, effect, when);
    hold.release();
    refresh = (await sent)[1].refresh_token;
  }
  assert.deepEqual(oauth.kinds(), ['codex refresh', 'codex refresh', 'codex refresh']);
});
