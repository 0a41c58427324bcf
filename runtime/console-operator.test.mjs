// What an operator looks into from the console: the overview, quotas, models that providers list, captures, trying rules,
// the audit log, and whether everything works.

import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { createServer } from 'node:http';
import { test } from 'node:test';
import { Console, skip } from './console.mjs';
import { behave, until } from './harness.mjs';
import { LOGINS, signedIn } from './services.mjs';

const it = new Console((t) => signedIn(t, LOGINS.find(({ provider }) => provider === 'claude'), 2));
const model = 'claude-sonnet-4-5';
const token = async (terms) => (await it.sluice.admin('POST tokens', terms)).body;
const say = async (key, content, more = {}) => {
  const response = await it.sluice.chat({ model, messages: [{ role: 'user', content }], ...more }, { headers: { authorization: `Bearer ${key}` } });
  return { status: response.status, text: await response.text() };
};
const body = (promise) => promise.then((answer) => answer.body);
const rows = async (sql) => (await (await it.sluice.worker.getD1Database('DB')).prepare(sql).all()).results;
const money = (micro) => `$${(micro / 1e6).toFixed(6)}`;

test('the overview has what the API has: sums, names, first words, quotas, and accounts by their state', { skip }, async () => {
  const { page, sluice, accounts } = it;
  const [laptop, phone] = [await token({ name: 'Laptop' }), await token({ name: 'Phone' })];
  for (const { id } of accounts) await sluice.admin(`PATCH accounts/${id}`, { subscription: true });
  for (const stream of [true, true, false]) assert.equal((await say(laptop.key, 'Hi', { stream })).status, 200);
  assert.equal((await say(phone.key, 'Hi', { model: 'demo/nobody' })).status, 404);
  assert.equal((await say(phone.key, 'Hi')).status, 200);
  await sluice.admin(`PATCH accounts/${accounts[1].id}`, { enabled: false });
  await until(async () => (await sluice.admin('GET usage?status=ok')).body.items.length === 4);
  await it.open('overview');
  await page.locator('label', { hasText: 'Today' }).click();
  const { totals, ttft, by_token: byToken, quotas, denied } = await body(sluice.admin('GET overview?days=1'));
  const figure = (name) => page.locator('.figures div', { has: page.locator('dt', { hasText: new RegExp(`^${name}$`) }) });
  await figure('Requests').locator('dd', { hasText: /^40% errors$/ }).waitFor();
  await figure('Spend').getByText(`${money(totals.saved)} saved`).waitFor();
  await figure('Tokens used').getByText(`${Math.round(totals.cache_hit * 100)}% from caches`).waitFor();
  await figure('First words').getByText(`${ttft.p50} ms`).waitFor();
  await figure('First words').getByText(/for 95%, .* for 99%/).waitFor();
  // Tokens by the names that people gave them.
  assert.deepEqual(byToken.map(({ name }) => name).sort(), ['Laptop', 'Phone']);
  const ranks = it.card('Tokens of clients').locator('li');
  assert.deepEqual(await ranks.locator('.name').allTextContents(), ['Laptop', 'Phone']);
  assert.match(await ranks.first().locator('.number').textContent(), /^3 /);
  await page.locator('label', { hasText: 'Saved' }).click();
  await ranks.first().getByText(money(byToken.find(({ name }) => name === 'Laptop').saved)).waitFor();
  await it.card('Models').getByRole('link', { name: model }).waitFor();
  await it.card('Accounts').getByRole('link', { name: accounts[0].family.email }).first().waitFor();
  await it.card('Accounts').getByText('1 paused').waitFor();
  await it.card('Accounts').getByText('1 ready').waitFor();
  assert.equal(await page.locator('.gates li').count(), 2);
  await it.card('By hour').getByRole('img', { name: 'Saved, By hour' }).waitFor();
  const meters = it.card('Cloudflare, today').getByRole('meter');
  assert.equal(await meters.count(), quotas.length);
  await page.getByText(`${denied.total} calls were refused`).waitFor();
  await page.locator('label', { hasText: '30 days' }).click();
  await it.card('By day').locator('table.hidden tr').nth(30).waitFor({ state: 'attached' });
  await it.card('Tokens of clients').getByRole('link', { name: 'Laptop' }).click();
  await page.getByRole('heading', { name: 'Requests' }).waitFor();
  await page.getByRole('row').nth(3).waitFor();
  assert.equal(await page.getByRole('row').count(), 4);
  await sluice.admin(`PATCH accounts/${accounts[1].id}`, { enabled: true });
  it.clean();
});

