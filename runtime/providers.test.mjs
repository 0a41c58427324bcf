// Providers with wires and addresses of their own, each met by every client.

import assert from 'node:assert/strict';
import { before, test } from 'node:test';
import { CLIENTS } from './clients.mjs';
import { Sluice, behave } from './harness.mjs';

/** What each provider is called with, and the keys of its two accounts. */
const PROVIDERS = {
  kiro: { model: 'claude-sonnet-4-5', keys: ['ksk_a', 'kiro-b'], thinks: true },
  bedrock: { model: 'us.anthropic.claude-sonnet-4-5-20250929-v1:0', keys: ['bedrock-a', 'AKIA-signed'], thinks: true },
  azure: { model: 'a deployment', keys: ['azure-a', 'azure-b'] },
  vertex: { model: 'gemini-2.5-flash', keys: ['ya29.a', 'ya29.b'] },
  'vertex claude': { provider: 'vertex', model: 'claude-sonnet-4-5', keys: ['ya29.a', 'ya29.b'] },
  ollama: { model: 'qwen3', keys: ['ollama-a', 'ollama-b'], thinks: true },
};
const KEYS = Object.values(PROVIDERS).flatMap(({ keys }) => keys);
const SAID = 'Weather in Paris and Rome?';
const GREETING = `You said: ${SAID}. Grüße, 世界!`;
/** One transparent dot. */
const PNG = 'iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAYAAAAfFcSJAAAADUlEQVR42mP8z8BQDwAEhQGAhKmMIQAAAABJRU5ErkJggg==';

let sluice;
before(async (t) => {
  sluice = await Sluice.start(t, (url) => ({
    KIRO_API_KEY: 'ksk_a,kiro-b',
    KIRO_BASE_URL: url,
    BEDROCK_API_KEY: 'bedrock-a',
    BEDROCK_BASE_URL: url,
    AWS_ACCESS_KEY_ID: 'AKIA-signed',
    AWS_SECRET_ACCESS_KEY: 'bedrock-secret',
    AWS_REGION: 'eu-west-1',
    AZURE_OPENAI_API_KEY: 'azure-a,azure-b',
    AZURE_OPENAI_BASE_URL: url,
    VERTEX_API_KEY: 'ya29.a,ya29.b',
    VERTEX_BASE_URL: `${url}/v1`,
    VERTEX_PROJECT_ID: 'p-1',
    VERTEX_LOCATION: 'europe-west4',
    OLLAMA_API_KEY: 'ollama-a,ollama-b',
    OLLAMA_BASE_URL: url,
  }));
  sluice.provider.script(KEYS, behave.answer());
});

/** Names of models that nobody has asked for: one that failed rests. */
let fresh = 0;
const unused = (name) => `${PROVIDERS[name].model}-x${(fresh += 1)}`;

/** What a plain client makes of its answer. */
async function ask(name, client, stream, { model = PROVIDERS[name].model, ...request } = {}) {
  const { provider = name } = PROVIDERS[name];
  const { path, body, read } = CLIENTS[client];
  const response = await sluice.fetch(path(model, stream), {
    body: body(model, stream, { said: SAID, ...request }),
    headers: { 'x-sluice-provider': provider },
  });
  return read(await response.text(), stream, response.status);
}

function script(t, name, ...behaviors) {
  const { keys } = PROVIDERS[name];
  sluice.provider.script(keys, ...behaviors);
  t.after(() => sluice.provider.script(keys, behave.answer()));
}

