// The console in a browser, over the built Worker: what an operator does with it, once.

import assert from 'node:assert/strict';
import { readFileSync, readdirSync } from 'node:fs';
import { join } from 'node:path';
import { before, test } from 'node:test';
import { fileURLToPath } from 'node:url';
import { gzipSync } from 'node:zlib';
import { Browser, program } from './browser.mjs';
import { Sluice } from './harness.mjs';
import '../scripts/site.mjs';

const ADMIN = 'admin-key-of-the-tests';
const MASTER = Buffer.alloc(32, 7).toString('base64');
const PAGES = ['overview', 'accounts', 'accounts/openai-1', 'accounts/add', 'accounts/add/login', 'accounts/add/files', 'accounts/add/server', 'models', 'models/routes', 'models/explain', 'tokens', 'requests', 'connect', 'playground', 'settings', 'settings/filters', 'settings/prices', 'settings/storage', 'settings/backup', 'settings/audit', 'settings/about'];

const root = fileURLToPath(new URL('..', import.meta.url));
const skip = program === undefined && 'Chromium is missing (Debian: apt install chromium)';
if (skip) console.log(`skipped: ${skip}`);

let sluice;
let browser;
let page;
before(async (t) => {
  if (skip) return;
  sluice = await Sluice.start(t, { SLUICE_ADMIN_KEY: ADMIN, SLUICE_MASTER_KEY: MASTER, SLUICE_DEMO: '1' });
  browser = await Browser.start(t);
  page = browser.page;
  const missing = [];
  for (const path of ASKED) if (!(await has(path))) missing.push(path);
  if (missing.length > 0) browser.expected.push(new RegExp(`^404 GET /admin/api/(${missing.join('|')})`));
});

const open = async (path) => {
  await page.goto(`${sluice.url}/console/#/${path}`);
  await page.getByRole('heading', { level: 1 }).waitFor();
};
const button = (name, options) => page.getByRole('button', { name, exact: true, ...options });
const admin = (method, path, body) =>
  sluice.fetch(`/admin/api/${path}`, { method, body, headers: { authorization: `Bearer ${ADMIN}` } });
const has = async (path) => !(await (await admin('GET', path)).text()).includes('no such endpoint');
/** What this build lacks is skipped aloud. */
async function offers(t, path) {
  if (await has(path)) return true;
  console.log(`skipped: this build has no /admin/api/${path}`);
  t.skip(`no /admin/api/${path}`);
  return false;
}
/** What pages ask for; where this build does not offer it they say so. */
const ASKED = ['overview', 'accounts', 'providers', 'models', 'config', 'tokens', 'usage', 'prices', 'audit'];

test('without an admin key the door says how to set one', { skip }, async (t) => {
  const bare = await Sluice.start(t, { SLUICE_ADMIN_KEY: '', SLUICE_MASTER_KEY: '' });
  await page.goto(`${bare.url}/console`);
  await page.getByText('npx wrangler secret put SLUICE_ADMIN_KEY').waitFor();
  await page.getByText('openssl rand -base64 32 | npx wrangler secret put SLUICE_MASTER_KEY').waitFor();
  browser.clean();
});

test('the admin key opens the door, another one does not', { skip }, async () => {
  await page.goto(`${sluice.url}/console`);
  await page.getByLabel('Admin key').fill('wrong');
  await button('Sign in').click();
  await page.getByText('This is not the admin key.').waitFor();
  browser.clean(/^401 POST \/admin\/api\/session/);
  await page.getByLabel('Admin key').fill(ADMIN);
  await button('Sign in').click();
  await page.getByRole('heading', { name: 'Overview' }).waitFor();
  assert.equal(await page.evaluate(() => document.cookie), '', 'a script can read the session');
  browser.clean();
});

