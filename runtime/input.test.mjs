// What is refused, and in whose words.

import assert from 'node:assert/strict';
import { before, test } from 'node:test';
import { KEY, Sluice, events } from './harness.mjs';

let sluice;
before(async (t) => (sluice = await Sluice.start(t)));

const hi = [{ role: 'user', content: 'Hi' }];
const ENDPOINTS = {
  chat: { path: '/v1/chat/completions', body: { model: 'gpt-4.1', messages: hi } },
  responses: { path: '/v1/responses', body: { model: 'gpt-4.1', input: 'Hi' } },
  messages: { path: '/v1/messages', body: { model: 'claude-sonnet-4-5', max_tokens: 10, messages: hi } },
  gemini: { path: '/v1beta/models/gemini-2.5-flash:generateContent', body: { contents: [{ parts: [{ text: 'Hi' }] }] } },
};

/** The error's message, after a check that the body has the shape of its protocol. */
function message(protocol, status, text) {
  const body = JSON.parse(text);
  if (protocol === 'messages') {
    assert.equal(body.type, 'error');
    assert.equal(typeof body.error.type, 'string');
  } else if (protocol === 'gemini') {
    assert.equal(body.error.code, status);
    assert.match(body.error.status, /^[A-Z_]+$/);
  } else {
    assert.equal(typeof body.error.type, 'string');
    assert.ok('param' in body.error && 'code' in body.error);
  }
  assert.equal(typeof body.error.message, 'string');
  return body.error.message;
}

/** What is sent, given a good request; what must come back. */
const BAD = [
  ['no JSON', () => ({ body: '{"model": ' }), 400, /not a JSON object/],
  ['an array', () => ({ body: '[]' }), 400, /not a JSON object/],
  ['nothing', () => ({ body: '' }), 400, /not a JSON object/],
  ['a duplicate key', ({ body }) => ({ body: JSON.stringify(body).replace('{', '{"stream":true,"stream":false,') }), 400, /stream: duplicate key/],
  ['no key', () => ({ headers: { authorization: '' } }), 401, /no API key/],
  ['a wrong key', () => ({ headers: { authorization: 'Bearer wrong' } }), 401, /not valid/],
  ['a body of 33 MiB', () => ({ body: Buffer.alloc(33 << 20, 32) }), 413, /exceeds/],
];

const OF_MODEL = [
  ['no model', ({ body: { model, ...body } }) => ({ body }), 400, /^model: /],
  ['a model that is a number', ({ body }) => ({ body: { ...body, model: 5 } }), 400, /^model: /],
  ['a stream that is a word', ({ body }) => ({ body: { ...body, stream: 'yes' } }), 400, /^stream: /],
  ['an unknown model', ({ body }) => ({ body: { ...body, model: 'nobody-has-this' } }), 404, /nobody-has-this/],
];

for (const [protocol, good] of Object.entries(ENDPOINTS)) {
  for (const [what, change, status, expected] of [...BAD, ...(protocol === 'gemini' ? [] : OF_MODEL)]) {
    test(`${protocol}: ${what} is a ${status}`, async () => {
      const response = await sluice.fetch(good.path, { ...good, ...change(good), method: 'POST' });
      const text = await response.text();
      assert.equal(response.status, status, text);
      assert.match(response.headers.get('content-type'), /^application\/json/);
      assert.equal(response.headers.get('access-control-allow-origin'), '*');
      assert.match(message(protocol, status, text), expected);
    });
  }
}

test('gemini: an unknown model is a 404', async () => {
  const response = await sluice.fetch('/v1beta/models/nobody-has-this:generateContent', { body: { contents: [] } });
  assert.match(message('gemini', 404, await response.text()), /nobody-has-this/);
});

test('unknown paths and methods are told apart', async () => {
  for (const [method, path, status] of [
    ['GET', '/v1/nothing', 404],
    ['GET', '/v1/chat/completions', 405],
    ['DELETE', '/v1/messages', 405],
    ['POST', '/v1beta/models/gemini-2.5-flash:sing', 404],
  ]) {
    const response = await sluice.fetch(path, { method, body: method === 'POST' ? {} : undefined });
    assert.equal(response.status, status, `${method} ${path}`);
    assert.equal(typeof (await response.json()).error.message, 'string');
  }
});

