// Ten thousand accounts in one object: imported in one request, asked, and there again after a restart. Times are said,
// not asserted: they are the machine's.

import assert from 'node:assert/strict';
import { test } from 'node:test';
import { Sluice, behave } from './harness.mjs';

const COUNT = 10_000;
const key = (at) => `openai-key-of-account-${at}`;

test('ten thousand accounts are imported, asked and loaded', async (t) => {
  const sluice = await Sluice.start(t, { OPENAI_API_KEY: '' });
  const time = async (what, work) => {
    const began = performance.now();
    const result = await work();
    t.diagnostic(`${what}: ${Math.round(performance.now() - began)} ms`);
    return result;
  };
  const accounts = Array.from({ length: COUNT }, (_, at) => ({ provider: 'openai', credential: { api_key: key(at) }, base_url: `${sluice.provider.url}/v1` }));
  sluice.provider.script(accounts.map(({ credential }) => credential.api_key), behave.answer());
  for (const size of [1000, COUNT]) {
    const { body } = await time(`import of ${size}`, () => sluice.admin('POST import', { accounts: accounts.slice(0, size) }));
    const count = (wanted) => body.accounts.filter(({ action }) => action === wanted).length;
    assert.deepEqual([count('refuse'), count('add')], [0, size === COUNT ? COUNT - 1000 : size]);
  }
  assert.equal((await sluice.admin('GET accounts')).body.total, COUNT + 4);
  let turn = 0;
  const ask = async () => {
    turn += 1;
    const response = await sluice.chat({ messages: [{ role: 'user', content: `conversation ${turn}` }] });
    assert.equal(response.status, 200, await response.text());
    return response.headers.get('x-sluice-account');
  };
  await time('first call', ask);
  const asked = await time('20 calls', () => Promise.all(Array.from({ length: 20 }, ask)));
  assert.equal(new Set(asked).size, 20, 'each is another account');
  await time('an account changed', () => sluice.admin('PATCH accounts/openai-5000', { label: 'changed' }));
  await time('call after a change', ask);
  await sluice.restart();
  await time('first call after a restart', ask);
});
