// Workers AI through the binding: an account that needs no key, and none where nothing is bound.

import assert from 'node:assert/strict';
import { test } from 'node:test';
import { Miniflare } from 'miniflare';
import { KEY } from './harness.mjs';
import { options } from '../scripts/worker.mjs';

/** A binding as the platform makes it: what it answers depends on what it is told. */
const BINDING = `
export default () => ({
  async run(model, inputs) {
    const said = inputs.messages.at(-1).content;
    if (said === 'used up') throw new Error('3036: You have used up your daily free allocation of 10,000 neurons.');
    if (said === 'bad') throw new Error('5004: Invalid data');
    const called = inputs.tools?.map(({ function: { name } }) => ({ name, arguments: { city: 'Paris' } }));
    const usage = { prompt_tokens: 5, completion_tokens: 2 };
    const response = model + ' heard ' + said;
    if (!inputs.stream) return called ? { response: null, tool_calls: called, usage } : { response, usage };
    const frames = called ? [{ response: null, tool_calls: called }] : response.split(/(?= )/).map((response) => ({ response }));
    const lines = [...frames, { response: '', usage }].map((frame) => 'data: ' + JSON.stringify(frame) + '\\n\\n');
    if (said !== 'cut') lines.push('data: [DONE]\\n\\n');
    return new Response(lines.join('')).body;
  },
});`;

async function start(t, bound) {
  const main = options({ persist: undefined, bindings: { SLUICE_API_KEY: KEY }, durableObjectsPersist: false, kvPersist: false, d1Persist: false });
  const { log, cf, rootPath, ...sluice } = main;
  const ai = { name: 'ai', modules: true, script: BINDING };
  const workers = [{ ...sluice, rootPath, ...(bound && { wrappedBindings: { AI: 'ai' } }) }, ...(bound ? [ai] : [])];
  const runtime = new Miniflare({ host: '127.0.0.1', port: 0, cf, log, workers });
  t.after(() => runtime.dispose());
  const url = String(await runtime.ready).replace(/\/$/, '');
  return async (path, body) => {
    const response = await fetch(url + path, { method: 'POST', headers: { authorization: `Bearer ${KEY}` }, body: JSON.stringify(body) });
    return { status: response.status, headers: response.headers, text: await response.text() };
  };
}

const MODEL = '@cf/meta/llama-3.1-8b-instruct';
const chat = (content, more = {}) => ({ model: MODEL, messages: [{ role: 'user', content }], ...more });
const tools = [{ type: 'function', function: { name: 'weather', parameters: { type: 'object', properties: {} } } }];

test('the binding answers clients without any account', async (t) => {
  const ask = await start(t, true);
  const whole = await ask('/v1/chat/completions', chat('Hi'));
  assert.equal(whole.status, 200, whole.text);
  assert.equal(whole.headers.get('x-sluice-account'), 'workers-ai-binding');
  const answer = JSON.parse(whole.text);
  assert.equal(answer.choices[0].message.content, `${MODEL} heard Hi`);
  assert.deepEqual([answer.usage.prompt_tokens, answer.usage.completion_tokens], [5, 2]);
  const stream = await ask('/v1/messages', { ...chat('Hi'), max_tokens: 9, stream: true });
  const said = [...stream.text.matchAll(/"text_delta","text":"([^"]*)"/g)].map(([, text]) => text).join('');
  assert.equal(said, `${MODEL} heard Hi`);
  assert.match(stream.text, /message_stop/);
  for (const stream of [false, true]) {
    const called = await ask('/v1/chat/completions', chat('weather?', { tools, stream }));
    assert.match(called.text, /"name":"weather"/, called.text);
    assert.match(called.text, /"finish_reason":"tool_calls"/);
  }
});

test('its errors are told, and a stream without its end is cut', async (t) => {
  const ask = await start(t, true);
  const bad = await ask('/v1/chat/completions', chat('bad'));
  assert.equal(bad.status, 400, bad.text);
  const cut = await ask('/v1/chat/completions', chat('cut', { stream: true }));
  assert.match(cut.text, /"error"/);
  assert.doesNotMatch(cut.text, /\[DONE\]|"finish_reason":"stop"/);
  const over = await ask('/v1/chat/completions', chat('used up', { model: `${MODEL}-2` }));
  assert.equal(over.status, 429, over.text);
});

test('without the binding there is nobody', async (t) => {
  const ask = await start(t, false);
  assert.equal((await ask('/v1/chat/completions', chat('Hi'))).status, 404);
});
