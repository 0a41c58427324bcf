// The process dies at random, as machines do, in the middle of calls, renewals and bookings: five times, fifty in
// `scripts/load`, or SLUICE_KILLS. SLUICE_SEED repeats a run.

import assert from 'node:assert/strict';
import { test } from 'node:test';
import { behave, until } from './harness.mjs';
import { subscribed } from './subscription.mjs';

const KILLS = Number(process.env.SLUICE_KILLS ?? (process.env.SLUICE_LOAD === 'long' ? 50 : 5));
const SEED = Number(process.env.SLUICE_SEED ?? Date.now() % 1_000_000);
/** gpt-4.1: 11 fresh tokens, 3 cached and 7 of answer, rounded up. */
const COST = 80;
const AT_ONCE = 20;
/** Tokens end while the test runs, by both clocks. One that its provider refuses before its end is another matter: it
 * is not renewed again within a minute. */
const SHORT = { lifetime: 2, left: 2 };

/** Mulberry32: small, and the same for the same seed. */
function chance(seed) {
  let state = seed;
  return () => {
    state = (state + 0x6d2b79f5) | 0;
    let t = Math.imul(state ^ (state >>> 15), 1 | state);
    t = (t + Math.imul(t ^ (t >>> 7), 61 | t)) ^ t;
    return ((t ^ (t >>> 14)) >>> 0) / 4294967296;
  };
}

test(`${KILLS} deaths under load: no token lost, no money lost or counted twice, no account stuck`, async (t) => {
  t.diagnostic(`SLUICE_SEED=${SEED}`);
  const random = chance(SEED);
  const { sluice, upstream, imported, ask, account } = await subscribed(t);
  const logins = [await imported('xai', SHORT), await imported('kimi', SHORT)];
  sluice.provider.script(['openai-key-a', 'openai-key-b'], behave.slow(20), behave.slow(20));
  const { body: made } = await sluice.admin('POST tokens', { name: 'team', budget: { micro: 1_000_000_000, window: 'total' } });
  const view = async () => (await sluice.admin(`GET tokens/${made.token.id}`)).body;
  const books = async () => {
    const database = await sluice.worker.getD1Database('DB');
    return database.prepare(`SELECT count(*) AS calls, coalesce(sum(cost), 0) AS cost FROM usage WHERE token = '${made.token.id}'`).first();
  };

  let started = 0;
  let whole = 0;
  let served = 0;
  let dying = false;
  const paid = async () => {
    started += 1;
    try {
      const headers = { authorization: `Bearer ${made.key}` };
      const stream = started % 2 === 0 ? { stream: true, stream_options: { include_usage: true } } : {};
      const response = await sluice.chat({ max_tokens: 7, ...stream }, { headers });
      const text = await response.text();
      served += 1;
      if (response.status === 200 && /世界.*(\[DONE\]|usage)/s.test(text)) whole += 1;
      else assert.ok(dying || response.status !== 200, text);
    } catch (error) {
      if (error instanceof assert.AssertionError) throw error;
      // The connection died with the process.
    }
  };
  let used = 0;
  let lost = 0;
  // The one moment nobody can close: the provider has rotated the token, and its answer dies with the process. So the
  // last token there was has never been used; and the account says what has happened.
  const mourn = async () => {
    for (const [at, { id, family }] of logins.entries()) {
      const { provider, state } = await account(id);
      if (state.name !== 'sign_in') continue;
      assert.match(state.why, /reused|revoked/, 'it says why');
      assert.equal(family.revoked, true);
      assert.ok(!upstream.taken.has(family.access), 'a token that was used had been stored');
      lost += 1;
      logins[at] = await imported(provider, SHORT);
    }
  };
  for (let kill = 0; kill < KILLS; kill += 1) {
    dying = false;
    const before = served;
    const work = async (at) => {
      while (!dying) await (at % 4 === 0 ? ask().catch(() => {}) : paid());
    };
    const load = Promise.all(Array.from({ length: AT_ONCE }, (_, at) => work(at)));
    load.catch(() => {});
    // A process that has just begun is slow to answer: death is for one that serves.
    await until(() => served > before, 30_000);
    await new Promise((resolve) => setTimeout(resolve, 800 * random()));
    dying = true;
    await sluice.crash();
    await load;
    const now = await view();
    assert.ok(now.used.micro >= used, `money came back: ${used}, then ${now.used.micro}`);
    assert.equal(now.used.micro % COST, 0, `a part of a call was paid: ${now.used.micro}`);
    assert.ok(now.used.micro / COST + now.calls <= started, `${now.used.micro / COST} paid and ${now.calls} held of ${started}`);
    used = now.used.micro;
    await mourn();
  }

  // Whatever was under way is over: both logins serve, and the money is where it should be.
  for (const provider of ['xai', 'kimi']) {
    const works = async () => {
      await mourn();
      const headers = { 'x-sluice-provider': provider };
      const response = await sluice.chat({ model: 'subscribed' }, { headers });
      await response.text();
      return response.status === 200;
    };
    await until(works, 20_000).catch(async (error) => {
      const states = await Promise.all(logins.map(async ({ id }) => JSON.stringify(await account(id))));
      throw new Error(`${provider} does not serve: ${states.join(' ')}`, { cause: error });
    });
  }
  const busy = async () => (await sluice.admin('GET accounts?limit=500')).body.items.reduce((sum, one) => sum + one.in_flight, 0);
  await until(async () => (await busy()) === 0);
  const before = await view();
  await paid();
  await until(async () => (await view()).used.micro === before.used.micro + COST);
  const after = await view();
  await until(async () => (await books()).cost > 0);
  const { calls, cost } = await books();
    t.diagnostic(
    `${started} calls, ${whole} whole; ${after.used.micro / COST} paid, ${after.calls} still held for calls that died, ` +
      `${calls} rows; ${upstream.taken.size} tokens used in ${upstream.judged.filter((one) => one === 'ok').length} calls, ${lost} logins ended between the provider and us`,
  );
  assert.ok(upstream.taken.size > 2, 'there were renewals');
  assert.ok(after.used.micro <= COST * started);
  // A row is written behind the payment, so that a death may come between: never the other way round.
  assert.ok(cost <= after.used.micro, `${cost} in the books of ${after.used.micro}`);
  assert.ok(after.used.micro - cost <= COST * AT_ONCE * KILLS, 'only calls that died with the process have no row');
  assert.equal(cost, calls * COST);
  assert.ok(lost <= 1 + KILLS / 2, `${lost} logins lost`);
});
