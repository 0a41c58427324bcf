// Twenty accounts behave like one that does not run out: under load, while some are limited, revoked or unsteady, and
// across a restart in the middle.

import assert from 'node:assert/strict';
import { test } from 'node:test';
import { Sluice, behave, events } from './harness.mjs';

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
  // In the middle of it all a new process: what was known is known.
  const running = Array.from({ length: 30 }, (_, at) => stream(sluice, `cut off ${at}`).catch(() => undefined));
  await sluice.restart();
  await Promise.all(running);
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
