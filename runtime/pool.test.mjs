// Twenty accounts behave like one that does not run out: under load, while some are limited, revoked or unsteady, and
// across a restart in the middle.

import assert from 'node:assert/strict';
import { connect } from 'node:net';
import { test } from 'node:test';
import { KEY, Sluice, behave, events, until } from './harness.mjs';

const keys = Array.from({ length: 20 }, (_, at) => `openai-key-number-${at + 1}`);
const LIMITED = keys.slice(0, 5);
const REVOKED = keys.slice(5, 7);
const FLAPPING = keys.slice(7, 10);
const WELL = keys.slice(10);

async function start(t, limit = '3600') {
  const sluice = await Sluice.start(t, { OPENAI_API_KEY: keys.join() });
  const { provider } = sluice;
  provider.script(WELL, behave.answer());
  provider.script(LIMITED, behave.refuse(429, { 'retry-after': limit }));
  provider.script(REVOKED, behave.refuse(401));
  const flap = [behave.answer(), behave.refuse(500), behave.answer(), behave.cut(0)];
  for (const key of FLAPPING) provider.script([key], ...Array.from({ length: 40 }, (_, at) => flap[at % 4]), behave.answer());
  return sluice;
}

/** One streamed conversation, read to its end. */
async function stream(sluice, said = 'Hi', headers = {}) {
  const response = await sluice.chat({ stream: true, messages: [{ role: 'user', content: said }] }, { headers });
  const got = events(await response.text());
  assert.equal(response.status, 200, JSON.stringify(got));
  assert.equal(got.at(-1), '[DONE]');
  assert.ok(got.some((data) => data.includes('finish_reason":"stop')), 'a finish');
  return response.headers.get('x-sluice-account');
}

const count = (asked, among) => asked.filter((key) => among.includes(key)).length;

/** Enough to have met every account: each conversation is its own. */
async function meetEverybody(sluice) {
  for (let turn = 0; turn < 40; turn++) await stream(sluice, `first ${turn}`);
  return sluice.provider.keys();
}

test('two hundred streams at once are all answered, and who is limited is left alone', async (t) => {
  const sluice = await start(t);
  const met = await meetEverybody(sluice);
  for (const key of [...LIMITED, ...REVOKED]) assert.equal(count(met, [key]), 1, `${key} was asked again`);
  const accounts = await Promise.all(Array.from({ length: 200 }, (_, at) => stream(sluice, `at once ${at}`)));
  const asked = sluice.provider.keys();
  assert.equal(accounts.length, 200);
  assert.equal(count(asked, [...LIMITED, ...REVOKED]), 0, 'a resting account was asked');
  for (const key of WELL) assert.ok(count(asked, [key]) >= 10, `${key}: ${count(asked, [key])} of ${asked.length}`);
  // In the middle of it all the process is killed: what was known is known, to the millisecond.
  const resting = async () => {
    const { items } = (await sluice.admin('GET accounts?provider=openai&limit=500')).body;
    return items.filter(({ id }) => Number(id.split('-')[1]) <= LIMITED.length + REVOKED.length).map(({ id, state }) => [id, state.name, state.until, state.models.map(({ model, until }) => [model, until])]);
  };
  const before = await resting();
  assert.equal(before.filter(([, name, , models]) => name === 'cooling' || models.length > 0).length, 7, 'seven rest');
  const running = Array.from({ length: 30 }, (_, at) => stream(sluice, `cut off ${at}`).catch(() => undefined));
  await sluice.crash();
  await Promise.all(running);
  assert.deepEqual(await resting(), before);
  sluice.provider.keys();
  await Promise.all(Array.from({ length: 100 }, (_, at) => stream(sluice, `after ${at}`)));
  assert.equal(count(sluice.provider.keys(), [...LIMITED, ...REVOKED]), 0, 'a restart forgot who rests');
});

test('a window that is over is tried by one call, however many there are', async (t) => {
  const sluice = await start(t, '2');
  await meetEverybody(sluice);
  await new Promise((resolve) => setTimeout(resolve, 2500));
  await Promise.all(Array.from({ length: 100 }, (_, at) => stream(sluice, `probe ${at}`)));
  const asked = sluice.provider.keys();
  for (const key of LIMITED) assert.ok(count(asked, [key]) <= 1, `${key} was asked ${count(asked, [key])} times`);
  assert.ok(count(asked, LIMITED) > 0, 'nobody was tried');
});

test('a conversation of twenty turns stays with its account, moves once when that is limited, and stays there', async (t) => {
  const sluice = await start(t);
  await meetEverybody(sluice);
  const headers = { 'x-session-id': 'one-conversation' };
  const accounts = [];
  const keyOf = () => sluice.provider.keys().at(-1);
  for (let turn = 0; turn < 10; turn++) accounts.push(await stream(sluice, `turn ${turn}`, headers));
  const home = keyOf();
  sluice.provider.script([home], behave.refuse(429, { 'retry-after': '3600' }));
  for (let turn = 10; turn < 20; turn++) accounts.push(await stream(sluice, `turn ${turn}`, headers));
  await sluice.restart();
  accounts.push(await stream(sluice, 'turn 20', headers));
  const moves = accounts.filter((account, at) => at > 0 && account !== accounts[at - 1]);
  assert.equal(moves.length, 1, accounts.join(' '));
  assert.equal(accounts[9], accounts[0]);
  assert.equal(accounts.at(-1), accounts[10]);
});

