// Every provider that takes a key, each met by every client: answers, tools, images, thoughts, and what goes wrong.

import assert from 'node:assert/strict';
import { before, test } from 'node:test';
import { CLIENTS } from './clients.mjs';
import { Sluice, behave, events, until } from './harness.mjs';
import { ROWS } from './provider/rows.mjs';

/** Rows of the OpenAI-compatible that are more to a client than their name and paths. */
const MODELS = {
  cerebras: 'gpt-oss-120b',
  dashscope: 'qwen3-max',
  deepseek: 'deepseek-chat',
  fireworks: 'accounts/fireworks/models/qwen3',
  'github-models': 'openai/gpt-5-mini',
  groq: 'openai/gpt-oss-120b',
  hunyuan: 'hunyuan-t1',
  iflow: 'glm-4.6',
  kimi: 'kimi-for-coding',
  minimax: 'minimax-m2',
  'minimax-cn': 'minimax-m2',
  mistral: 'mistral-large-latest',
  modelscope: 'Qwen/Qwen3',
  moonshot: 'kimi-k2-thinking',
  'moonshot-cn': 'kimi-k2-thinking',
  openrouter: 'z-ai/glm-4.6',
  qianfan: 'ernie-5',
  siliconflow: 'Qwen/Qwen3',
  together: 'Qwen/Qwen3',
  vllm: 'anything',
  'workers-ai': '@cf/openai/gpt-oss-120b',
  xai: 'grok-4.5',
  zai: 'glm-4.6',
  zhipu: 'glm-4.6',
};

/** What those that see are called, where the model above only reads. */
const SEEING = {
  cerebras: 'qwen-3-vl-future',
  dashscope: 'qwen3-vl-plus',
  deepseek: 'deepseek-vl2',
  groq: 'meta-llama/llama-4-scout-17b-16e-instruct',
  iflow: 'qwen3-vl-plus',
  minimax: 'minimax-vl-01',
  'minimax-cn': 'minimax-vl-01',
  moonshot: 'kimi-k2.5',
  'moonshot-cn': 'kimi-k2.5',
  openrouter: 'z-ai/glm-4.5v',
  'workers-ai': '@cf/meta/llama-4-scout-17b-16e-instruct',
  zai: 'glm-4.5v',
  zhipu: 'glm-4.5v',
};

/** What each provider is called with, and the keys of its two accounts. */
const PROVIDERS = {
  anthropic: { model: 'claude-sonnet-4-5', keys: ['anthropic-key-a', 'anthropic-key-b'], thinks: true },
  google: { model: 'gemini-2.5-flash', keys: ['gemini-key-a', 'gemini-key-b'], thinks: true },
  openai: { model: 'gpt-4.1', keys: ['openai-key-a', 'openai-key-b'] },
  'openai responses': { provider: 'openai', model: 'gpt-5.4', keys: ['openai-key-a', 'openai-key-b'], thinks: true },
  kiro: { model: 'claude-sonnet-4-5', keys: ['ksk_a', 'kiro-b'], thinks: true },
  bedrock: { model: 'us.anthropic.claude-sonnet-4-5-20250929-v1:0', keys: ['bedrock-a', 'AKIA-signed'], thinks: true },
  azure: { model: 'a deployment', keys: ['azure-a', 'azure-b'] },
  vertex: { model: 'gemini-2.5-flash', keys: ['ya29.a', 'ya29.b'], thinks: true },
  'vertex claude': { provider: 'vertex', model: 'claude-sonnet-4-5', keys: ['ya29.a', 'ya29.b'], thinks: true },
  ollama: { model: 'qwen3', keys: ['ollama-a', 'ollama-b'], thinks: true },
};
for (const [name, { thinks }] of Object.entries(ROWS)) {
  PROVIDERS[name] = { model: MODELS[name], keys: [`${name}-key-a`, `${name}-key-b`], thinks: thinks !== undefined };
}
const KEYS = Object.values(PROVIDERS).flatMap(({ keys }) => keys);

/** The stem of a provider's variables, where it is not its name. */
const STEMS = { kimi: 'KIMI_CODE' };
const variables = (url) =>
  Object.entries(ROWS).flatMap(([name, { chat }]) => {
    const stem = STEMS[name] ?? name.toUpperCase().replaceAll('-', '_');
    return [
      [`${stem}_API_KEY`, PROVIDERS[name].keys.join()],
      [`${stem}_BASE_URL`, `${url}/${name}${chat}`],
    ];
  });

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
    ...Object.fromEntries(variables(url)),
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

