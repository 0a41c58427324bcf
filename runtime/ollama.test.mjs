// Ollama's own package for JavaScript against the built Worker; `python.test.mjs` has the one for Python.

import assert from 'node:assert/strict';
import { createServer } from 'node:http';
import { before, test } from 'node:test';
import { Ollama } from 'ollama';
import { KEY, Sluice } from './harness.mjs';

const MODEL = 'gpt-4.1';
const SAID = 'You said: Hi. Grüße, 世界!';
const headers = { authorization: `Bearer ${KEY}` };
const tools = [{ type: 'function', function: { name: 'weather', description: 'of a city', parameters: { type: 'object', properties: { city: { type: 'string' } } } } }];
const messages = [{ role: 'user', content: 'Hi' }];

let sluice, ollama;
before(async (t) => {
  // All that a provider of vectors does.
  const server = createServer(async (request, response) => {
    let text = '';
    for await (const chunk of request) text += chunk;
    const data = [JSON.parse(text).input].flat().map((_, index) => ({ object: 'embedding', index, embedding: [0.5, -index] }));
    response.setHeader('content-type', 'application/json');
    response.end(JSON.stringify({ object: 'list', data, model: 'm', usage: { prompt_tokens: 2, total_tokens: 2 } }));
  });
  await new Promise((resolve) => server.listen(0, '127.0.0.1', resolve));
  t.after(() => server.close());
  const box = { BOX_API_KEY: 'box-key-of-the-tests', BOX_BASE_URL: `http://127.0.0.1:${server.address().port}/v1`, BOX_MODELS: 'any' };
  sluice = await Sluice.start(t, box);
  ollama = new Ollama({ host: sluice.url, headers });
});

test('chat and generate, whole and streamed', async () => {
  for (const host of [sluice.url, `${sluice.url}/ollama`]) {
    const client = new Ollama({ host, headers });
    const whole = await client.chat({ model: MODEL, messages });
    assert.deepEqual([whole.message.content, whole.done, whole.model], [SAID, true, MODEL]);
    let text = '';
    let last;
    for await (const part of await client.chat({ model: MODEL, messages, stream: true })) {
      text += part.message.content;
      last = part;
    }
    assert.deepEqual([text, last.done, last.done_reason], [SAID, true, 'stop']);
    assert.ok(last.eval_count > 0 && last.total_duration > 0);
    assert.equal((await client.generate({ model: MODEL, prompt: 'Hi' })).response, SAID);
    text = '';
    for await (const part of await client.generate({ model: MODEL, prompt: 'Hi', stream: true })) text += part.response;
    assert.equal(text, SAID);
  }
});

test('tools are called in parallel and answered', async () => {
  const called = await ollama.chat({ model: MODEL, messages, tools });
  const calls = called.message.tool_calls.map(({ function: { name, arguments: input } }) => [name, input]);
  assert.deepEqual(calls, [['weather', { city: 'Paris' }], ['weather', { city: 'Rome' }]]);
  const results = calls.map(() => ({ role: 'tool', tool_name: 'weather', content: 'rain' }));
  const done = await ollama.chat({ model: MODEL, tools, messages: [...messages, called.message, ...results] });
  assert.equal(done.message.content, 'Done: rain and rain.');
});

test('models are listed and shown, and an unknown one is not found', async () => {
  const { models } = await ollama.list();
  assert.ok(models.some(({ name }) => name === MODEL));
  const shown = await ollama.show({ model: MODEL });
  assert.ok(shown.capabilities.includes('tools') && shown.model_info['gpt.context_length'] > 1000);
  assert.deepEqual((await ollama.ps()).models, []);
  assert.match((await ollama.version()).version, /^\d+\.\d+/);
  await assert.rejects(ollama.chat({ model: 'nobody-has-this', messages }), ({ status_code: status }) => status === 404);
});

test('texts become vectors', async () => {
  const { embeddings } = await ollama.embed({ model: 'box/any', input: ['a', 'b'] });
  assert.deepEqual(embeddings, [[0.5, 0], [0.5, -1]]);
  assert.deepEqual((await ollama.embeddings({ model: 'box/any', prompt: 'a' })).embedding, [0.5, 0]);
});
