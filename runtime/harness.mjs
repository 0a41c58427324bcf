// The built Worker in workerd, with a provider on loopback and state in a folder of its own.

import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import { mkdtempSync, readFileSync, readdirSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { Miniflare } from 'miniflare';
import { migrate } from '../scripts/migrate.mjs';
import { options } from '../scripts/worker.mjs';
import { Provider, behave } from './provider.mjs';

export { behave };

export const KEY = 'sk-client-key-of-the-tests';
export const ADMIN_KEY = 'admin-key-of-the-tests';

/** Two accounts at each provider: `a` and `b`. */
const KEYS = {
  OPENAI_API_KEY: 'openai-key-a,openai-key-b',
  ANTHROPIC_API_KEY: 'anthropic-key-a,anthropic-key-b',
  GEMINI_API_KEY: 'gemini-key-a,gemini-key-b',
};

export class Sluice {
  /**
   * `t` is the test that everything ends with; `bindings` may be made of the provider's address; `more` is Miniflare's,
   * and `others` in it are Workers beside ours;
   * `state` may name a folder that has some, and leave the database to the Worker.
   */
  static async start(t, bindings = {}, more = {}, state = {}) {
    const sluice = new Sluice();
    sluice.more = more;
    sluice.migrated = state.migrated ?? true;
    sluice.provider = await Provider.start();
    sluice.persist = state.persist ?? mkdtempSync(join(tmpdir(), 'sluice-'));
    const { url } = sluice.provider;
    sluice.bindings = {
      SLUICE_API_KEY: KEY,
      SLUICE_ADMIN_KEY: ADMIN_KEY,
      SLUICE_MASTER_KEY: 'a master key of the tests',
      SLUICE_PRIVATE_ADDRESSES: '1',
      ...KEYS,
      OPENAI_BASE_URL: `${url}/v1`,
      ANTHROPIC_BASE_URL: `${url}/v1`,
      GEMINI_BASE_URL: `${url}/v1beta`,
      ...(typeof bindings === 'function' ? bindings(url) : bindings),
    };
    for (const key of Object.values(KEYS).join().split(',')) sluice.provider.script(key, behave.answer());
    t.after(async () => {
      await sluice.worker?.dispose();
      await sluice.provider.stop();
      rmSync(sluice.persist, { recursive: true, force: true });
      if (!sluice.panics) assert.doesNotMatch(sluice.log, /panic|Critical|Uncaught|Illegal invocation|hung|deadlock/i);
    });
    await sluice.#boot();
    return sluice;
  }

  async #boot() {
    const { persist, bindings } = this;
    this.log = '';
    const collect = (stream) => stream.setEncoding('utf8').on('data', (text) => (this.log += text));
    const handleRuntimeStdio = (out, error) => [out, error].forEach(collect);
    const { others, ...more } = this.more;
    const own = options({ persist, bindings, host: '127.0.0.1', port: 0, handleRuntimeStdio, ...more });
    this.worker = new Miniflare(others === undefined ? own : { ...own, workers: [own, ...others] });
    this.url = String(await this.worker.ready).replace(/\/$/, '');
    // Where the database is another's, the Worker makes its tables by itself.
    if (this.migrated && others === undefined) await migrate(await this.worker.getD1Database('DB'));
  }

  /** A new process with the old state, or what `between` has made of it. */
  async restart(between = () => {}) {
    await this.worker.dispose();
    await between();
    await this.#boot();
  }

  /** The process dies as a machine does: at once, with nothing said or written. */
  async crash() {
    const children = execFileSync('ps', ['-A', '-o', 'pid=,ppid=,comm='], { encoding: 'utf8' }).trim().split('\n');
    const own = children.map((line) => line.trim().split(/\s+/)).filter(([, parent]) => Number(parent) === process.pid);
    const runtimes = own.filter(([, , name]) => name.includes('workerd'));
    assert.equal(runtimes.length, 1, 'one runtime');
    process.kill(Number(runtimes[0][0]), 'SIGKILL');
    await this.restart();
  }

  /** Everything the object has stored, as it lies on the disk. */
  disk() {
    const files = readdirSync(`${this.persist}/do`, { recursive: true, withFileTypes: true });
    const read = (file) => readFileSync(join(file.parentPath ?? file.path, file.name), 'latin1');
    return files.filter((file) => file.isFile()).map(read).join('\n');
  }

  /** A request as a client sends it. */
  fetch(path, { body, headers, ...rest } = {}) {
    return fetch(this.url + path, {
      method: body === undefined ? 'GET' : 'POST',
      headers: { authorization: `Bearer ${KEY}`, 'content-type': 'application/json', ...headers },
      body: typeof body === 'object' && !(body instanceof Uint8Array) ? JSON.stringify(body) : body,
      ...rest,
    });
  }

  /** A request of a script to the operator's API: status and answer. */
  async admin(line, body) {
    const [method, path] = line.split(' ');
    const response = await fetch(`${this.url}/admin/api/${path}`, {
      method,
      headers: { authorization: `Bearer ${ADMIN_KEY}`, 'content-type': 'application/json' },
      body: body === undefined ? undefined : JSON.stringify(body),
    });
    const text = await response.text();
    return { status: response.status, headers: response.headers, body: text === '' ? null : JSON.parse(text) };
  }

  chat(more = {}, rest = {}) {
    const body = { model: 'gpt-4.1', messages: [{ role: 'user', content: 'Hi' }], ...more };
    return this.fetch('/v1/chat/completions', { body, ...rest });
  }
}

/** The `data` of each event of a stream. */
export function events(text) {
  return text
    .split(/\r?\n\r?\n/)
    .map((event) => event.match(/^data: (.*)$/m)?.[1])
    .filter((data) => data !== undefined);
}

/** Polls until `claim` holds. */
export async function until(claim, ms = 5000) {
  const end = Date.now() + ms;
  while (!(await claim())) {
    if (Date.now() > end) throw new Error(`not within ${ms} ms: ${claim}`);
    await new Promise((resolve) => setTimeout(resolve, 20));
  }
}
