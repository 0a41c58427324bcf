// Client tokens and their money in workerd: budgets that hold, denials that SDKs understand, books that add up.

import assert from 'node:assert/strict';
import { before, test } from 'node:test';
import Anthropic from '@anthropic-ai/sdk';
import { GoogleGenAI } from '@google/genai';
import OpenAI from 'openai';
import { Sluice, behave, until } from './harness.mjs';

/** gpt-4.1: 11 fresh tokens, 3 cached and 7 of answer are 79.5 micro-dollars, and a part of one is one. */
const COST = 80;

async function token(sluice, terms) {
  const { status, body } = await sluice.admin('POST tokens', { name: 'test', ...terms });
  assert.equal(status, 201, JSON.stringify(body));
  return { id: body.token.id, key: body.key };
}

const view = async (sluice, { id }) => (await sluice.admin(`GET tokens/${id}`)).body;

const ask = (sluice, { key }, more = {}, headers = {}) =>
  sluice.chat({ max_tokens: 7, ...more }, { headers: { authorization: `Bearer ${key}`, ...headers } });

/** The log's lines about calls. */
const lines = (sluice) =>
  sluice.log.split('\n').flatMap((line) => {
    const at = line.indexOf('{"event":');
    return at < 0 ? [] : [JSON.parse(line.slice(at))];
  });

async function rows(sluice, sql) {
  const database = await sluice.worker.getD1Database('DB');
  return (await database.prepare(sql).all()).results;
}

test('a call costs two calls of the object and four rows of the books', async (t) => {
  const sluice = await Sluice.start(t);
  const laptop = await token(sluice, { budget: { micro: 1_000_000 } });
  for (const stream of [false, true]) await (await ask(sluice, laptop, { stream })).text();
  const calls = () => lines(sluice).filter(({ event }) => event === 'call');
  await until(() => calls().length === 2);
  for (const { rows_written, object_calls, cost, token: id, account, status, ended } of calls()) {
    t.diagnostic(`a call: ${object_calls} calls of the object, ${rows_written} rows written`);
    assert.ok(rows_written > 0 && rows_written <= 4, `${rows_written} rows`);
    assert.ok(object_calls > 0 && object_calls <= 2, `${object_calls} calls`);
    assert.deepEqual([cost.micro, id, status, ended], [COST, laptop.id, 200, 'answered']);
    assert.match(account, /^openai-/);
  }
  assert.doesNotMatch(sluice.log, /You said|sk-sluice/);
  const [sum] = await rows(sluice, 'SELECT count(*) AS calls, sum(cost) AS cost FROM usage');
  assert.deepEqual(sum, { calls: 2, cost: 2 * COST });
  const daily = await rows(sluice, 'SELECT requests, errors, input, cache_read, output, cost, token, model FROM daily');
  assert.equal(daily.reduce((all, { cost }) => all + cost, 0), 2 * COST);
  assert.equal((await view(sluice, laptop)).used.micro, 2 * COST);
});

test('the operator reads the log back, and a client its balance', async (t) => {
  const sluice = await Sluice.start(t);
  const laptop = await token(sluice, { budget: { micro: 1_000_000, window: 'total' } });
  for (let at = 0; at < 3; at += 1) await (await ask(sluice, laptop)).text();
  await until(async () => (await sluice.admin('GET usage')).body.items.length === 3);
  const { body: first } = await sluice.admin(`GET usage?limit=2&token=${laptop.id}`);
  const { body: second } = await sluice.admin(`GET usage?limit=2&token=${laptop.id}&after=${first.next}`);
  assert.deepEqual([first.items.length, second.items.length, second.next], [2, 1, null]);
  const [row] = first.items;
  assert.deepEqual([row.token_name, row.cost, row.status, row.attempts.length], ['test', COST, 200, 1]);
  assert.deepEqual((await sluice.admin(`GET usage/${row.id}`)).body, { ...row, captured: false });
  const { body: sums } = await sluice.admin('GET usage/daily?by=day,token');
  assert.deepEqual([sums.items[0].requests, sums.items[0].cost], [3, 3 * COST]);
  const get = async (path) =>
    (await sluice.fetch(path, { headers: { authorization: `Bearer ${laptop.key}` } })).json();
  assert.equal((await get('/v1/dashboard/billing/subscription')).hard_limit_usd, 1);
  assert.ok(Math.abs((await get('/v1/dashboard/billing/usage')).total_usage - 0.024) < 1e-9);
  assert.ok(Math.abs((await get('/api/v1/key')).data.limit_remaining - 0.99976) < 1e-9);
});

