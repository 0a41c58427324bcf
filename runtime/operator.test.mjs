// What the operator sees in workerd: the overview, who changed what, and calls that were refused.

import assert from 'node:assert/strict';
import { test } from 'node:test';
import { Sluice, until } from './harness.mjs';

const get = async (sluice, path) => {
  const { status, body } = await sluice.admin(`GET ${path}`);
  assert.equal(status, 200, `${path}: ${JSON.stringify(body)}`);
  return body;
};

async function rows(sluice, sql) {
  const database = await sluice.worker.getD1Database('DB');
  return (await database.prepare(sql).all()).results;
}

test('the overview says what the roll-ups say, and outlives a restart', async (t) => {
  const sluice = await Sluice.start(t);
  for (const stream of [false, true, true]) await (await sluice.chat({ stream })).text();
  await until(async () => (await rows(sluice, 'SELECT id FROM usage')).length === 3);
  const overview = await get(sluice, 'overview?days=1');
  const [daily] = await rows(sluice, 'SELECT sum(requests) AS requests, sum(errors) AS errors, sum(input) AS input, sum(cache_read) AS cache_read, sum(cache_write) AS cache_write, sum(output) AS output, sum(reasoning) AS reasoning, sum(cost) AS cost, sum(saved) AS saved FROM daily');
  const { cache_hit: hit, error_share: errors, ...totals } = overview.totals;
  assert.deepEqual(totals, daily);
  assert.deepEqual([totals.requests, errors, overview.ttft.count], [3, 0, 2]);
  assert.ok(hit > 0 && hit < 1);
  assert.equal(overview.series.reduce((sum, { cost }) => sum + cost, 0), daily.cost);
  assert.equal(overview.by_model[0].id, 'gpt-4.1');
  assert.equal(overview.by_account.reduce((sum, { requests }) => sum + requests, 0), 3);
  const used = Object.fromEntries(overview.quotas.map(({ name, used }) => [name, used]));
  t.diagnostic(`quotas after three calls: ${JSON.stringify(used)}`);
  // An isolate tells what it used when it next asks the object something.
  assert.ok(used.worker_requests >= 3 && used.object_requests >= 7 && used.d1_rows_written >= 4, JSON.stringify(used));
  // The sums are stored a few seconds later, once for all of it.
  await until(() => /day\/\d+/.test(sluice.disk()), 15_000);
  await sluice.crash();
  const again = await get(sluice, 'overview?days=7');
  assert.deepEqual(again.totals, overview.totals);
  assert.equal(again.series.length, 7);
});

test('every change is a line of a chain in the database, and what is done to it shows', async (t) => {
  const sluice = await Sluice.start(t);
  const { body: made } = await sluice.admin('POST tokens', { name: 'laptop' });
  await sluice.admin(`PATCH tokens/${made.token.id}`, { name: 'desktop' });
  await sluice.admin('PUT config', { revision: 0, document: { routes: { fast: { tiers: [['gpt-4.1']] } } } });
  await sluice.admin(`DELETE tokens/${made.token.id}`);
  const first = await get(sluice, 'audit?limit=3');
  assert.deepEqual(first.items.map(({ action, detail }) => [action, detail]), [['token.delete', ''], ['config.replace', 'routes'], ['token.change', 'name']]);
  const second = await get(sluice, `audit?limit=3&after=${first.next}`);
  assert.deepEqual([second.items.map(({ action, subject, actor }) => [action, subject, actor]), second.next], [[['token.create', made.token.id, 'key']], null]);
  assert.ok(!JSON.stringify([first, second]).includes(made.key));
  const verdict = await get(sluice, 'audit/verify');
  assert.deepEqual([verdict.ok, verdict.checked, verdict.next], [true, 4, null]);
  await sluice.crash();
  assert.equal((await get(sluice, 'audit/verify')).ok, true);
  const broken = async (sql) => {
    await rows(sluice, sql);
    const { ok, broken_at: at } = await get(sluice, 'audit/verify');
    return [ok, at];
  };
  assert.deepEqual(await broken("UPDATE audit SET subject = 'another' WHERE seq = 2"), [false, 2]);
  assert.deepEqual(await broken('DELETE FROM audit WHERE seq >= 2'), [false, 2]);
});

test('a change is kept while the database does not answer, and told when it does', async (t) => {
  const sluice = await Sluice.start(t);
  await rows(sluice, 'DROP TABLE audit');
  await rows(sluice, "CREATE VIEW audit AS SELECT 1 AS seq");
  const { status, body } = await sluice.admin('POST tokens', { name: 'laptop' });
  assert.equal(status, 201);
  assert.match(sluice.disk(), /token\.create/);
  await rows(sluice, 'DROP VIEW audit');
  const { items } = await get(sluice, 'audit');
  assert.deepEqual(items.map(({ action, subject }) => [action, subject]), [['token.create', body.token.id]]);
});

test('a refused call is a row that says why, and no part of the sums', async (t) => {
  const sluice = await Sluice.start(t);
  const { body } = await sluice.admin('POST tokens', { name: 'laptop', models: ['claude-*'] });
  const headers = { authorization: `Bearer ${body.key}` };
  assert.equal((await sluice.chat({}, { headers })).status, 403);
  assert.equal((await sluice.chat({}, { headers: { authorization: 'Bearer sk-of-nobody' } })).status, 401);
  await until(async () => (await get(sluice, 'usage')).items.length === 2);
  const { items } = await get(sluice, 'usage');
  const stranger = items.find(({ status }) => status === 401);
  const known = items.find(({ status }) => status === 403);
  assert.deepEqual([known.token, known.token_name, known.account, known.attempts], [body.token.id, 'laptop', '', []]);
  assert.deepEqual([stranger.token, stranger.cost], ['', 0]);
  t.diagnostic(`ended: ${known.ended}, ${stranger.ended}`);
  const { denied, totals } = await get(sluice, 'overview?days=1');
  assert.deepEqual([denied.total, denied.dropped, totals.requests], [2, 0, 0]);
  assert.deepEqual(Object.keys(denied.by_reason).sort(), [known.ended, stranger.ended].sort());
  assert.deepEqual(await rows(sluice, 'SELECT * FROM daily'), []);
  // A flood of them is counted, not written.
  await Promise.all(Array.from({ length: 60 }, () => sluice.chat({}, { headers: { authorization: 'Bearer sk-of-nobody' } }).then((reply) => reply.text())));
  await until(async () => (await get(sluice, 'overview?days=1')).denied.total === 62);
  const flooded = await get(sluice, 'overview?days=1');
  assert.ok(flooded.denied.dropped >= 56, JSON.stringify(flooded.denied));
});
