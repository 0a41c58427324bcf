// What was asked, in the console: the log with its filters, one request in full, settings for clients, the playground.

import assert from 'node:assert/strict';
import { test } from 'node:test';
import { Console, skip } from './console.mjs';
import { behave, until } from './harness.mjs';

const it = new Console();

test('without requests the page says what to do', { skip }, async () => {
  await it.open('requests');
  await it.page.getByText('Nothing was asked yet').waitFor();
  it.clean();
});

test('a request tells who was tried, how long it took, and what it cost', { skip }, async () => {
  const { page, sluice } = it;
  sluice.provider.script('openai-key-a', behave.refuse(429, { 'retry-after': '1' }), behave.answer());
  sluice.provider.script('openai-key-b', behave.refuse(429, { 'retry-after': '1' }), behave.answer());
  await (await sluice.chat()).text();
  await new Promise((resolve) => setTimeout(resolve, 1100));
  await (await sluice.chat()).text();
  await (await sluice.chat({ model: 'demo/echo' })).text();
  await until(async () => (await sluice.admin('GET usage')).body.items.length === 3);
  await it.open('requests');
  await page.getByRole('row').nth(3).waitFor();
  await page.getByLabel('Outcome').selectOption('error');
  await page.getByRole('row').nth(2).waitFor({ state: 'detached' });
  await page.getByRole('row').nth(1).getByRole('link').click();
  await page.getByRole('heading', { name: 'Who was tried' }).waitFor();
  assert.equal(await page.locator('.chain li').count(), 2);
  await it.open('requests');
  await page.getByRole('row').nth(3).waitFor();
  await page.getByLabel('Outcome').selectOption('ok');
  await page.getByLabel('Model').fill('gpt-4.1');
  await page.getByRole('row').nth(2).waitFor({ state: 'detached' });
  await page.getByRole('row').nth(1).getByRole('link').click();
  const cost = it.card('Cost');
  await cost.getByText('Fresh input').waitFor();
  const { body } = await sluice.admin('GET usage?status=ok&model=gpt-4.1');
  const [row] = body.items;
  const money = (micro) => `$${(micro / 1e6).toFixed(6)}`;
  await cost.getByText(money(row.cost)).last().waitFor();
  it.clean();
});

test('every client gets settings with this host and its key', { skip }, async () => {
  const { page, sluice } = it;
  await it.open('connect');
  await page.getByLabel('Key').fill('the-clients-own-key');
  const tiles = await page.locator('.tile').all();
  const names = await Promise.all(tiles.map((tile) => tile.textContent()));
  assert.deepEqual(names.sort(), ['Cherry Studio', 'Claude Code', 'Cline', 'Codex', 'Continue', 'Gemini CLI', 'NextChat', 'Node', 'Ollama clients', 'Open WebUI', 'OpenCode', 'Python', 'Qwen Code', 'curl']);
  for (const tile of tiles) {
    await tile.click();
    const card = it.card(await tile.textContent());
    const settings = await card.innerText();
    assert.ok(settings.includes(sluice.url) && settings.includes('the-clients-own-key'), settings);
    await card.getByRole('button', { name: 'Copy' }).first().click();
    assert.notEqual(await page.evaluate(() => navigator.clipboard.readText()), '');
  }
  it.clean();
});

test('a token is made for a client where it is connected, and works', { skip }, async () => {
  const { page, sluice } = it;
  await it.open('connect');
  await page.locator('.tile', { hasText: 'curl' }).click();
  await it.button('Make a token for curl').click();
  await it.message('A token for curl is made.').waitFor();
  const key = await page.getByLabel('Key').inputValue();
  assert.match(key, /^sk-sluice-/);
  assert.equal((await sluice.chat({ model: 'demo/echo' }, { headers: { authorization: `Bearer ${key}` } })).status, 200);
  it.clean();
});

test('the playground streams through every protocol, with the events beside the text', { skip }, async () => {
  const { page } = it;
  await it.open('playground');
  await page.getByLabel('Key').fill(it.sluice.bindings.SLUICE_API_KEY);
  await page.getByLabel('Model').fill('demo/echo');
  await page.getByLabel('Prompt').fill('Grüße, 世界');
  for (const protocol of ['chat', 'responses', 'messages', 'gemini', 'ollama']) {
    await page.getByLabel('Protocol').selectOption(protocol);
    await it.button('Send').click();
    await page.getByText(/^all after/).waitFor();
    assert.match(await page.locator('.answer').textContent(), /Grüße, 世界/, protocol);
    assert.match(await page.locator('.play pre').nth(1).textContent(), /^(event: |data: |\{)/, protocol);
  }
  it.clean();
});

test('what the playground is refused is shown as it came', { skip }, async () => {
  const { page } = it;
  await page.getByLabel('Model').fill('nobody/has-this');
  await it.button('Send').click();
  await page.locator('.badge.bad', { hasText: '404' }).waitFor();
  await page.locator('.play pre').nth(1).getByText(/"error"/).waitFor();
  it.clean(/^404 POST \/api\/chat/);
});

test('a call is seen as it begins and as it ends, and one that is refused with the reason', { skip }, async () => {
  const { page, sluice } = it;
  await it.open('requests');
  await page.locator('label', { hasText: 'Live' }).click();
  await page.locator('.badge', { hasText: /^live$/ }).waitFor();
  await page.getByText('Waiting for the next request').waitFor();
  sluice.provider.script(['anthropic-key-a', 'anthropic-key-b'], behave.slow(300));
  const answer = sluice.chat({ model: 'claude-sonnet-4-5', stream: true });
  await it.row('claude-sonnet-4-5').getByText('under way').waitFor();
  await (await answer).text();
  await it.row('claude-sonnet-4-5').getByText('200').waitFor();
  assert.equal(await it.row('claude-sonnet-4-5').count(), 1, 'one call is one row');
  await sluice.chat({}, { headers: { authorization: 'Bearer sk-of-nobody' } });
  await page.locator('tbody .badge.bad', { hasText: '401' }).waitFor();
  await it.button('Hold').click();
  await (await sluice.chat({ model: 'demo/echo' })).text();
  await it.button('Go on').click();
  await (await sluice.chat({ model: 'gemini-2.5-flash' })).text();
  await it.row('gemini-2.5-flash').getByText('200').waitFor();
  assert.equal(await it.row('demo/echo').count(), 0, 'what was held is shown');
  await (await sluice.chat({ model: 'claude-sonnet-4-5' }, { headers: { 'x-sluice-debug': '1' } })).text();
  await page.locator('summary', { hasText: /^chat → messages · anthropic-\d/ }).click();
  await page.locator('figure', { hasText: 'Request, after' }).getByText('"max_tokens"').waitFor();
  await it.row('claude-sonnet-4-5').first().getByRole('link').click();
  await page.getByRole('heading', { name: 'Who was tried' }).waitFor();
  it.clean();
});
