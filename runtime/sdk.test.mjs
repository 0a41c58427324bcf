// The official SDKs against every wire: each client streams, waits, and takes two tool calls in parallel.

import assert from 'node:assert/strict';
import { before, test } from 'node:test';
import Anthropic from '@anthropic-ai/sdk';
import { GoogleGenAI } from '@google/genai';
import OpenAI from 'openai';
import { KEY, Sluice, behave } from './harness.mjs';

/** A model of each wire. */
const WIRES = {
  chat: 'gpt-4.1',
  responses: 'gpt-5',
  messages: 'claude-sonnet-4-5',
  gemini: 'gemini-2.5-flash',
};

const SCHEMA = { type: 'object', properties: { city: { type: 'string' } }, required: ['city'] };
const WEATHER = { name: 'get_weather', description: 'The weather in a city.' };
const QUESTION = 'Weather in Paris and Rome?';
const REPORT = { Paris: 'rain', Rome: 'sun' };
const SAID = `You said: ${QUESTION}. Grüße, 世界!`;
const DONE = 'Done: rain and sun.';
const USAGE = { input: 14, cached: 3, output: 7 };

let sluice;
before(async (t) => (sluice = await Sluice.start(t)));

/**
 * Each client: `ask(model, { stream, tools, past })` resolves to `{ text, calls, usage, turn }`, where `turn` is what
 * the next request repeats; `results(answer)` is the turn that answers its calls.
 */