test('a quota is asked for, and shown as a bar until it begins anew', { skip }, async () => {
  const { page, sluice, accounts } = it;
  const [{ id, family }] = accounts;
  sluice.provider.script(family.email, behave.exhausted(60));
  await it.open(`accounts/${id}`);
  await it.button('Ask now').click();
  const quota = it.card('Quota');
  await quota.getByText('100%').first().waitFor();
  const { quota: windows } = await body(sluice.admin(`GET accounts/${id}/quota`));
  const meters = quota.getByRole('meter');
  assert.equal(await meters.count(), windows.length);
  assert.equal(await meters.first().getAttribute('aria-valuenow'), '100');
  await quota.getByRole('timer').first().getByText(/^\d+ d \d+ h$/).waitFor();
  sluice.provider.script(family.email, behave.answer());
  await it.button('Ask now').click();
  await quota.getByText('100%').first().waitFor({ state: 'detached' });
  await it.open('accounts');
  await it.row(family.email).getByRole('meter').first().waitFor();
  it.clean();
});

test('models are discovered from the providers, and who did not tell is named', { skip }, async (t) => {
  const { page, sluice } = it;
  const server = createServer((request, response) => {
    const known = request.url === '/good/models';
    response.writeHead(known ? 200 : 500, { 'content-type': 'application/json' });
    response.end(JSON.stringify(known ? { data: [{ id: 'found-today-1', context_window: 4242 }] } : { error: { message: 'no' } }));
  });
  await new Promise((resolve) => server.listen(0, '127.0.0.1', resolve));
  t.after(() => server.close());
  const url = `http://127.0.0.1:${server.address().port}`;
  for (const [provider, path] of [['groq', 'good'], ['mistral', 'bad']]) {
    const made = await sluice.admin('POST accounts', { provider, base_url: `${url}/${path}`, credential: { api_key: `key-of-${provider}-0123456789` } });
    assert.equal(made.status, 201);
  }
  await it.open('models');
  await it.button('Ask the providers').click();
  await it.message(/mistral \(refused with status 500\)/).waitFor();
  await page.getByLabel('Search').fill('found-today');
  await it.row('found-today-1').getByText('groq').waitFor();
  assert.equal(await page.locator('tbody tr').count(), 1);
  await it.card('Lists of providers').locator('li', { hasText: 'mistral' }).getByText('refused with status 500').waitFor();
  for (const id of ['groq-1', 'mistral-1']) assert.equal((await sluice.admin(`DELETE accounts/${id}`)).status, 200);
  it.clean();
});

test('what a token keeps is found, read, exported, and forgotten', { skip }, async () => {
  const { page, sluice } = it;
  await it.open('requests/captures');
  await page.getByText('Nothing is kept').waitFor();
  const kept = await token({ name: 'Kept', capture: true });
  for (const text of ['one', 'two', 'two']) await say(kept.key, `Question ${text}`);
  await until(async () => (await sluice.admin('GET captures')).body.items.length === 3);
  await it.open('requests/captures');
  await it.row('Kept').nth(2).waitFor();
  await page.getByLabel('Finish').fill('length');
  await page.getByText('No capture fits').waitFor();
  await page.getByLabel('Finish').fill('stop');
  await it.row('Kept').nth(2).waitFor();
  const save = async (name) => {
    const [download] = await Promise.all([page.waitForEvent('download'), page.getByRole('link', { name }).click()]);
    return readFileSync(await download.path(), 'utf8').trim().split('\n').map((line) => JSON.parse(line));
  };
  const chats = await save('Export for fine-tuning');
  assert.deepEqual(chats.map(({ messages }) => messages[0].content).sort(), ['Question one', 'Question two'], 'each once');
  assert.equal((await save('Export as they were')).length, 2);
  const [{ action, detail, actor }] = await body(sluice.admin('GET audit?limit=1')).then(({ items }) => items);
  assert.deepEqual([action, detail, actor], ['captures.export', 'pairs, finish stop', 'console']);
  await it.row('Kept').first().getByRole('link').click();
  const said = it.card('What was said');
  await said.getByRole('button', { name: 'Show' }).click();
  await said.getByText('Question two').first().waitFor();
  await said.locator('figure', { hasText: 'Answer' }).getByText(/"assistant"/).waitFor();
  await it.open('requests/captures');
  await it.button('Delete…').click();
  await page.getByRole('dialog').getByRole('button', { name: 'Delete', exact: true }).click();
  await it.message('3 captures deleted.').waitFor();
  await page.getByText('Nothing is kept').waitFor();
  // A call whose words are gone says so.
  const { items } = await body(sluice.admin(`GET usage?token=${kept.token.id}`));
  await it.open(`requests/${items[0].id}`);
  await it.card('What was said').getByText('Not kept.').waitFor();
  it.clean();
});

