// What the Open Responses project's compliance suite asks of /v1/responses, with a provider of every wire behind it.
// https://www.openresponses.org/compliance

import assert from 'node:assert/strict';
import { before, test } from 'node:test';
import { Sluice, events } from './harness.mjs';
import * as schemas from './schemas.mjs';

const WIRES = ['chat', 'responses', 'messages', 'gemini'];

/** Members that the suite's schema requires of a response, with the types it allows. */
const MEMBERS = {
  id: ['string'],
  object: ['string'],
  created_at: ['number'],
  completed_at: ['number', 'null'],
  status: ['string'],
  incomplete_details: ['object', 'null'],
  model: ['string'],
  previous_response_id: ['string', 'null'],
  instructions: ['string', 'null'],
  output: ['array'],
  error: ['object', 'null'],
  tools: ['array'],
  tool_choice: ['string', 'object'],
  truncation: ['string'],
  parallel_tool_calls: ['boolean'],
  text: ['object'],
  top_p: ['number'],
  presence_penalty: ['number'],
  frequency_penalty: ['number'],
  top_logprobs: ['number'],
  temperature: ['number'],
  reasoning: ['object', 'null'],
  usage: ['object', 'null'],
  max_output_tokens: ['number', 'null'],
  max_tool_calls: ['number', 'null'],
  store: ['boolean'],
  background: ['boolean'],
  service_tier: ['string'],
  metadata: ['object'],
  safety_identifier: ['string', 'null'],
  prompt_cache_key: ['string', 'null'],
};

/** Members that it requires of parts of one, by their `type`. */
const PARTS = {
  message: ['id', 'status', 'role', 'content'],
  output_text: ['text', 'annotations', 'logprobs'],
  function_call: ['id', 'call_id', 'name', 'arguments', 'status'],
  function: ['name', 'description', 'parameters', 'strict'],
};

const kind = (value) => (value === null ? 'null' : Array.isArray(value) ? 'array' : typeof value);

const skip = schemas.missing('specs');

function conforms(response) {
  for (const [name, kinds] of Object.entries(MEMBERS)) {
    assert.ok(kinds.includes(kind(response[name])), `${name}: ${JSON.stringify(response[name])}`);
  }
  const parts = [...response.tools, ...response.output, ...response.output.flatMap((item) => item.content ?? [])];
  for (const part of parts) {
    for (const name of PARTS[part.type] ?? []) assert.ok(name in part, `${part.type}.${name} in ${JSON.stringify(part)}`);
  }
  const { input_tokens: input, output_tokens: output, total_tokens: total } = response.usage;
  assert.equal(input + output, total);
  assert.equal(typeof response.usage.input_tokens_details.cached_tokens, 'number');
  assert.equal(typeof response.usage.output_tokens_details.reasoning_tokens, 'number');
  if (!skip) assert.deepEqual(schemas.answer('responses', response), []);
}

/** The final response, after a check of every event before it. */
function final(text) {
  const all = events(text);
  // OpenAI's own stream ends without the word, and the suite takes it either way.
  if (all.at(-1) === '[DONE]') all.pop();
  const parsed = all.map((data) => JSON.parse(data));
  assert.deepEqual(parsed.map((event) => event.sequence_number), parsed.map((_, index) => index));
  const names = [...text.matchAll(/^event: (.*)$/gm)].map(([, name]) => name);
  assert.deepEqual(names, parsed.map((event) => event.type));
  assert.deepEqual(names.slice(0, 2), ['response.created', 'response.in_progress']);
  if (!skip) for (const event of parsed) assert.deepEqual(schemas.event('responses', event), []);
  const done = parsed.at(-1);
  assert.match(done.type, /^response\.(completed|incomplete)$/);
  // The deltas of an item add up to it.
  for (const [index, item] of done.response.output.entries()) {
    const deltas = parsed.filter((event) => event.output_index === index && /\.delta$/.test(event.type));
    const whole = item.arguments ?? item.content?.[0]?.text ?? item.summary?.[0]?.text;
    assert.equal(deltas.map((event) => event.delta).join(''), whole);
    const ended = parsed.find((event) => event.type === 'response.output_item.done' && event.output_index === index);
    assert.deepEqual(ended.item, item);
  }
  return done.response;
}

