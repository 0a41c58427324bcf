// Gathered reads: nothing is lost, doubled or kept back, however the provider's bytes come.

import assert from 'node:assert/strict';
import { test } from 'node:test';
import { setTimeout as sleep } from 'node:timers/promises';
import { Sluice, behave, events, until } from './harness.mjs';

const A = 'openai-key-a';
const chunk = (content, finish_reason = null) =>
  `data: ${JSON.stringify({ id: '1', model: 'gpt-4.1', choices: [{ index: 0, delta: { content }, finish_reason }] })}\n\n`;
const END = `${chunk('', 'stop')}data: [DONE]\n\n`;
const word = (at) => `w${at} `;

/** What a client reads while the answer runs. */
async function reading(response) {
  const client = { text: '' };
  const decoder = new TextDecoder();
  client.done = (async () => {
    for await (const bytes of response.body) client.text += decoder.decode(bytes, { stream: true });
  })();
  return client;
}

for (const pace of ['smooth', 'off', 'free']) {
  for (const path of ['/v1/chat/completions', '/v1/messages']) {
    test(`nothing is kept back in a pause (${pace}, ${path})`, async (t) => {
      const sluice = await Sluice.start(t, { OPENAI_API_KEY: A, SLUICE_PACE: pace });
      let resume;
      const paused = new Promise((resolve) => (resume = resolve));
      async function* frames() {
        for (let at = 0; at < 120; at += 1) {
          yield chunk(word(at));
          await sleep(10);
        }
        await paused;
        yield END;
      }
      sluice.provider.script(A, behave.raw('text/event-stream', frames()));
      const body = JSON.stringify({
        model: 'gpt-4.1', stream: true, max_tokens: 100, messages: [{ role: 'user', content: 'Hi' }],
      });
      const response = await sluice.fetch(path, { method: 'POST', body });
      const client = await reading(response);
      // The provider goes on only when the client has it all: bytes kept back would never come.
      await until(() => client.text.includes(word(119)));
      resume();
      await client.done;
      for (let at = 0; at < 120; at += 1) assert.equal(client.text.split(`"${word(at)}"`).length, 2, word(at));
    });
  }
}

test('what came before a cut is the client\'s', async (t) => {
  const sluice = await Sluice.start(t, { OPENAI_API_KEY: A });
  async function* frames() {
    for (let at = 0; at < 80; at += 1) {
      yield chunk(word(at));
      await sleep(10);
    }
  }
  sluice.provider.script(A, behave.raw('text/event-stream', frames(), 'cut'));
  const data = events(await (await sluice.chat({ stream: true })).text()).map((text) => JSON.parse(text));
  const said = data.flatMap(({ choices }) => choices?.[0]?.delta.content ?? []);
  assert.deepEqual(said, Array.from({ length: 80 }, (_, at) => word(at)));
  assert.equal(data.filter(({ error }) => error).length, 1);
});

test('a flood, a trickle and a NUL are the same bytes', async (t) => {
  const sluice = await Sluice.start(t, { OPENAI_API_KEY: A });
  const sent = [];
  async function* frames() {
    const give = (text) => (sent.push(text), Buffer.from(text));
    for (let at = 0; at < 3000; at += 1) yield give(chunk(word(at)));
    for (const byte of chunk('slow')) {
      await sleep(3);
      yield give(byte);
    }
    yield give(': a \0 in a comment\n\n');
    await sleep(250);
    yield give(chunk('世界'.repeat(20_000)));
    yield give(END);
  }
  sluice.provider.script(A, behave.raw('text/event-stream', frames()));
  const text = await (await sluice.chat({ stream: true })).text();
  assert.equal(text, sent.join(''));
});