test('accounts come from pasted keys, and their keys are never shown', { skip }, async () => {
  await open('accounts/add');
  await page.getByLabel('Keys').fill('sk-ant-api03-pasted-key-number-one-0001\nsk-or-v1-pasted-key-number-two-0002\nwhose-key-is-this-anyway');
  await button('Add 3 keys').click();
  await page.getByText('2 accounts added.').waitFor();
  await page.getByText('Not added: 1').waitFor();
  await open('accounts');
  await page.getByRole('link', { name: 'openrouter-1' }).waitFor();
  await page.getByLabel('Search').fill('openrouter');
  await page.getByRole('link', { name: 'anthropic-1' }).waitFor({ state: 'detached' });
  await page.getByRole('link', { name: 'openrouter-1' }).click();
  await page.getByLabel('Name', { exact: true }).fill('The router');
  await page.getByLabel('Priority').fill('3');
  await button('Save').click();
  await page.getByRole('heading', { name: 'The router' }).waitFor();
  const account = await (await admin('GET', 'accounts/openrouter-1')).json();
  assert.deepEqual([account.label, account.priority], ['The router', 3]);
  assert.ok(!(await page.content()).includes('pasted-key-number'), 'a key is on the page');
  browser.clean();
});

test('an account is paused and resumed, cooled down until it is over, and deleted and brought back', { skip }, async () => {
  await open('accounts/openrouter-1');
  await button('Pause').click();
  await page.getByText('Paused by you: it is not asked.').waitFor();
  await button('Resume').click();
  await page.locator('.badge', { hasText: 'ready' }).waitFor();
  await button('Cool down…').click();
  await page.getByLabel('For how long').selectOption('3600');
  await button('Cool down').click();
  await page.getByRole('timer').getByText(/^59:\d\d$/).waitFor();
  await button('End cooldown').click();
  await button('Cool down…').click();
  await page.getByLabel('For how long').selectOption('5');
  await button('Cool down').click();
  await page.getByRole('timer').getByText(/^0:0[1-4]$/).waitFor();
  // The page finds out by itself that it is over.
  await page.getByRole('timer').waitFor({ state: 'detached' });
  await button('Delete').click();
  await page.getByText('The router is deleted.').waitFor();
  await page.getByRole('link', { name: 'The router' }).waitFor({ state: 'detached' });
  await button('Undo').click();
  await page.getByRole('link', { name: 'The router' }).waitFor();
  browser.clean();
});

test('a dropped credential file is shown before it is sent', { skip }, async (t) => {
  await open('accounts/add/files');
  const login = { claudeAiOauth: { accessToken: 'dropped-access-token', refreshToken: 'dropped-refresh-token', expiresAt: Date.now() + 3_600_000, scopes: [], subscriptionType: 'pro' } };
  const data = await page.evaluateHandle((text) => {
    const transfer = new DataTransfer();
    transfer.items.add(new File([text], '.credentials.json', { type: 'application/json' }));
    return transfer;
  }, JSON.stringify(login));
  await page.locator('.drop').dispatchEvent('drop', { dataTransfer: data });
  await page.getByText('1 accounts, 0 tokens, 0 routes').waitFor();
  assert.ok(!(await page.content()).includes('dropped-refresh-token'), 'a token is on the page');
  if ((await admin('POST', 'import?dry_run=1', { accounts: [] })).status === 404) return t.skip('this build has no import');
  await button('Try without storing').click();
  await page.getByText('is added').waitFor();
  await button('Import').click();
  await page.getByText('Imported.').waitFor();
  await open('accounts');
  await page.getByRole('link', { name: /claude/i }).first().waitFor();
  browser.clean();
});

