// The official packages for Python against the built Worker: answers and streams, tools and back, vectors, counts, errors.

import assert from 'node:assert/strict';
import { createServer } from 'node:http';
import { before, test } from 'node:test';
import { KEY, Sluice } from './harness.mjs';
import { SDKS, python, run } from './python.mjs';

const SAID = 'You said: Weather in Paris and Rome?. Grüße, 世界!';

/** What all of them are given. */
const COMMON = `
import json, sys
url, key = sys.argv[1:]
question = 'Weather in Paris and Rome?'
said = '${SAID}'
report = {'Paris': 'rain', 'Rome': 'sun'}
done = 'Done: rain and sun.'
schema = {'type': 'object', 'properties': {'city': {'type': 'string'}}, 'required': ['city']}
cities = [('get_weather', {'city': 'Paris'}), ('get_weather', {'city': 'Rome'})]
wires = ['gpt-4.1', 'gpt-5', 'claude-sonnet-4-5', 'gemini-2.5-flash']
def same(found, expected):
    assert found == expected, (found, expected)
def refused(kind, ask, status):
    try:
        ask()
    except kind as error:
        same(getattr(error, 'status_code', None) or error.code, status)
        assert 'nobody-has-this' in str(error) or status == 401, str(error)
    else:
        raise AssertionError('not refused')
`;

const PROGRAMS = {
  openai: `
import openai
client = openai.OpenAI(base_url=url + '/v1', api_key=key, max_retries=0)
tool = {'name': 'get_weather', 'description': 'The weather in a city.', 'parameters': schema}
for model in wires:
    for stream in (False, True):
        def chat(messages, **more):
            if not stream:
                return client.chat.completions.create(model=model, messages=messages, **more).choices[0].message
            with client.chat.completions.stream(model=model, messages=messages, **more) as events:
                for _ in events:
                    pass
                return events.get_final_completion().choices[0].message
        ask = [{'role': 'user', 'content': question}]
        same(chat(ask).content, said)
        tools = [{'type': 'function', 'function': tool}]
        called = chat(ask, tools=tools)
        same([(call.function.name, json.loads(call.function.arguments)) for call in called.tool_calls], cities)
        results = [{'role': 'tool', 'tool_call_id': call.id, 'content': report[json.loads(call.function.arguments)['city']]} for call in called.tool_calls]
        calls = [{'id': call.id, 'type': 'function', 'function': {'name': call.function.name, 'arguments': call.function.arguments}} for call in called.tool_calls]
        same(chat(ask + [{'role': 'assistant', 'tool_calls': calls}] + results, tools=tools).content, done)

        def respond(input, **more):
            if not stream:
                return client.responses.create(model=model, input=input, store=False, **more)
            with client.responses.stream(model=model, input=input, store=False, **more) as events:
                for _ in events:
                    pass
                return events.get_final_response()
        same(respond(ask).output_text, said)
        tools = [{'type': 'function', 'strict': False, **tool}]
        output = respond(ask, tools=tools).output
        called = [item for item in output if item.type == 'function_call']
        same([(call.name, json.loads(call.arguments)) for call in called], cities)
        past = [{'type': 'function_call', 'call_id': call.call_id, 'name': call.name, 'arguments': call.arguments} for call in called]
        results = [{'type': 'function_call_output', 'call_id': call.call_id, 'output': report[json.loads(call.arguments)['city']]} for call in called]
        same(respond(ask + past + results, tools=tools).output_text, done)
for format in ('float', 'base64', None):
    more = {} if format is None else {'encoding_format': format}
    data = client.embeddings.create(model='box/any', input=['a', 'b'], **more).data
    assert [item.index for item in data] == [0, 1]
assert any(model.id == 'gpt-4.1' for model in client.models.list())
refused(openai.NotFoundError, lambda: client.chat.completions.create(model='nobody-has-this', messages=ask), 404)
refused(openai.AuthenticationError, lambda: openai.OpenAI(base_url=url + '/v1', api_key='sk-wrong', max_retries=0).models.list(), 401)
`,
  anthropic: `
import anthropic
client = anthropic.Anthropic(base_url=url, api_key=key, max_retries=0)
tools = [{'name': 'get_weather', 'description': 'The weather in a city.', 'input_schema': schema}]
def text(message):
    return ''.join(block.text for block in message.content if block.type == 'text')
for model in wires:
    for stream in (False, True):
        def ask(messages, **more):
            asked = {'model': model, 'max_tokens': 1000, 'messages': messages, **more}
            if not stream:
                return client.messages.create(**asked)
            with client.messages.stream(**asked) as events:
                for _ in events.text_stream:
                    pass
                return events.get_final_message()
        turns = [{'role': 'user', 'content': question}]
        same(text(ask(turns)), said)
        called = ask(turns, tools=tools)
        uses = [block for block in called.content if block.type == 'tool_use']
        same([(use.name, use.input) for use in uses], cities)
        same(called.stop_reason, 'tool_use')
        back = [{'type': 'tool_result', 'tool_use_id': use.id, 'content': report[use.input['city']]} for use in uses]
        turns += [{'role': 'assistant', 'content': called.content}, {'role': 'user', 'content': back}]
        same(text(ask(turns, tools=tools)), done)
counted = client.messages.count_tokens(model='gpt-4.1', messages=turns[:1], tools=tools)
assert 20 < counted.input_tokens < 200, counted
assert any(model.id == 'claude-sonnet-4-5' for model in client.models.list())
refused(anthropic.NotFoundError, lambda: client.messages.create(model='nobody-has-this', max_tokens=9, messages=turns[:1]), 404)
refused(anthropic.AuthenticationError, lambda: anthropic.Anthropic(base_url=url, api_key='sk-wrong', max_retries=0).models.list(), 401)
`,
  'google-genai': `
from google import genai
from google.genai import errors, types
client = genai.Client(api_key=key, http_options=types.HttpOptions(base_url=url))
declared = types.FunctionDeclaration(name='get_weather', description='The weather in a city.', parameters_json_schema=schema)
manual = types.AutomaticFunctionCallingConfig(disable=True)
config = types.GenerateContentConfig(tools=[types.Tool(function_declarations=[declared])], automatic_function_calling=manual)
for model in wires:
    for stream in (False, True):
        def ask(contents, config=None):
            if not stream:
                return client.models.generate_content(model=model, contents=contents, config=config).candidates[0].content.parts
            chunks = list(client.models.generate_content_stream(model=model, contents=contents, config=config))
            return [part for chunk in chunks for part in ((chunk.candidates or [None])[0].content.parts or [])]
        turns = [types.Content(role='user', parts=[types.Part(text=question)])]
        same(''.join(part.text or '' for part in ask(turns)), said)
        called = [part for part in ask(turns, config) if part.function_call]
        same([(part.function_call.name, part.function_call.args) for part in called], cities)
        back = [types.Part(function_response=types.FunctionResponse(id=part.function_call.id, name='get_weather', response={'output': report[part.function_call.args['city']]})) for part in called]
        turns += [types.Content(role='model', parts=called), types.Content(role='user', parts=back)]
        same(''.join(part.text or '' for part in ask(turns, config)), done)
counted = client.models.count_tokens(model='gpt-4.1', contents=question)
assert 5 < counted.total_tokens < 30, counted
assert len(client.models.embed_content(model='box/any', contents=['a', 'b']).embeddings) == 2
assert any(model.name.endswith('gemini-2.5-flash') for model in client.models.list())
refused(errors.ClientError, lambda: client.models.generate_content(model='nobody-has-this', contents='Hi'), 404)
`,
  ollama: `
from ollama import Client, ResponseError
for host in (url, url + '/ollama'):
    client = Client(host=host, headers={'authorization': 'Bearer ' + key})
    ask = [{'role': 'user', 'content': question}]
    tool = {'type': 'function', 'function': {'name': 'get_weather', 'parameters': schema}}
    for model in wires:
        same(client.chat(model, ask).message.content, said)
        same(''.join(part.message.content for part in client.chat(model, ask, stream=True)), said)
        same(client.generate(model, question).response, said)
        same(''.join(part.response for part in client.generate(model, question, stream=True)), said)
        called = client.chat(model, ask, tools=[tool]).message
        same([(call.function.name, call.function.arguments) for call in called.tool_calls], cities)
        streamed = [call for part in client.chat(model, ask, tools=[tool], stream=True) for call in part.message.tool_calls or []]
        same([(call.function.name, call.function.arguments) for call in streamed], cities)
        back = [{'role': 'tool', 'tool_name': 'get_weather', 'content': report[call.function.arguments['city']]} for call in called.tool_calls]
        same(client.chat(model, ask + [called] + back, tools=[tool]).message.content, done)
    assert any(model.model == 'gpt-4.1' for model in client.list().models)
    assert 'tools' in client.show('gpt-4.1').capabilities
    assert len(client.embed('box/any', ['a', 'b']).embeddings) == 2
    assert len(client.embeddings('box/any', 'a').embedding) == 2
    same(client.ps().models, [])
    refused(ResponseError, lambda: client.chat('nobody-has-this', ask), 404)
`,
};

