// The console before ten thousand accounts: every page asks for little, and holds little. Times are said, not asserted.

import assert from 'node:assert/strict';
import { test } from 'node:test';
import { Console, MASTER, skip } from './console.mjs';
import { Sluice } from './harness.mjs';

const COUNT = 10_000;
/** What a page may hold: 200 rows with their buttons. */
const NODES = 5_000;
/** A page of 50 accounts. */
const BYTES = 64 << 10;

const keys = Array.from({ length: COUNT }, (_, at) => `key-of-the-crowd-${at}`).join();
const it = new Console(async (t) => ({ sluice: await Sluice.start(t, { SLUICE_MASTER_KEY: MASTER, OPENAI_API_KEY: keys, ANTHROPIC_API_KEY: '', GEMINI_API_KEY: '' }) }));
const nodes = () => it.page.evaluate(() => document.querySelectorAll('*').length);

test('ten thousand accounts are paged: rows that are held, and bytes that are asked for, are bounded', { skip }, async (t) => {
  const { page } = it;
  const answers = [];
  page.on('response', (response) => response.url().includes('/admin/api/accounts?') && answers.push(response));
  const began = performance.now();
  await it.open('accounts');
  await page.locator('.row').nth(49).waitFor();
  t.diagnostic(`the first page: ${Math.round(performance.now() - began)} ms, ${await nodes()} nodes`);
  await page.getByText('50 of 10,000').waitFor();
  const seen = new Set();
  const look = async () => {
    for (const name of await page.locator('.row .title a').allTextContents()) seen.add(name);
    const held = await nodes();
    assert.ok(held < NODES, `${held} nodes`);
    return held;
  };
  let most = await look();
  for (let turn = 2; turn <= 10; turn += 1) {
    const last = await page.locator('.row .title a').last().textContent();
    const clicked = performance.now();
    await it.button('Show more').click();
    await page.waitForFunction((before) => [...document.querySelectorAll('.row .title a')].at(-1)?.textContent !== before, last);
    if (turn === 4 || turn === 5) t.diagnostic(`page ${turn}: ${Math.round(performance.now() - clicked)} ms`);
    most = Math.max(most, await look());
  }
  t.diagnostic(`at most ${most} nodes`);
  assert.equal(seen.size, 500, 'every click shows fifty more, and none twice');
  assert.equal(await page.locator('.row').count(), 100, 'what was shown before makes room');
  await it.button('Back to the first').click();
  await it.row('openai-1').first().waitFor();
  assert.equal(await page.locator('.row').count(), 50);
  await page.getByLabel('Search').fill('openai-9876');
  await page.locator('.row').nth(1).waitFor({ state: 'detached' });
  assert.equal(await page.locator('.row .title a').textContent(), 'openai-9876');
  for (const response of answers) {
    const { length } = await response.body().catch(() => '');
    assert.ok(length === undefined || length < BYTES, `${length} bytes of ${response.url()}`);
  }
  it.clean();
});

test('the overview draws a bounded number of ten thousand gates, and counts all of them', { skip }, async (t) => {
  const { page } = it;
  const began = performance.now();
  await it.open('overview');
  await page.getByText('10,000 ready').waitFor();
  t.diagnostic(`${Math.round(performance.now() - began)} ms, ${await nodes()} nodes`);
  await page.getByText('The first 120 of 10,000.').waitFor();
  assert.equal(await page.locator('.gates li').count(), 120);
  assert.ok((await nodes()) < NODES / 2);
  it.clean();
});
