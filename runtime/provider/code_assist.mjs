// Google's Code Assist, as a provider: Gemini in an envelope, for a project that must be the token's own.

import * as gemini from './gemini.mjs';
import { demand, sse } from './wire.mjs';

const METHODS = ['generateContent', 'streamGenerateContent'];

export const name = 'gemini-cli';
export const matches = (path) => METHODS.some((method) => path === `/v1internal:${method}`);
export const streams = (_, url) => gemini.streams(_, new URL(url.href.replace('/v1internal:', '/x:')));

export function check(body, headers, family) {
  const [first, ...others] = Object.keys(body).filter((key) => !['project', 'user_prompt_id'].includes(key));
  demand(first === 'model' && others.join() === 'request', `Invalid JSON payload received. Unknown name in ${Object.keys(body)}`);
  demand(!body.model.includes('/'), 'model: is not valid');
  demand(body.project === family.project, `Permission denied on project ${body.project}`);
  gemini.check(body.request);
}

export const read = (body) => gemini.read(body.request);

const wrap = (response) => ({ response, traceId: 'trace-1', consumedCredits: [] });

export const whole = (answer) => wrap(gemini.whole(answer));
export const frames = (answer) =>
  gemini.frames(answer).map((frame) => sse(wrap(JSON.parse(frame.replace(/^data: /, '')))));
export const { error, errorFrame } = gemini;

/** A used-up allowance that is back in so many seconds. */
export function exhausted(seconds) {
  const { error } = gemini.error(429, `You have exhausted your capacity on this model. Your quota will reset after ${seconds}s.`);
  const info = {
    '@type': 'type.googleapis.com/google.rpc.ErrorInfo',
    reason: 'QUOTA_EXHAUSTED',
    domain: 'cloudcode-pa.googleapis.com',
    metadata: { quotaResetDelay: `${seconds}.5s`, model: 'gemini-2.5-pro' },
  };
  const retry = { '@type': 'type.googleapis.com/google.rpc.RetryInfo', retryDelay: `${seconds}.5s` };
  return { status: 429, body: { error: { ...error, details: [info, retry] } } };
}

/** The token is no good. */
export const stale = (why) => ({ status: 401, body: gemini.error(401, `Request had invalid authentication credentials: ${why}`) });

export const questions = {
  'POST /v1internal:retrieveUserQuota': (_, { exhausted: gone }) => ({
    buckets: [
      { modelId: 'gemini-2.5-pro', tokenType: 'REQUESTS', remainingFraction: gone ? 0 : 0.75, resetTime: '2030-01-01T00:00:00Z' },
      { modelId: 'gemini-2.5-flash', tokenType: 'REQUESTS', remainingFraction: 1 },
    ],
  }),
};