test('a route is refused with its error, set right, explained, and undone', { skip }, async (t) => {
  if (!(await offers(t, 'config'))) return;
  await open('models/routes');
  await button('Add a route').click();
  await page.getByLabel('Name').fill('fast');
  await page.getByLabel('Model, or provider/model').fill('demo/echo');
  await page.getByLabel('Weight').fill('5000000000');
  await button('Save').click();
  await page.getByText('This cannot be stored.').waitFor();
  await page.getByLabel('Weight').fill('2');
  await button('Save').click();
  await page.locator('.row', { hasText: 'fast' }).getByText('demo/echo ×2').waitFor();
  browser.clean(/^422 PUT \/admin\/api\/config/);
  await page.locator('.row', { hasText: 'fast' }).getByRole('link', { name: 'Explain' }).click();
  await page.getByText('would answer').waitFor();
  await open('models/routes');
  await page.locator('label', { hasText: 'JSON' }).click();
  const editor = page.getByLabel('The whole configuration');
  const text = await editor.inputValue();
  await editor.fill(text.replace('"weight": 2', '"weight": "two"'));
  await button('Check').click();
  const problem = page.getByRole('alert').getByRole('button');
  await problem.waitFor();
  const line = text.split('\n').findIndex((one) => one.includes('"weight"')) + 1;
  assert.match(await problem.textContent(), new RegExp(`line ${line} `));
  await editor.fill(text.replace('"weight": 2', '"weight": 7'));
  await button('Save').click();
  await page.getByText('Saved.').waitFor();
  await button('Undo the last change').click();
  await page.getByText('As it was before.').waitFor();
  const { document } = await (await admin('GET', 'config')).json();
  assert.deepEqual(document.routes.fast.tiers, [[{ model: 'demo/echo', weight: 2 }]]);
  browser.clean();
});

test('a token is created, used, looked at, given another key, and refused', { skip }, async (t) => {
  if (!(await offers(t, 'tokens'))) return;
  await open('tokens');
  await button('Create a token').first().click();
  await page.getByLabel('Name').fill('Laptop');
  await page.getByLabel('Budget in dollars').fill('20');
  await button('Create').click();
  const key = await page.locator('.key').textContent();
  await button('Copy the key').click();
  assert.equal(await page.evaluate(() => navigator.clipboard.readText()), key);
  const { default: OpenAI } = await import('openai');
  const client = new OpenAI({ baseURL: `${sluice.url}/v1`, apiKey: key, maxRetries: 0 });
  const ask = () => client.chat.completions.create({ model: 'gpt-4.1', messages: [{ role: 'user', content: 'Hi' }] });
  assert.ok((await ask()).choices[0].message.content);
  await button('I have kept it').click();
  assert.ok(!(await page.content()).includes(key), 'the key is shown again');
  await page.getByRole('link', { name: 'Laptop' }).click();
  await page.getByText('/ $20.00 a month').waitFor();
  await button('New key…').click();
  await page.getByLabel('The key it has works for').selectOption('0');
  await button('Make a new key').click();
  await page.locator('.key').waitFor();
  await button('I have kept it').click();
  await assert.rejects(ask(), { status: 401 });
  await button('Disable').click();
  await page.locator('.badge', { hasText: 'disabled' }).waitFor();
  browser.clean();
});

test('every client gets settings with this host and its key', { skip }, async () => {
  await open('connect');
  await page.getByLabel('Key').fill('the-clients-own-key');
  for (const tile of await page.locator('.tile').all()) {
    await tile.click();
    const settings = await page.locator('section.card', { has: page.getByRole('heading', { name: await tile.textContent() }) }).innerText();
    assert.ok(settings.includes(sluice.url) && settings.includes('the-clients-own-key'), settings);
  }
  browser.clean();
});