const CLIENTS = {
  'openai chat': {
    async ask(model, { stream, tools, past }) {
      const client = new OpenAI({ apiKey: KEY, baseURL: `${sluice.url}/v1`, maxRetries: 0 });
      const body = { model, messages: past };
      if (tools) body.tools = [{ type: 'function', function: { ...WEATHER, parameters: SCHEMA } }];
      const done = stream
        ? await client.chat.completions.stream({ ...body, stream_options: { include_usage: true } }).finalChatCompletion()
        : await client.chat.completions.create(body);
      const [{ message, finish_reason }] = done.choices;
      assert.equal(finish_reason, message.tool_calls?.length ? 'tool_calls' : 'stop');
      return {
        text: message.content ?? '',
        calls: (message.tool_calls ?? []).map((call) => [call.function.name, JSON.parse(call.function.arguments)]),
        usage: {
          input: done.usage.prompt_tokens,
          cached: done.usage.prompt_tokens_details?.cached_tokens,
          output: done.usage.completion_tokens,
        },
        turn: [message],
      };
    },
    question: [{ role: 'user', content: QUESTION }],
    results: ({ turn: [{ tool_calls }] }) =>
      tool_calls.map((call) => {
        const { city } = JSON.parse(call.function.arguments);
        return { role: 'tool', tool_call_id: call.id, content: REPORT[city] };
      }),
  },

  'openai responses': {
    async ask(model, { stream, tools, past }) {
      const client = new OpenAI({ apiKey: KEY, baseURL: `${sluice.url}/v1`, maxRetries: 0 });
      const body = { model, input: past, store: false };
      if (tools) body.tools = [{ type: 'function', ...WEATHER, parameters: SCHEMA, strict: false }];
      const done = stream
        ? await client.responses.stream(body).finalResponse()
        : await client.responses.create(body);
      assert.equal(done.status, 'completed');
      return {
        text: done.output_text,
        calls: done.output
          .filter((item) => item.type === 'function_call')
          .map((call) => [call.name, JSON.parse(call.arguments)]),
        usage: {
          input: done.usage.input_tokens,
          cached: done.usage.input_tokens_details.cached_tokens,
          output: done.usage.output_tokens,
        },
        turn: done.output.map(({ parsed_arguments, ...item }) => item),
      };
    },
    question: [{ role: 'user', content: QUESTION }],
    results: ({ turn }) =>
      turn
        .filter((item) => item.type === 'function_call')
        .map((call) => {
          const { city } = JSON.parse(call.arguments);
          return { type: 'function_call_output', call_id: call.call_id, output: REPORT[city] };
        }),
  },

  anthropic: {
    async ask(model, { stream, tools, past }) {
      const client = new Anthropic({ apiKey: KEY, baseURL: sluice.url, maxRetries: 0 });
      const body = { model, max_tokens: 1000, messages: past };
      if (tools) body.tools = [{ ...WEATHER, input_schema: SCHEMA }];
      const done = stream
        ? await client.messages.stream(body).finalMessage()
        : await client.messages.create(body);
      const calls = done.content.filter((block) => block.type === 'tool_use');
      assert.equal(done.stop_reason, calls.length > 0 ? 'tool_use' : 'end_turn');
      return {
        text: done.content.filter((block) => block.type === 'text').map((block) => block.text).join(''),
        calls: calls.map((call) => [call.name, call.input]),
        usage: {
          input: done.usage.input_tokens + done.usage.cache_read_input_tokens,
          cached: done.usage.cache_read_input_tokens,
          output: done.usage.output_tokens,
        },
        turn: [{ role: 'assistant', content: done.content }],
      };
    },
    question: [{ role: 'user', content: QUESTION }],
    results: ({ turn: [{ content }] }) => [
      {
        role: 'user',
        content: content
          .filter((block) => block.type === 'tool_use')
          .map((call) => ({ type: 'tool_result', tool_use_id: call.id, content: REPORT[call.input.city] })),
      },
    ],
  },

  'google genai': {
    async ask(model, { stream, tools, past }) {
      const client = new GoogleGenAI({ apiKey: KEY, httpOptions: { baseUrl: sluice.url } });
      const config = tools ? { tools: [{ functionDeclarations: [{ ...WEATHER, parametersJsonSchema: SCHEMA }] }] } : {};
      const request = { model, contents: past, config };
      const chunks = [];
      if (stream) {
        for await (const chunk of await client.models.generateContentStream(request)) chunks.push(chunk);
      } else {
        chunks.push(await client.models.generateContent(request));
      }
      const parts = chunks.flatMap((chunk) => chunk.candidates?.[0]?.content?.parts ?? []);
      assert.equal(chunks.at(-1).candidates[0].finishReason, 'STOP');
      const usage = chunks.findLast((chunk) => chunk.usageMetadata).usageMetadata;
      return {
        text: parts.map((part) => part.text ?? '').join(''),
        calls: parts.filter((part) => part.functionCall).map(({ functionCall: call }) => [call.name, call.args]),
        usage: {
          input: usage.promptTokenCount,
          cached: usage.cachedContentTokenCount,
          output: usage.candidatesTokenCount,
        },
        turn: [{ role: 'model', parts: parts.filter((part) => part.text !== '') }],
      };
    },
    question: [{ role: 'user', parts: [{ text: QUESTION }] }],
    results: ({ turn: [{ parts }] }) => [
      {
        role: 'user',
        parts: parts
          .filter((part) => part.functionCall)
          .map(({ functionCall: { id, name, args } }) => ({
            functionResponse: { ...(id && { id }), name, response: { output: REPORT[args.city] } },
          })),
      },
    ],
  },
};

for (const [name, client] of Object.entries(CLIENTS)) {
  for (const [wire, model] of Object.entries(WIRES)) {
    for (const stream of [false, true]) {
      const cell = `${name}, ${stream ? 'streaming' : 'waiting'}, from ${model}`;
      test(cell, async () => {
        const { text, calls, usage } = await client.ask(model, { stream, past: client.question });
        assert.deepEqual({ text, calls, usage }, { text: SAID, calls: [], usage: USAGE });
        const expected = name === 'openai chat' && wire === 'responses' ? 'chat' : name === 'openai responses' && wire === 'chat' ? 'responses' : wire;
        assert.equal(sluice.provider.requests.at(-1).wire.name, expected);
      });

      test(`${cell}: two tools in parallel and back`, async () => {
        const called = await client.ask(model, { stream, tools: true, past: client.question });
        assert.deepEqual(called.calls, [
          ['get_weather', { city: 'Paris' }],
          ['get_weather', { city: 'Rome' }],
        ]);
        const past = [...client.question, ...called.turn, ...client.results(called)];
        const done = await client.ask(model, { stream, tools: true, past });
        assert.deepEqual([done.text, done.calls], [DONE, []]);
      });
    }
  }
}

