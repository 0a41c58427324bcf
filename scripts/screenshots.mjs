// Pictures of the console over the built Worker, with the emulated provider behind it and a few days' worth of use.

import { mkdirSync } from 'node:fs';
import { join } from 'node:path';
import { Browser, program } from '../runtime/browser.mjs';
import { Sluice, behave } from '../runtime/harness.mjs';

const PAGES = ['overview', 'accounts', 'accounts/anthropic-2', 'accounts/add', 'accounts/add/login', 'accounts/add/files', 'accounts/add/server', 'models', 'models/routes', 'models/explain?model=fast', 'tokens', 'requests', 'requests/captures', 'requests/live', 'connect', 'playground', 'settings', 'settings/filters', 'settings/prices', 'settings/storage', 'settings/backup', 'settings/audit', 'settings/about'];
const ADMIN = 'admin-key-of-the-pictures';

const [folder, only] = process.argv.slice(2);
if (program === undefined) {
  console.error('Chromium is missing (Debian, Ubuntu: apt install chromium).');
  process.exit(1);
}
mkdirSync(folder, { recursive: true });

// What a test would end, the script ends.
const ends = [];
const t = { after: (end) => ends.unshift(end) };
try {
  const sluice = await Sluice.start(t, { SLUICE_ADMIN_KEY: ADMIN, SLUICE_DEMO: '1' });
  await furnish(sluice);
  const browser = await Browser.start(t);
  await enter(browser.page, sluice.url);
  for (const width of [1280, 360]) {
    for (const theme of ['light', 'dark']) {
      for (const language of ['en', 'zh']) {
        if (only === undefined || only === `${width}.${theme}.${language}`) await picture(browser.page, sluice.url, { width, theme, language });
      }
    }
  }
  await cover(browser.page, sluice.url);
} finally {
  for (const end of ends) await end();
}
process.exit(0);

async function enter(page, url) {
  await page.goto(`${url}/console`);
  await page.locator('input[type=password]').fill(ADMIN);
  await page.locator('button[type=submit]').click();
  await page.locator('nav').waitFor();
}

async function dress(page, url, { width, theme, language, height = 900 }) {
  await page.setViewportSize({ width, height });
  await page.emulateMedia({ colorScheme: theme, reducedMotion: 'reduce' });
  await page.evaluate((chosen) => localStorage.setItem('sluice.language', chosen), language);
  await page.goto(`${url}/healthz`);
}

async function picture(page, url, look) {
  await dress(page, url, look);
  for (const path of PAGES) {
    await show(page, url, path);
    const name = path.replace(/\?.*/, '').replaceAll('/', '-');
    await page.screenshot({ path: join(folder, `${name}.${look.width}.${look.theme}.${look.language}.png`), fullPage: true });
  }
  console.log(`${PAGES.length} pictures, ${look.width} px, ${look.theme}, ${look.language}`);
}

async function show(page, url, path) {
  await page.goto(`${url}/console/#/${path}`);
  await page.locator('h1').waitFor();
  // A tail is never idle.
  if (path !== 'requests/live') await page.waitForLoadState('networkidle');
  await page.waitForTimeout(150);
}

/** The one in the README. */
async function cover(page, url) {
  await dress(page, url, { width: 1120, height: 700, theme: 'light', language: 'en' });
  await show(page, url, 'accounts');
  await page.screenshot({ path: join(folder, 'console.png') });
}

/** Accounts in every state, clients with budgets, a route, and calls that went well and did not. */
async function furnish(sluice) {
  const admin = async (method, path, body) => {
    const response = await sluice.fetch(`/admin/api/${path}`, { method, body, headers: { authorization: `Bearer ${ADMIN}` } });
    return response.ok ? response.json().catch(() => undefined) : undefined;
  };
  const add = (provider, label, more = {}) =>
    admin('POST', 'accounts', { provider, label, credential: { api_key: `key-of-the-pictures-${provider}-${label}` }, ...more });
  await add('anthropic', 'Work', { priority: 0, weight: 2 });
  await add('anthropic', 'Home', { priority: 1, group: 'home' });
  await add('google', 'Free tier', { weight: 3 });
  await add('openrouter', 'Overflow', { priority: 5, cap: 4 });
  await add('deepseek', 'Night shift');
  await add('groq', 'Fast lane', { enabled: false });
  await admin('PUT', 'config', {
    revision: 0,
    document: { routes: { fast: { tiers: [['google/gemini-2.5-flash', { model: 'demo/echo', weight: 2 }], ['openai/gpt-4.1']] }, smart: { tiers: [['claude-sonnet-4-5'], ['gpt-4.1']] } } },
  });
  const made = [];
  for (const [name, budget] of [['Laptop', { micro: 20_000_000, window: 'month' }], ['CI', { micro: 200, window: 'day' }], ['Phone', undefined]]) {
    made.push(await admin('POST', 'tokens', { name, ...(budget ? { budget } : {}) }));
  }
  const keys = made.map((one) => one?.key ?? sluice.bindings.SLUICE_API_KEY);
  sluice.provider.script('openai-key-b', behave.refuse(429, { 'retry-after': '200' }, 'slow down'), behave.answer());
  const kept = await admin('POST', 'tokens', { name: 'Data set', capture: true });
  for (const content of ['What is a sluice?', 'And what is a weir?']) {
    const headers = { authorization: `Bearer ${kept?.key}` };
    await (await sluice.chat({ model: 'demo/echo', messages: [{ role: 'user', content }] }, { headers })).text();
  }
  for (let call = 0; call < 36; call += 1) {
    const model = ['gpt-4.1', 'claude-sonnet-4-5', 'gemini-2.5-flash', 'demo/echo'][call % 4];
    const headers = { authorization: `Bearer ${keys[call % keys.length]}` };
    await (await sluice.chat({ model, stream: call % 3 === 0 }, { headers })).text();
  }
  await admin('POST', 'accounts/anthropic-2/cool', { seconds: 4000, model: 'claude-opus-4-5' });
  await admin('POST', 'accounts/anthropic-3/cool', { seconds: 200 });
  await admin('POST', 'accounts/openrouter-1/cool', { seconds: 260 });
}
