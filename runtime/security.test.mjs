// What an attacker tries from outside: without a key, with somebody's name, through a path, a header or a body.

import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { connect } from 'node:net';
import { before, test } from 'node:test';
import { ADMIN_KEY, KEY, Sluice } from './harness.mjs';

let sluice;
before(async (t) => (sluice = await Sluice.start(t)));

/** A refusal may end a connection under the next request, which is then sent again. */
async function ask(path, options) {
  try {
    return await sluice.fetch(path, options);
  } catch {
    return sluice.fetch(path, options);
  }
}

const hi = [{ role: 'user', content: 'Hi' }];
const CALLS = {
  chat: ['/v1/chat/completions', { model: 'gpt-4.1', messages: hi }],
  responses: ['/v1/responses', { model: 'gpt-4.1', input: 'Hi' }],
  messages: ['/v1/messages', { model: 'claude-sonnet-4-5', max_tokens: 10, messages: hi }],
  gemini: ['/v1beta/models/gemini-2.5-flash:generateContent', { contents: [{ role: 'user', parts: [{ text: 'Hi' }] }] }],
  ollama: ['/api/chat', { model: 'gpt-4.1', stream: false, messages: hi }],
};
const paths = Object.values(CALLS).map(([path]) => path);
const others = ['/v1/models', '/v1/models/gpt-4.1', '/v1beta/models', '/api/tags', '/api/v1/key', '/openai/v1/files', '/proxy/openai/v1/files'];

/** Everything the Worker said and keeps, where a secret could have been left. */
async function sinks() {
  const db = await sluice.worker.getD1Database('DB');
  const { results } = await db.prepare("SELECT name FROM sqlite_master WHERE type = 'table' AND name NOT LIKE '\\_%' ESCAPE '\\'").all();
  const rows = await Promise.all(results.map(({ name }) => db.prepare(`SELECT * FROM ${name}`).all()));
  return [sluice.log, sluice.disk(), JSON.stringify(rows.map((row) => row.results))].join('\n');
}

/** Bytes on the wire, and what comes back until the other side closes or is silent. */
function raw(bytes) {
  const { hostname, port } = new URL(sluice.url);
  return new Promise((resolve) => {
    let answer = '';
    const socket = connect(Number(port), hostname, () => socket.write(bytes));
    socket.setTimeout(1500, () => socket.destroy());
    socket.on('data', (data) => (answer += data.toString('latin1')));
    socket.on('error', () => {});
    socket.on('close', () => resolve(answer));
  });
}

test('without a key, with another or with the operator\'s nothing is answered', async () => {
  for (const path of [...paths, ...others]) {
    for (const authorization of ['', 'Bearer ', 'Bearer wrong', `Bearer ${KEY}x`, `Bearer ${KEY.slice(1)}`, `Bearer ${ADMIN_KEY}`, `Basic ${btoa(`:${KEY}`)}`]) {
      const method = paths.includes(path) ? 'POST' : 'GET';
      const response = await ask(path, { method, headers: { authorization }, body: method === 'POST' ? {} : undefined });
      assert.equal(response.status, 401, `${method} ${path} ${authorization}`);
      await response.arrayBuffer();
    }
  }
  for (const key of ['', 'wrong', KEY]) {
    const response = await fetch(`${sluice.url}/admin/api/accounts`, { headers: { authorization: `Bearer ${key}` } });
    assert.equal(response.status, 401);
  }
  assert.deepEqual(sluice.provider.keys(), []);
});

