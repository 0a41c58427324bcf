// OpenAI Chat Completions, as a provider.

import { USAGE, bearer, demand, pieces, sse } from './wire.mjs';

export const name = 'chat';
export const matches = (path) => path === '/v1/chat/completions';
export const key = bearer;
export const streams = (body) => body.stream === true;

export function check(body) {
  demand(typeof body.model === 'string', 'model is required');
  demand(Array.isArray(body.messages) && body.messages.length > 0, 'messages is required');
  let open = [];
  for (const [at, message] of body.messages.entries()) {
    const place = `messages[${at}]`;
    demand(['system', 'developer', 'user', 'assistant', 'tool'].includes(message.role), `${place}.role is unknown`);
    if (message.role === 'tool') {
      demand(open.includes(message.tool_call_id), `${place} answers no tool call`);
      open = open.filter((id) => id !== message.tool_call_id);
      continue;
    }
    demand(open.length === 0, `${place}: tool calls ${open} were not answered`);
    open = (message.tool_calls ?? []).map((call) => {
      demand(call.type === 'function' && call.id && call.function?.name, `${place}.tool_calls is malformed`);
      JSON.parse(call.function.arguments);
      return call.id;
    });
    demand(message.content != null || open.length > 0, `${place}.content is required`);
  }
  demand(open.length === 0, `tool calls ${open} were not answered`);
  for (const tool of body.tools ?? []) demand(tool.type === 'function' && tool.function?.name, 'tools is malformed');
}

const textOf = (content) => (typeof content === 'string' ? content : content.map((part) => part.text ?? '').join(''));

export function read(body) {
  return {
    tools: (body.tools ?? []).map((tool) => tool.function.name),
    results: body.messages.filter((message) => message.role === 'tool').map((message) => textOf(message.content)),
    said: textOf(body.messages.findLast((message) => message.role === 'user')?.content ?? ''),
  };
}

const usage = {
  prompt_tokens: USAGE.input + USAGE.cached,
  completion_tokens: USAGE.output,
  total_tokens: USAGE.input + USAGE.cached + USAGE.output,
  prompt_tokens_details: { cached_tokens: USAGE.cached },
};

const called = (call, index) => ({
  id: `call_${index}`,
  type: 'function',
  function: { name: call.name, arguments: JSON.stringify(call.input) },
});

const finish = (answer) => (answer.calls.length > 0 ? 'tool_calls' : 'stop');

export function whole(answer, body) {
  const message = { role: 'assistant', content: answer.text || null, refusal: null };
  if (answer.thinking) message.reasoning_content = answer.thinking;
  if (answer.calls.length > 0) message.tool_calls = answer.calls.map(called);
  return {
    id: 'chatcmpl-1',
    object: 'chat.completion',
    created: 1700000000,
    model: body.model,
    choices: [{ index: 0, message, logprobs: null, finish_reason: finish(answer) }],
    usage,
  };
}

export function frames(answer, body) {
  const chunk = (choices, more = {}) =>
    sse({ id: 'chatcmpl-1', object: 'chat.completion.chunk', created: 1700000000, model: body.model, choices, ...more });
  const delta = (delta, finish_reason = null) => chunk([{ index: 0, delta, finish_reason }]);
  const calls = answer.calls.flatMap((call, index) => {
    const whole = called(call, index);
    const opening = { index, ...whole, function: { ...whole.function, arguments: '' } };
    const parts = pieces(whole.function.arguments).map((part) => ({ index, function: { arguments: part } }));
    return [opening, ...parts].map((call) => delta({ tool_calls: [call] }));
  });
  return [
    delta({ role: 'assistant', content: '' }),
    ...pieces(answer.thinking ?? '').map((reasoning_content) => delta({ reasoning_content })),
    ...pieces(answer.text).map((content) => delta({ content })),
    ...calls,
    delta({}, finish(answer)),
    ...(body.stream_options?.include_usage ? [chunk([], { usage })] : []),
    'data: [DONE]\n\n',
  ];
}

export const error = (status, message) => ({
  error: { message, type: status === 429 ? 'rate_limit_error' : 'api_error', param: null, code: null },
});
export const errorFrame = (status, message) => sse(error(status, message));
