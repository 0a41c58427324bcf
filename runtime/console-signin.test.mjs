// Signing in at a provider from the console: by a code, by a pasted address, again, and what goes wrong.

import assert from 'node:assert/strict';
import { test } from 'node:test';
import { Console, skip } from './console.mjs';
import { until } from './harness.mjs';
import { subscribed } from './subscription.mjs';

const it = new Console((t) => subscribed(t));

const begin = async (provider, kind) => {
  await it.open('accounts/add/login');
  await it.page.getByRole('button', { name: provider }).first().click();
  if (kind) await it.page.locator('label', { hasText: kind }).click();
  await it.button('Begin').click();
};

test('a code that is typed at the provider makes an account, which answers', { skip }, async () => {
  const { page, oauth, upstream, sluice } = it;
  await begin('Codex', 'with a code');
  const code = await page.locator('.user-code').textContent();
  assert.match(await page.getByRole('link', { name: 'Open the page' }).getAttribute('href'), /^https:\/\//);
  await it.button('Copy the code').click();
  assert.equal(await page.evaluate(() => navigator.clipboard.readText()), code);
  await page.getByText('Waiting for you to finish there.').waitFor();
  oauth.approve(code, { email: 'me@codex.example' });
  await page.getByText('Signed in.').waitFor();
  await page.locator('.notice.good').getByRole('link').click();
  await page.getByRole('heading', { name: 'me@codex.example' }).waitFor();
  await page.getByText('Access token expires').waitFor();
  await page.getByLabel('Address').fill(upstream.url);
  await page.getByLabel('Only these models').fill('subscribed');
  await it.button('Save').click();
  await page.getByText('Saved.').waitFor();
  await until(async () => (await it.ask()).status === 200);
  assert.deepEqual(await it.ask(), { status: 200, said: 'Hello, me@codex.example' });
  const shown = await page.content();
  for (const secret of oauth.secretsIssued()) assert.ok(!shown.includes(secret), 'a token is on the page');
  await it.button('Delete').click();
  await page.getByText('me@codex.example is deleted.').waitFor();
  assert.equal((await sluice.admin('GET accounts?provider=codex')).body.items.length, 0);
  it.clean();
});

test('a pasted address makes an account; another sign-in’s address is refused at the field', { skip }, async () => {
  const { page, oauth } = it;
  await begin('Claude');
  const address = await page.getByRole('link', { name: 'Open the page' }).getAttribute('href');
  const foreign = new URL(oauth.authorize(address, { email: 'me@claude.example' }));
  foreign.searchParams.set('state', 'the-state-of-another-sign-in');
  await page.getByLabel('Paste the whole address').fill(String(foreign));
  await it.button('Finish').click();
  await page.locator('.field.wrong').getByText(/another sign-in/).waitFor();
  it.clean(/^400 POST \/admin\/api\/logins\/[^/]+\/paste/);
  await page.getByLabel('Paste the whole address').fill(oauth.authorize(address, { email: 'me@claude.example' }));
  await it.button('Finish').click();
  await page.getByText('Signed in.').waitFor();
  await it.open('accounts');
  await page.getByRole('link', { name: 'me@claude.example' }).waitFor();
  it.clean();
});

test('who says no is told so, and can begin again', { skip }, async () => {
  const { page, oauth } = it;
  await begin('xAI');
  oauth.deny(await page.locator('.user-code').textContent());
  await page.getByText('The sign-in did not work.').waitFor();
  await page.getByText(/access_denied/).waitFor();
  await it.button('Begin again').click();
  await it.button('Begin').click();
  await page.locator('.user-code').waitFor();
  it.clean();
});

test('an account whose login died says so, is signed in again, and answers', { skip }, async () => {
  const { page, oauth } = it;
  const { id, family } = await it.imported('kimi', { left: -1 });
  family.revoked = true;
  assert.notEqual((await it.ask()).status, 200);
  await it.open('accounts');
  await page.locator('.badge', { hasText: 'sign in again' }).waitFor();
  await it.row(id).getByRole('link', { name: 'Sign in again' }).click();
  await it.button('Begin').click();
  oauth.approve(await page.locator('.user-code').textContent(), { email: 'me@example.com' });
  await page.getByText('Signed in.').waitFor();
  assert.equal((await it.account(id)).state.name, 'ready');
  assert.equal((await it.ask()).status, 200);
  it.clean();
});

test('tokens are renewed by hand', { skip }, async () => {
  const { page, oauth } = it;
  const { id, family } = await it.imported('xai');
  await it.open(`accounts/${id}`);
  oauth.kinds();
  await it.button('Refresh now').click();
  await page.getByText('Refreshed.').first().waitFor();
  assert.equal(family.refreshes, 1);
  it.clean();
});
