// Everyone who speaks OpenAI's dialects: the paths each has by its own documentation, and how it wants to be told to think.
// `{url}/{name}` stands for the host.

import { createHmac } from 'node:crypto';
import * as chat from './chat.mjs';
import * as messages from './messages.mjs';
import * as responses from './responses.mjs';
import { demand } from './wire.mjs';

const effort = (body) => typeof body.reasoning_effort === 'string';
const thinking = (body) => body.thinking?.type === 'enabled';
const enabled = (body) => body.enable_thinking === true;

/** What it wants of headers beyond a key. */
const signed = (_, headers, { key }) => {
  const { 'user-agent': agent, 'session-id': session, 'x-iflow-timestamp': time } = headers;
  const right = createHmac('sha256', key).update(`${agent}:${session}:${time}`).digest('hex');
  demand(/^session-/.test(session) && headers['x-iflow-signature'] === right, 'the signature is not right');
};

export const ROWS = {
  cerebras: { chat: '/v1', thinks: effort },
  dashscope: { chat: '/compatible-mode/v1', messages: '/apps/anthropic/v1', thinks: enabled },
  deepseek: { chat: '', responses: '', messages: '/anthropic/v1', thinks: thinking },
  fireworks: { chat: '/inference/v1', thinks: effort },
  'github-models': { chat: '/inference', thinks: effort },
  groq: { chat: '/openai/v1', responses: '/openai/v1', thinks: effort },
  hunyuan: { chat: '/v1', thinks: enabled },
  iflow: { chat: '/v1', check: signed, thinks: (body) => body.chat_template_kwargs?.enable_thinking === true },
  kimi: { chat: '/coding/v1', messages: '/coding/v1', thinks: thinking },
  minimax: { chat: '/v1', messages: '/anthropic/v1' },
  'minimax-cn': { chat: '/v1', messages: '/anthropic/v1' },
  // It refuses members it does not know.
  mistral: { chat: '/v1', check: (body) => demand(!('stream_options' in body), 'Extra inputs are not permitted') },
  modelscope: { chat: '/v1', messages: '/v1', thinks: enabled },
  moonshot: { chat: '/v1', messages: '/anthropic/v1', thinks: thinking },
  'moonshot-cn': { chat: '/v1', messages: '/anthropic/v1', thinks: thinking },
  openrouter: { chat: '/api/v1', responses: '/api/v1', messages: '/api/v1', thinks: (body) => body.reasoning !== undefined },
  qianfan: { chat: '/v2', thinks: enabled },
  siliconflow: { chat: '/v1', messages: '/v1', thinks: enabled },
  together: { chat: '/v1', thinks: effort },
  vllm: { chat: '/v1', responses: '/v1', thinks: effort },
  'workers-ai': { chat: '/client/v4/accounts/account-1/ai/v1', thinks: effort },
  xai: { chat: '/v1', responses: '/v1', thinks: effort },
  zai: { chat: '/api/paas/v4', messages: '/api/anthropic/v1', thinks: thinking },
  zhipu: { chat: '/api/paas/v4', messages: '/api/anthropic/v1', thinks: thinking },
};

/** A wire under the row's paths. It thinks where it is told to in its own words. */
function under(name, { check = () => {}, thinks }, wire, place, asks) {
  const told = (answer, body) => (asks?.(body) ?? thinks?.(body) ? answer : { ...answer, thinking: undefined });
  return {
    ...wire,
    name,
    matches: (path) => path === place,
    check(body, headers, seen) {
      check(body, headers, seen);
      wire.check(body, headers);
    },
    whole: (answer, body) => wire.whole(told(answer, body), body),
    frames: (answer, body) => wire.frames(told(answer, body), body),
  };
}

export const wiresAt = (name, row, root = `/${name}`) => [
  under(name, row, chat, `${root}${row.chat}/chat/completions`),
  ...(row.responses === undefined
    ? []
    : [under(name, row, responses, `${root}${row.responses}/responses`, (body) => body.reasoning !== undefined)]),
  ...(row.messages === undefined ? [] : [under(name, row, messages, `${root}${row.messages}/messages`, thinking)]),
];

export const rows = Object.entries(ROWS).flatMap(([name, row]) => wiresAt(name, row));
