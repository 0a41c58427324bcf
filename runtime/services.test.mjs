// Accounts one signs in to, in workerd against emulated services: they answer every client, expire, are renewed, are used
// up, are stood in for and come back.

import assert from 'node:assert/strict';
import { test } from 'node:test';
import { Sluice, behave, events, until } from './harness.mjs';
import { OAuth } from './provider/oauth.mjs';

const SAID = 'You said: Hi. Grüße, 世界!';

const LOGINS = [
  { provider: 'gemini-cli', model: 'gemini-2.5-pro', path: '', details: (family) => ({ project_id: family.project }) },
  { provider: 'codex', model: 'gpt-5.4', path: '/backend-api/codex', details: ({ email }) => ({ account_id: `account of ${email}` }) },
  { provider: 'claude', model: 'claude-sonnet-4-5', path: '/claude/v1', details: () => ({}) },
  { provider: 'qwen-code', login: 'qwen', model: 'coder-model', path: '/qwen/v1', details: () => ({}) },
];

const json = (text) => events(text).filter((data) => data !== '[DONE]').map((data) => JSON.parse(data));
const texts = (parts) => parts.map((part) => part.text ?? '').join('');

/** How each client asks, and what it takes from an answer. */
const CLIENTS = {
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

async function signedIn(t, { provider, login = provider, path, details }, count = 1) {
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

for (const login of LOGINS) {
  const { provider, model } = login;

  test(`${provider}: every client is answered, streamed and whole`, async (t) => {
    const { sluice, ask } = await signedIn(t, login);
    for (const client of Object.keys(CLIENTS)) {
      const whole = await ask(client, model);
      assert.deepEqual([whole.status, whole.said], [200, SAID], `${client}: ${whole.text}`);
      const stream = await ask(client, model, true);
      assert.deepEqual([stream.status, stream.said, stream.ended], [200, SAID, true], `${client}: ${stream.text}`);
    }
    const [first, ...others] = sluice.provider.requests;
    assert.match(first.headers['user-agent'], /^sluice\//);
    assert.equal(others.length, 7);
    for (const { text } of sluice.provider.requests) assert.ok(!/You are (Claude Code|Qwen Code|a coding agent)/.test(text));
  });

  test(`${provider}: a token that ends is renewed within the call, on the same account`, async (t) => {
    const { oauth, accounts, ask } = await signedIn(t, login, 2);
    const [{ family, lifetime, id }, other] = accounts;
    assert.equal((await ask('chat', model)).said, SAID);
    oauth.advance((lifetime + 1) * 1000);
    other.family.revoked = true;
    for (const client of Object.keys(CLIENTS)) {
      const answer = await ask(client, model, true);
      assert.deepEqual([answer.status, answer.said], [200, SAID], `${client}: ${answer.text}`);
      assert.equal(answer.headers.get('x-sluice-account'), id);
    }
    assert.deepEqual([family.refreshes, other.family.refreshes], [1, 0]);
  });

  test(`${provider}: a used-up allowance is stood in for, and rests until it is back`, async (t) => {
    const { sluice, accounts, ask } = await signedIn(t, login, 2);
    const [first, second] = accounts;
    const script = (account, ...behaviors) => sluice.provider.script(account.family.email, ...behaviors);
    script(first, behave.exhausted(3), behave.answer());
    for (const client of Object.keys(CLIENTS)) {
      const answer = await ask(client, model, true);
      assert.deepEqual([answer.status, answer.said], [200, SAID], `${client}: ${answer.text}`);
      assert.equal(answer.headers.get('x-sluice-account'), second.id);
    }
    const asked = sluice.provider.keys();
    assert.deepEqual(asked.slice(0, 2), [first.family.email, second.family.email]);
    assert.ok(!asked.slice(2).includes(first.family.email), 'it rests');
    script(second, behave.exhausted(3), behave.answer());
    const refused = await ask('messages', model);
    assert.equal(refused.status, 429);
    assert.match(refused.text, /rate_limit_error/);
    const wait = Number(refused.headers.get('retry-after'));
    if (provider === 'qwen-code') {
      assert.ok(wait > 3 && wait <= 86_400, `${wait}`);
      assert.equal((await sluice.admin(`POST accounts/${first.id}/reset`)).status, 200);
    } else {
      assert.ok(wait <= 4, `${wait}`);
    }
    await until(async () => (await ask('gemini', model)).status === 200, 10_000);
  });

  test(`${provider}: an answer that breaks off is never complete`, async (t) => {
    const { sluice, accounts, ask } = await signedIn(t, login);
    for (const behavior of [behave.cut(3), behave.errorInside(503, 4)]) {
      sluice.provider.script(accounts[0].family.email, behavior);
      for (const client of ['chat', 'messages']) {
        const answer = await ask(client, model, true);
        if (answer.status === 200) assert.equal(answer.ended, false, answer.text);
        else assert.ok(answer.status >= 500, answer.text);
        await sluice.admin(`POST accounts/${accounts[0].id}/reset`);
      }
    }
  });
}

test('codex: a service that is overloaded inside a 200 is stood in for, unseen', async (t) => {
  const login = LOGINS.find((login) => login.provider === 'codex');
  const { sluice, accounts, ask } = await signedIn(t, login, 2);
  const [first, second] = accounts;
  for (const [client, stream] of [['responses', true], ['chat', true], ['messages', false], ['gemini', false]]) {
    sluice.provider.script(first.family.email, behave.errorInside(503, 2), behave.answer());
    const answer = await ask(client, login.model, stream);
    assert.deepEqual([answer.status, answer.said], [200, SAID], answer.text);
    assert.equal(answer.headers.get('x-sluice-account'), second.id);
    await sluice.admin(`POST accounts/${first.id}/reset`);
  }
});

test('codex: names it refuses come back as they were, in streams that run at once', async (t) => {
  const login = LOGINS.find((login) => login.provider === 'codex');
  const { sluice, accounts } = await signedIn(t, login);
  sluice.provider.script(accounts[0].family.email, behave.answer());
  const tool = (name) => ({ type: 'function', name, parameters: { type: 'object' } });
  const call = async (number) => {
    const name = `mcp__${'a_very_long_name_of_a_server_'.repeat(2)}__and_of_its_tool_number_${number}`;
    const stream = number % 2 === 0;
    const body = { model: login.model, input: 'Hi', stream, tools: [tool(name)] };
    const text = await (await sluice.fetch('/v1/responses', { body })).text();
    const output = stream ? json(text).at(-1).response.output : JSON.parse(text).output;
    assert.deepEqual(output.map((item) => item.name), [name, name], text);
  };
  await Promise.all(Array.from({ length: 10 }, (_, number) => call(number)));
});
