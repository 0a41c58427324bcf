// Anthropic with a login of claude.ai, as a provider: a bearer token, and the beta that goes with it.

import * as messages from './messages.mjs';
import { demand } from './wire.mjs';

export const name = 'claude';
export const matches = (path) => path === '/claude/v1/messages';
export const { streams, read, whole, frames, error, errorFrame } = messages;

export function check(body, headers) {
  const betas = (headers['anthropic-beta'] ?? '').split(',').map((beta) => beta.trim());
  demand(betas.includes('oauth-2025-04-20'), 'OAuth authentication is currently not supported.');
  demand(headers['x-api-key'] === undefined, 'x-api-key beside a token');
  messages.check(body, headers);
}

export function exhausted(seconds) {
  const reset = `${Math.floor(Date.now() / 1000) + seconds}`;
  const window = (name, status) => [
    [`anthropic-ratelimit-unified-${name}-status`, status],
    [`anthropic-ratelimit-unified-${name}-reset`, status === 'rejected' ? reset : `${Number(reset) + 86_400}`],
  ];
  const headers = Object.fromEntries([
    ['anthropic-ratelimit-unified-status', 'rejected'],
    ['anthropic-ratelimit-unified-reset', reset],
    ...window('5h', 'rejected'),
    ...window('7d', 'allowed'),
  ]);
  return { status: 429, headers, body: error(429, "This request would exceed your account's rate limit. Please try again later.") };
}

export const stale = (why) => ({ status: 401, body: error(401, `OAuth token has ${why}. Please obtain a new token.`) });

export const questions = {
  'GET /claude/api/oauth/usage': (_, { exhausted: gone }) => ({
    five_hour: { utilization: gone ? 100 : 24, resets_at: '2030-01-01T00:00:00Z' },
    seven_day: { utilization: 36, resets_at: '2030-01-01T00:00:00Z' },
    seven_day_opus: null,
  }),
  'GET /claude/v1/models': () => ({ data: [{ type: 'model', id: 'claude-sonnet-4-5' }], has_more: false }),
};
