// Accounts that expire, in workerd against emulated sign-ins: one renewal for everybody, and none that is lost.

import assert from 'node:assert/strict';
import { test } from 'node:test';
import { answer } from './provider/oauth.mjs';
import { subscribed } from './subscription.mjs';

const OK = (email) => ({ status: 200, said: `Hello, ${email}` });

test('two hundred calls on one expired account are one renewal', async (t) => {
  const { oauth, upstream, imported, ask } = await subscribed(t);
  const { family } = await imported('xai', { left: -1 });
  const all = await Promise.all(Array.from({ length: 200 }, ask));
  assert.deepEqual(all, Array(200).fill(OK(family.email)));
  assert.deepEqual(oauth.kinds(), ['xai refresh']);
  assert.deepEqual([family.refreshes, family.revoked], [1, false]);
  assert.deepEqual(upstream.judged, Array(200).fill('ok'));
});

test('a token the provider no longer takes is renewed once, on the same account', async (t) => {
  const { oauth, upstream, imported, ask } = await subscribed(t);
  const { family } = await imported('xai', { lifetime: 600 });
  assert.deepEqual(await ask(), OK(family.email));
  oauth.advance(601_000);
  const all = await Promise.all(Array.from({ length: 20 }, ask));
  assert.deepEqual(all, Array(20).fill(OK(family.email)));
  assert.deepEqual(oauth.kinds(), ['xai refresh']);
  assert.equal(upstream.judged.filter((judged) => judged === 'ok').length, 21);
});

test('the clock renews what ends before it comes again, and nobody waits for it', async (t) => {
  const { oauth, upstream, imported, ask, wake } = await subscribed(t);
  const soon = await imported('kimi', { left: 200 });
  const later = await imported('xai', { left: 7200 });
  const hold = oauth.hold('kimi refresh', 'before');
  const woken = wake();
  await hold.arrived;
  const answers = [await ask(), await ask(), await ask(), await ask()];
  assert.deepEqual(new Set(answers.map((answer) => answer.status)), new Set([200]));
  hold.release();
  await woken;
  assert.deepEqual(oauth.kinds(), ['kimi refresh']);
  assert.deepEqual([soon.family.refreshes, later.family.refreshes], [1, 0]);
  await wake();
  assert.deepEqual(oauth.kinds(), []);
  assert.deepEqual(new Set(upstream.judged), new Set(['ok']));
});

test('eight are renewed in a wake, and the others soon after', async (t) => {
  const { oauth, imported, wake } = await subscribed(t);
  for (let number = 0; number < 12; number += 1) await imported('kimi', { left: 100 + number });
  await wake();
  assert.equal(oauth.kinds().length, 8);
  await wake();
  assert.equal(oauth.kinds().length, 4);
});

test('a sign-in service that is busy costs nothing but time', async (t) => {
  const { sluice, oauth, imported, ask, account } = await subscribed(t);
  const { id, family } = await imported('xai', { left: -1 });
  oauth.script('xai refresh', answer(503, { error: 'busy' }, { 'retry-after': '5' }));
  const refused = await ask();
  assert.equal(refused.status, 502, refused.said);
  assert.notEqual((await account(id)).state.name, 'sign_in');
  assert.equal(family.refreshes, 0);
  await new Promise((resolve) => setTimeout(resolve, 5_100));
  await sluice.admin(`POST accounts/${id}/reset`);
  assert.deepEqual(await ask(), OK(family.email));
  assert.deepEqual(oauth.kinds(), ['xai refresh', 'xai refresh']);
});

test('a refresh token that is dead asks for a person, by name of the reason', async (t) => {
  const { oauth, imported, ask, account } = await subscribed(t);
  const { id, family } = await imported('xai', { left: -1 });
  family.revoked = true;
  assert.equal((await ask()).status, 502);
  const { state } = await account(id);
  assert.equal(state.name, 'sign_in');
  assert.match(state.why, /revoked/);
  assert.notEqual((await ask()).status, 200);
  assert.deepEqual(oauth.kinds(), ['xai refresh'], 'it is not asked again');
});

// | the process dies | the account afterwards |
// |---|---|
// | before the provider was asked | is renewed by the next call |
// | after it has answered, before we heard | its token is gone with the answer: somebody signs in again |
// | after we have stored, before the mirror | has the new token, and the provider has seen one renewal |
// | after the mirror | the same |
const CRASHES = [
  ['before the provider is asked', 'before', { status: 200 }, 1],
  ['before the answer is heard', 'after', { status: 502, why: /reused/ }, 1],
];
for (const [when, side, expected, refreshes] of CRASHES) {
  test(`a crash ${when} leaves an account that works or says why not`, async (t) => {
    const { sluice, oauth, imported, ask, account } = await subscribed(t);
    const { id, family } = await imported('xai', { left: -1 });
    const hold = oauth.hold('xai refresh', side);
    const lost = ask().catch(() => undefined);
    await hold.arrived;
    await sluice.crash();
    await lost;
    if (side === 'before') hold.drop();
    else hold.release();
    const after = await ask();
    assert.equal(after.status, expected.status, after.said);
    assert.equal(family.refreshes, refreshes);
    if (expected.why) assert.match((await account(id)).state.why, expected.why);
  });
}

test('a crash after the token is stored and before it is mirrored keeps it', async (t) => {
  const { sluice, oauth, imported, ask } = await subscribed(t);
  const { id, family } = await imported('iflow', { left: -1 });
  // What iFlow's calls are signed with is asked for once its token is stored, and mirrored with it.
  const hold = oauth.hold('iflow key', 'before');
  const lost = ask().catch(() => undefined);
  await hold.arrived;
  await sluice.crash();
  await lost;
  hold.drop();
  const kv = await sluice.worker.getKVNamespace('KV');
  assert.equal(JSON.parse(await kv.get(`account/${id}`)).refreshed, undefined, 'the mirror is behind');
  assert.deepEqual(await ask(), OK(family.email));
  assert.deepEqual([family.refreshes, family.revoked], [1, false]);
});

test('a crash after everything loses nothing', async (t) => {
  const { sluice, oauth, imported, ask } = await subscribed(t);
  const { family } = await imported('iflow', { left: -1 });
  assert.deepEqual(await ask(), OK(family.email));
  await sluice.crash();
  assert.deepEqual(await ask(), OK(family.email));
  assert.deepEqual(oauth.kinds(), ['iflow refresh', 'iflow key']);
});

test('a stale mirror never wins over what the object holds', async (t) => {
  const { sluice, oauth, imported, ask } = await subscribed(t);
  const { id, family } = await imported('xai', { left: -1 });
  const kv = await sluice.worker.getKVNamespace('KV');
  const stale = await kv.get(`account/${id}`);
  assert.deepEqual(await ask(), OK(family.email));
  const fresh = await kv.get(`account/${id}`);
  assert.ok(JSON.parse(fresh).revision > JSON.parse(stale).revision, 'the mirror follows');
  // As another place of the world sees it for a minute.
  await kv.put(`account/${id}`, stale);
  for (const when of ['at once', 'after a restart']) {
    assert.deepEqual(await ask(), OK(family.email), when);
    await sluice.restart();
  }
  assert.deepEqual(oauth.kinds(), ['xai refresh']);
});