test('nothing that came with a call goes on but what its protocol needs', async () => {
  const sent = {
    cookie: 'sluice_session=canary-cookie',
    'proxy-authorization': 'Basic canary-proxy',
    'x-api-key': 'canary-x-api-key',
    'x-goog-api-key': 'canary-goog',
    'api-key': 'canary-api-key',
    'x-forwarded-for': '203.0.113.7',
    'x-forwarded-host': 'canary.example',
    'x-real-ip': '203.0.113.7',
    'true-client-ip': '203.0.113.7',
    forwarded: 'for=203.0.113.7',
    via: '1.1 canary',
    'cf-connecting-ip': '203.0.113.7',
    'cf-ray': 'canary-ray',
    'cf-access-jwt-assertion': 'canary-jwt',
    referer: 'https://canary.example/',
    origin: 'https://canary.example',
    'user-agent': 'canary-agent/1.0',
    'x-sluice-provider': '',
    'x-custom': 'canary-custom',
  };
  const named = { chat: 'openai', responses: 'openai', messages: 'anthropic', gemini: 'google', ollama: 'openai' };
  for (const [protocol, [path, body]] of Object.entries(CALLS)) {
    sluice.provider.keys();
    const response = await sluice.fetch(`${path}?key=${KEY}&x=canary-query`, { body, headers: { ...sent, 'x-sluice-provider': named[protocol] } });
    assert.equal(response.status, 200, protocol);
    const [{ headers, path: asked, text }] = sluice.provider.requests;
    const all = JSON.stringify([headers, asked, text]);
    assert.doesNotMatch(all, /canary|203\.0\.113\.7/, protocol);
    assert.ok(!all.includes(KEY) && !all.includes(ADMIN_KEY), protocol);
    assert.equal(headers.host, new URL(sluice.provider.url).host);
    // `cf-worker` is the platform's own.
    assert.deepEqual(Object.keys(headers).filter((name) => /^(x-forwarded|cf-(?!worker)|x-real|x-sluice)/.test(name)), [], protocol);
    await response.arrayBuffer();
  }
  for (const path of ['/openai/v1/files', '/proxy/openai/v1/files']) {
    sluice.provider.keys();
    const response = await sluice.fetch(`${path}?key=${KEY}&after=1`, { headers: sent });
    await response.arrayBuffer();
    for (const { headers, path: asked } of sluice.provider.requests) {
      const { 'user-agent': _, ...rest } = headers;
      assert.doesNotMatch(JSON.stringify([rest, asked]), /canary-(?!agent)|203\.0\.113\.7|sk-client-key/, path);
    }
  }
});

test('a key in an address is in no log and nowhere at rest', async () => {
  for (const path of paths) await (await fetch(`${sluice.url}${path}?key=${KEY}`, { method: 'POST', body: '{' })).arrayBuffer();
  for (const path of others) await (await fetch(`${sluice.url}${path}?key=${KEY}`)).arrayBuffer();
  await (await sluice.fetch(`${CALLS.chat[0]}?key=${KEY}`, { headers: { authorization: '' }, body: CALLS.chat[1] })).arrayBuffer();
  const everything = await sinks();
  assert.match(everything, /gpt-4\.1/, 'the log is looked at');
  for (const secret of [KEY, ADMIN_KEY, 'openai-key-a', 'anthropic-key-a', 'gemini-key-a']) assert.ok(!everything.includes(secret), secret);
});

