// Anthropic Messages, as a provider.

import { USAGE, demand, pieces, sse } from './wire.mjs';

export const name = 'messages';
export const matches = (path) => path === '/v1/messages';
export const key = (headers) => headers['x-api-key'];
export const streams = (body) => body.stream === true;

export function check(body, headers) {
  demand(/^\d{4}-\d\d-\d\d$/.test(headers['anthropic-version']), 'anthropic-version: header is required');
  demand(typeof body.model === 'string', 'model: Field required');
  demand(Number.isInteger(body.max_tokens), 'max_tokens: Field required');
  demand(Array.isArray(body.messages) && body.messages.length > 0, 'messages: Field required');
  demand(body.messages[0].role === 'user', 'messages: first message must use the user role');
  let open = [];
  for (const [at, message] of body.messages.entries()) {
    const place = `messages.${at}`;
    demand(['user', 'assistant'].includes(message.role), `${place}.role: Input should be 'user' or 'assistant'`);
    const blocks = typeof message.content === 'string' ? [{ type: 'text', text: message.content }] : message.content;
    demand(Array.isArray(blocks) && blocks.length > 0, `${place}.content: Field required`);
    const answered = blocks.filter((block) => block.type === 'tool_result').map((block) => block.tool_use_id);
    demand(answered.every((id) => open.includes(id)), `${place}: unexpected tool_result ${answered}`);
    demand(open.every((id) => answered.includes(id)), `${place}: tool_use ids ${open} without tool_result`);
    for (const block of blocks) {
      if (block.type === 'text') demand(block.text !== '', `${place}: text content blocks must be non-empty`);
      if (block.type === 'tool_use') demand(typeof block.input === 'object', `${place}: tool_use.input`);
    }
    open = blocks.filter((block) => block.type === 'tool_use').map((block) => block.id);
    for (const id of open) demand(/^[a-zA-Z0-9_-]+$/.test(id), `${place}: tool_use.id: ${id}`);
  }
  demand(open.length === 0, `tool_use ids ${open} without tool_result`);
  for (const { name, type, input_schema: schema } of body.tools ?? []) {
    demand(name && (/^web_search_\d{8}$/.test(type) || schema?.type === 'object'), 'tools: malformed');
  }
}

const textOf = (content) => (typeof content === 'string' ? content : content.map((part) => part.text ?? '').join(''));
const blocks = (body) => body.messages.flatMap(({ content }) => (typeof content === 'string' ? [] : content));

export function read(body) {
  return {
    tools: (body.tools ?? []).map((tool) => tool.name),
    results: blocks(body).filter((block) => block.type === 'tool_result').map((block) => textOf(block.content)),
    said: textOf(body.messages.findLast((message) => message.role === 'user').content),
  };
}

const usage = {
  input_tokens: USAGE.input,
  cache_creation_input_tokens: 0,
  cache_read_input_tokens: USAGE.cached,
  output_tokens: USAGE.output,
};

const finish = (answer) => (answer.calls.length > 0 ? 'tool_use' : 'end_turn');

const content = (answer) => [
  ...(answer.thinking ? [{ type: 'thinking', thinking: answer.thinking, signature: 'c2lnbmF0dXJl' }] : []),
  ...(answer.text ? [{ type: 'text', text: answer.text }] : []),
  ...answer.calls.map((call, at) => ({ type: 'tool_use', id: `toolu_${at}`, name: call.name, input: call.input })),
];

const message = (body, more) => ({ id: 'msg_1', type: 'message', role: 'assistant', model: body.model, ...more });

export const whole = (answer, body) =>
  message(body, { content: content(answer), stop_reason: finish(answer), stop_sequence: null, usage });

/** What of a block is still to come when it begins. */
const BEGUN = { thinking: { thinking: '', signature: '' }, text: { text: '' }, tool_use: { input: {} } };

function deltas(block) {
  if (block.type === 'text') return pieces(block.text).map((text) => ({ type: 'text_delta', text }));
  if (block.type === 'tool_use') {
    return pieces(JSON.stringify(block.input)).map((partial_json) => ({ type: 'input_json_delta', partial_json }));
  }
  const thoughts = pieces(block.thinking).map((thinking) => ({ type: 'thinking_delta', thinking }));
  return [...thoughts, { type: 'signature_delta', signature: block.signature }];
}

export function frames(answer, body) {
  const event = (type, more) => sse({ type, ...more }, type);
  const start = { content: [], stop_reason: null, stop_sequence: null, usage: { ...usage, output_tokens: 1 } };
  return [
    event('message_start', { message: message(body, start) }),
    event('ping'),
    ...content(answer).flatMap((block, index) => [
      event('content_block_start', { index, content_block: { ...block, ...BEGUN[block.type] } }),
      ...deltas(block).map((delta) => event('content_block_delta', { index, delta })),
      event('content_block_stop', { index }),
    ]),
    event('message_delta', {
      delta: { stop_reason: finish(answer), stop_sequence: null },
      usage: { output_tokens: USAGE.output },
    }),
    event('message_stop'),
  ];
}

const TYPES = { 400: 'invalid_request_error', 401: 'authentication_error', 429: 'rate_limit_error', 529: 'overloaded_error' };

export const error = (status, message) => ({ type: 'error', error: { type: TYPES[status] ?? 'api_error', message } });
export const errorFrame = (status, message) => sse(error(status, message), 'error');
