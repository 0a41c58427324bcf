// The raw proxy in workerd: bytes both ways as they were, with the pool's credential, for what Sluice does not model.

import assert from 'node:assert/strict';
import { createHash } from 'node:crypto';
import { test } from 'node:test';
import OpenAI, { toFile } from 'openai';
import { KEY, Sluice } from './harness.mjs';
import { Files } from './provider/files.mjs';

/** Every byte there is, many times, and no text. */
const BYTES = Buffer.from(Array.from({ length: 300_000 }, (_, at) => (at * 31 + (at >> 8)) & 255));

const BOUNDARY = 'a-boundary-of-more-than-27-letters';

async function start(t, bindings = {}) {
  const files = await Files.start();
  t.after(() => files.stop());
  const sluice = await Sluice.start(t, {
    OPENAI_BASE_URL: `${files.url}/v1`,
    GEMINI_BASE_URL: `${files.url}/v1beta`,
    ...bindings,
  });
  return { files, sluice };
}

const openai = (sluice, apiKey = KEY) => new OpenAI({ apiKey, baseURL: `${sluice.url}/proxy/openai/v1`, maxRetries: 0 });

test('a file goes up and comes down through the OpenAI SDK', async (t) => {
  const { files, sluice } = await start(t);
  const client = openai(sluice);
  const made = await client.files.create({ file: await toFile(BYTES, 'bytes.bin'), purpose: 'batch' });
  assert.deepEqual([made.bytes, made.filename, made.purpose], [BYTES.length, 'bytes.bin', 'batch']);
  assert.deepEqual((await client.files.list()).data.map(({ id }) => id), [made.id]);
  assert.equal((await client.files.retrieve(made.id)).status, 'processed');
  const content = await client.files.content(made.id);
  assert.equal(content.headers.get('content-disposition'), 'attachment');
  assert.ok(Buffer.from(await content.arrayBuffer()).equals(BYTES));
  assert.equal((await client.files.delete(made.id)).deleted, true);
  await assert.rejects(client.files.retrieve('file-of-nobody'), OpenAI.NotFoundError);
  for (const { key, headers } of files.requests) {
    assert.match(key, /^openai-key-[ab]$/);
    assert.doesNotMatch(JSON.stringify(headers), new RegExp(KEY));
  }
});

test('a multipart body arrives as it was sent, and audio goes both ways', async (t) => {
  const { files, sluice } = await start(t);
  const body = Buffer.concat([
    Buffer.from(`--${BOUNDARY}\r\ncontent-disposition: form-data; name="file"; filename="a"\r\n\r\n`),
    BYTES,
    Buffer.from(`\r\n--${BOUNDARY}\r\ncontent-disposition: form-data; name="purpose"\r\n\r\nx\r\n--${BOUNDARY}--\r\n`),
  ]);
  const headers = { 'content-type': `multipart/form-data; boundary=${BOUNDARY}`, cookie: 'a=b', 'x-api-key': 'inbound' };
  const response = await sluice.fetch('/proxy/openai/v1/files?a=1&key=inbound', { method: 'POST', body, headers });
  assert.equal(response.status, 200, await response.clone().text());
  const [seen] = files.requests;
  assert.deepEqual([seen.method, seen.path], ['POST', '/v1/files?a=1']);
  assert.ok(seen.body.equals(body), 'every byte');
  assert.doesNotMatch(JSON.stringify(seen.headers), new RegExp(`inbound|cookie|${KEY}`));
  const client = openai(sluice);
  const heard = await client.audio.transcriptions.create({ file: await toFile(BYTES, 'a.mp3'), model: 'whisper-1' });
  assert.equal(heard.text, createHash('sha256').update(BYTES).digest('hex'));
  const speech = { model: 'tts-1', voice: 'alloy', input: BYTES.toString('base64') };
  const spoken = await client.audio.speech.create(speech);
  assert.equal(spoken.headers.get('content-type'), 'audio/mpeg');
  assert.ok(Buffer.from(await spoken.arrayBuffer()).equals(BYTES));
});

// By hand: the SDK sends the second half to the root of its base URL, wherever the first went.
test('a Gemini upload round trips', async (t) => {
  const { files, sluice } = await start(t);
  const headers = { 'x-goog-upload-protocol': 'resumable', 'x-goog-upload-command': 'start' };
  const path = '/proxy/gemini/upload/v1beta/files';
  const begun = await sluice.fetch(path, { method: 'POST', body: { file: {} }, headers });
  assert.equal(begun.status, 200, await begun.clone().text());
  assert.equal(begun.headers.get('x-goog-upload-status'), 'active');
  const { search } = new URL(begun.headers.get('x-goog-upload-url'));
  const finish = { 'x-goog-upload-command': 'upload, finalize', 'x-goog-upload-offset': '0', 'content-type': 'application/octet-stream' };
  const sent = await sluice.fetch(path + search, { method: 'POST', body: BYTES, headers: finish });
  const { file } = await sent.json();
  assert.equal(file.sizeBytes, `${BYTES.length}`);
  assert.ok(files.requests.at(-1).body.equals(BYTES));
  const down = await sluice.fetch(`/proxy/gemini/v1beta/${file.name}:download?alt=media`);
  assert.ok(Buffer.from(await down.arrayBuffer()).equals(BYTES));
  for (const { key } of files.requests.filter(({ headers }) => headers['x-goog-upload-command'] === 'start')) {
    assert.match(key, /^gemini-key-[ab]$/);
  }
});

test('a limited account is replaced before anything is sent, and the body goes again', async (t) => {
  const { files, sluice } = await start(t);
  files.limited.add('openai-key-a');
  for (let at = 0; at < 2; at += 1) {
    const made = await openai(sluice).files.create({ file: await toFile(BYTES, 'b'), purpose: 'batch' });
    assert.equal(made.bytes, BYTES.length);
  }
  const keys = files.requests.map(({ key }) => key);
  assert.ok(keys.filter((key) => key === 'openai-key-a').length <= 1, `${keys}: limited once, and left alone`);
  files.limited.add('openai-key-b');
  await assert.rejects(openai(sluice).files.list(), OpenAI.RateLimitError);
});

test('a token may not use it unless it says so, and a provider that is not there is none', async (t) => {
  const { files, sluice } = await start(t);
  const make = async (terms) => (await sluice.admin('POST tokens', { name: 'test', ...terms })).body.key;
  await assert.rejects(openai(sluice, await make({})).files.list(), OpenAI.PermissionDeniedError);
  assert.equal(files.requests.length, 0);
  assert.deepEqual((await openai(sluice, await make({ allow_raw: true })).files.list()).data, []);
  await assert.rejects(openai(sluice, 'sk-of-nobody').files.list(), OpenAI.AuthenticationError);
  for (const path of ['/proxy/mistral/v1/files', '/proxy/openai@nobody/v1/files', '/proxy/openai/../admin']) {
    const { status } = await sluice.fetch(path);
    assert.ok(status >= 400 && status < 500, `${path}: ${status}`);
  }
  assert.equal(files.requests.length, 1);
});