let sluice;
before(async (t) => {
  // All that a provider of vectors does.
  const server = createServer(async (request, response) => {
    let text = '';
    for await (const chunk of request) text += chunk;
    const { input, encoding_format: format } = JSON.parse(text);
    const vector = (index) =>
      format === 'base64' ? Buffer.from(new Float32Array([0.5, -index]).buffer).toString('base64') : [0.5, -index];
    const data = [input].flat().map((_, index) => ({ object: 'embedding', index, embedding: vector(index) }));
    response.setHeader('content-type', 'application/json');
    response.end(JSON.stringify({ object: 'list', data, model: 'm', usage: { prompt_tokens: 2, total_tokens: 2 } }));
  });
  await new Promise((resolve) => server.listen(0, '127.0.0.1', resolve));
  t.after(() => server.close());
  const box = { BOX_API_KEY: 'box-key-of-the-tests', BOX_BASE_URL: `http://127.0.0.1:${server.address().port}/v1`, BOX_MODELS: 'any' };
  sluice = await Sluice.start(t, box);
});

for (const [name, program] of Object.entries(PROGRAMS)) {
  test(`${name} for Python, on every wire`, { timeout: 420_000 }, async (t) => {
    const interpreter = await python(t, SDKS);
    if (interpreter === undefined) return;
    const { stdout } = await run(interpreter, ['-c', `${COMMON}${program}\nprint('ok')\n`, sluice.url, KEY], { timeout: 60_000 });
    assert.equal(stdout, 'ok\n');
  });
}