const say = (role, content) => ({ type: 'message', role, content });
const said = (response) => response.output.flatMap((item) => item.content ?? []).map((part) => part.text).join('');
const calls = (response) => response.output.filter((item) => item.type === 'function_call');

const WEATHER = {
  type: 'function',
  name: 'get_weather',
  description: 'The weather in a city',
  parameters: { type: 'object', properties: { city: { type: 'string' } }, required: ['city'] },
};
// One black pixel.
const PIXEL =
  'data:image/png;base64,iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAQAAAC1HAwCAAAAC0lEQVR42mNkYAAAAAYAAjCB0C8AAAAASUVORK5CYII=';

/** What is asked, and a check of what is answered. */
const CASES = {
  'a text': [{ input: [say('user', 'Good morning')] }, (done) => assert.equal(said(done), 'You said: Good morning')],
  'a bare string': [{ input: 'Good morning' }, (done) => assert.equal(said(done), 'You said: Good morning')],
  'a system prompt': [
    { input: [say('system', 'Speak plainly.'), say('user', 'Good morning')] },
    (done) => assert.equal(said(done), 'You said: Good morning'),
  ],
  'instructions and a developer': [
    { instructions: 'Speak plainly.', input: [say('developer', 'Be brief.'), say('user', 'Good morning')] },
    (done) => {
      assert.equal(said(done), 'You said: Good morning');
      assert.equal(done.instructions, 'Speak plainly.');
    },
  ],
  'a tool': [
    { input: [say('user', 'The weather in Oslo?')], tools: [WEATHER] },
    (done) => {
      assert.deepEqual(calls(done).map((call) => [call.name, JSON.parse(call.arguments)]), [['get_weather', { city: 'demo' }]]);
      assert.equal(done.tools[0].strict ?? null, null);
    },
  ],
  'two tools at once': [
    { input: [say('user', 'The weather in two cities?')], tools: [WEATHER] },
    (done) => assert.equal(new Set(calls(done).map((call) => call.call_id)).size, 2),
  ],
  'a tool that must be called': [
    { input: 'Hi', tools: [WEATHER], tool_choice: { type: 'function', name: 'get_weather' } },
    (done) => {
      assert.equal(calls(done).length, 1);
      assert.deepEqual(done.tool_choice, { type: 'function', name: 'get_weather' });
    },
  ],
  'a tool that has answered': [
    {
      input: [
        say('user', 'The weather in Oslo?'),
        { type: 'function_call', call_id: 'call_1', name: 'get_weather', arguments: '{"city":"Oslo"}' },
        { type: 'function_call_output', call_id: 'call_1', output: 'snow' },
      ],
      tools: [WEATHER],
    },
    (done) => assert.equal(said(done), 'get_weather said: snow'),
  ],
  'an image': [
    { input: [say('user', [{ type: 'input_text', text: 'What is this?' }, { type: 'input_image', image_url: PIXEL }])] },
    (done) => assert.equal(said(done), 'You said: What is this? [image/png]'),
  ],
  'several turns': [
    { input: [say('user', 'I am Ada.'), say('assistant', 'Welcome, Ada.'), say('user', 'Who am I?')] },
    (done) => assert.equal(said(done), 'You said: Who am I?'),
  ],
  'several turns in parts': [
    {
      input: [
        say('user', [{ type: 'input_text', text: 'I am Ada.' }]),
        say('assistant', [{ type: 'output_text', text: 'Welcome, Ada.' }]),
        say('user', [{ type: 'input_text', text: 'Who am I?' }]),
      ],
    },
    (done) => assert.equal(said(done), 'You said: Who am I?'),
  ],
  'a schema': [
    {
      input: 'Hi',
      text: { format: { type: 'json_schema', name: 'city', strict: true, schema: WEATHER.parameters } },
    },
    (done) => {
      assert.deepEqual(JSON.parse(said(done)), { city: 'demo' });
      assert.equal(done.text.format.name, 'city');
    },
  ],
  reasoning: [
    { input: 'Hi', reasoning: { effort: 'low', summary: 'auto' } },
    (done) => {
      assert.equal(said(done), 'You said: Hi');
      assert.equal(done.reasoning.effort, 'low');
      assert.ok(done.usage.output_tokens_details.reasoning_tokens > 0 || done.output.length === 1);
    },
  ],
};

