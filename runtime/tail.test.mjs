// The live tail: who listens hears of each call as it begins and ends, and nobody pays for it where nobody listens.

import assert from 'node:assert/strict';
import { test } from 'node:test';
import { Tail } from '../src/shell/tail.js';
import { ADMIN_KEY, KEY, Sluice, until } from './harness.mjs';

/** Events as they come: `heard` grows; `leave()` goes away. */
async function listen(sluice, key = ADMIN_KEY) {
  const leaving = new AbortController();
  const response = await fetch(`${sluice.url}/admin/api/tail`, {
    headers: { authorization: `Bearer ${key}` },
    signal: leaving.signal,
  });
  const heard = [];
  const listener = { response, heard, leave: () => leaving.abort() };
  if (response.status !== 200) return listener;
  listener.done = (async () => {
    let text = '';
    for await (const chunk of response.body.pipeThrough(new TextDecoderStream())) {
      const parts = (text + chunk).split('\n\n');
      text = parts.pop();
      for (const part of parts) {
        const [, event, data] = /^event: (.*)\ndata: (.*)$/.exec(part) ?? [];
        if (event) heard.push({ event, ...JSON.parse(data) });
      }
    }
  })().catch(() => {});
  return listener;
}

const lines = (sluice) => [...sluice.log.matchAll(/\{"event":"call".*\}/g)].map(([line]) => JSON.parse(line));

test('a call is heard as it begins, and with its row when it is over', async (t) => {
  const sluice = await Sluice.start(t);
  const { body: laptop } = await sluice.admin('POST tokens', { name: 'laptop', models: ['gpt-4.1'] });
  const headers = { authorization: `Bearer ${laptop.key}` };
  await (await sluice.chat({}, { headers })).text();
  const listener = await listen(sluice);
  assert.equal(listener.response.headers.get('content-type'), 'text/event-stream');
  for (const stream of [true, false]) await (await sluice.chat({ stream }, { headers })).text();
  assert.equal((await sluice.chat({ model: 'gpt-4.1-mini' }, { headers })).status, 403);
  assert.equal((await sluice.chat({}, { headers: { authorization: 'Bearer sk-of-nobody' } })).status, 401);
  const of = (name) => listener.heard.filter(({ event }) => event === name);
  await until(() => of('call').length === 2 && of('refused').length === 2);
  assert.deepEqual(
    of('started').map(({ id, token_name, model }) => [id, token_name, model]),
    of('call').map(({ id, token_name, model }) => [id, token_name, model]),
  );
  for (const { event, ...row } of of('call')) {
    await until(async () => (await sluice.admin(`GET usage/${row.id}`)).status === 200);
    assert.deepEqual((await sluice.admin(`GET usage/${row.id}`)).body, { ...row, captured: false }, event);
    assert.deepEqual([row.token_name, row.status, row.ended], ['laptop', 200, 'answered']);
  }
  const [forbidden, unknown] = of('refused');
  assert.deepEqual([forbidden.status, forbidden.token_name, forbidden.model], [403, 'laptop', 'gpt-4.1-mini']);
  assert.deepEqual([unknown.status, unknown.token], [401, null]);
  // What passes is never told, and neither are keys.
  assert.doesNotMatch(JSON.stringify(listener.heard), new RegExp(`You said|${laptop.key}|${KEY}|openai-key`));
  listener.leave();
  await listener.done;
  assert.equal((await fetch(`${sluice.url}/admin/api/tail`)).status, 401);
  assert.equal((await listen(sluice, 'wrong')).response.status, 401);
  // Whoever has left is noticed with the next word, at the latest with a heartbeat.
  await until(async () => {
    await (await sluice.chat({}, { headers })).text();
    const another = await listen(sluice);
    another.leave();
    await another.done;
    return another.response.headers.get('x-sluice-listeners') === '1';
  });
  for (const { object_calls: calls } of lines(sluice)) assert.ok(calls <= 2, `${calls} calls of the object`);
});

