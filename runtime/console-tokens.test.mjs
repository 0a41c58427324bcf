// The console's tokens: made, shown once, used by a client, limited, given another key, refused, deleted and brought back.

import assert from 'node:assert/strict';
import { test } from 'node:test';
import OpenAI from 'openai';
import { Console, skip } from './console.mjs';

const it = new Console();
const client = (apiKey) => new OpenAI({ baseURL: `${it.sluice.url}/v1`, apiKey, maxRetries: 0 });
const ask = (apiKey) => client(apiKey).chat.completions.create({ model: 'gpt-4.1', messages: [{ role: 'user', content: 'Hi' }] });

/** A token as the page makes it, and its key. */
async function create(fields) {
  const { page } = it;
  await it.open('tokens');
  await it.button('Create a token').first().click();
  for (const [label, value] of Object.entries(fields)) await page.getByLabel(label, { exact: true }).fill(value);
  await it.button('Create').click();
  const key = await page.locator('.key').textContent();
  return key;
}

test('without tokens the page says what to do', { skip }, async () => {
  await it.open('tokens');
  await it.page.getByText('No tokens yet').waitFor();
  it.clean();
});

test('a token is created, its key shown once, and used by the openai SDK', { skip }, async () => {
  const { page } = it;
  const key = await create({ Name: 'Laptop', 'Budget in dollars': '20' });
  await it.button('Copy the key').click();
  assert.equal(await page.evaluate(() => navigator.clipboard.readText()), key);
  assert.ok((await ask(key)).choices[0].message.content);
  await it.button('I have kept it').click();
  await page.reload();
  await page.getByRole('link', { name: 'Laptop' }).waitFor();
  assert.ok(!(await page.content()).includes(key), 'the key is shown again');
  it.clean();
});

test('its page shows what it used and may, takes other limits, and says what is wrong with them', { skip }, async () => {
  const { page } = it;
  await it.open('tokens');
  await page.getByRole('link', { name: 'Laptop' }).click();
  await page.getByText('/ $20.00 a month').waitFor();
  assert.equal(await page.locator('dt', { hasText: /^Requests$/ }).locator('xpath=../dd').textContent(), '1');
  await page.getByLabel('Models', { exact: true }).fill('gpt-4.1\nclaude-*');
  await page.getByLabel('Requests a minute').fill('3');
  await page.getByLabel('From these addresses').fill('not-an-address');
  await it.button('Save').click();
  await page.locator('.field.wrong .error', { hasText: 'neither an address nor a network' }).waitFor();
  await page.getByLabel('From these addresses').fill('');
  await it.button('Save').click();
  await it.message('Saved.').waitFor();
  const { items } = (await it.sluice.admin('GET tokens')).body;
  assert.deepEqual([items[0].models, items[0].limits.rpm], [['gpt-4.1', 'claude-*'], 3]);
  it.clean(/^400 PATCH \/admin\/api\/tokens\//);
});

test('another key takes over, and the old one is refused at once if that was chosen', { skip }, async () => {
  const { page } = it;
  const old = await create({ Name: 'Phone' });
  await it.button('I have kept it').click();
  await page.getByRole('link', { name: 'Phone' }).click();
  await it.button('New key…').click();
  await page.getByLabel('The key it has works for').selectOption('0');
  await it.button('Make a new key').click();
  const next = await page.locator('.key').textContent();
  await it.button('I have kept it').click();
  await assert.rejects(ask(old), { status: 401 });
  assert.ok((await ask(next)).choices[0].message.content);
  await it.button('Disable').click();
  await page.locator('.badge', { hasText: 'disabled' }).waitFor();
  await assert.rejects(ask(next), ({ status }) => status === 401 || status === 403);
  await it.button('Enable').click();
  await page.locator('.badge', { hasText: 'active' }).waitFor();
  assert.ok((await ask(next)).choices[0].message.content);
  it.clean();
});

test('a token is deleted, and brought back', { skip }, async () => {
  const { page } = it;
  await it.open('tokens');
  await page.getByRole('link', { name: 'Phone' }).click();
  await it.button('Delete').click();
  await it.message('Phone is deleted.').waitFor();
  await page.getByRole('link', { name: 'Phone' }).waitFor({ state: 'detached' });
  await it.button('Undo').click();
  await page.getByRole('link', { name: 'Phone' }).waitFor();
  it.clean();
});

test('a budget that is used up is seen as such, with the time it begins anew', { skip }, async () => {
  const { page } = it;
  const key = await create({ Name: 'Pocket money', 'Budget in dollars': '0.000001' });
  await page.getByRole('link', { name: 'Connect a client with it' }).click();
  await page.getByRole('heading', { name: 'Connect' }).waitFor();
  assert.equal(await page.getByLabel('Key').inputValue(), key);
  await ask(key).catch(() => {});
  await assert.rejects(ask(key), { status: 429 });
  await it.open('tokens');
  await it.row('Pocket money').locator('.badge', { hasText: 'budget used up' }).waitFor();
  await it.row('Pocket money').getByRole('timer').waitFor();
  it.clean();
});