for (const name of Object.keys(PROVIDERS)) {
  for (const client of Object.keys(CLIENTS)) {
    for (const stream of [false, true]) {
      const how = `${name}: ${client}, ${stream ? 'streaming' : 'waiting'}`;
      test(`${how}: an answer, and two tools in parallel and back`, async () => {
        const { said, calls, ended, failed } = await ask(name, client, stream, {});
        assert.deepEqual({ said, calls, ended, failed }, { said: GREETING, calls: [], ended: true, failed: false });
        const called = await ask(name, client, stream, { tools: true });
        assert.deepEqual(
          called.calls.map((call) => [call.name, call.input]),
          [
            ['get_weather', { city: 'Paris' }],
            ['get_weather', { city: 'Rome' }],
          ],
        );
        const past = { call: called.calls[0], result: 'rain' };
        const done = await ask(name, client, stream, { tools: true, past });
        assert.deepEqual([done.said, done.calls, done.ended], ['Done: rain.', [], true]);
      });
    }
  }

  test(`${name}: both accounts are asked, under our own name`, async () => {
    // Conversations of their own: one stays with its account.
    for (let round = 0; round < 4; round += 1) await ask(name, 'chat', false, { said: `${SAID} ${round}` });
    const { keys } = PROVIDERS[name];
    const asked = sluice.provider.requests.filter(({ key }) => keys.includes(key));
    assert.deepEqual([...new Set(asked.map(({ key }) => key))].sort(), [...keys].sort());
    for (const { headers } of asked) assert.match(headers['user-agent'], /^sluice\//);
  });

  test(`${name}: an image arrives as it was sent`, async () => {
    const { provider = name, model } = PROVIDERS[name];
    const image = { type: 'image', source: { type: 'base64', media_type: 'image/png', data: PNG } };
    const content = [image, { type: 'text', text: SAID }];
    const body = { model, max_tokens: 99, messages: [{ role: 'user', content }] };
    const response = await sluice.fetch('/v1/messages', { body, headers: { 'x-sluice-provider': provider } });
    assert.equal(response.status, 200, await response.text());
    assert.ok(sluice.provider.requests.at(-1).text.includes(PNG));
  });

  for (const stream of [false, true]) {
    test(`${name}: ${stream ? 'streaming' : 'waiting'}, an error inside a 200 is another account's turn`, async (t) => {
      script(t, name, behave.errorInside(529), behave.answer());
      const { said, ended } = await ask(name, 'messages', stream, { model: unused(name) });
      assert.deepEqual([said, ended], [GREETING, true]);
      const [failed, answered] = sluice.provider.requests.slice(-2);
      assert.notEqual(failed.key, answered.key);
    });
  }

  // Six frames reach into the content of every wire.
  for (const [what, behavior] of Object.entries({ 'a cut': behave.cut(6), 'an error': behave.errorInside(500, 6) })) {
    test(`${name}: ${what} in the middle of a stream is an error to every client and never an end`, async (t) => {
      script(t, name, behavior);
      for (const client of Object.keys(CLIENTS)) {
        const { ended, failed } = await ask(name, client, true, { model: unused(name) });
        assert.deepEqual({ client, ended, failed }, { client, ended: false, failed: true });
      }
    });
  }

  if (PROVIDERS[name].thinks) {
    test(`${name}: reasoning is told apart from the answer`, async (t) => {
      script(t, name, behave.answer({ thinking: 'Hm, <b>two</b> cities.\n', text: 'It rains.', calls: [] }));
      const { provider = name, model } = PROVIDERS[name];
      for (const stream of [false, true]) {
        const body = {
          model,
          stream,
          max_tokens: 9000,
          thinking: { type: 'enabled', budget_tokens: 2000 },
          messages: [{ role: 'user', content: SAID }],
        };
        const response = await sluice.fetch('/v1/messages', { body, headers: { 'x-sluice-provider': provider } });
        const text = await response.text();
        assert.equal(response.status, 200, text);
        const blocks = stream ? streamed(text) : JSON.parse(text).content.map((block) => block.thinking ?? block.text);
        assert.deepEqual(blocks, ['Hm, <b>two</b> cities.\n', 'It rains.']);
      }
    });
  }
}

/** The text of each block of a Messages stream. */
function streamed(text) {
  const blocks = [];
  for (const [, data] of text.matchAll(/^data: (.*)$/gm)) {
    const { type, index, delta } = JSON.parse(data);
    if (type === 'content_block_delta') blocks[index] = (blocks[index] ?? '') + (delta.thinking ?? delta.text ?? '');
  }
  return blocks;
}
