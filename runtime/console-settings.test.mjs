// The console's settings: rules and filters from their examples, prices, retention, backup and restore.

import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { test } from 'node:test';
import { Console, skip } from './console.mjs';
import { until } from './harness.mjs';

const it = new Console();
const stored = async () => (await it.sluice.admin('GET config')).body.document;

test('the examples of rules, filters and prices are taken as they are', { skip }, async () => {
  const { page } = it;
  for (const [path, part] of [['settings', 'rules'], ['settings/filters', 'filters'], ['settings/prices', 'prices']]) {
    await it.open(path);
    await page.getByText('An example').click();
    await it.button('Use it').click();
    await it.button('Save').click();
    await it.message('Saved.').waitFor();
    await it.message('Saved.').waitFor({ state: 'detached', timeout: 15_000 });
    assert.ok(part in (await stored()), part);
  }
  it.clean();
});

test('a rule that makes no sense is refused at its line, and undone is what was stored', { skip }, async () => {
  const { page } = it;
  await it.open('settings');
  const editor = page.getByLabel('Prompt rules');
  const text = await editor.inputValue();
  await editor.fill(text.replace('"append"', '"apend"'));
  await it.button('Save').click();
  await page.getByRole('alert').getByText(/line \d+/).waitFor();
  it.clean(/^(400|422) PUT \/admin\/api\/config/);
  await editor.fill('[]');
  await it.button('Save').click();
  await it.message('Saved.').getByRole('button', { name: 'Undo' }).click();
  await it.message('As it was before.').waitFor();
  assert.equal((await stored()).rules.length, 1);
  it.clean();
});

test('how long calls are kept is set, refused where it makes no sense, and taken away', { skip }, async () => {
  const { page } = it;
  await it.open('settings/storage');
  await page.getByLabel('Days', { exact: true }).fill('0');
  await it.button('Save').click();
  await page.locator('.field.wrong').getByText('expected a number from 1 to 3650').waitFor();
  it.clean(/^422 PUT \/admin\/api\/config/);
  await page.getByLabel('Days', { exact: true }).fill('30');
  await page.getByLabel('Requests', { exact: true }).fill('5000');
  await it.button('Save').click();
  await it.message('Saved.').waitFor();
  assert.deepEqual((await stored()).retention, { days: 30, rows: 5000 });
  await page.getByLabel('Days', { exact: true }).fill('');
  await page.getByLabel('Requests', { exact: true }).fill('');
  await it.button('Save').click();
  await until(async () => (await stored()).retention === undefined);
  it.clean();
});

test('a backup is downloaded, and restored after what it would change was seen', { skip }, async () => {
  const { page, sluice } = it;
  const secret = 'sk-ant-api03-the-key-in-the-backup';
  await sluice.admin('POST accounts', { provider: 'anthropic', label: 'In the backup', credential: { api_key: secret } });
  await it.open('settings/backup');
  const [download] = await Promise.all([page.waitForEvent('download'), it.button('Download').click()]);
  const file = await download.path();
  const text = readFileSync(file, 'utf8');
  assert.match(text, /In the backup/);
  assert.ok(!text.includes(secret), 'a key is in the backup as it is');
  const account = JSON.parse(text).accounts.find(({ label }) => label === 'In the backup');
  await sluice.admin(`DELETE accounts/${account.id}`);
  await page.getByLabel('A backup').setInputFiles({ name: 'sluice.json', mimeType: 'application/json', buffer: Buffer.from(text) });
  await page.getByText('1 accounts added').waitFor();
  assert.equal((await sluice.admin(`GET accounts/${account.id}`)).status, 404, 'it was restored before it was asked for');
  await it.button('Restore').click();
  await it.message('Restored.').waitFor();
  assert.equal((await sluice.admin('GET accounts?q=backup')).body.items.length, 1);
  it.clean();
});

test('what is no backup is said to be none', { skip }, async () => {
  await it.open('settings/backup');
  await it.page.getByLabel('A backup').setInputFiles({ name: 'x.json', mimeType: 'application/json', buffer: Buffer.from('not json') });
  await it.page.getByText('This is not a backup: it is no JSON.').waitFor();
  it.clean();
});

test('the versions and secrets of the deployment are told', { skip }, async () => {
  await it.open('settings/about');
  const about = it.card('Sluice');
  await about.getByText('SLUICE_MASTER_KEY').waitFor();
  assert.equal(await about.locator('.badge', { hasText: /^set$/ }).count(), 3);
  it.clean();
});