test('a name of a model stays a name', async () => {
  const names = ['../../admin', '..%2f..%2fadmin', 'gemini-2.5-flash/../../x', 'gemini-2.5-flash?key=1', 'gemini-2.5-flash#x', 'a\\..\\b', 'gemini-2.5-flash%00', '.', '..', 'gpt-4.1\r\nx-evil: 1', '__proto__', 'constructor', 'x'.repeat(100_000)];
  for (const name of names) {
    for (const provider of ['openai/', 'google/', 'anthropic/', '']) {
      sluice.provider.keys();
      const response = await sluice.fetch(CALLS.chat[0], { body: { model: provider + name, messages: hi } });
      assert.ok(response.status < 500, `${provider}${name.slice(0, 40)}: ${response.status}`);
      assert.equal(response.headers.get('x-evil'), null);
      await response.arrayBuffer();
      for (const { path, headers } of sluice.provider.requests) {
        assert.match(path, /^\/v1\/(chat\/completions|messages)$|^\/v1beta\/models\/[^/?#]+:generateContent$/, name);
        assert.equal(headers['x-evil'], undefined);
      }
    }
    const inPath = await sluice.fetch(`/v1beta/models/${encodeURIComponent(name.slice(0, 4000))}:generateContent`, { body: CALLS.gemini[1] });
    assert.ok(inPath.status < 500, name.slice(0, 40));
    await inPath.arrayBuffer();
  }
});

test('a header cannot be smuggled in, nor a request behind another', async () => {
  const { host } = new URL(sluice.url);
  const body = JSON.stringify(CALLS.chat[1]);
  const head = (lines) => ['POST /v1/chat/completions HTTP/1.1', `Host: ${host}`, `Authorization: Bearer ${KEY}`, ...lines, '', ''].join('\r\n');
  const second = `POST /v1/chat/completions HTTP/1.1\r\nHost: ${host}\r\nAuthorization: Bearer wrong\r\nContent-Length: ${body.length}\r\n\r\n${body}`;
  const shapes = {
    'both lengths': head([`Content-Length: ${body.length}`, 'Transfer-Encoding: chunked']) + `0\r\n\r\n${second}`,
    'two lengths': head([`Content-Length: 0`, `Content-Length: ${body.length}`]) + body,
    'an odd encoding': head(['Transfer-Encoding: xchunked', `Content-Length: ${body.length}`]) + body,
    'a folded header': head([`Content-Length: ${body.length}`, 'X-A: 1\r\n Authorization: Bearer wrong']) + body,
    'a space before a colon': head([`Content-Length : ${body.length}`]) + body,
    'a length that is no number': head([`Content-Length: +${body.length}`]) + body,
    'a chunk without size': head(['Transfer-Encoding: chunked']) + `zz\r\n${body}\r\n0\r\n\r\n`,
    'two hosts': head([`Content-Length: ${body.length}`, 'Host: evil.example']) + body,
    'a bare line feed': head([`Content-Length: ${body.length}`]).replaceAll('\r\n', '\n') + body,
  };
  for (const [what, bytes] of Object.entries(shapes)) {
    sluice.provider.keys();
    const answer = await raw(bytes);
    const statuses = [...answer.matchAll(/^HTTP\/1\.1 (\d+)/gm)].map(([, status]) => Number(status));
    // Whatever stands behind the first request is a request of its own, with a key of its own.
    assert.ok(statuses.filter((status) => status === 200).length <= 1, `${what}: ${statuses}`);
    assert.ok(sluice.provider.keys().length <= 1, what);
  }
  assert.equal((await sluice.chat()).status, 200);
});

test('a huge or bottomless body is refused, and the next call is answered', async () => {
  // Each asks for a model of another protocol, so that all of it is read.
  const models = { chat: 'claude-sonnet-4-5', responses: 'claude-sonnet-4-5', messages: 'gpt-4.1', ollama: 'claude-sonnet-4-5' };
  for (const [protocol, model] of Object.entries(models)) {
    const [path, good] = CALLS[protocol];
    const nest = `${'['.repeat(200_000)}${']'.repeat(200_000)}`;
    const text = JSON.stringify({ ...good, model });
    for (const body of [text.replace('{', `{"x":${nest},`), text.replace('"Hi"', nest)]) {
      const response = await ask(path, { body, method: 'POST' });
      const { error } = await response.json();
      assert.ok(response.status === 200 || (response.status === 400 && error !== undefined), `${protocol}: ${response.status}`);
    }
  }
  const huge = await ask(CALLS.chat[0], { method: 'POST', body: Buffer.alloc(100 << 20, 32) });
  assert.equal(huge.status, 413);
  assert.match((await huge.json()).error.message, /exceeds/);
  assert.equal((await sluice.chat()).status, 200);
});

test('keys of objects that mean something to JavaScript mean nothing here', async () => {
  const strange = '"__proto__":{"polluted":1},"constructor":{"prototype":{"polluted":1}},"toString":1';
  for (const [protocol, [path, good]] of Object.entries(CALLS)) {
    const body = JSON.stringify(good).replace(/^{/, `{${strange},`);
    const response = await sluice.fetch(path, { method: 'POST', body });
    assert.ok(response.status < 500, `${protocol}: ${response.status}`);
    await response.arrayBuffer();
  }
  const tools = [{ type: 'function', function: { name: 'constructor', parameters: JSON.parse('{"type":"object","properties":{"__proto__":{"type":"string"}}}') } }];
  for (const model of ['gpt-4.1', 'claude-sonnet-4-5', 'gemini-2.5-flash']) {
    const answer = await (await sluice.chat({ model, tools })).json();
    assert.ok(answer.choices, JSON.stringify(answer));
    assert.equal(answer.choices[0].message.tool_calls[0].function.name, 'constructor', model);
    assert.match(sluice.provider.requests.at(-1).text, /__proto__/, model);
  }
  assert.equal((await sluice.admin('POST accounts', JSON.parse('{"__proto__":{"provider":"openai"},"credential":"x"}'))).status, 400);
});

test('a session is made by a sign-in and by nothing else', async () => {
  const fixed = 'f'.repeat(64);
  const sign = (headers) => fetch(`${sluice.url}/admin/api/session`, { method: 'POST', headers, body: JSON.stringify({ key: ADMIN_KEY }) });
  const signed = await sign({ cookie: `sluice_session=${fixed}` });
  const given = signed.headers.get('set-cookie');
  assert.match(given, /^sluice_session=[0-9a-f]{64}; Path=\/admin; Max-Age=43200; HttpOnly; Secure; SameSite=Strict$/);
  assert.ok(!given.includes(fixed), 'a cookie that was planted is not taken over');
  const list = (cookie) => fetch(`${sluice.url}/admin/api/accounts`, { headers: { cookie } });
  assert.equal((await list(`sluice_session=${fixed}`)).status, 401);
  assert.equal((await list(given.split(';')[0])).status, 200);
  assert.notEqual((await sign({})).headers.get('set-cookie'), given);
  for (const headers of [{ origin: 'https://evil.example' }, { 'sec-fetch-site': 'cross-site' }, { origin: 'null' }]) {
    assert.equal((await sign(headers)).status, 403, JSON.stringify(headers));
  }
  assert.ok(!(await sinks()).includes(given.split(/[=;]/)[1]), 'what is stored is its hash');
});

test('guessing the admin key is slowed down for the guesser alone', async (t) => {
  const own = await Sluice.start(t);
  const list = (key, address) =>
    fetch(`${own.url}/admin/api/accounts`, { headers: { authorization: `Bearer ${key}`, 'cf-connecting-ip': address } });
  const statuses = [];
  for (let guess = 0; guess < 40; guess += 1) statuses.push((await list(`guess-${guess}`, '203.0.113.9')).status);
  assert.deepEqual([statuses[0], statuses.at(-1)], [401, 429]);
  const barred = await list(ADMIN_KEY, '203.0.113.9');
  assert.equal(barred.status, 429, 'the right key is not told from a wrong one');
  assert.ok(Number(barred.headers.get('retry-after')) > 0);
  assert.equal((await list(ADMIN_KEY, '203.0.113.10')).status, 200);
});

test('an account is inside a network only where that is allowed', async (t) => {
  const own = await Sluice.start(t, { SLUICE_PRIVATE_ADDRESSES: '' });
  assert.equal((await own.chat()).status, 404, 'those of the variables are left out');
  assert.match(own.log, /OPENAI_BASE_URL: 127\.0\.0\.1 is a private address/);
  for (const base_url of ['http://169.254.169.254/latest', 'http://0x7f.1:8080', 'http://[::ffff:10.0.0.1]/v1', 'https://metadata.google.internal']) {
    const { status, body } = await own.admin('POST accounts', { provider: 'openai', base_url, credential: { api_key: 'sk-x' } });
    assert.equal(status, 400, base_url);
    assert.match(body.error.message, /private address, which only SLUICE_PRIVATE_ADDRESSES=1 allows/);
  }
});

test('the console is served under a policy that lets nothing else in', async () => {
  const page = await fetch(`${sluice.url}/console/`);
  const policy = page.headers.get('content-security-policy');
  assert.match(policy, /default-src 'none'/);
  assert.match(policy, /frame-ancestors 'none'/);
  assert.match(policy, /base-uri 'none'/);
  assert.doesNotMatch(policy, /unsafe|\*|http|data:/);
  assert.equal(page.headers.get('x-content-type-options'), 'nosniff');
  assert.equal(page.headers.get('referrer-policy'), 'no-referrer');
  const html = readFileSync(new URL('../console/index.html', import.meta.url), 'utf8');
  assert.doesNotMatch(html, /<script(?![^>]*src=)|<style| on\w+=/);
  const api = await fetch(`${sluice.url}/admin/api/session`);
  assert.equal(api.headers.get('access-control-allow-origin'), null, 'no other site reads the API');
});
