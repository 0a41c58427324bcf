// What clients ask for beside conversations: vectors, images, bare prompts, counts, lists and files.

import assert from 'node:assert/strict';
import { createServer } from 'node:http';
import { before, test } from 'node:test';
import Anthropic from '@anthropic-ai/sdk';
import { GoogleGenAI } from '@google/genai';
import OpenAI from 'openai';
import { KEY, Sluice } from './harness.mjs';

const AUDIO = Uint8Array.from({ length: 70_000 }, (_, at) => at % 251);
const VECTORS = [[0.5, -2], [0.25, 1]];

/** A provider of everything but conversations; remembers what it was asked. */
const asked = [];
async function serve(request, response) {
  const chunks = [];
  for await (const chunk of request) chunks.push(chunk);
  const body = Buffer.concat(chunks);
  asked.push({ method: request.method, path: request.url, headers: request.headers, body });
  const json = (value) => response.setHeader('content-type', 'application/json').end(JSON.stringify(value));
  if (request.url.startsWith('/v1/audio')) {
    response.setHeader('content-type', 'audio/mpeg').end(AUDIO);
  } else if (request.url === '/v1/embeddings') {
    const { input, encoding_format } = JSON.parse(body);
    const coded = (vector) => Buffer.from(new Float32Array(vector).buffer).toString('base64');
    const data = [input].flat().map((_, index) => ({
      object: 'embedding',
      index,
      embedding: encoding_format === 'base64' ? coded(VECTORS[index]) : VECTORS[index],
    }));
    json({ object: 'list', data, model: 'box', usage: { prompt_tokens: 4, total_tokens: 4 } });
  } else if (request.url.startsWith('/v1/images')) {
    json({ created: 1, data: [{ b64_json: 'aW1n' }] });
  } else if (request.url.includes('batchEmbedContents')) {
    json({ embeddings: JSON.parse(body).requests.map((_, index) => ({ values: VECTORS[index] })) });
  } else {
    response.statusCode = 404;
    json({ error: { message: `no ${request.url}` } });
  }
}

let sluice, openai;
before(async (t) => {
  const server = createServer(serve);
  await new Promise((resolve) => server.listen(0, '127.0.0.1', resolve));
  t.after(() => server.close());
  const url = `http://127.0.0.1:${server.address().port}`;
  const box = { BOX_API_KEY: 'box-key-of-the-tests', BOX_BASE_URL: `${url}/v1` };
  const gem = { GEM_API_KEY: 'gem-key-of-the-tests', GEM_BASE_URL: `${url}/v1beta`, GEM_PROTOCOL: 'gemini', GEM_MODELS: 'vec-*' };
  sluice = await Sluice.start(t, { ...box, ...gem });
  openai = new OpenAI({ apiKey: KEY, baseURL: `${sluice.url}/v1`, maxRetries: 1 });
});

test('embeddings come to every client from every provider', async () => {
  for (const model of ['box/any', 'vec-1']) {
    // The SDK asks for base64 unless it is told not to.
    const coded = await openai.embeddings.create({ model, input: ['a', 'b'] });
    const plain = await openai.embeddings.create({ model, input: ['a', 'b'], encoding_format: 'float' });
    for (const { data, usage } of [coded, plain]) {
      assert.deepEqual(data.map(({ embedding }) => [...embedding]), VECTORS);
      assert.ok(usage.prompt_tokens > 0);
    }
    const google = new GoogleGenAI({ apiKey: KEY, httpOptions: { baseUrl: sluice.url } });
    const { embeddings } = await google.models.embedContent({ model, contents: ['a', 'b'] });
    assert.deepEqual(embeddings.map(({ values }) => values), VECTORS);
    const ollama = await sluice.fetch('/api/embed', { body: { model, input: 'a' } });
    assert.deepEqual((await ollama.json()).embeddings, [VECTORS[0]]);
  }
});

test('images are made, and edited as a form', async () => {
  const made = await openai.images.generate({ model: 'box/painter', prompt: 'a cat' });
  assert.equal(made.data[0].b64_json, 'aW1n');
  const image = new File([AUDIO], 'a.png', { type: 'image/png' });
  const edited = await openai.images.edit({ model: 'box/painter', prompt: 'wet', image });
  assert.equal(edited.data[0].b64_json, 'aW1n');
  const { path, headers, body } = asked.at(-1);
  assert.equal(path, '/v1/images/edits');
  assert.equal(headers.authorization, 'Bearer box-key-of-the-tests');
  assert.ok(body.includes(AUDIO) && body.includes('\r\n\r\npainter\r\n') && !body.includes('box/painter'));
});

test('what else a provider has is relayed byte for byte, and only if it is named', async () => {
  const speech = await sluice.fetch('/box/v1/audio/speech?x=1', { body: { model: 'tts', input: 'hi' } });
  assert.equal(speech.headers.get('content-type'), 'audio/mpeg');
  assert.deepEqual(new Uint8Array(await speech.arrayBuffer()), AUDIO);
  assert.equal(asked.at(-1).path, '/v1/audio/speech?x=1');
  const files = await sluice.fetch('/box/v1/files');
  assert.equal(files.status, 404);
  assert.deepEqual([asked.at(-1).method, asked.at(-1).path], ['GET', '/v1/files']);
  const nobody = await sluice.fetch('/v1/audio/speech', { body: { model: 'tts', input: 'hi' } });
  assert.equal(nobody.status, 404);
  assert.match((await nobody.json()).error.message, /\/\{provider\}\/v1\/audio\/speech/);
});

test('a bare prompt is completed', async () => {
  const done = await openai.completions.create({ model: 'gpt-4.1', prompt: 'Hi' });
  assert.ok(done.choices[0].text.length > 0 && done.choices[0].finish_reason === 'stop');
  let text = '';
  for await (const chunk of await openai.completions.create({ model: 'gpt-4.1', prompt: 'Hi', stream: true })) {
    text += chunk.choices[0]?.text ?? '';
  }
  assert.equal(text, done.choices[0].text);
});

test('tokens are estimated where nobody counts them, and it shows', async () => {
  const client = new Anthropic({ apiKey: KEY, baseURL: sluice.url, maxRetries: 0 });
  const request = { model: 'gpt-4.1', messages: [{ role: 'user', content: 'How many tokens is this?' }] };
  const { data, response } = await client.messages.countTokens(request).withResponse();
  assert.ok(data.input_tokens > 4 && data.input_tokens < 40);
  assert.equal(response.headers.get('x-sluice-estimate'), '1');
  const google = new GoogleGenAI({ apiKey: KEY, httpOptions: { baseUrl: sluice.url } });
  const { totalTokens } = await google.models.countTokens({ model: 'gpt-4.1', contents: 'How many tokens is this?' });
  assert.equal(totalTokens, data.input_tokens);
});

test('it looks like an Ollama server', async () => {
  assert.equal(await (await sluice.fetch('/ollama')).text(), 'Ollama is running');
  assert.equal((await sluice.fetch('/', { method: 'HEAD' })).status, 200);
  const { models } = await (await sluice.fetch('/api/tags')).json();
  assert.equal(new Set(models.map(({ digest }) => digest)).size, models.length);
  const shown = await sluice.fetch('/api/show', { body: { model: '[OpenAI] gpt-4.1:latest' } });
  assert.ok((await shown.json()).capabilities.includes('tools'));
  const unknown = await sluice.fetch('/api/show', { body: { name: '[Nobody] gpt-4.1' } });
  assert.equal(unknown.status, 404);
  assert.equal(typeof (await unknown.json()).error, 'string');
});
