// The models that providers list: asked for by the clock, never while a client waits.

import assert from 'node:assert/strict';
import { createServer } from 'node:http';
import { test } from 'node:test';
import Anthropic from '@anthropic-ai/sdk';
import { GoogleGenAI } from '@google/genai';
import OpenAI from 'openai';
import { KEY, Sluice, until } from './harness.mjs';
import { subscribed } from './subscription.mjs';

/** A host of several providers' lists; `asked` has the paths of all that was asked. */
async function lists(t) {
  const asked = [];
  const pages = {
    '/groq/models': { data: [{ id: 'brand-new-1', context_window: 4242, max_completion_tokens: 99 }, { id: 'Whisper-9' }] },
    '/claude/v1/models?limit=1000': { data: [{ id: 'claude-next-20260901' }], has_more: true, last_id: 'claude-next-20260901' },
    '/claude/v1/models?limit=1000&after_id=claude-next-20260901': { data: [{ id: 'claude-later-20261001' }], has_more: false },
    '/gem/v1beta/models?pageSize=1000': { models: [{ name: 'models/gemini-next', inputTokenLimit: 77, supportedGenerationMethods: ['generateContent'], thinking: true }] },
    '/router/models': { data: [{ id: 'vendor/sees', architecture: { input_modalities: ['text', 'image'] }, supported_parameters: [] }, { id: 'vendor/blind', architecture: { input_modalities: ['text'] } }] },
  };
  const server = createServer((request, response) => {
    asked.push(`${request.method} ${request.url}`);
    const page = request.method === 'GET' && pages[request.url];
    response.writeHead(page ? 200 : 500, { 'content-type': 'application/json' });
    response.end(JSON.stringify(page || { error: { message: 'no' } }));
  });
  await new Promise((resolve) => server.listen(0, '127.0.0.1', resolve));
  t.after(() => server.close());
  const url = `http://127.0.0.1:${server.address().port}`;
  const bindings = {
    OPENAI_API_KEY: '',
    ANTHROPIC_BASE_URL: `${url}/claude`,
    GEMINI_BASE_URL: `${url}/gem`,
    GROQ_API_KEY: 'groq-key-of-the-tests',
    GROQ_BASE_URL: `${url}/groq`,
    OPENROUTER_API_KEY: 'router-key-of-the-tests',
    OPENROUTER_BASE_URL: `${url}/router`,
  };
  return { asked, pages, bindings, url };
}

const wake = async (sluice) => (await sluice.worker.getWorker()).scheduled({ cron: '*/5 * * * *' });
const names = async (sluice) => (await (await sluice.fetch('/v1/models')).json()).data.map(({ id }) => id);

test('the clock fetches every list, and each client sees it in its own words', async (t) => {
  const { asked, bindings } = await lists(t);
  const sluice = await Sluice.start(t, bindings);
  assert.ok(!(await names(sluice)).includes('brand-new-1'));
  assert.deepEqual(asked, [], 'a client waits for nobody');
  await wake(sluice);
  assert.equal(asked.length, 5, asked.join());
  const openai = new OpenAI({ apiKey: KEY, baseURL: `${sluice.url}/v1` });
  const anthropic = new Anthropic({ apiKey: KEY, baseURL: sluice.url });
  const google = new GoogleGenAI({ apiKey: KEY, httpOptions: { baseUrl: sluice.url } });
  const all = ['brand-new-1', 'Whisper-9', 'claude-next-20260901', 'claude-later-20261001', 'gemini-next', 'vendor/sees', 'vendor/blind'];
  const collect = async (pages, name) => {
    const found = [];
    for await (const model of pages) found.push(name(model));
    return found.sort();
  };
  assert.deepEqual(await collect(await openai.models.list(), ({ id }) => id), all.toSorted());
  assert.deepEqual(await collect(await anthropic.models.list({ limit: 2 }), ({ id }) => id), all.toSorted());
  const gemini = await collect(await google.models.list(), ({ name }) => name);
  assert.deepEqual(gemini, all.map((id) => `models/${id}`).sort());
  const { models } = await (await sluice.fetch('/api/tags')).json();
  assert.deepEqual(models.map(({ name }) => name).sort(), all.toSorted());

  const one = await openai.models.retrieve('brand-new-1');
  assert.deepEqual([one.owned_by, one.context_length, one.max_output_tokens], ['groq', 4242, 99]);
  const next = await google.models.get({ model: 'gemini-next' });
  assert.equal(next.inputTokenLimit, 77);
  const show = async (model) => (await sluice.fetch('/api/show', { body: { model } })).json();
  assert.deepEqual((await show('gemini-next')).capabilities, ['completion', 'tools', 'thinking']);
  assert.deepEqual((await show('vendor/sees')).capabilities, ['completion', 'tools', 'vision']);
  assert.deepEqual((await show('vendor/blind')).capabilities, ['completion', 'tools']);

  await wake(sluice);
  await sluice.restart();
  await wake(sluice);
  assert.deepEqual((await names(sluice)).sort(), all.toSorted());
  assert.equal(asked.length, 5, 'a list lasts for hours, and outlives the process');
});

