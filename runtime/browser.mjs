// Chromium without a screen, and what a page did wrong in it.

import assert from 'node:assert/strict';
import { existsSync, mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { createRequire } from 'node:module';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { chromium } from 'playwright-core';

const FLAGS = [
  '--no-sandbox',
  '--disable-gpu',
  '--disable-quic',
  '--no-first-run',
  '--disable-background-networking',
  '--disable-component-update',
  '--disable-sync',
];
const PLACES = ['/usr/bin/chromium', '/usr/bin/chromium-browser', '/usr/bin/google-chrome', '/Applications/Google Chrome.app/Contents/MacOS/Google Chrome'];

/** The program, or `undefined`. CHROMIUM names another. */
export const program = [process.env.CHROMIUM, ...PLACES].find((path) => path && existsSync(path));

const axe = readFileSync(createRequire(import.meta.url).resolve('axe-core/axe.min.js'), 'utf8');

export class Browser {
  /** What the pages said that they should not have: errors, violations of their policy, failed requests. */
  faults = [];
  /** Faults that every test brings about. */
  expected = [];

  static async start(t, options = {}) {
    const browser = new Browser();
    const folder = mkdtempSync(join(tmpdir(), 'sluice-chromium-'));
    const settings = { executablePath: program, headless: true, args: FLAGS, viewport: { width: 1280, height: 900 }, locale: 'en-GB', permissions: ['clipboard-read', 'clipboard-write'], ...options };
    browser.context = await chromium.launchPersistentContext(folder, settings);
    browser.page = await browser.context.newPage();
    browser.page.setDefaultTimeout(10_000);
    browser.#watch();
    t.after(async () => {
      await browser.context.close();
      rmSync(folder, { recursive: true, force: true });
    });
    return browser;
  }

  #watch() {
    const { page, faults } = this;
    page.on('pageerror', (error) => faults.push(`error: ${error.message}`));
    page.on('console', (message) => {
      // What a request answered is looked at below, where its address is known.
      if (message.type() === 'error' && !/^Failed to load resource/.test(message.text())) faults.push(`console: ${message.text()}`);
    });
    page.on('response', (response) => {
      const { pathname } = new URL(response.url());
      if (response.status() >= 400) faults.push(`${response.status()} ${response.request().method()} ${pathname}`);
    });
  }

  /** Through the door. */
  async enter(url, key) {
    await this.page.goto(`${url}/console`);
    await this.page.getByLabel('Admin key').fill(key);
    await this.page.getByRole('button', { name: 'Sign in' }).click();
    await this.page.getByRole('navigation', { name: 'Pages' }).waitFor();
  }

  /** All faults since the last call, without those that a test brings about. */
  taken(...expected) {
    return this.faults.splice(0).filter((fault) => ![...this.expected, ...expected].some((pattern) => pattern.test(fault)));
  }

  clean(...expected) {
    assert.deepEqual(this.taken(...expected), []);
  }

  /** What axe finds serious or worse. */
  async audit() {
    await this.page.evaluate(axe);
    const { violations } = await this.page.evaluate(() => globalThis.axe.run(document, { resultTypes: ['violations'] }));
    return violations.map(({ id, impact, nodes }) => `${impact} ${id}: ${nodes.map(({ html }) => html.slice(0, 120)).join(' | ')}`);
  }

  /** How far the page can be scrolled sideways. */
  overflow() {
    return this.page.evaluate(() => document.documentElement.scrollWidth - document.documentElement.clientWidth);
  }
}
