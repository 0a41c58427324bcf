// A day of tiny quotas: what is given up, in which order, and that every call is answered and every cent is counted.

import assert from 'node:assert/strict';
import { test } from 'node:test';
import { ADMIN_KEY, Sluice, until } from './harness.mjs';

/** gpt-4.1: 11 fresh tokens, 3 cached and 7 of answer, rounded up. */
const COST = 80;
const LIMIT = 1000;
/** As many calls, two of the object each, are well over it. */
const CALLS = 560;
const STAGES = ['whole', 'sampled', 'sums', 'uncaptured', 'memory'];

async function one(sluice, sql) {
  const database = await sluice.worker.getD1Database('DB');
  return database.prepare(sql).first();
}

test('near a limit of the day the log gives way, then captures, then storing; never a call, never a sum', async (t) => {
  const sluice = await Sluice.start(t, { SLUICE_DAILY_LIMITS: `off,object_requests=${LIMIT}` });
  const { body: made } = await sluice.admin('POST tokens', { name: 'team', capture: true, budget: { micro: 1_000_000_000, window: 'total' } });
  const headers = { authorization: `Bearer ${made.key}` };
  const guard = async () => (await sluice.admin('GET overview?days=1')).body;
  const counted = () => one(sluice, 'SELECT coalesce(sum(requests), 0) AS calls, coalesce(sum(cost), 0) AS cost FROM daily');
  const kept = () => one(sluice, `SELECT (SELECT count(*) FROM usage) AS rows, (SELECT count(*) FROM captures) AS captures`);
  const seen = new Map();
  let calls = 0;
  while (calls < CALLS) {
    const batch = await Promise.all(Array.from({ length: 10 }, async () => {
      const response = await sluice.chat({}, { headers });
      return [response.status, await response.text()];
    }));
    for (const [status, text] of batch) assert.equal(status, 200, text);
    calls += batch.length;
    const whole = calls;
    await until(async () => (await counted()).calls === whole, 20_000).catch(async () => assert.fail(`${JSON.stringify(await counted())} of ${whole} calls are counted:\n${sluice.log.slice(-3000)}`));
    const { guard: now, quotas } = await guard();
    assert.deepEqual(quotas.map(({ name, limit }) => [name, limit]), [['object_requests', LIMIT]]);
    // Its last captures may still be on their way when a stage begins.
    if (!seen.has(now.stage)) seen.set(now.stage, { ...now, calls, used: quotas[0].used, ...(await kept()) });
  }
  for (const [stage, at] of seen) t.diagnostic(`${stage}: ${JSON.stringify(at)}`);
  assert.deepEqual([...seen.keys()], STAGES);
  assert.equal(seen.get('whole').since, null);
  for (const stage of STAGES.slice(1)) assert.ok(seen.get(stage).since > 0);
  // Each of them holds what it gives up to where it was.
  const { rows, captures } = await kept();
  const at = (stage) => seen.get(stage);
  const [listed, called] = ['rows', 'calls'].map((what) => at('sums')[what] - at('sampled')[what]);
  assert.ok(listed < called / 2, `${listed} rows of ${called} calls while rows were sampled`);
  assert.ok(rows - at('sums').rows <= 10, `no rows since: ${at('sums').rows}, then ${rows}`);
  assert.ok(captures - at('uncaptured').captures <= 10 && captures > at('sums').captures - 10, `no captures since: ${at('uncaptured').captures}, then ${captures}`);
  // The sums are exact, here, in the token's budget and in the overview.
  assert.deepEqual(await counted(), { calls: CALLS, cost: CALLS * COST });
  assert.equal((await sluice.admin(`GET tokens/${made.token.id}`)).body.used.micro, CALLS * COST);
  assert.equal((await guard()).totals.cost, CALLS * COST);
  const said = sluice.log.split('\n').filter((line) => line.includes('"event":"quota"')).map((line) => JSON.parse(line.slice(line.indexOf('{'))).stage);
  assert.deepEqual(said, STAGES.slice(1));
  const metrics = await fetch(`${sluice.url}/admin/api/metrics`, { headers: { authorization: `Bearer ${ADMIN_KEY}` } });
  assert.match(await metrics.text(), /^sluice_quota_stage 4$/m);
  // What was only in memory is stored within half a minute, and the day goes on where it was after a crash.
  await until(async () => sluice.disk().includes(String(CALLS * COST)), 60_000);
  await sluice.crash();
  assert.equal((await guard()).guard.stage, 'memory');
  assert.equal((await sluice.admin(`GET tokens/${made.token.id}`)).body.used.micro, CALLS * COST);
  assert.equal((await sluice.chat({}, { headers })).status, 200);
});