test('a Worker whose database is empty makes its tables by itself', async (t) => {
  const sluice = await Sluice.start(t);
  const database = await sluice.worker.getD1Database('DB');
  for (const table of ['usage', 'daily', 'audit', 'meta']) await database.prepare(`DROP TABLE ${table}`).run();
  await (await sluice.chat()).text();
  await until(async () => lines(sluice).some(({ event }) => event === 'call'));
  const [{ calls }] = await rows(sluice, 'SELECT count(*) AS calls FROM usage');
  assert.equal(calls, 1);
  const [{ requests }] = await rows(sluice, 'SELECT requests FROM daily');
  assert.equal(requests, 1);
});

test('five hundred clients at once spend no more than there is, and all of it', async (t) => {
  const sluice = await Sluice.start(t);
  const budget = 100 * COST;
  const team = await token(sluice, { budget: { micro: budget, window: 'total' } });
  const outcomes = await Promise.all(
    Array.from({ length: 500 }, async () => {
      for (;;) {
        // A connection each: one that is used again may be closed at that very moment.
        const response = await ask(sluice, team, {}, { connection: 'close' });
        const body = await response.json();
        if (response.status === 200) return 'served';
        // The emulator could not be reached: nobody answered, so it cost nothing.
        if (response.status === 502) continue;
        assert.equal(response.status, 429, JSON.stringify(body));
        const wait = Number(response.headers.get('retry-after'));
        assert.ok(wait >= 1);
        if (body.error.code === 'insufficient_quota') return 'refused';
        // Or the emulator failed, and its accounts rest for a moment.
        assert.match(body.error.code, /^(budget_held|pool_cooling)$/);
        await new Promise((resolve) => setTimeout(resolve, 1000 * wait));
      }
    }),
  );
  const served = outcomes.filter((outcome) => outcome === 'served').length;
  t.diagnostic(`served ${served} of 500`);
  assert.equal(served, 100);
  await until(async () => (await view(sluice, team)).calls === 0);
  const { used, state } = await view(sluice, team);
  assert.deepEqual([used.micro, state], [budget, 'exhausted']);
  await until(async () => (await rows(sluice, 'SELECT count(*) AS calls FROM usage WHERE status = 200'))[0].calls === 100, 60_000);
  const [{ cost }] = await rows(sluice, 'SELECT sum(cost) AS cost FROM daily');
  assert.equal(cost, budget);
});

test('a process that is killed neither loses money nor counts any twice', async (t) => {
  const sluice = await Sluice.start(t, { OPENAI_API_KEY: 'openai-key-a' });
  const team = await token(sluice, { budget: { micro: 1_000_000, window: 'total' } });
  for (let at = 0; at < 5; at += 1) await (await ask(sluice, team)).text();
  await until(async () => (await view(sluice, team)).calls === 0);
  sluice.provider.script('openai-key-a', behave.slow(60_000));
  const open = Array.from({ length: 20 }, () => ask(sluice, team).then((response) => response.text(), () => 'cut'));
  await until(async () => (await view(sluice, team)).calls === 20);
  const before = await view(sluice, team);
  await sluice.restart();
  await Promise.all(open);
  const after = await view(sluice, team);
  assert.deepEqual([after.used.micro, after.calls, after.left_micro], [5 * COST, 20, before.left_micro]);
  sluice.provider.script('openai-key-a', behave.answer());
  await (await ask(sluice, team)).text();
  await until(async () => (await view(sluice, team)).calls === 20);
  assert.equal((await view(sluice, team)).used.micro, 6 * COST);
  await until(async () => (await rows(sluice, 'SELECT count(*) AS calls FROM usage'))[0].calls === 6);
});