test('the playground streams through every protocol, with the events beside the text', { skip }, async () => {
  await open('playground');
  await page.getByLabel('Key').fill(sluice.bindings.SLUICE_API_KEY);
  await page.getByLabel('Model').fill('demo/echo');
  await page.getByLabel('Prompt').fill('Grüße, 世界');
  for (const protocol of ['chat', 'responses', 'messages', 'gemini', 'ollama']) {
    await page.getByLabel('Protocol').selectOption(protocol);
    await button('Send').click();
    await page.getByText(/^all after/).waitFor();
    assert.match(await page.locator('.answer').textContent(), /Grüße, 世界/, protocol);
    assert.match(await page.locator('.play pre').nth(1).textContent(), /^(event: |data: |\{)/, protocol);
  }
  browser.clean();
});

test('requests appear as they happen, and one tells what it cost', { skip }, async (t) => {
  if (!(await offers(t, 'usage'))) return;
  await (await sluice.chat()).text();
  await open('requests');
  const row = page.getByRole('row').nth(1);
  await row.getByRole('link').waitFor();
  await row.getByRole('link').click();
  await page.getByRole('heading', { name: 'Who was tried' }).waitFor();
  await page.getByText('Fresh input').waitFor();
  browser.clean();
});

test('no page breaks its policy, has an accessibility fault, or scrolls sideways', { skip }, async (t) => {
  for (const [width, colorScheme, language] of [[1280, 'light', 'en'], [1280, 'dark', 'zh'], [360, 'light', 'zh'], [360, 'dark', 'en']]) {
    await page.setViewportSize({ width, height: 900 });
    await page.emulateMedia({ colorScheme, reducedMotion: 'reduce' });
    await page.evaluate((chosen) => localStorage.setItem('sluice.language', chosen), language);
    await page.goto(`${sluice.url}/healthz`);
    for (const path of PAGES) {
      await t.test(`${path}, ${width} px, ${colorScheme}, ${language}`, async () => {
        await open(path);
        await page.waitForLoadState('networkidle');
        await page.locator('.skeleton').first().waitFor({ state: 'detached' });
        assert.ok((await browser.overflow()) <= 0, 'it scrolls sideways');
        assert.deepEqual(await browser.audit(), []);
        browser.clean();
      });
    }
  }
  await page.evaluate(() => localStorage.setItem('sluice.language', 'en'));
});

test('the keyboard reaches the pages, and Escape leaves a dialog', { skip }, async () => {
  await page.setViewportSize({ width: 1280, height: 900 });
  await open('accounts/openrouter-1');
  await page.reload();
  await button('Cool down…').waitFor();
  await page.keyboard.press('Tab');
  await page.keyboard.press('Enter');
  assert.equal(await page.evaluate(() => document.activeElement.tagName), 'MAIN', 'the first stop skips the navigation');
  await button('Cool down…').focus();
  await page.keyboard.press('Enter');
  await page.getByRole('dialog').waitFor();
  await page.keyboard.press('Escape');
  await page.getByRole('dialog').waitFor({ state: 'detached' });
  browser.clean();
});

test('whoever signs out is out', { skip }, async () => {
  await open('overview');
  await button('Sign out').click();
  await page.getByLabel('Admin key').waitFor();
  assert.equal(await page.evaluate(async () => (await fetch('/admin/api/accounts')).status), 401);
  browser.clean(/^401 GET \/admin\/api\/accounts/);
});

test('all pages together weigh at most 150 KB', () => {
  const files = walk(join(root, 'public/console')).filter((path) => /\.(html|css|m?js|svg)$/.test(path));
  const weigh = (paths) => paths.reduce((sum, path) => sum + gzipSync(readFileSync(path), { level: 9 }).length, 0);
  // Comes only with a YAML file that somebody drops.
  const yaml = files.filter((path) => path.includes('/vendor/yaml/'));
  const all = weigh(files.filter((path) => !yaml.includes(path)));
  console.log(`console: ${Math.round(all / 1024)} KB, and ${Math.round(weigh(yaml) / 1024)} KB to read YAML`);
  assert.ok(all <= 150 * 1024);
});

test('everything is said in both languages', async () => {
  const said = new Set();
  for (const path of walk(join(root, 'console')).filter((name) => /\/(app|parts|views)/.test(name))) {
    for (const [, text] of readFileSync(path, 'utf8').matchAll(/\bt\(\s*'((?:[^'\\]|\\.)*)'/g)) said.add(text.replaceAll("\\'", "'"));
  }
  const { default: chinese } = await import('../console/strings/zh.mjs');
  assert.deepEqual([...said].filter((text) => !(text in chinese)), []);
  const holes = (text) => [...text.matchAll(/\{\w+\}/g)].map(([hole]) => hole).sort().join();
  assert.deepEqual(Object.entries(chinese).filter(([english, words]) => holes(english) !== holes(words)), []);
});

function walk(folder) {
  return readdirSync(folder, { withFileTypes: true }).flatMap((entry) =>
    entry.isDirectory() ? walk(join(folder, entry.name)) : [join(folder, entry.name)],
  );
}
