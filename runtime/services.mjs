// Accounts one signs in to, every client that asks them, and what both are asked in tests.

import assert from 'node:assert/strict';
import { Sluice, events } from './harness.mjs';
import { OAuth } from './provider/oauth.mjs';

export const SAID = 'You said: Hi. Grüße, 世界!';

export const LOGINS = [
  { provider: 'gemini-cli', model: 'gemini-2.5-pro', path: '', details: (family) => ({ project_id: family.project }) },
  { provider: 'codex', model: 'gpt-5.4', path: '/backend-api/codex', details: ({ email }) => ({ account_id: `account of ${email}` }) },
  { provider: 'claude', model: 'claude-sonnet-4-5', path: '/claude/v1', details: () => ({}) },
  { provider: 'qwen-code', login: 'qwen', model: 'coder-model', path: '/qwen/v1', details: () => ({}) },
];

export const json = (text) => events(text).filter((data) => data !== '[DONE]').map((data) => JSON.parse(data));
const texts = (parts) => parts.map((part) => part.text ?? '').join('');

/** How each client asks, and what it takes from an answer. */
export const CLIENTS = {
  chat: {
    ask: (model, stream) => ['/v1/chat/completions', { model, stream, messages: [{ role: 'user', content: 'Hi' }] }],
    whole: (body) => body.choices[0].message.content,
    streamed: (text) => json(text).map((chunk) => chunk.choices?.[0]?.delta.content ?? '').join(''),
    ended: (text) => text.includes('"finish_reason":"stop"') && text.endsWith('data: [DONE]\n\n'),
  },
  messages: {
    ask: (model, stream) => ['/v1/messages', { model, stream, max_tokens: 99, messages: [{ role: 'user', content: 'Hi' }] }],
    whole: (body) => texts(body.content),
    streamed: (text) => texts(json(text).map((event) => event.delta ?? {})),
    ended: (text) => text.includes('"type":"message_stop"'),
  },
  gemini: {
    ask: (model, stream) => [
      `/v1beta/models/${model}:${stream ? 'streamGenerateContent?alt=sse' : 'generateContent'}`,
      { contents: [{ role: 'user', parts: [{ text: 'Hi' }] }] },
    ],
    whole: (body) => texts(body.candidates[0].content.parts),
    streamed: (text) => json(text).map((chunk) => texts(chunk.candidates?.[0].content?.parts ?? [])).join(''),
    ended: (text) => text.includes('"finishReason":"STOP"') && !text.includes('traceId'),
  },
  responses: {
    ask: (model, stream) => ['/v1/responses', { model, stream, input: 'Hi', temperature: 0.5 }],
    whole: (body) => texts(body.output.flatMap((item) => item.content ?? [])),
    // The last event is what its SDK calls the answer.
    streamed: (text) => texts((json(text).at(-1).response?.output ?? []).flatMap((item) => item.content ?? [])),
    ended: (text) => json(text).at(-1).type === 'response.completed',
  },
};

export async function signedIn(t, { provider, login = provider, path, details }, count = 1) {
  const oauth = await OAuth.start();
  const sluice = await Sluice.start(t, {
    OPENAI_API_KEY: '',
    ANTHROPIC_API_KEY: '',
    GEMINI_API_KEY: '',
    SLUICE_AUTH_URL: oauth.url,
    GEMINI_CLI_CLIENT_SECRET: 'canary-client-secret',
  });
  t.after(() => oauth.stop());
  sluice.provider.oauth = oauth;
  const accounts = [];
  for (let number = 1; number <= count; number += 1) {
    const family = oauth.account(login, { email: `${number}@example.com` });
    const { access, refresh, lifetime } = oauth.issue(family);
    const made = await sluice.admin('POST accounts', {
      provider,
      label: family.email,
      priority: number,
      base_url: `${sluice.provider.url}${path}`,
      credential: { access_token: access, refresh_token: refresh, expires: Date.now() + lifetime * 1000, ...details(family) },
    });
    assert.equal(made.status, 201, JSON.stringify(made.body));
    accounts.push({ family, id: made.body.id, lifetime });
  }
  const answered = [];
  t.after(() => {
    const secrets = oauth.secretsIssued().filter((secret) => !/^\d/.test(secret));
    for (const text of [sluice.log, ...answered]) {
      for (const secret of [...secrets, 'canary-client-secret']) assert.ok(!text.includes(secret), `a secret in: ${text}`);
    }
  });
  /** A call of a client: its status, headers and what it read. */
  const ask = async (client, model, stream = false) => {
    const [url, body] = CLIENTS[client].ask(model, stream);
    const response = await sluice.fetch(url, { body });
    const text = await response.text();
    answered.push(text, JSON.stringify([...response.headers]));
    const { status, headers } = response;
    if (status !== 200) return { status, headers, text };
    if (!stream) return { status, headers, said: CLIENTS[client].whole(JSON.parse(text)) };
    return { status, headers, text, said: CLIENTS[client].streamed(text), ended: CLIENTS[client].ended(text) };
  };
  return { sluice, oauth, accounts, ask };
}