test('an answer that the client did not wait for is paid by what was seen of it', async (t) => {
  const sluice = await Sluice.start(t, { OPENAI_API_KEY: 'openai-key-a' });
  const team = await token(sluice, { budget: { micro: 1_000_000, window: 'total' } });
  sluice.provider.script('openai-key-a', behave.stall(3));
  const response = await ask(sluice, team, { stream: true });
  const reader = response.body.getReader();
  await reader.read();
  await reader.cancel();
  await until(async () => (await view(sluice, team)).calls === 0, 30_000);
  const { used } = await view(sluice, team);
  assert.ok(used.micro > 0 && used.micro < 1000, `${used.micro}`);
  await until(async () => (await rows(sluice, 'SELECT ended, estimated, cost FROM usage')).length === 1);
  const [row] = await rows(sluice, 'SELECT ended, estimated, cost FROM usage');
  assert.deepEqual(row, { ended: 'left', estimated: 1, cost: used.micro });
});

test('a token is changed, rotated and deleted, and that holds from the next call on', async (t) => {
  const sluice = await Sluice.start(t);
  const laptop = await token(sluice, {});
  const status = async (key) => (await ask(sluice, { key })).status;
  assert.equal(await status(laptop.key), 200);
  const rotated = (await sluice.admin(`POST tokens/${laptop.id}/rotate`, { keep_hours: 1 })).body;
  assert.deepEqual([await status(laptop.key), await status(rotated.key)], [200, 200]);
  await sluice.admin(`PATCH tokens/${laptop.id}`, { enabled: false });
  assert.equal(await status(rotated.key), 401);
  await sluice.admin(`PATCH tokens/${laptop.id}`, { enabled: true });
  assert.equal((await sluice.admin(`DELETE tokens/${laptop.id}`)).status, 200);
  assert.equal(await status(rotated.key), 401);
  assert.equal((await sluice.admin(`POST undo/${laptop.id}`)).status, 200);
  await sluice.restart();
  assert.equal(await status(rotated.key), 200);
  const listed = JSON.stringify((await sluice.admin('GET tokens')).body);
  assert.ok(!listed.includes(rotated.key) && !/"hash"/.test(listed));
});

const DENIALS = {
  expiry: { terms: { expires: 1 }, status: 401 },
  model: { terms: { models: ['nothing-*'] }, status: 403 },
  address: { terms: { ips: ['192.0.2.0/24'] }, status: 403 },
  budget: { terms: { budget: { micro: 0, window: 'day' } }, status: 429 },
  'requests a minute': { terms: { limits: { rpm: 1 } }, status: 429, first: true },
  concurrency: { terms: { limits: { concurrency: 1 } }, status: 429, slow: true },
};

const MODEL = 'gpt-4.1';
const ERRORS = {
  openai: { 401: OpenAI.AuthenticationError, 403: OpenAI.PermissionDeniedError, 429: OpenAI.RateLimitError },
  anthropic: { 401: Anthropic.AuthenticationError, 403: Anthropic.PermissionDeniedError, 429: Anthropic.RateLimitError },
};