test('no provider that takes a key is missing here', async () => {
  const { body } = await sluice.admin('GET providers');
  const offered = body.filter(({ login }) => login === 'key').map(({ name }) => name);
  const met = Object.entries(PROVIDERS).map(([name, { provider = name }]) => provider);
  assert.deepEqual([...new Set(met)].sort(), offered.sort());
});

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

  test(`${name}: an image arrives as it was sent, or is refused by name`, async () => {
    const { provider = name, model: usual, keys } = PROVIDERS[name];
    const image = { type: 'image', source: { type: 'base64', media_type: 'image/png', data: PNG } };
    const content = [image, { type: 'text', text: SAID }];
    const send = async (model) => {
      const body = { model, max_tokens: 99, messages: [{ role: 'user', content }] };
      const response = await sluice.fetch('/v1/messages', { body, headers: { 'x-sluice-provider': provider } });
      return { status: response.status, text: await response.text() };
    };
    if (SEEING[name] !== undefined) {
      const { status, text } = await send(usual);
      assert.match(`${status} ${text}`, /^400 .*takes no images/);
    }
    const { status, text } = await send(SEEING[name] ?? usual);
    assert.equal(status, 200, text);
    const asked = sluice.provider.requests.at(-1);
    assert.ok(keys.includes(asked.key) && asked.text.includes(PNG));
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

  test(`${name}: a key that is no longer good is stood in for, and not asked again`, async (t) => {
    const { keys, provider = name } = PROVIDERS[name];
    const asked = () => sluice.provider.keys().filter((key) => keys.includes(key));
    sluice.provider.script(keys[0], behave.refuse(401, {}, 'this key was revoked'));
    t.after(() => sluice.provider.script(keys, behave.answer()));
    asked();
    // Conversations of their own, so that one of them meets the bad key.
    for (let round = 0; round < 6; round += 1) {
      const { said } = await ask(name, 'messages', round % 2 === 0, { said: `${SAID} ${round} of ${fresh}` });
      assert.equal(said, `You said: ${SAID} ${round} of ${fresh}. Grüße, 世界!`);
    }
    const bad = asked().filter((key) => key === keys[0]).length;
    assert.ok(bad <= 1, `asked ${bad} times`);
    sluice.provider.script(keys[1], behave.refuse(401, {}, 'this key was revoked'));
    for (const client of Object.keys(CLIENTS)) {
      const { ended, failed } = await ask(name, client, true);
      assert.deepEqual({ client, ended, failed }, { client, ended: false, failed: true });
    }
    sluice.provider.script(keys, behave.answer());
    for (const place of [1, 2]) assert.equal((await sluice.admin(`POST accounts/${provider}-${place}/reset`)).status, 200);
    assert.equal((await ask(name, 'chat', false)).said, GREETING);
  });

  if (PROVIDERS[name].thinks) {
    test(`${name}: reasoning is told apart from the answer`, async (t) => {
      script(t, name, behave.answer({ thinking: 'Hm, <b>two</b> cities.\n', text: 'It rains.', calls: [] }));
      const { provider = name, model } = PROVIDERS[name];
      for (const [client, stream] of [['messages', false], ['messages', true], ['gemini', false], ['gemini', true]]) {
        const { path } = CLIENTS[client];
        const { body, blocks } = THINKING[client];
        const headers = { 'x-sluice-provider': provider };
        const response = await sluice.fetch(path(model, stream), { body: body(model, stream), headers });
        const text = await response.text();
        assert.equal(response.status, 200, text);
        assert.deepEqual({ client, stream, said: blocks(text, stream) }, { client, stream, said: ['Hm, <b>two</b> cities.\n', 'It rains.'] });
      }
    });
  }
}

/** How a client asks for thoughts, and what it then takes from an answer: what was thought, and what was said. */
const THINKING = {
  messages: {
    body: (model, stream) => ({
      model,
      stream,
      max_tokens: 9000,
      thinking: { type: 'enabled', budget_tokens: 2000 },
      messages: [{ role: 'user', content: SAID }],
    }),
    blocks: (text, stream) =>
      stream ? streamed(text) : JSON.parse(text).content.map((block) => block.thinking ?? block.text),
  },
  gemini: {
    body: () => ({
      contents: [{ role: 'user', parts: [{ text: SAID }] }],
      generationConfig: { thinkingConfig: { includeThoughts: true, thinkingBudget: 2000 } },
    }),
    blocks(text, stream) {
      const chunks = stream ? events(text).map((data) => JSON.parse(data)) : [JSON.parse(text)];
      const parts = chunks.flatMap(({ candidates = [] }) => candidates.flatMap(({ content }) => content?.parts ?? []));
      const of = (is) => parts.filter(({ thought = false }) => thought === is).map((part) => part.text ?? '').join('');
      return [of(true), of(false)];
    },
  },
};

test('every provider: an account that is asked too much rests as long as it said, and comes back', async (t) => {
  t.after(() => sluice.provider.script(KEYS, behave.answer()));
  const refused = behave.refuse(429, { 'retry-after': '2' }, 'too many requests');
  // All at once, for each of them takes its time.
  await Promise.all(
    Object.entries(PROVIDERS).filter(([name]) => distinct(name)).map(async ([name, { provider = name, keys }]) => {
      const model = unused(name);
      sluice.provider.script(keys[0], refused, behave.answer());
      sluice.provider.script(keys[1], refused, behave.answer());
      const call = () => {
        const { path, body } = CLIENTS.messages;
        return sluice.fetch(path(), { body: body(model, false, { said: SAID }), headers: { 'x-sluice-provider': provider } });
      };
      const first = await call();
      const text = await first.text();
      assert.deepEqual([first.status, JSON.parse(text).error?.type], [429, 'rate_limit_error'], `${name}: ${text}`);
      const wait = Number(first.headers.get('retry-after'));
      assert.ok(wait >= 1 && wait <= 3, `${name}: ${wait} s`);
      const asked = sluice.provider.requests.length;
      const again = await call();
      assert.equal(again.status, 429, `${name}: ${await again.text()}`);
      const meanwhile = sluice.provider.requests.slice(asked).filter(({ key }) => keys.includes(key));
      assert.equal(meanwhile.length, 0, `${name} was asked although all of it rests`);
      await until(async () => (await (await call()).json()).content?.[0].text === GREETING, 15_000);
    }),
  );
});

/** Two of a provider share accounts: one of them is enough where everything is tried at once. */
const distinct = (name) => (PROVIDERS[name].provider ?? name) === name;

/** The text of each block of a Messages stream. */
function streamed(text) {
  const blocks = [];
  for (const [, data] of text.matchAll(/^data: (.*)$/gm)) {
    const { type, index, delta } = JSON.parse(data);
    if (type === 'content_block_delta') blocks[index] = (blocks[index] ?? '') + (delta.thinking ?? delta.text ?? '');
  }
  return blocks;
}