let sluice;
before(async (t) => (sluice = await Sluice.start(t, { SLUICE_DEMO: '1' })));

const post = (body) => sluice.fetch('/v1/responses', { body });

for (const wire of WIRES) {
  for (const [name, [body, check]] of Object.entries(CASES)) {
    for (const stream of [false, true]) {
      test(`${name}, ${stream ? 'streamed' : 'whole'}, from demo/${wire}`, async () => {
        const response = await post({ model: `demo/${wire}`, stream, ...body });
        const text = await response.text();
        assert.equal(response.status, 200, text);
        const done = stream ? final(text) : JSON.parse(text);
        conforms(done);
        assert.equal(done.status, 'completed');
        check(done);
      });
    }
  }

  for (const stream of [false, true]) {
    test(`an answer that is too long, ${stream ? 'streamed' : 'whole'}, from demo/${wire}`, async () => {
      const input = 'one two three four five six seven eight nine ten eleven twelve thirteen fourteen fifteen';
      const response = await post({ model: `demo/${wire}`, stream, input, max_output_tokens: 16 });
      const text = await response.text();
      assert.equal(response.status, 200, text);
      const done = stream ? final(text) : JSON.parse(text);
      conforms(done);
      assert.deepEqual([done.status, done.incomplete_details], ['incomplete', { reason: 'max_output_tokens' }]);
    });
  }

  test(`a provider that breaks off, from demo/${wire}`, async () => {
    for (const how of ['mid', 'cut']) {
      const response = await post({ model: `demo/${wire}+chunks=40+failall=${how}`, stream: true, input: 'Hi' });
      const types = events(await response.text()).map((data) => JSON.parse(data).type);
      assert.ok(!types.includes('response.completed') && !types.includes('response.incomplete'), `${how}: ${types}`);
      assert.match(types.at(-1), /^(response\.failed|error)$/, how);
    }
  });
}

test('errors', async () => {
  const table = [
    [{ model: 'demo/chat' }, 400, 'input'],
    [{ input: 'Hi' }, 400, 'model'],
    [{ model: 'demo/chat', input: 5 }, 400, 'input'],
    [{ model: 'demo/chat', input: [say('nobody', 'Hi')] }, 400, 'input[0].role'],
    [{ model: 'demo/chat', input: [say('user', [{ type: 'input_smell' }])] }, 400, 'input[0].content[0].type'],
    [{ model: 'demo/chat', input: 'Hi', previous_response_id: 'resp_1' }, 400, 'previous_response_id'],
    [{ model: 'nobody-has-this', input: 'Hi' }, 404, 'model'],
    [{ model: 'demo/chat+failall=429+retry=7', input: 'Hi' }, 429, null],
    [{ model: 'demo/messages+failall=529', input: 'Hi' }, 503, null],
  ];
  for (const [body, status, param] of table) {
    const response = await post(body);
    const text = await response.text();
    const { error } = JSON.parse(text);
    assert.deepEqual([response.status, error.param], [status, param], text);
    assert.deepEqual([kind(error.message), kind(error.type), 'code' in error], ['string', 'string', true], text);
    assert.match(response.headers.get('content-type'), /^application\/json/);
  }
});
