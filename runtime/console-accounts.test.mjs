// The console's accounts: brought in four ways, and everything that is done with one.

import assert from 'node:assert/strict';
import { test } from 'node:test';
import { Console, skip } from './console.mjs';
import { behave } from './harness.mjs';

const it = new Console();
const stored = async (id) => (await it.sluice.admin(`GET accounts/${id}`)).body;

test('accounts come from pasted keys, and their keys are never shown', { skip }, async () => {
  const { page } = it;
  await it.open('accounts/add');
  await page.getByLabel('Keys').fill('sk-ant-api03-pasted-key-number-one-0001\nsk-or-v1-pasted-key-number-two-0002\nwhose-key-is-this-anyway');
  await it.button('Add 3 keys').click();
  await page.getByText('2 accounts added.').waitFor();
  await page.getByText('Not added: 1').waitFor();
  await it.open('accounts');
  await page.getByRole('link', { name: 'openrouter-1' }).waitFor();
  await page.getByLabel('Search').fill('openrouter');
  await page.getByRole('link', { name: 'anthropic-1' }).waitFor({ state: 'detached' });
  await page.getByRole('link', { name: 'openrouter-1' }).click();
  await page.getByLabel('Name', { exact: true }).fill('The router');
  await page.getByLabel('Priority').fill('3');
  await it.button('Save').click();
  await page.getByRole('heading', { name: 'The router' }).waitFor();
  const account = await stored('openrouter-1');
  assert.deepEqual([account.label, account.priority], ['The router', 3]);
  assert.ok(!(await page.content()).includes('pasted-key-number'), 'a key is on the page');
  it.clean();
});

test('what is wrong with a setting is said at its field', { skip }, async () => {
  const { page } = it;
  await it.open('accounts/openrouter-1');
  await page.getByLabel('Name', { exact: true }).fill('x'.repeat(101));
  await it.button('Save').click();
  await page.locator('.field.wrong', { hasText: 'is longer than 100 characters' }).waitFor();
  assert.equal(await page.getByLabel('Name', { exact: true }).getAttribute('aria-invalid'), 'true');
  it.clean(/^400 PATCH \/admin\/api\/accounts\/openrouter-1/);
});

test('an account is paused and resumed, and deleted and brought back', { skip }, async () => {
  const { page } = it;
  await it.open('accounts/openrouter-1');
  await it.button('Pause').click();
  await page.getByText('Paused by you: it is not asked.').waitFor();
  assert.equal((await stored('openrouter-1')).enabled, false);
  await it.button('Resume').click();
  await page.locator('.badge', { hasText: 'ready' }).waitFor();
  await it.button('Delete').click();
  await page.getByText('The router is deleted.').waitFor();
  await page.getByRole('link', { name: 'The router' }).waitFor({ state: 'detached' });
  await it.button('Undo').click();
  await page.getByRole('link', { name: 'The router' }).waitFor();
  it.clean();
});

test('an account is cooled down, for one model or all, and the cooldown is ended', { skip }, async () => {
  const { page } = it;
  await it.open('accounts/openrouter-1');
  await it.button('Cool down…').click();
  await page.getByLabel('For how long').selectOption('3600');
  await page.getByLabel('Only for this model').fill('some/model');
  await it.button('Cool down').click();
  await page.getByText('cooling for some/model until').waitFor();
  await page.locator('.badge', { hasText: 'ready in part' }).waitFor();
  await page.getByRole('timer').getByText(/^59:\d\d$/).waitFor();
  await it.button('End cooldown').click();
  await page.getByRole('timer').waitFor({ state: 'detached' });
  assert.equal((await stored('openrouter-1')).state.name, 'ready');
  it.clean();
});

test('a cooldown that a provider asked for is told in words, and watched until it ends', { skip }, async () => {
  const { page, sluice } = it;
  for (const key of ['openai-key-a', 'openai-key-b']) sluice.provider.script(key, behave.refuse(429, { 'retry-after': '4' }), behave.answer());
  assert.equal((await sluice.chat()).status, 429);
  await it.open('accounts/openai-1');
  await page.getByText('cooling for gpt-4.1 until').waitFor();
  await page.getByText('rate limited (429), the provider said 0:04').waitFor();
  await page.getByRole('timer').getByText(/^0:0[1-4]$/).waitFor();
  // The page finds out by itself that it is over.
  await page.getByRole('timer').waitFor({ state: 'detached' });
  assert.equal((await sluice.chat()).status, 200);
  it.clean();
});

test('a dropped credential file is shown before it is sent', { skip }, async () => {
  const { page } = it;
  await it.open('accounts/add/files');
  const login = { claudeAiOauth: { accessToken: 'dropped-access-token', refreshToken: 'dropped-refresh-token', expiresAt: Date.now() + 3_600_000, scopes: [], subscriptionType: 'pro' } };
  const { lines, stop } = it.asked();
  await it.drop('.credentials.json', JSON.stringify(login));
  await page.getByText('1 accounts, 0 tokens, 0 routes').waitFor();
  assert.ok(!(await page.content()).includes('dropped-refresh-token'), 'a token is on the page');
  assert.deepEqual(lines, [], 'something was sent before it was asked for');
  await it.button('Try without storing').click();
  await page.getByText('is added').waitFor();
  assert.equal((await it.sluice.admin('GET accounts?provider=claude')).body.items.length, 0);
  await it.button('Import').click();
  await page.getByText('Imported.').waitFor();
  stop();
  const { items } = (await it.sluice.admin('GET accounts?provider=claude')).body;
  assert.deepEqual(items.map(({ kind }) => kind), ['oauth']);
  await page.getByRole('link', { name: 'See the accounts' }).click();
  await page.getByRole('link', { name: items[0].label || items[0].id }).waitFor();
  it.clean();
});

test('a file that nobody knows is refused in words', { skip }, async () => {
  await it.open('accounts/add/files');
  await it.drop('holiday.json', '{"photos": 3}');
  await it.page.locator('.notice.bad, .notice.warn').first().waitFor();
  it.clean();
});

test('a server of one’s own is added, and answers', { skip }, async () => {
  const { page, sluice } = it;
  await it.open('accounts/add/server');
  await page.getByLabel('Provider').fill('my-server');
  await page.getByLabel('Address').fill(`${sluice.provider.url}/v1`);
  await page.getByLabel('Key').fill('key-of-my-server');
  sluice.provider.script('key-of-my-server', behave.answer());
  await it.button('Add', { exact: true }).click();
  await page.getByText('Added.').waitFor();
  const answer = await sluice.chat({ model: 'my-server/anything' });
  assert.equal(answer.headers.get('x-sluice-provider'), 'my-server', await answer.text());
  it.clean();
});

test('an account is tested with one real call, and what the provider said is told', { skip }, async () => {
  const { page, sluice } = it;
  await it.open('accounts/google-1');
  await it.button('Test').click();
  await it.message(/google-1 answers \(\d+ ms\)\.|google-1 answers \([\d.]+ s\)\./).waitFor();
  sluice.provider.script('gemini-key-a', behave.refuse(403, {}, 'this key may not do that'));
  await it.button('Test').click();
  await it.message(/google-1 does not answer: .*may not do that/).waitFor();
  it.clean();
});
