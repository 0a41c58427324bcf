// The console before 10,000 accounts and 1,000,000 calls: what each view asks for, how many rows of the database that
// reads, and how many nodes the page has. `node scripts/scale.mjs [calls] [accounts]`, after `scripts/build`.

import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { Miniflare } from 'miniflare';
import { Browser } from '../runtime/browser.mjs';
import { migrate } from './migrate.mjs';
import { options } from './worker.mjs';

const [CALLS, ACCOUNTS] = [process.argv[2] ?? 1_000_000, process.argv[3] ?? 10_000].map(Number);
const ADMIN = 'admin-key-of-the-crowd';
const STEP = 20_000;
const MONTH = 30 * 86_400_000;

/** The Worker as it is built, which also says how many rows each batch of statements has read. */
function instrumented(path) {
  const text = readFileSync(path, 'utf8');
  const told = text.replace(
    /(\w+)\.map\(\(\{ *results: ?\w+, *meta: ?\w+/,
    (whole, done) => `(console.log('rows read ' + ${done}.reduce((sum, one) => sum + (one.meta.rows_read ?? 0), 0)), ${whole.replace(done, `${done})`)}`,
  );
  if (told === text) throw new Error('src/shell/platform.js asks the database in another way than this script knows');
  return told;
}

const ends = [];
const t = { after: (end) => ends.unshift(end) };
try {
  const persist = mkdtempSync(join(tmpdir(), 'sluice-scale-'));
  t.after(() => rmSync(persist, { recursive: true, force: true }));
  let log = '';
  const keys = Array.from({ length: ACCOUNTS }, (_, at) => `key-${at}`).join();
  const bindings = { SLUICE_ADMIN_KEY: ADMIN, SLUICE_MASTER_KEY: 'a master key of the crowd', SLUICE_API_KEY: 'k', OPENAI_API_KEY: keys };
  const handleRuntimeStdio = (...streams) => streams.forEach((stream) => stream.setEncoding('utf8').on('data', (text) => (log += text)));
  const settings = options({ persist, bindings, host: '127.0.0.1', port: 0, handleRuntimeStdio });
  const index = fileURLToPath(new URL('../build/index.js', import.meta.url));
  settings.modules[0] = { type: 'ESModule', path: index, contents: instrumented(index) };
  const worker = new Miniflare(settings);
  t.after(() => worker.dispose());
  const url = String(await worker.ready).replace(/\/$/, '');
  const db = await worker.getD1Database('DB');
  await migrate(db);
  await seed(db);

  const read = () => [...log.matchAll(/rows read (\d+)/g)].reduce((sum, [, count]) => sum + Number(count), 0);
  const ask = async (path) => {
    const [before, began] = [read(), performance.now()];
    const response = await fetch(`${url}/admin/api/${path}`, { headers: { authorization: `Bearer ${ADMIN}` } });
    const body = await response.json();
    const ms = performance.now() - began;
    await new Promise((resolve) => setTimeout(resolve, 100));
    console.log(`${String(read() - before).padStart(9)} rows  ${ms.toFixed(0).padStart(6)} ms  ${response.status}  ${path}  (${body.items?.length ?? '–'} items)`);
    return body;
  };
  console.log('\nWhat views ask for:');
  const first = await ask('usage?limit=50');
  await ask(`usage?limit=50&after=${first.next}`);
  await ask('usage?limit=50&token=tok_7');
  await ask('usage?limit=50&account=openai-77');
  await ask('usage?limit=50&model=model-3');
  await ask('usage?limit=50&model=nobody-asked');
  await ask('usage?limit=50&status=error');
  await ask('usage?limit=50&token=tok_7&status=error&model=model-3');
  await ask(`usage/${first.items[0].id}`);
  for (const days of [1, 7, 30]) await ask(`overview?days=${days}`);
  await ask('accounts?limit=50');
  await ask('accounts?limit=50&q=openai-99');
  await ask('models');

  const browser = await Browser.start(t);
  await browser.enter(url, ADMIN);
  const { page } = browser;
  console.log('\nWhat pages are:');
  for (const path of ['overview', 'accounts', 'requests', 'models', 'tokens', 'settings/prices', 'settings/audit']) {
    const [before, began] = [read(), performance.now()];
    await page.goto('about:blank');
    await page.goto(`${url}/console/#/${path}`);
    await page.getByRole('heading', { level: 1 }).waitFor();
    await page.locator('.skeleton').first().waitFor({ state: 'detached', timeout: 120_000 });
    const ms = performance.now() - began;
    await page.waitForLoadState('networkidle');
    console.log(`${String(await nodes(page)).padStart(9)} nodes ${ms.toFixed(0).padStart(6)} ms  ${read() - before} rows  ${path}`);
  }
  for (const path of ['accounts', 'requests']) {
    await page.goto(`${url}/console/#/${path}`);
    for (let more = 0; more < 3; more += 1) {
      await page.getByRole('button', { name: 'Show more' }).click();
      await page.locator('.row, tbody tr').nth(50 * (more + 2) - 1).waitFor();
    }
    console.log(`${String(await nodes(page)).padStart(9)} nodes            with the most that a list holds  ${path}`);
  }
} finally {
  for (const end of ends) await end();
}
process.exit(0);

function nodes(page) {
  return page.evaluate(() => document.querySelectorAll('*').length);
}

/** Calls of a month, by 50 tokens, 20 models and all accounts, one in fifty failed. */
async function seed(db) {
  const began = performance.now();
  const from = Date.now() - MONTH;
  for (let at = 0; at < CALLS; at += STEP) {
    await db
      .prepare(
        `WITH RECURSIVE n(i) AS (SELECT CAST(?1 AS INTEGER) UNION ALL SELECT i + 1 FROM n WHERE i + 1 < ?1 + ?2)
         INSERT INTO usage (id, at, request, token, model, served, provider, account, protocol, operation, stream, status, ended, attempts,
           first_ms, total_ms, input, cache_read, cache_write, cache_write_long, output, reasoning, cost, saved, basis, estimated)
         SELECT CAST(?3 + i * ?4 AS INTEGER) * 1024 + i % 1024, CAST(?3 + i * ?4 AS INTEGER), 'r' || i, 'tok_' || (i % 50), 'model-' || (i % 20), 'model-' || (i % 20), 'openai',
           'openai-' || (1 + i * 7919 % CAST(?5 AS INTEGER)), 'chat', 'generate', 1, CASE WHEN i % 50 = 0 THEN 500 ELSE 200 END, 'answered', '[]',
           300 + i % 900, 2000, 1000, 500, 0, 0, 200, 0, 1234, 0, 'listed', 0 FROM n`,
      )
      .bind(at, Math.min(STEP, CALLS - at), from, MONTH / CALLS, ACCOUNTS)
      .run();
  }
  const { results } = await db.prepare('SELECT count(*) AS calls, (SELECT count(*) FROM daily) AS sums FROM usage').all();
  console.log(`${results[0].calls} calls and ${results[0].sums} sums of days in ${((performance.now() - began) / 1000).toFixed(0)} s, ${ACCOUNTS} accounts`);
}
