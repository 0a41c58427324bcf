// The life of a stream: pace, silence, departure.

import assert from 'node:assert/strict';
import net from 'node:net';
import { test } from 'node:test';
import { KEY, Sluice, behave, events, until } from './harness.mjs';

const A = 'openai-key-a';
const ONE = { OPENAI_API_KEY: A };

test('events reach the client as they come, not at the end', async (t) => {
  const sluice = await Sluice.start(t, ONE);
  sluice.provider.script(A, behave.slow(100));
  const began = Date.now();
  const response = await sluice.chat({ stream: true });
  const times = [];
  for await (const _ of response.body) times.push(Date.now() - began);
  assert.ok(times.length >= 5, `${times}`);
  assert.ok(times.at(-1) - times[0] > 300, `${times}`);
});

test('a relayed stream is the same bytes', async (t) => {
  const sluice = await Sluice.start(t, ONE);
  const sent = [
    ': a comment\n\n',
    'data: {"id":"1","choices":[{"index":0,"delta":{"role":"assistant","content":"é\\u00e9","strange":[1.0,1e400]}}]}\n\n',
    'event: odd\ndata: {"unknown":true}\n\ndata: {"id":"1","choices":[{"index":0,"delta":{},',
    '"finish_reason":"stop"}]}\n\ndata: [DONE]\n\n',
  ];
  sluice.provider.script(A, behave.raw('text/event-stream', sent));
  assert.equal(await (await sluice.chat({ stream: true })).text(), sent.join(''));
});

test('a client that leaves takes the provider\'s answer with it', async (t) => {
  const sluice = await Sluice.start(t, ONE);
  sluice.provider.script(A, behave.slow(50, { text: 'word '.repeat(500) }));
  const leave = new AbortController();
  const response = await sluice.chat({ stream: true }, { signal: leave.signal });
  await response.body.getReader().read();
  leave.abort();
  await until(() => sluice.provider.requests[0].left);
  // Nobody's fault: the account does not rest.
  sluice.provider.script(A, behave.answer());
  assert.equal((await sluice.chat()).status, 200);
});

test('a client that leaves a silent stream takes the provider\'s answer with it', async (t) => {
  const sluice = await Sluice.start(t, ONE);
  sluice.provider.script(A, behave.stall(3));
  const client = await connect(sluice, { stream: true });
  await until(() => client.text.includes('data: '));
  client.leave();
  await until(() => sluice.provider.requests[0].left);
});

test('a client that leaves before the answer has begun takes the request with it', async (t) => {
  const sluice = await Sluice.start(t, ONE);
  sluice.provider.script(A, behave.stall(0));
  const client = await connect(sluice, { stream: true });
  await until(() => sluice.provider.requests.length === 1);
  client.leave();
  await until(() => sluice.provider.requests[0].left);
  sluice.provider.script(A, behave.answer());
  assert.equal((await sluice.chat()).status, 200);
});

/** A client whose departure workerd sees without writing: a reset. A closed socket alone it notices when it writes. */
async function connect(sluice, more) {
  const body = JSON.stringify({ model: 'gpt-4.1', messages: [{ role: 'user', content: 'Hi' }], ...more });
  const socket = net.connect(new URL(sluice.url).port, '127.0.0.1');
  const client = { text: '', leave: () => socket.resetAndDestroy() };
  socket.setEncoding('utf8').on('data', (text) => (client.text += text));
  socket.write(
    `POST /v1/chat/completions HTTP/1.1\r\nhost: sluice\r\nauthorization: Bearer ${KEY}\r\n` +
      `content-length: ${Buffer.byteLength(body)}\r\n\r\n${body}`,
  );
  return client;
}

test('a silent provider is bridged with bytes that clients ignore', async (t) => {
  const sluice = await Sluice.start(t, { ...ONE, SLUICE_KEEP_ALIVE_SECONDS: '0.2' });
  sluice.provider.script(A, behave.slow(500, { text: 'Hello' }));
  const text = await (await sluice.chat({ stream: true })).text();
  assert.ok(text.split('\n\n').filter((event) => event.startsWith(':')).length >= 2, text);
  const data = events(text);
  assert.equal(data.at(-1), '[DONE]');
  const said = data.slice(0, -1).map((chunk) => JSON.parse(chunk).choices[0]?.delta.content ?? '');
  assert.equal(said.join(''), 'Hello');
});

test('a provider that stalls in the middle ends in an error', async (t) => {
  const sluice = await Sluice.start(t, { ...ONE, SLUICE_IDLE_SECONDS: '0.5' });
  sluice.provider.script(A, behave.stall(3));
  const data = events(await (await sluice.chat({ stream: true })).text());
  assert.ok(!data.includes('[DONE]'));
  assert.match(JSON.parse(data.at(-1)).error.message, /sent nothing for too long/);
  await until(() => sluice.provider.requests[0].left);
});

test('a provider that stalls before the first content is not waited for when another can answer', async (t) => {
  const sluice = await Sluice.start(t, { SLUICE_IDLE_SECONDS: '0.5' });
  sluice.provider.script([A, 'openai-key-b'], behave.stall(1), behave.answer());
  const response = await sluice.chat({ stream: true });
  assert.equal(events(await response.text()).at(-1), '[DONE]');
  const [first, second] = sluice.provider.requests;
  assert.notEqual(first.key, second.key);
  await until(() => first.left);
});

test('many streams at once do not mix', async (t) => {
  const sluice = await Sluice.start(t, ONE);
  sluice.provider.script(A, behave.slow(10));
  const say = async (said) => {
    const response = await sluice.chat({ stream: true, messages: [{ role: 'user', content: said }] });
    const data = events(await response.text());
    return data.slice(0, -1).map((chunk) => JSON.parse(chunk).choices[0]?.delta.content ?? '').join('');
  };
  const words = Array.from({ length: 40 }, (_, at) => `word-${at}`);
  assert.deepEqual(await Promise.all(words.map(say)), words.map((word) => `You said: ${word}. Grüße, 世界!`));
});

test('no credential of ours or of the client crosses to the other side', async (t) => {
  const sluice = await Sluice.start(t, ONE);
  const response = await sluice.chat({}, { headers: { 'x-api-key': KEY, cookie: `a=${KEY}`, 'openai-organization': 'org' } });
  const answer = JSON.stringify([...response.headers]) + (await response.text());
  assert.ok(!answer.includes(A));
  const [{ headers, text, path }] = sluice.provider.requests;
  assert.ok(!JSON.stringify([headers, text, path]).includes(KEY));
  assert.equal(headers.cookie, undefined);
});
