// A simulator of providers that nobody here wrote: every protocol in, its OpenAI, Anthropic and Gemini out.
// https://aimock.copilotkit.dev

import assert from 'node:assert/strict';
import { join } from 'node:path';
import { before, test } from 'node:test';
import { CLIENTS } from './clients.mjs';
import { Sluice } from './harness.mjs';
import { installed } from './packages.mjs';

const PROVIDERS = { openai: 'gpt-4.1', anthropic: 'claude-sonnet-4-5', gemini: 'gemini-2.5-flash' };

const TEXT = 'Grüße, 世界! A text with "quotes", a \\ and 🙂, long enough for more than one piece.';
const INPUT = { city: 'São Paulo', days: 3 };

let sluice;
let mock;
before(async (t) => {
  const folder = await installed(t, '@copilotkit/aimock', '1.43.0');
  if (folder === undefined) return;
  const { LLMock } = await import(join(folder, 'dist/index.js'));
  mock = new LLMock({ port: 0, chunkSize: 5, logLevel: 'silent' });
  t.after(() => mock.stop());
  await mock.start();
  const call = { name: 'get_weather', arguments: JSON.stringify(INPUT) };
  mock.on({ userMessage: 'weather', hasToolResult: false }, { toolCalls: [call] });
  mock.on({ userMessage: 'weather', toolResultContains: 'drizzle' }, { content: 'It will drizzle.' });
  mock.on({ userMessage: 'hello' }, { content: TEXT });
  mock.on({ userMessage: 'ponder' }, { content: TEXT, reasoning: 'First this, then that.' });
  const refuse = (said, status, type, message, more) =>
    mock.on({ userMessage: said }, { error: { message, type }, status, ...more });
  refuse('overload', 503, 'overloaded_error', 'too many of us');
  refuse('rate', 429, 'rate_limit_error', 'slow down', { retryAfter: 9 });
  refuse('refuse', 400, 'invalid_request_error', 'temperature: out of range');
  mock.on({ userMessage: 'break off' }, { content: TEXT }, { truncateAfterChunks: 8, latency: 20 });
  for (const chaos of ['drop', 'malformed', 'disconnect']) {
    mock.on({ userMessage: `chaos ${chaos}` }, { content: TEXT }, { chaos: { [`${chaos}Rate`]: 1 } });
  }
  sluice = await Sluice.start(t, {
    OPENAI_BASE_URL: `${mock.url}/v1`,
    ANTHROPIC_BASE_URL: `${mock.url}/v1`,
    GEMINI_BASE_URL: `${mock.url}/v1beta`,
  });
});

let cases = 0;
/** A name that nothing else has: what one case does to its model rests no other. */
const fresh = (provider) => `${provider}/${PROVIDERS[provider]}-${++cases}`;

async function ask(protocol, model, stream, conversation) {
  const client = CLIENTS[protocol];
  const response = await sluice.fetch(client.path(model, stream), { body: client.body(model, stream, conversation) });
  const answer = { status: response.status, retry: response.headers.get('retry-after') };
  // A body that breaks is a failure that a client sees.
  const text = await response.text().catch((error) => `${error}`);
  return { ...answer, text, ...client.read(text, stream, response.status) };
}

/** What fails, and what a client may be told. */
const FAILURES = [
  ['break off', [200]],
  ['overload', [503]],
  ['rate', [429]],
  ['refuse', [400]],
  ['chaos drop', [500, 502, 503]],
  ['chaos malformed', [502]],
  ['chaos disconnect', [502]],
];

for (const protocol of Object.keys(CLIENTS)) {
  for (const provider of Object.keys(PROVIDERS)) {
    for (const stream of [false, true]) {
      const cell = `${protocol}, ${stream ? 'streaming' : 'waiting'}, from ${provider}`;

      test(cell, async (t) => {
        if (sluice === undefined) return t.skip('aimock is not there');
        const hello = await ask(protocol, PROVIDERS[provider], stream, { said: 'hello' });
        assert.deepEqual([hello.status, hello.said, hello.calls, hello.ended], [200, TEXT, [], true], hello.text);
        const thought = await ask(protocol, PROVIDERS[provider], stream, { said: 'ponder' });
        assert.deepEqual([thought.status, thought.said, thought.ended], [200, TEXT, true], thought.text);
        const called = await ask(protocol, PROVIDERS[provider], stream, { said: 'weather', tools: true });
        assert.deepEqual([called.status, called.ended], [200, true], called.text);
        assert.deepEqual(called.calls.map(({ name, input }) => [name, input]), [['get_weather', INPUT]], called.text);
        const past = { call: called.calls[0], result: 'a drizzle' };
        const done = await ask(protocol, PROVIDERS[provider], stream, { said: 'weather', tools: true, past });
        assert.deepEqual([done.status, done.said, done.calls, done.ended], [200, 'It will drizzle.', [], true], done.text);
      });

      test(`${cell}: never a false finish`, async (t) => {
        if (sluice === undefined) return t.skip('aimock is not there');
        for (const [said, statuses] of FAILURES) {
          // A whole answer cannot be cut in chunks.
          if (said === 'break off' && !stream) continue;
          const failed = await ask(protocol, fresh(provider), stream, { said });
          assert.ok(statuses.includes(failed.status), `${said}: ${failed.status} ${failed.text}`);
          assert.ok(!failed.ended && failed.failed, `${said}: ${failed.text}`);
          if (failed.status === 429) assert.ok(failed.retry > 0 && failed.retry <= 9, failed.retry);
          if (said === 'refuse') assert.match(failed.text, /temperature: out of range/);
        }
      });
    }
  }
}