test('the key is taken wherever an SDK puts it', async () => {
  const { path, body } = ENDPOINTS.chat;
  const places = [
    [path, { authorization: `Bearer ${KEY}` }],
    [path, { authorization: '', 'x-api-key': KEY }],
    [path, { authorization: '', 'x-goog-api-key': KEY }],
    [`${path}?key=${KEY}`, { authorization: '' }],
  ];
  for (const [where, headers] of places) {
    const response = await sluice.fetch(where, { body, headers });
    assert.equal(response.status, 200, JSON.stringify([where, headers]));
  }
});

test('without a configured key nobody may call', async (t) => {
  const bare = await Sluice.start(t, { SLUICE_API_KEY: '' });
  const response = await bare.chat();
  assert.equal(response.status, 503);
  assert.match((await response.json()).error.message, /wrangler secret put SLUICE_API_KEY/);
});

test('a browser may send any header of any protocol', async () => {
  const asked = 'authorization,x-api-key,anthropic-version,x-goog-api-key,x-stainless-os';
  for (const { path } of Object.values(ENDPOINTS)) {
    const response = await fetch(sluice.url + path, {
      method: 'OPTIONS',
      headers: { origin: 'https://app.example', 'access-control-request-method': 'POST', 'access-control-request-headers': asked },
    });
    assert.equal(response.status, 204);
    assert.equal(response.headers.get('access-control-allow-origin'), '*');
    assert.equal(response.headers.get('access-control-allow-headers'), asked);
    assert.match(response.headers.get('access-control-allow-methods'), /POST/);
  }
  const answer = await sluice.chat();
  assert.match(answer.headers.get('access-control-expose-headers'), /x-sluice-request-id.*retry-after/);
});

test('an answer says who gave it', async () => {
  const { headers } = await sluice.chat();
  assert.match(headers.get('x-sluice-request-id'), /^[0-9a-f]{32}$/);
  assert.equal(headers.get('x-sluice-provider'), 'openai');
  assert.match(headers.get('x-sluice-account'), /^openai-[12]$/);
  assert.equal(headers.get('x-sluice-attempts'), '1');
});

test('health needs no key, and HEAD has no body', async () => {
  for (const method of ['GET', 'HEAD']) {
    const response = await fetch(`${sluice.url}/healthz`, { method });
    assert.equal(response.status, 200);
    assert.match(await response.text(), method === 'GET' ? /^{"status":"ok","accounts":\d+,/ : /^$/);
  }
});

test('a request of 20 MB is relayed', async () => {
  const content = 'x'.repeat(20 << 20);
  const response = await sluice.chat({ messages: [{ role: 'user', content }] });
  assert.equal(response.status, 200);
  assert.ok((await response.json()).choices[0].message.content.length > content.length);
});

test('the demo answers on every protocol without an account', async (t) => {
  const demo = await Sluice.start(t, { OPENAI_API_KEY: '', ANTHROPIC_API_KEY: '', GEMINI_API_KEY: '', SLUICE_DEMO: '1' });
  const said = (body) => JSON.stringify(body).includes('Hi');
  const messages = [{ role: 'user', content: 'Hi' }];
  for (const [path, body] of [
    ['/v1/chat/completions', { model: 'demo/echo', messages }],
    ['/v1/responses', { model: 'demo/echo', input: 'Hi' }],
    ['/v1/messages', { model: 'demo/echo', max_tokens: 50, messages }],
    ['/v1beta/models/demo%2Fecho:generateContent', { contents: [{ parts: [{ text: 'Hi' }] }] }],
  ]) {
    const response = await demo.fetch(path, { body });
    const answer = await response.json();
    assert.equal(response.status, 200, JSON.stringify(answer));
    assert.ok(said(answer), JSON.stringify(answer));
    assert.equal(response.headers.get('x-sluice-provider'), 'demo');
  }
  const stream = await demo.chat({ model: 'demo/echo+chunks=20+pace=5', stream: true });
  assert.equal(events(await stream.text()).at(-1), '[DONE]');
  const failed = await demo.chat({ model: 'demo/chat+failall=429+retry=7' });
  assert.deepEqual([failed.status, failed.headers.get('x-sluice-attempts'), failed.headers.get('retry-after')], [429, '2', '7']);
});
