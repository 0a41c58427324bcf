// An Ollama server, as a provider.

import { USAGE, bearer, demand, pieces } from './wire.mjs';

export const name = 'ollama';
export const matches = (path) => path === '/api/chat';
export const key = (headers) => bearer(headers) ?? 'ollama';
export const streams = (body) => body.stream !== false;
export const contentType = 'application/x-ndjson';

export function check(body) {
  demand(typeof body.model === 'string', 'model is required');
  demand(Array.isArray(body.messages) && body.messages.length > 0, 'messages is required');
  for (const message of body.messages) {
    demand(['system', 'user', 'assistant', 'tool'].includes(message.role), `invalid role ${message.role}`);
    demand(typeof message.content === 'string', 'content is a string');
    for (const call of message.tool_calls ?? []) demand(typeof call.function.arguments === 'object', 'arguments: object');
    for (const image of message.images ?? []) demand(!image.startsWith('data:'), 'images are base64');
  }
}

export function read(body) {
  const last = body.messages.findLast((message) => message.role === 'user');
  return {
    tools: (body.tools ?? []).map((tool) => tool.function.name),
    results: body.messages.filter((message) => message.role === 'tool').map((message) => message.content),
    said: last?.content ?? '',
    images: body.messages.flatMap((message) => message.images ?? []),
  };
}

const line = (body, message, more) => ({
  model: body.model,
  created_at: '2026-01-02T03:04:05.6Z',
  message: { role: 'assistant', content: '', ...message },
  done: false,
  ...more,
});
const calls = (answer) => answer.calls.map(({ name, input }) => ({ function: { name, arguments: input } }));
const done = {
  done: true,
  done_reason: 'stop',
  prompt_eval_count: USAGE.input + USAGE.cached,
  eval_count: USAGE.output,
};

export function whole(answer, body) {
  const thinking = answer.thinking ? { thinking: answer.thinking } : {};
  const called = answer.calls.length > 0 ? { tool_calls: calls(answer) } : {};
  return line(body, { content: answer.text, ...thinking, ...called }, done);
}

export const frames = (answer, body) =>
  [
    ...pieces(answer.thinking ?? '').map((thinking) => line(body, { thinking })),
    ...pieces(answer.text).map((content) => line(body, { content })),
    ...(answer.calls.length > 0 ? [line(body, { tool_calls: calls(answer) })] : []),
    line(body, {}, done),
  ].map((line) => `${JSON.stringify(line)}\n`);

export const error = (_, message) => ({ error: message });
export const errorFrame = (_, message) => `${JSON.stringify({ error: message })}\n`;