test('what is listed can be asked for at once, by the name it is listed under', async (t) => {
  const { asked, bindings } = await lists(t);
  const sluice = await Sluice.start(t, bindings);
  const ask = (model) => sluice.fetch('/v1/chat/completions', { body: { model, messages: [{ role: 'user', content: 'Hi' }] } });
  assert.equal((await ask('brand-new-1')).status, 404);
  await wake(sluice);
  asked.length = 0;
  assert.ok((await ask('brand-new-1')).status >= 500, 'the host of lists has no answers');
  assert.deepEqual([...new Set(asked)], ['POST /groq/chat/completions']);
});

test('an operator asks all providers, one of them, or one account', async (t) => {
  const { asked, pages, bindings } = await lists(t);
  const sluice = await Sluice.start(t, bindings);
  pages['/router/models'] = undefined;
  const all = await sluice.admin('POST models/refresh', {});
  assert.equal(all.status, 200);
  assert.deepEqual(
    all.body.asked.map(({ provider, models, error }) => [provider, models, error]),
    [['anthropic', 2, undefined], ['google', 1, undefined], ['groq', 2, undefined], ['openrouter', 0, 'refused with status 500']],
  );
  const { body } = await sluice.admin('GET models');
  assert.deepEqual(body.lists.map(({ provider, models, error }) => [provider, models, error]), all.body.asked.map(({ provider, models, error }) => [provider, models, error]));
  assert.ok(body.lists[0].due > body.lists[0].read && body.lists[3].read === undefined);
  asked.length = 0;
  const one = await sluice.admin('POST models/refresh', { provider: 'groq' });
  assert.deepEqual([one.body.asked.length, asked], [1, ['GET /groq/models']]);
  const account = await sluice.admin('POST accounts/groq-1/models');
  assert.deepEqual([account.status, account.body.items.map(({ id }) => id)], [200, ['brand-new-1', 'Whisper-9']]);
  const refused = await sluice.admin('POST accounts/openrouter-1/models');
  assert.deepEqual([refused.status, refused.body.error.message], [502, 'openrouter gave no list of models: refused with status 500']);
  assert.equal((await sluice.admin('POST accounts/nobody/models')).status, 404);
  assert.equal((await sluice.admin('POST models/refresh', { provider: 'mistral' })).body.error.field, 'provider');
  assert.equal((await sluice.admin('GET models/refresh')).status, 405);
});

test('an account that was added is asked by itself', async (t) => {
  const { bindings, url } = await lists(t);
  const sluice = await Sluice.start(t, { ...bindings, GROQ_API_KEY: '' });
  const added = { provider: 'groq', credential: { api_key: 'gsk_of_the_tests_0123456789' }, base_url: `${url}/groq` };
  assert.equal((await sluice.admin('POST accounts', added)).status, 201);
  await until(async () => (await names(sluice)).includes('brand-new-1'), 15_000);
  assert.equal((await sluice.admin('DELETE accounts/groq-1')).status, 200);
  assert.ok(!(await names(sluice)).includes('brand-new-1'));
});
