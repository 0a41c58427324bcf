// ChatGPT's Codex service, as a provider: Responses that must be streamed and not stored, and whose last event forgets
// what was said.

import * as responses from './responses.mjs';
import { demand } from './wire.mjs';

const REFUSED = ['max_output_tokens', 'metadata', 'previous_response_id', 'stream_options', 'temperature', 'top_p', 'truncation', 'user'];

export const name = 'codex';
export const matches = (path) => path === '/backend-api/codex/responses';
export const { streams, read } = responses;

export function check(body, headers, family) {
  demand(headers['chatgpt-account-id'] === `account of ${family.email}`, 'chatgpt-account-id is not the account of the token');
  demand(body.store === false, 'Store must be set to false');
  demand(body.stream === true, 'Stream must be set to true');
  demand(typeof body.instructions === 'string', 'Instructions are required');
  for (const refused of REFUSED) demand(!(refused in body), `Unsupported parameter: ${refused}`);
  demand(Array.isArray(body.input), 'Input must be a list');
  demand(body.input.every((item) => item.role !== 'system'), 'System messages are not allowed');
  for (const tool of body.tools ?? []) {
    demand(tool.type !== 'function' || /^[a-zA-Z0-9_-]{1,64}$/.test(tool.name), `Invalid 'tools[0].name': ${tool.name}`);
  }
  responses.check(body);
}

export const whole = responses.whole;
export const frames = (answer, body) =>
  responses.frames(answer, body).map((frame) => {
    if (!frame.startsWith('event: response.completed')) return frame;
    const event = JSON.parse(frame.slice(frame.indexOf('{')));
    return `event: response.completed\ndata: ${JSON.stringify({ ...event, response: { ...event.response, output: [] } })}\n\n`;
  });

/** Most refusals are a bare sentence. */
export const error = (status, message) => (status === 400 ? { detail: message } : responses.error(status, message));

/** A busy service says so inside the answer. */
export function errorFrame(status, message) {
  const error = { code: status === 429 ? 'rate_limit_exceeded' : 'server_is_overloaded', message };
  const event = { type: 'response.failed', sequence_number: 9, response: { id: 'resp_1', status: 'failed', error } };
  return `event: response.failed\ndata: ${JSON.stringify(event)}\n\n`;
}

export const exhausted = (seconds) => ({
  status: 429,
  headers: { 'x-codex-primary-used-percent': '100', 'x-codex-primary-reset-after-seconds': `${seconds}` },
  body: { error: { type: 'usage_limit_reached', message: 'The usage limit has been reached', plan_type: 'plus', resets_in_seconds: seconds } },
});

export const stale = (why) => ({ status: 401, body: { error: { message: `Your token is ${why}`, type: 'invalid_request_error', code: 'token_invalidated' } } });

export const questions = {
  'GET /backend-api/wham/usage': (_, { exhausted: gone }) => ({
    plan_type: 'plus',
    rate_limit: {
      allowed: !gone,
      limit_reached: gone,
      primary_window: { used_percent: gone ? 100 : 25, limit_window_seconds: 18000, reset_at: 1893456000 },
      secondary_window: { used_percent: 10, limit_window_seconds: 604800, reset_at: 1893456000 },
    },
  }),
  'GET /backend-api/codex/models': () => ({ models: [{ slug: 'gpt-5.4', visibility: 'list', context_window: 272000 }] }),
};
