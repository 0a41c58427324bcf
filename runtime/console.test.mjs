// The console in a browser, over the built Worker: the door, the keyboard, and how every page looks.

import assert from 'node:assert/strict';
import { readFileSync, readdirSync } from 'node:fs';
import { join } from 'node:path';
import { before, test } from 'node:test';
import { fileURLToPath } from 'node:url';
import { gzipSync } from 'node:zlib';
import { Browser } from './browser.mjs';
import { MASTER, skip } from './console.mjs';
import { ADMIN_KEY, Sluice } from './harness.mjs';

const PAGES = ['overview', 'accounts', 'accounts/openai-1', 'accounts/add', 'accounts/add/login', 'accounts/add/files', 'accounts/add/server', 'models', 'models/routes', 'models/explain', 'tokens', 'requests', 'requests/captures', 'requests/live', 'connect', 'playground', 'settings', 'settings/filters', 'settings/prices', 'settings/storage', 'settings/backup', 'settings/audit', 'settings/about'];

const root = fileURLToPath(new URL('..', import.meta.url));

let sluice;
let browser;
let page;
before(async (t) => {
  if (skip) return;
  sluice = await Sluice.start(t, { SLUICE_MASTER_KEY: MASTER, SLUICE_DEMO: '1' });
  browser = await Browser.start(t);
  page = browser.page;
});

const open = async (path) => {
  await page.goto(`${sluice.url}/console/#/${path}`);
  await page.getByRole('heading', { level: 1 }).waitFor();
};
const button = (name, options) => page.getByRole('button', { name, exact: true, ...options });

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
  await page.getByLabel('Admin key').fill(ADMIN_KEY);
  await button('Sign in').click();
  await page.getByRole('heading', { name: 'Overview' }).waitFor();
  assert.equal(await page.evaluate(() => document.cookie), '', 'a script can read the session');
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
        // A tail is never idle.
        if (path !== 'requests/live') await page.waitForLoadState('networkidle');
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
  await open('accounts/openai-1');
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

test('everything that the console can ever load weighs at most 150 KB', () => {
  const files = walk(join(root, 'public/console')).filter((path) => /\.(html|css|m?js|svg)$/.test(path));
  const weigh = (paths) => paths.reduce((sum, path) => sum + gzipSync(readFileSync(path), { level: 9 }).length, 0);
  // These come only with a file that somebody drops, and YAML only with one of that kind: they count all the same.
  const yaml = files.filter((path) => path.endsWith('/vendor/yaml.mjs'));
  const readers = files.filter((path) => path.includes('/console/import/'));
  assert.ok(yaml.length === 1 && readers.length > 10);
  const kilobytes = (bytes) => `${(bytes / 1024).toFixed(1)} KB`;
  const [all, rare, library] = [files, readers, yaml].map(weigh);
  console.log(`console: ${kilobytes(all)} in all, of which ${kilobytes(rare)} read the files of others and ${kilobytes(library)} read YAML`);
  assert.ok(all <= 150 * 1024);
});

test('everything is said in both languages', async () => {
  const said = new Set();
  for (const path of walk(join(root, 'console')).filter((name) => /\/(app|parts|views)/.test(name))) {
    for (const [, text] of readFileSync(path, 'utf8').matchAll(/\bt\(\s*'((?:[^'\\]|\\.)*)'/g)) said.add(text.replaceAll("\\'", "'"));
  }
  const table = readFileSync(join(root, 'src/oauth/table.rs'), 'utf8');
  const notes = [...table.matchAll(/\bnote: "([^"]+)"/g)].map(([, note]) => note.replace(/\\\n\s*/g, ''));
  assert.ok(notes.length >= 5);
  for (const note of notes) said.add(note);
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