/** Each client, once and without patience. */
const CLIENTS = {
  chat: (url, key) =>
    new OpenAI({ apiKey: key, baseURL: `${url}/v1`, maxRetries: 0 }).chat.completions.create({
      model: MODEL,
      messages: [{ role: 'user', content: 'Hi' }],
    }),
  responses: (url, key) =>
    new OpenAI({ apiKey: key, baseURL: `${url}/v1`, maxRetries: 0 }).responses.create({ model: MODEL, input: 'Hi' }),
  messages: (url, key) =>
    new Anthropic({ apiKey: key, baseURL: url, maxRetries: 0 }).messages.create({
      model: MODEL,
      max_tokens: 5,
      messages: [{ role: 'user', content: 'Hi' }],
    }),
  gemini: (url, key) =>
    new GoogleGenAI({ apiKey: key, httpOptions: { baseUrl: url } }).models.generateContent({ model: MODEL, contents: 'Hi' }),
  async ollama(url, key) {
    const response = await fetch(`${url}/api/chat`, {
      method: 'POST',
      headers: { authorization: `Bearer ${key}` },
      body: JSON.stringify({ model: MODEL, stream: false, messages: [{ role: 'user', content: 'Hi' }] }),
    });
    const body = await response.json();
    if (!response.ok) throw Object.assign(new Error(body.error), { status: response.status, headers: response.headers });
    return body;
  },
};

let shared;
before(async (t) => (shared = await Sluice.start(t)));

for (const [what, { terms, status, first, slow }] of Object.entries(DENIALS)) {
  for (const [protocol, send] of Object.entries(CLIENTS)) {
    test(`a client of ${protocol} is told of its ${what} in its own words`, async () => {
      const { id, key } = await token(shared, terms);
      if (first) await send(shared.url, key);
      let pending;
      if (slow) {
        shared.provider.script(['openai-key-a', 'openai-key-b'], behave.slow(1500), behave.answer());
        pending = send(shared.url, key);
        await until(async () => (await view(shared, { id })).calls === 1);
      }
      const error = await send(shared.url, key).then(
        () => assert.fail('it was served'),
        (error) => error,
      );
      assert.equal(error.status, status, error.message);
      const typed = { chat: ERRORS.openai, responses: ERRORS.openai, messages: ERRORS.anthropic }[protocol];
      if (typed) assert.ok(error instanceof typed[status], error.constructor.name);
      if (status === 429 && error.headers) {
        assert.ok(Number(error.headers.get('retry-after')) >= 1);
        if (!slow) assert.match([...error.headers.keys()].join(), /x-ratelimit-limit-/);
      }
      assert.doesNotMatch(error.message, /sk-sluice/);
      await pending;
    });
  }
}

test('an official client waits as long as it is told and is then served', async () => {
  const { id, key } = await token(shared, { limits: { concurrency: 1 } });
  shared.provider.script(['openai-key-a', 'openai-key-b'], behave.slow(900), behave.answer());
  const pending = CLIENTS.chat(shared.url, key);
  await until(async () => (await view(shared, { id })).calls === 1);
  const client = new OpenAI({ apiKey: key, baseURL: `${shared.url}/v1`, maxRetries: 3 });
  const began = Date.now();
  const answer = await client.chat.completions.create({ model: MODEL, messages: [{ role: 'user', content: 'Hi' }] });
  assert.ok(answer.choices[0].message.content);
  assert.ok(Date.now() - began >= 900, 'retry-after was one second');
  await pending;
});

test('a token pins an account only if it is an operator\'s', async () => {
  const plain = await token(shared, {});
  assert.equal((await ask(shared, { key: `${plain.key}@openai-2` })).status, 403);
  const operator = await token(shared, { operator: true });
  for (let round = 0; round < 3; round += 1) {
    const response = await ask(shared, { key: `${operator.key}@openai-2` });
    assert.equal(response.headers.get('x-sluice-account'), 'openai-2');
    await response.text();
  }
});

test('what a token may not use it is not shown', async () => {
  const { key } = await token(shared, { models: ['gpt-4.1*'] });
  const response = await shared.fetch('/v1/models', { headers: { authorization: `Bearer ${key}` } });
  const ids = (await response.json()).data.map((model) => model.id);
  assert.ok(ids.length > 0 && ids.every((id) => /gpt-4\.1/.test(id)), ids.join());
});
