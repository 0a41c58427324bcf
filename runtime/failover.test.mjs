// What happens when an account, or the provider behind it, fails.

import assert from 'node:assert/strict';
import { test } from 'node:test';
import { Sluice, behave, events } from './harness.mjs';

const A = 'openai-key-a';
const BOTH = [A, 'openai-key-b'];

const REFUSALS = [
  ['a rate limit', behave.refuse(429, { 'retry-after': '3' })],
  ['a refused credential', behave.refuse(401)],
  ['a broken provider', behave.refuse(500)],
  ['an error event inside a 200', behave.errorInside(500)],
  ['a connection cut before the first content', behave.cut(1)],
  ['a 200 that is empty', behave.raw('text/event-stream', [])],
  ['a 200 that is a web page', behave.raw('text/html', ['<html>captive portal</html>'])],
];

for (const stream of [true, false]) {
  for (const [what, behavior] of REFUSALS) {
    test(`${what} is never seen by a ${stream ? 'streaming' : 'waiting'} client while another account can answer`, async (t) => {
      const sluice = await Sluice.start(t);
      sluice.provider.script(BOTH, behavior, behave.answer({ text: 'the other answers' }));
      for (let round = 0; round < 3; round += 1) {
        const response = await sluice.chat({ stream });
        const text = await response.text();
        assert.equal(response.status, 200, text);
        assert.equal(response.headers.get('x-sluice-attempts'), round === 0 ? '2' : '1');
        const said = stream
          ? events(text).slice(0, -1).map((data) => JSON.parse(data).choices[0]?.delta.content ?? '').join('')
          : JSON.parse(text).choices[0].message.content;
        assert.equal(said, 'the other answers');
      }
      const [failed, ...others] = sluice.provider.keys();
      assert.equal(others.length, 3);
      assert.ok(!others.includes(failed), 'the refused account rests');
    });
  }
}

test('an account rests exactly as long as it was told', async (t) => {
  const sluice = await Sluice.start(t, { OPENAI_API_KEY: A });
  sluice.provider.script(A, behave.refuse(429, { 'retry-after': '2' }), behave.answer());
  const first = await sluice.chat();
  assert.equal(first.status, 429);
  assert.equal(first.headers.get('retry-after'), '2');
  const told = Date.now();
  let response;
  while ((response = await sluice.chat()).status === 429) {
    assert.ok(Number(response.headers.get('retry-after')) <= 2);
    await new Promise((resolve) => setTimeout(resolve, 50));
  }
  const rested = Date.now() - told;
  assert.equal(response.status, 200);
  assert.ok(rested > 1800 && rested < 2500, `rested ${rested} ms`);
  assert.equal(sluice.provider.keys().length, 2);
});

test('a refused request is relayed as it came and costs no second account', async (t) => {
  const sluice = await Sluice.start(t);
  sluice.provider.script(BOTH, behave.refuse(400, {}, 'messages[0] is bad'));
  const response = await sluice.chat();
  assert.equal(response.status, 400);
  assert.equal((await response.json()).error.message, 'messages[0] is bad');
  assert.equal(sluice.provider.keys().length, 1);
});

test('a failed account costs one round trip to the provider and no more', async (t) => {
  const sluice = await Sluice.start(t);
  await (await sluice.chat()).text();
  const time = async () => {
    const began = performance.now();
    await (await sluice.chat()).text();
    return performance.now() - began;
  };
  const alone = Math.min(await time(), await time(), await time());
  sluice.provider.script(BOTH, behave.refuse(500), behave.answer());
  const both = await time();
  assert.ok(both < 2 * alone + 150, `${alone} ms alone, ${both} ms with a failover`);
});

test('an answer that breaks after it began ends in an error of the client\'s protocol, never in a finish', async (t) => {
  const sluice = await Sluice.start(t);
  for (const behavior of [behave.cut(3), behave.errorInside(500, 3)]) {
    sluice.provider.script(BOTH, behavior);
    const response = await sluice.chat({ stream: true });
    assert.equal(response.status, 200);
    const data = events(await response.text());
    assert.ok(!data.includes('[DONE]'), data.join('\n'));
    const chunks = data.map((text) => JSON.parse(text));
    assert.ok(chunks.at(-1).error.message.length > 0);
    assert.ok(chunks.slice(0, -1).every((chunk) => !chunk.choices[0].finish_reason));
  }
});

test('what the pool has learnt survives a restart', async (t) => {
  const sluice = await Sluice.start(t, { OPENAI_API_KEY: A });
  sluice.provider.script(A, behave.refuse(429, { 'retry-after': '600' }));
  assert.equal((await sluice.chat()).status, 429);
  // The report comes after the answer: the pool has it when it refuses by itself.
  assert.equal((await sluice.chat()).status, 429);
  await sluice.restart();
  const response = await sluice.chat();
  assert.equal(response.status, 429);
  assert.ok(Number(response.headers.get('retry-after')) > 500);
  assert.deepEqual(sluice.provider.keys(), [A]);
});