test('who may and says so sees what became of a call: only the documented word, no secret, the first events', async (t) => {
  const sluice = await Sluice.start(t, { OPENAI_API_KEY: 'openai-key-a' });
  const [trusted, other] = [(await sluice.admin('POST tokens', { name: 'mine', operator: true })).body, (await sluice.admin('POST tokens', { name: 'theirs' })).body];
  const listener = await listen(sluice);
  t.after(() => listener.leave());
  const shown = () => listener.heard.filter(({ event }) => event === 'conversion');
  const over = () => listener.heard.filter(({ event }) => event === 'call').length;
  const long = 'one two three four five six seven eight '.repeat(10);
  const ask = async (key, debug, { stream = false, content = 'Hello there' } = {}) => {
    const before = over();
    const body = { model: 'gpt-4.1', max_tokens: 9, stream, system: 'Be brief.', messages: [{ role: 'user', content }] };
    const answer = await sluice.fetch('/v1/messages', { body, headers: { authorization: `Bearer ${key}`, ...(debug !== undefined && { 'x-sluice-debug': debug }) } });
    assert.equal(answer.status, 200, await answer.clone().text());
    await answer.text();
    await until(() => over() === before + 1);
  };
  for (const word of [undefined, '0', 'true', 'yes', '2', '11']) await ask(KEY, word);
  await ask(other.key, '1');
  assert.deepEqual(shown(), [], 'another word, or another token');
  await ask(trusted.key, '1', { stream: true, content: long });
  await until(() => shown().length === 1);
  const [{ client, wire, relayed, provider, before, after, received, sent }] = shown();
  assert.deepEqual([client, wire, relayed, provider], ['messages', 'chat', false, 'openai']);
  assert.equal(JSON.parse(before).system, 'Be brief.');
  assert.deepEqual(JSON.parse(after).messages[0], { role: 'system', content: 'Be brief.' });
  assert.equal(received.length, 24, 'the first events, and no more');
  assert.ok(sent.length <= 24 && sent[0].startsWith('message_start: '), sent[0]);
  assert.equal(JSON.parse(received[0]).object, 'chat.completion.chunk');
  // A client that has the provider's key in its prompt, and a provider that repeats it.
  await ask(KEY, '1', { content: 'is it openai-key-a?' });
  await until(() => shown().length === 2);
  assert.match(shown()[1].received[0], /You said: is it \[redacted\]\?/);
  assert.doesNotMatch(JSON.stringify(shown()), new RegExp(`openai-key-a|${KEY}|${trusted.key}`));
});

test('a listener that does not read loses events and is told how many, and delays nobody', async (t) => {
  const tail = new Tail();
  assert.equal(tail.listeners, 0);
  const slow = tail.open().getReader();
  t.after(() => slow.cancel());
  const text = async (reader) => new TextDecoder().decode((await reader.read()).value);
  const long = JSON.stringify('x'.repeat(100 << 10));
  for (let at = 0; at < 10; at += 1) tail.say('call', long);
  assert.equal(tail.dropped, 8, 'two fit into what is held');
  assert.equal(await text(slow), 'retry: 1000\n\n');
  for (const at of [0, 1]) assert.match(await text(slow), /^event: call\ndata: "x/, `event ${at}`);
  tail.say('call', '1');
  assert.equal(await text(slow), 'event: lost\ndata: {"count":8}\n\nevent: call\ndata: 1\n\n');
  await slow.cancel();
  assert.equal(tail.listeners, 0);
  tail.say('call', '2');
});

test('a listener hears a heartbeat, and its term ends', async () => {
  const tail = new Tail();
  const heard = [];
  for await (const bytes of tail.open(undefined, 100, 20)) heard.push(new TextDecoder().decode(bytes));
  assert.ok(heard.filter((text) => text === ':\n\n').length > 1, heard.join('|'));
  assert.equal(tail.listeners, 0);
  const leaving = new AbortController();
  const stream = tail.open(leaving.signal);
  leaving.abort();
  assert.equal(tail.listeners, 0);
  for await (const bytes of stream) assert.ok(bytes);
});