/** One account that takes one call at a time, and answers after `ms`. */
async function narrow(t, queue, ms) {
  const sluice = await Sluice.start(t, { OPENAI_API_KEY: '' });
  const body = { provider: 'openai', credential: { api_key: 'openai-key-narrow' }, base_url: `${sluice.provider.url}/v1`, cap: 1 };
  assert.equal((await sluice.admin('POST accounts', body)).status, 201);
  sluice.provider.script('openai-key-narrow', behave.slow(ms));
  if (queue) {
    const { body: config } = await sluice.admin('GET config');
    const put = await sluice.admin('PUT config', { revision: config.revision, document: { ...config.document, queue } });
    assert.equal(put.status, 200, JSON.stringify(put.body));
  }
  return sluice;
}

test('calls wait their turn where everybody is busy, if the operator says so', async (t) => {
  const sluice = await narrow(t, { seconds: 20 }, 150);
  const all = await Promise.all(Array.from({ length: 8 }, (_, at) => sluice.chat({ messages: [{ role: 'user', content: `${at}` }] })));
  assert.deepEqual(all.map(({ status }) => status), Array(8).fill(200));
  await Promise.all(all.map((response) => response.text()));
  assert.equal(sluice.provider.keys().length, 8);
  const off = await narrow(t, undefined, 150);
  const statuses = (await Promise.all(Array.from({ length: 4 }, () => off.chat()))).map(({ status }) => status);
  assert.deepEqual(statuses.sort(), [200, 429, 429, 429]);
});

test('whose time is over hears of it, and who leaves the queue takes no place with him', async (t) => {
  const sluice = await narrow(t, { seconds: 1 }, 2500);
  const first = sluice.chat();
  await new Promise((resolve) => setTimeout(resolve, 200));
  const late = await sluice.chat();
  assert.equal(late.status, 429);
  assert.match((await late.json()).error.message, /as many calls under way as it may/);
  assert.equal((await first).status, 200);
  await (await first).text();
  const again = await narrow(t, { seconds: 30 }, 1000);
  const running = again.chat();
  await new Promise((resolve) => setTimeout(resolve, 200));
  // A client that hangs up at once, as one that has crashed does.
  const body = JSON.stringify({ model: 'gpt-4.1', messages: [{ role: 'user', content: 'Hi' }] });
  const { hostname, port } = new URL(again.url);
  const gone = connect(Number(port), hostname);
  const head = ['POST /v1/chat/completions HTTP/1.1', `host: ${hostname}`, `authorization: Bearer ${KEY}`, 'content-type: application/json'];
  gone.write(`${head.join('\r\n')}\r\ncontent-length: ${body.length}\r\n\r\n${body}`);
  await new Promise((resolve) => setTimeout(resolve, 200));
  const patient = again.chat();
  gone.resetAndDestroy();
  assert.deepEqual([(await running).status, (await patient).status], [200, 200]);
  assert.equal(again.provider.keys().length, 2, 'nobody was asked for one who had left');
});

test('a second account is asked beside a silent one, and the books know both', async (t) => {
  const sluice = await Sluice.start(t, {});
  const [a, b] = ['openai-key-a', 'openai-key-b'];
  const { body: config } = await sluice.admin('GET config');
  const document = { ...config.document, routes: { fast: { tiers: [['openai/gpt-4.1']], hedge: true } } };
  assert.equal((await sluice.admin('PUT config', { revision: config.revision, document })).status, 200);
  const ask = async (at) => {
    const response = await sluice.chat({ model: 'fast', stream: true, messages: [{ role: 'user', content: `turn ${at}` }] });
    return { response, text: await response.text() };
  };
  for (let at = 0; at < 24; at += 1) assert.equal((await ask(at)).response.headers.get('x-sluice-attempts'), '1');
  sluice.provider.requests.splice(0);
  sluice.provider.script(a, behave.stall(0));
  let hedged;
  for (let at = 0; at < 6 && hedged === undefined; at += 1) {
    const { response, text } = await ask(`late ${at}`);
    assert.equal(response.status, 200);
    assert.equal(events(text).at(-1), '[DONE]');
    if (response.headers.get('x-sluice-attempts') === '2') hedged = { response, text };
  }
  assert.ok(hedged, 'somebody was hedged');
  assert.equal(hedged.response.headers.get('x-sluice-account'), 'openai-2');
  assert.equal(events(hedged.text).filter((data) => data.includes('finish_reason":"stop')).length, 1, 'one answer');
  const silent = sluice.provider.requests.find((request) => request.key === a);
  assert.equal(await silent.closed, true, 'the other was cut off');
  const db = await sluice.worker.getD1Database('DB');
  const rows = async () => (await db.prepare("SELECT attempts, cost FROM usage WHERE attempts LIKE '%beaten%'").all()).results;
  await until(async () => (await rows()).length > 0);
  const [row] = await rows();
  assert.deepEqual(JSON.parse(row.attempts).map(({ account, outcome }) => [account, outcome]), [['openai-1', 'beaten'], ['openai-2', 'answered']]);
  const alone = (await db.prepare("SELECT cost FROM usage WHERE attempts NOT LIKE '%beaten%' LIMIT 1").all()).results[0];
  assert.ok(row.cost > alone.cost, `what was asked in vain costs too: ${row.cost} ${alone.cost}`);
  assert.equal((await sluice.admin('GET accounts/openai-1')).body.state.name, 'ready', 'slow is no fault');
});