/** Names of models that nobody has asked for: one that failed rests. */
let fresh = 0;
const KEYS = ['openai', 'anthropic', 'gemini'].flatMap((name) => [`${name}-key-a`, `${name}-key-b`]);

for (const [name, client] of Object.entries(CLIENTS)) {
  for (const model of Object.values(WIRES)) {
    // Six frames reach into the content of every wire.
    const breaks = { 'is cut': behave.cut(6), 'holds an error': behave.errorInside(500, 6) };
    for (const [what, behavior] of Object.entries(breaks)) {
      test(`${name}: a stream of ${model} that ${what} after content is an error to the SDK`, async (t) => {
        sluice.provider.script(KEYS, behavior);
        t.after(() => sluice.provider.script(KEYS, behave.answer()));
        await assert.rejects(
          client.ask(`${model}-${(fresh += 1)}`, { stream: true, past: client.question }),
          /answer is incomplete|an error inside a stream/,
        );
      });
    }

    test(`${name}: an error inside a 200 of ${model} is not seen while another account can answer`, async (t) => {
      sluice.provider.script(KEYS, behave.errorInside(529), behave.answer());
      t.after(() => sluice.provider.script(KEYS, behave.answer()));
      const { text } = await client.ask(`${model}-${(fresh += 1)}`, { stream: true, past: client.question });
      assert.equal(text, SAID);
      const [failed, answered] = sluice.provider.requests.slice(-2);
      assert.notEqual(failed.key, answered.key);
    });
  }
}

test('an SDK reads our errors', async () => {
  const openai = new OpenAI({ apiKey: 'wrong', baseURL: `${sluice.url}/v1`, maxRetries: 0 });
  await assert.rejects(openai.chat.completions.create({ model: 'gpt-4.1', messages: [] }), OpenAI.AuthenticationError);
  const anthropic = new Anthropic({ apiKey: KEY, baseURL: sluice.url, maxRetries: 0 });
  const unknown = { model: 'nobody-has-this', max_tokens: 1, messages: [{ role: 'user', content: 'Hi' }] };
  await assert.rejects(anthropic.messages.create(unknown), (error) => {
    assert.ok(error instanceof Anthropic.NotFoundError);
    assert.match(error.requestID, /^[0-9a-f]{32}$/);
    return true;
  });
  const google = new GoogleGenAI({ apiKey: 'wrong', httpOptions: { baseUrl: sluice.url } });
  await assert.rejects(google.models.generateContent({ model: 'gemini-2.5-flash', contents: 'Hi' }), { status: 401 });
});

test('each SDK lists the models', async () => {
  const openai = new OpenAI({ apiKey: KEY, baseURL: `${sluice.url}/v1` });
  const anthropic = new Anthropic({ apiKey: KEY, baseURL: sluice.url });
  const google = new GoogleGenAI({ apiKey: KEY, httpOptions: { baseUrl: sluice.url } });
  const lists = await Promise.all([openai.models.list(), anthropic.models.list(), google.models.list()]);
  for (const list of lists) {
    const names = [];
    for await (const model of list) names.push(model.id ?? model.name);
    assert.ok(names.length > 3, `${names}`);
    assert.ok(names.some((name) => name.includes('claude')), `${names}`);
  }
  assert.equal((await openai.models.retrieve('gpt-4.1')).id, 'gpt-4.1');
  assert.equal((await anthropic.models.retrieve('claude-sonnet-4-5')).id, 'claude-sonnet-4-5');
  assert.equal((await google.models.get({ model: 'gemini-2.5-flash' })).name, 'models/gemini-2.5-flash');
});
