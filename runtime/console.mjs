// The console open in a browser over the built Worker, as an operator has it in front of them.

import { before } from 'node:test';
import { Browser, program } from './browser.mjs';
import { ADMIN_KEY, Sluice } from './harness.mjs';
import '../scripts/site.mjs';

export const skip = program === undefined && 'Chromium is missing (Debian: apt install chromium)';
if (skip) console.log(`skipped: ${skip}`);

export const MASTER = Buffer.alloc(32, 7).toString('base64');

export class Console {
  /** Fills itself before the tests of the file. `start` makes the world: at least `{ sluice }`. */
  constructor(start = async (t) => ({ sluice: await Sluice.start(t, { SLUICE_MASTER_KEY: MASTER, SLUICE_DEMO: '1' }) })) {
    before(async (t) => {
      if (skip) return;
      Object.assign(this, await start(t));
      this.browser = await Browser.start(t);
      this.page = this.browser.page;
      await this.browser.enter(this.sluice.url, ADMIN_KEY);
    });
  }

  async open(path) {
    const address = `${this.sluice.url}/console/#/${path}`;
    // The same address again would not be another page.
    if (this.page.url() === address) await this.page.reload();
    else await this.page.goto(address);
    await this.page.getByRole('heading', { level: 1 }).waitFor();
  }

  button(name, options) {
    return this.page.getByRole('button', { name, exact: true, ...options });
  }

  /** The one row of a list that says `text`. */
  row(text) {
    return this.page.locator('.row, tbody tr', { hasText: text });
  }

  card(title) {
    return this.page.locator('section.card', { has: this.page.getByRole('heading', { name: title, exact: true }) });
  }

  /** The newest of the messages at the bottom that says `text`. */
  message(text) {
    return this.page.locator('.message', { hasText: text }).last();
  }

  /** A file dropped on the page, as from the desktop. */
  async drop(name, text, type = 'application/json') {
    const data = await this.page.evaluateHandle(
      ([file, words, kind]) => {
        const transfer = new DataTransfer();
        transfer.items.add(new File([words], file, { type: kind }));
        return transfer;
      },
      [name, text, type],
    );
    await this.page.locator('.drop').dispatchEvent('drop', { dataTransfer: data });
  }

  /** What the page asked its API for since, as `GET accounts`. */
  asked() {
    const lines = [];
    const listen = (request) => {
      const { pathname, search } = new URL(request.url());
      if (pathname.startsWith('/admin/api/')) lines.push(`${request.method()} ${pathname.slice(11)}${search}`);
    };
    this.page.on('request', listen);
    return { lines, stop: () => this.page.off('request', listen) };
  }

  clean(...expected) {
    this.browser.clean(...expected);
  }
}
