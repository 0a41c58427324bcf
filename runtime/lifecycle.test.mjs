// The whole life of an account one signs in to, for every provider and every client: it is imported, answers, expires,
// is renewed, is used up, is stood in for, and is back.

import assert from 'node:assert/strict';
import { test } from 'node:test';
import { behave, until } from './harness.mjs';
import { CLIENTS, LOGINS, SAID, signedIn } from './services.mjs';

for (const login of LOGINS) {
  const { provider, model } = login;
  for (const client of Object.keys(CLIENTS)) {
    test(`${provider}, asked by ${client}: imported, answering, expired, renewed, used up, stood in for, and back`, async (t) => {
      const { sluice, oauth, accounts, ask } = await signedIn(t, login, 2);
      const [first, second] = accounts;
      const quota = async () => (await sluice.admin(`POST accounts/${first.id}/quota`)).body.quota;
      const answeredBy = async () => {
        const answer = await ask(client, model, true);
        assert.deepEqual([answer.status, answer.said, answer.ended], [200, SAID, true], answer.text);
        return answer.headers.get('x-sluice-account');
      };
      assert.equal(await answeredBy(), first.id, 'it answers');
      oauth.advance((first.lifetime + 1) * 1000);
      assert.equal(await answeredBy(), first.id, 'it is renewed within the call');
      assert.deepEqual([first.family.refreshes, first.family.revoked], [1, false]);
      sluice.provider.script(first.family.email, behave.exhausted(2));
      assert.equal(await answeredBy(), second.id, 'another stands in');
      const { state } = (await sluice.admin(`GET accounts/${first.id}`)).body;
      assert.ok(state.name === 'cooling' || state.models.length > 0, JSON.stringify(state));
      if (provider !== 'qwen-code') assert.equal((await quota())[0].used, 1, 'the provider says so too');
      assert.equal(await answeredBy(), second.id, 'it rests');
      sluice.provider.script(first.family.email, behave.answer());
      // Qwen's day ends at midnight in Beijing: the operator knows better.
      if (provider === 'qwen-code') await sluice.admin(`POST accounts/${first.id}/reset`);
      await until(async () => (await answeredBy()) === first.id, 10_000);
      if (provider !== 'qwen-code') assert.ok((await quota())[0].used < 1, 'the allowance is back');
      const tested = await sluice.admin(`POST accounts/${first.id}/test`, { model });
      assert.deepEqual([tested.status, tested.body.ok], [200, true], JSON.stringify(tested.body));
    });
  }
}
