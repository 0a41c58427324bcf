// Accounts one signs in to, in workerd against emulated services: they answer every client, expire, are renewed, are used
// up, are stood in for and come back.

import assert from 'node:assert/strict';
import { test } from 'node:test';
import { behave, until } from './harness.mjs';
import { CLIENTS, LOGINS, SAID, json, signedIn } from './services.mjs';

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
