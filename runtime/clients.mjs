// Each protocol as the plainest of clients: what it sends, and what it makes of what comes back.

import { events } from './harness.mjs';

const SCHEMA = {
  type: 'object',
  properties: { city: { type: 'string' }, days: { type: 'integer' } },
  required: ['city', 'days'],
};
const TOOL = { name: 'get_weather', description: 'The weather in a city' };

const parsed = (text) => events(text).filter((data) => data !== '[DONE]').map((data) => JSON.parse(data));
const joined = (texts) => texts.filter((text) => text !== undefined && text !== null).join('');

/** What a failed request says: `failed` when it is an error of the protocol. */
const refused = (error) => ({ said: '', calls: [], ended: false, failed: typeof error === 'string' && error !== '' });

function read(shape) {
  return (text, stream, status) => {
    if (status !== 200) return refused(shape.error(JSON.parse(text)));
    return stream ? shape.stream(text) : { failed: false, ...shape.whole(JSON.parse(text)) };
  };
}

const chatCalls = (calls) =>
  calls.map(({ id, function: { name, arguments: text } }) => ({ id, name, input: JSON.parse(text) }));

const chat = {
  path: () => '/v1/chat/completions',
  body: (model, stream, { said, tools, past }) => ({
    model,
    stream,
    messages: [
      { role: 'user', content: said },
      ...(past
        ? [
            {
              role: 'assistant',
              content: null,
              tool_calls: [{ id: past.call.id, type: 'function', function: { name: past.call.name, arguments: JSON.stringify(past.call.input) } }],
            },
            { role: 'tool', tool_call_id: past.call.id, content: past.result },
          ]
        : []),
    ],
    ...(tools && { tools: [{ type: 'function', function: { ...TOOL, parameters: SCHEMA } }] }),
  }),
  read: read({
    error: ({ error }) => error.message,
    whole: ({ choices: [{ message, finish_reason: finish }] }) => ({
      said: message.content ?? '',
      calls: chatCalls(message.tool_calls ?? []),
      ended: finish === (message.tool_calls ? 'tool_calls' : 'stop'),
    }),
    stream(text) {
      const chunks = parsed(text);
      const deltas = chunks.flatMap(({ choices = [] }) => choices.map(({ delta }) => delta));
      const calls = [];
      for (const { index, id, function: part } of deltas.flatMap((delta) => delta.tool_calls ?? [])) {
        calls[index] ??= { id, function: { name: part.name, arguments: '' } };
        calls[index].function.arguments += part.arguments ?? '';
      }
      const failed = chunks.some((chunk) => chunk.error);
      const finish = chunks.map(({ choices = [] }) => choices[0]?.finish_reason).find(Boolean);
      return {
        said: joined(deltas.map((delta) => delta.content)),
        calls: failed ? [] : chatCalls(calls),
        // After an error, any word for the end is one too many.
        ended: failed
          ? finish !== undefined || events(text).includes('[DONE]')
          : finish === (calls.length > 0 ? 'tool_calls' : 'stop'),
        failed,
      };
    },
  }),
};

const responseParts = (output) => ({
  said: joined(output.filter(({ type }) => type === 'message').flatMap(({ content }) => content.map(({ text }) => text))),
  calls: output
    .filter(({ type }) => type === 'function_call')
    .map(({ call_id: id, name, arguments: text }) => ({ id, name, input: JSON.parse(text) })),
});

const responses = {
  path: () => '/v1/responses',
  body: (model, stream, { said, tools, past }) => ({
    model,
    stream,
    input: [
      { role: 'user', content: said },
      ...(past
        ? [
            { type: 'function_call', call_id: past.call.id, name: past.call.name, arguments: JSON.stringify(past.call.input) },
            { type: 'function_call_output', call_id: past.call.id, output: past.result },
          ]
        : []),
    ],
    ...(tools && { tools: [{ type: 'function', ...TOOL, parameters: SCHEMA, strict: false }] }),
  }),
  read: read({
    error: ({ error }) => error.message,
    whole: (response) => ({ ...responseParts(response.output), ended: response.status === 'completed' }),
    stream(text) {
      const all = parsed(text);
      const done = all.find(({ type }) => type === 'response.completed' || type === 'response.incomplete');
      return {
        ...responseParts(done?.response.output ?? []),
        ended: done !== undefined,
        failed: all.some(({ type }) => type === 'response.failed' || type === 'error'),
      };
    },
  }),
};

