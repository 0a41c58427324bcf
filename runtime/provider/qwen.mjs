// Qwen with the login of Qwen Code, as a provider: Chat with one system message at most, and that one first.

import * as chat from './chat.mjs';
import { demand } from './wire.mjs';

// What its sign-in is called.
export const name = 'qwen';
export const matches = (path) => path === '/qwen/v1/chat/completions';
export const { streams, read, whole, frames, error, errorFrame } = chat;

export function check(body, headers) {
  demand(headers['x-dashscope-authtype'] === 'qwen-oauth', 'invalid auth type');
  const roles = body.messages.map((message) => message.role);
  demand(!roles.includes('developer'), 'developer is not one of system, assistant, user, tool, function');
  demand(!roles.slice(1).includes('system'), 'System message must be at the beginning.');
  chat.check(body);
}

/** It does not say when; its day ends at midnight in Beijing. */
export const exhausted = () => ({
  status: 429,
  body: { error: { message: 'Free allocated quota exceeded.', type: 'insufficient_quota', code: 'insufficient_quota' } },
});

export const stale = (why) => ({
  status: 401,
  body: { error: { message: `invalid access token or token ${why}`, type: 'invalid_request_error', code: 'invalid_api_key' } },
});

export const questions = { 'GET /qwen/v1/models': () => ({ object: 'list', data: [{ id: 'coder-model', object: 'model' }] }) };