test('how long captures are kept is set beside the log’s own time', { skip }, async () => {
  const { page, sluice } = it;
  await it.open('settings/storage');
  await page.getByLabel('Megabytes of captures').fill('0');
  await it.button('Save').click();
  await page.locator('.field.wrong').getByText('expected a number from 1 to 10000').waitFor();
  it.clean(/^422 PUT \/admin\/api\/config/);
  await page.getByLabel('Megabytes of captures').fill('20');
  await page.getByLabel('Days of captures').fill('7');
  await it.button('Save').click();
  await it.message('Saved.').waitFor();
  assert.deepEqual((await body(sluice.admin('GET config'))).document.retention, { capture_days: 7, capture_mb: 20 });
  it.clean();
});

test('rules and filters are tried as they stand in the editor, and nothing is stored or asked', { skip }, async () => {
  const { page, sluice } = it;
  await it.open('settings/filters');
  await page.getByText('An example').click();
  await it.button('Use it').click();
  await page.getByText('Try it').click();
  sluice.provider.requests.length = 0;
  await it.button('Try', { exact: true }).click();
  const part = (title) => page.locator('figure', { has: page.getByText(title, { exact: true }) });
  await part('After').getByText(/EMAIL-[0-9a-f]{8}/).waitFor();
  await part('Before').getByText('ada@example.org').waitFor();
  await part('The client gets').getByText('Dear [EMAIL]').waitFor();
  await page.getByText('addresses (messages[1].content, 9)').waitFor();
  const placeholder = /EMAIL-[0-9a-f]{8}/.exec(await part('After').textContent())[0];
  await page.getByLabel('What the provider would say').fill(`Dear ${placeholder}`);
  await it.button('Try', { exact: true }).click();
  await part('The client gets').getByText('Dear ada@example.org').waitFor();
  await page.getByLabel('Filters').fill(JSON.stringify([{ name: 'people', action: 'refuse', message: 'no names', find: { words: ['ada'] } }]));
  await it.button('Try', { exact: true }).click();
  await page.getByText('no names').waitFor();
  await it.open('settings');
  await page.getByText('An example').click();
  await it.button('Use it').click();
  await page.getByText('Try it').click();
  await it.button('Try', { exact: true }).click();
  await part('After').getByText('Answer in one paragraph.').waitFor();
  await part('Parameters').getByText('temperature: 0.3').waitFor();
  await page.getByLabel('Request').fill('{');
  assert.equal(await it.button('Try', { exact: true }).isDisabled(), true);
  const { rules, filters } = (await body(sluice.admin('GET config'))).document;
  assert.deepEqual([rules, filters, sluice.provider.requests.length], [undefined, undefined, 0]);
  it.clean();
});

test('the audit log is listed and verified, and what was done to it shows', { skip }, async () => {
  const { page, sluice } = it;
  const { body: verdict } = await sluice.admin('GET audit/verify');
  await it.open('settings/audit');
  await it.row('captures.export').first().getByText('pairs, finish stop').waitFor();
  await it.button('Verify').click();
  await page.getByText(`All ${verdict.checked} entries are as they were written.`).waitFor();
  await rows("UPDATE audit SET subject = 'another' WHERE seq = 3");
  await it.button('Verify').click();
  await page.getByRole('alert').getByText('Entry 3 was altered').waitFor();
  it.clean();
});

test('the deployment is measured on demand', { skip }, async () => {
  const { page } = it;
  await it.open('settings/about');
  await it.button('Check now').click();
  const works = it.card('Does everything work?');
  for (const name of ['Object', 'Key-value store', 'Database', 'Master key']) {
    await works.locator('li', { hasText: name }).first().locator('.badge.good, .badge.warn').waitFor({ timeout: 60_000 });
  }
  await works.getByText('credentials are stored under its seal').waitFor();
  assert.ok((await works.locator('li').count()) >= 7);
  await page.waitForLoadState('networkidle');
  it.clean();
});