const messages = {
  path: () => '/v1/messages',
  body: (model, stream, { said, tools, past }) => ({
    model,
    stream,
    max_tokens: 1000,
    messages: [
      { role: 'user', content: said },
      ...(past
        ? [
            { role: 'assistant', content: [{ type: 'tool_use', ...past.call }] },
            { role: 'user', content: [{ type: 'tool_result', tool_use_id: past.call.id, content: past.result }] },
          ]
        : []),
    ],
    ...(tools && { tools: [{ ...TOOL, input_schema: SCHEMA }] }),
  }),
  read: read({
    error: ({ error }) => error.message,
    whole: ({ content, stop_reason: reason }) => {
      const calls = content.filter(({ type }) => type === 'tool_use').map(({ id, name, input }) => ({ id, name, input }));
      const ended = reason === (calls.length > 0 ? 'tool_use' : 'end_turn');
      return { said: joined(content.filter(({ type }) => type === 'text').map(({ text }) => text)), calls, ended };
    },
    stream(text) {
      const blocks = [];
      const all = parsed(text);
      for (const { type, index, content_block: block, delta } of all) {
        if (type === 'content_block_start') blocks[index] = { ...block, json: '' };
        if (delta?.type === 'text_delta') blocks[index].text += delta.text;
        if (delta?.type === 'input_json_delta') blocks[index].json += delta.partial_json;
      }
      const stopped = all.some(({ type }) => type === 'message_stop');
      const uses = blocks.filter(({ type }) => stopped && type === 'tool_use');
      const reason = all.find(({ type }) => type === 'message_delta')?.delta.stop_reason;
      return {
        said: joined(blocks.filter(({ type }) => type === 'text').map(({ text }) => text)),
        calls: uses.map(({ id, name, json }) => ({ id, name, input: JSON.parse(json) })),
        ended: stopped && reason === (uses.length > 0 ? 'tool_use' : 'end_turn'),
        failed: all.some(({ type }) => type === 'error'),
      };
    },
  }),
};

function geminiChunks(chunks) {
  const parts = chunks.flatMap(({ candidates = [] }) => candidates.flatMap(({ content }) => content?.parts ?? []));
  return {
    said: joined(parts.filter(({ thought }) => !thought).map(({ text }) => text)),
    calls: parts
      .filter(({ functionCall }) => functionCall)
      .map(({ functionCall: { id, name, args }, thoughtSignature }) => ({ id, name, input: args, thoughtSignature })),
    ended: chunks.some(({ candidates = [] }) => candidates[0]?.finishReason),
    failed: chunks.some(({ error }) => error),
  };
}

const gemini = {
  path: (model, stream) => `/v1beta/models/${model}:${stream ? 'streamGenerateContent?alt=sse' : 'generateContent'}`,
  body: (model, stream, { said, tools, past }) => ({
    contents: [
      { role: 'user', parts: [{ text: said }] },
      ...(past
        ? [
            {
              role: 'model',
              parts: [
                {
                  functionCall: { id: past.call.id, name: past.call.name, args: past.call.input },
                  thoughtSignature: past.call.thoughtSignature,
                },
              ],
            },
            {
              role: 'user',
              parts: [{ functionResponse: { id: past.call.id, name: past.call.name, response: { output: past.result } } }],
            },
          ]
        : []),
    ],
    ...(tools && { tools: [{ functionDeclarations: [{ ...TOOL, parametersJsonSchema: SCHEMA }] }] }),
  }),
  read: read({
    error: ({ error }) => error.message,
    whole: (response) => geminiChunks([response]),
    stream: (text) => geminiChunks(parsed(text)),
  }),
};

function ollamaLines(lines) {
  const said = lines.map(({ message }) => message).filter(Boolean);
  return {
    said: joined(said.map(({ content }) => content)),
    calls: said
      .flatMap(({ tool_calls: calls }) => calls ?? [])
      .map(({ id, function: { name, arguments: input } }) => ({ id, name, input })),
    ended: lines.some(({ done }) => done === true),
    failed: lines.some(({ error }) => error !== undefined),
  };
}

const ollama = {
  path: () => '/api/chat',
  body: (model, stream, { said, tools, past }) => ({
    model,
    stream,
    messages: [
      { role: 'user', content: said },
      ...(past
        ? [
            { role: 'assistant', content: '', tool_calls: [{ function: { name: past.call.name, arguments: past.call.input } }] },
            { role: 'tool', tool_name: past.call.name, content: past.result },
          ]
        : []),
    ],
    ...(tools && { tools: [{ type: 'function', function: { ...TOOL, parameters: SCHEMA } }] }),
  }),
  read: read({
    error: ({ error }) => error,
    whole: (response) => ollamaLines([response]),
    stream: (text) => ollamaLines(text.trimEnd().split('\n').map((line) => JSON.parse(line))),
  }),
};

export const CLIENTS = { chat, responses, messages, gemini, ollama };
