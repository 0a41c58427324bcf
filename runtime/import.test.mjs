// What other systems' files become, in Node, in workerd and through `scripts/import`.

import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { existsSync, mkdtempSync, readFileSync, readdirSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { createServer } from 'node:http';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test } from 'node:test';
import { fileURLToPath } from 'node:url';
import { Miniflare } from 'miniflare';
import { read } from '../console/import/import.mjs';
import * as preview from '../console/import/preview.mjs';
import { HOSTS } from '../console/import/providers.mjs';
import * as hosts from '../scripts/hosts.mjs';
import '../scripts/vendor.mjs';

const root = fileURLToPath(new URL('..', import.meta.url));
const fixtures = join(root, 'tests/fixtures/import');
/** One folder for each system; a new one needs no registration. */
const systems = readdirSync(fixtures).filter((name) => statSync(join(fixtures, name)).isDirectory());

const walk = (folder, prefix = '') =>
  readdirSync(folder)
    .sort()
    .flatMap((name) => {
      const path = join(folder, name);
      return statSync(path).isDirectory()
        ? walk(path, `${prefix}${name}/`)
        : [{ name: `${prefix}${name}`, text: readFileSync(path, 'utf8') }];
    });
const filesOf = (system) => walk(join(fixtures, system, 'files'));
const expected = (system) => JSON.parse(readFileSync(join(fixtures, system, 'bundle.json'), 'utf8'));

/** Every secret of the fixtures has this word, or is one of the two lists' keys that must look like nobody's. */
const CANARY = /canary|sk-[0-9a-f]{32}/;

for (const system of systems) {
  test(`${system}: the files become the bundle beside them`, async () => {
    const { bundle } = await read(filesOf(system));
    const path = join(fixtures, system, 'bundle.json');
    if (process.env.SLUICE_UPDATE === '1') writeFileSync(path, `${JSON.stringify(bundle, null, 2)}\n`);
    assert.deepEqual(JSON.parse(JSON.stringify(bundle)), expected(system));
  });

  test(`${system}: what may be shown of it holds no secret`, async () => {
    const { bundle, found } = await read(filesOf(system));
    const shown = JSON.stringify([bundle.notes, bundle.config, found, preview.accounts(bundle)]);
    assert.doesNotMatch(shown, CANARY);
    for (const secret of preview.secrets(bundle)) {
      if (secret.length >= 12) assert.ok(!shown.includes(secret), 'a secret is shown');
    }
  });
}

test('the order in which files come changes nothing but the order of what they become', async () => {
  const sorted = (bundle) =>
    Object.fromEntries(
      ['accounts', 'tokens', 'notes'].map((part) => [part, bundle[part].map((item) => JSON.stringify(item)).sort()]),
    );
  for (const system of systems) {
    const { bundle } = await read(filesOf(system).reverse());
    assert.deepEqual(sorted(bundle), sorted(expected(system)), system);
  }
});

test('a file that was spoiled is at worst a sentence, never an exception or a secret in one', async () => {
  const spoilers = [null, 7, '', 'text', [], {}, [null], { constructor: 1 }, true];
  let tried = 0;
  for (const system of systems) {
    const files = filesOf(system);
    for (const file of files.filter(({ name }) => name.endsWith('.json'))) {
      let value;
      try {
        value = JSON.parse(file.text);
      } catch {
        continue;
      }
      for (const path of places(value)) {
        // Not every spoiler at every place: it would take half a minute.
        tried += 1;
        const spoil = spoilers[tried % spoilers.length];
        const text = JSON.stringify(replaced(value, path, spoil));
        const { bundle } = await read(files.map((other) => (other === file ? { name: file.name, text } : other)));
        assert.doesNotMatch(JSON.stringify(bundle.notes), CANARY, `${system}/${file.name} ${path.join('.')}`);
      }
    }
  }
  assert.ok(tried > 700, `${tried} spoiled files`);
});

test('every provider that has a row is known by its address', () => {
  assert.ok(readFileSync(hosts.path, 'utf8') === hosts.document(), 'stale: node scripts/hosts.mjs writes it anew');
  const rows = hosts.rows();
  assert.ok(rows.length >= 23, `${rows.length} rows`);
  for (const [host, name] of rows) assert.equal(HOSTS.get(host)?.provider, name, host);
});

test('names out of the prototype are names like others', async () => {
  const text = JSON.stringify([
    {
      type: 1,
      key: 'sk-proj-canary-prototype',
      status: 1,
      models: '__proto__,constructor',
      model_mapping: '{"constructor":"gpt-4o","__proto__":"gpt-4o"}',
    },
  ]);
  const { bundle } = await read([{ name: 'channels.json', text }]);
  assert.deepEqual(Object.keys(bundle.config.routes), ['__proto__', 'constructor']);
  assert.equal({}.polluted, undefined);
});

test('no bundle has more than the API takes, and the rest is said', async () => {
  const models = Array.from({ length: 600 }, (_, at) => `model-${at}`);
  const channels = Array.from({ length: 25 }, (_, at) => ({
    type: 8,
    key: `sk-canary-many-${at}`,
    status: 1,
    name: `Relay ${at} ${'x'.repeat(120)}`,
    base_url: `https://relay-${at}.example.com`,
    models: models.join(),
    model_mapping: JSON.stringify(Object.fromEntries(models.map((model) => [model, `own/${model}`]))),
  }));
  const { bundle } = await read([{ name: 'channels.json', text: JSON.stringify(channels) }]);
  const routes = Object.values(bundle.config.routes);
  assert.deepEqual(
    [bundle.accounts.length, bundle.accounts[0].allow.length, bundle.accounts[0].label.length],
    [25, 500, 100],
  );
  assert.deepEqual([routes.length, routes[0].tiers.flat().length], [500, 20]);
  assert.ok(bundle.notes.includes('Only the first 500 routes are taken.'));
});

test('YAML that would grow without end is refused', async () => {
  const bomb = ['a0: &a0 [x, x, x, x, x, x, x, x, x]'];
  for (let level = 1; level < 12; level += 1) bomb.push(`a${level}: &a${level} [${Array(9).fill(`*a${level - 1}`)}]`);
  const { bundle } = await read([{ name: 'config.yaml', text: bomb.join('\n') }]);
  assert.deepEqual(bundle, { accounts: [], tokens: [], notes: ['config.yaml is neither JSON nor YAML.'] });
});

test('where there is no Node the same files become the same bundles', async (t) => {
  const modules = walk(join(root, 'console/import'))
    .map(({ name }) => `console/import/${name}`)
    .concat('console/vendor/yaml.mjs')
    .filter((name) => /\.m?js$/.test(name))
    .map((name) => ({ type: 'ESModule', path: join(root, name) }));
  const script = `import { read } from './console/import/import.mjs';
    export default { async fetch(request) { return Response.json((await read(await request.json())).bundle); } };`;
  const browser = new Miniflare({
    rootPath: root,
    modulesRoot: root,
    modules: [{ type: 'ESModule', path: join(root, 'browser.mjs'), contents: script }, ...modules],
    compatibilityDate: '2026-04-01',
  });
  t.after(() => browser.dispose());
  for (const system of systems) {
    const answer = await browser.dispatchFetch('http://browser/', {
      method: 'POST',
      body: JSON.stringify(filesOf(system)),
    });
    assert.deepEqual(await answer.json(), expected(system), system);
  }
});

/** Runs `scripts/import`. Nothing it says is ever a secret, whatever a test is about. */
async function run(args, env = {}, input = '') {
  const child = spawn(process.execPath, [join(root, 'scripts/import'), ...args], {
    env: { PATH: process.env.PATH, HOME: '/nonexistent', ...env },
    cwd: root,
  });
  let output = '';
  for (const stream of [child.stdout, child.stderr]) stream.setEncoding('utf8').on('data', (text) => (output += text));
  child.stdin.end(input);
  const status = await new Promise((resolve) => child.once('close', resolve));
  assert.doesNotMatch(output, CANARY);
  return { status, output };
}

/** The admin API's one address, which says back what it hears. */
async function stub(t, answer) {
  const heard = [];
  const server = createServer(async (request, response) => {
    let body = '';
    for await (const chunk of request) body += chunk;
    heard.push({ method: request.method, url: request.url, authorization: request.headers.authorization, body });
    const { status = 200, headers = {}, json } = answer(body, request);
    response.writeHead(status, { 'content-type': 'application/json', ...headers }).end(JSON.stringify(json));
  });
  await new Promise((resolve) => server.listen(0, '127.0.0.1', resolve));
  t.after(() => server.close());
  return { heard, url: `http://127.0.0.1:${server.address().port}` };
}

const taken = (body) => ({
  json: { accounts: JSON.parse(body).accounts.map(() => ({ action: 'add' })), tokens: [], config: null },
});

test('the script sends what a home directory has, once it was told to', async (t) => {
  const { heard, url } = await stub(t, taken);
  const env = { HOME: join(fixtures, 'home/files'), SLUICE_URL: url, SLUICE_ADMIN_KEY: 'canary-admin-key' };
  const refused = await run([], env, 'n\n');
  assert.deepEqual([refused.status, heard.length], [1, 0]);
  assert.match(refused.output, /codex +ada@example\.com +login +eyJ…ture/);
  const sent = await run([], env, 'y\n');
  assert.deepEqual([sent.status, heard.length], [0, 1]);
  assert.match(sent.output, /Accounts: 8 added\./);
  const [{ method, url: path, authorization, body }] = heard;
  assert.deepEqual([method, path, authorization], ['POST', '/admin/api/import', 'Bearer canary-admin-key']);
  const home = expected('home').accounts.filter(({ provider }) => provider !== 'vertex');
  const byProvider = (accounts) => Object.fromEntries(accounts.map((account) => [account.provider, account]));
  assert.deepEqual(byProvider(JSON.parse(body).accounts), byProvider(home));
});

test('the script sends every system’s files as they are read here', async (t) => {
  const { heard, url } = await stub(t, taken);
  for (const system of systems) {
    const folder = join(fixtures, system, 'files');
    const { output } = await run(['--yes', '--url', url, folder], { SLUICE_ADMIN_KEY: 'canary-admin-key' });
    assert.match(output, /added\.|Accounts: none/, system);
    const { accounts, tokens } = JSON.parse(heard.pop().body);
    assert.deepEqual(
      { accounts, tokens },
      { accounts: expected(system).accounts, tokens: expected(system).tokens },
      system,
    );
  }
});

test('many accounts are sent in parts, everything else once', async (t) => {
  const { heard, url } = await stub(t, taken);
  const keys = Array.from({ length: 95 }, (_, at) => `gsk_canary-number-${at}`).join('\n');
  const folder = mkdtempSync(join(tmpdir(), 'sluice-import-'));
  t.after(() => rmSync(folder, { recursive: true, force: true }));
  writeFileSync(join(folder, 'keys.txt'), keys);
  const { output } = await run(['--yes', '--url', url, folder], { SLUICE_ADMIN_KEY: 'canary-admin-key' });
  assert.match(output, /Accounts: 95 added\./);
  const sent = heard.map(({ body }) => JSON.parse(body));
  assert.deepEqual(
    sent.map(({ accounts }) => accounts.length),
    [40, 40, 15],
  );
  assert.deepEqual(
    sent.map(({ tokens }) => tokens !== undefined),
    [true, false, false],
  );
});

test('a dry run asks nobody anything', async () => {
  const { status, output } = await run(['--dry-run', join(fixtures, 'one-api/files')]);
  assert.equal(status, 0);
  assert.match(output, /ollama +Ollama +key +… +1 model, http:\/\/localhost:11434\/v1/);
  assert.match(output, /Nothing was sent\./);
});

test('what a server says is not trusted with a secret, nor with the terminal', async (t) => {
  const { url } = await stub(t, (body, request) => ({
    status: 422,
    json: { error: { message: `\u001b[2J${request.headers.authorization} ${body}` } },
  }));
  const args = ['--yes', '--url', url, join(fixtures, 'key-list/files')];
  const { status, output } = await run(args, { SLUICE_ADMIN_KEY: 'canary-admin-key' });
  assert.equal(status, 1);
  assert.match(output, /refused it with 422/);
  assert.doesNotMatch(output, /\u001b/);
});

test('credentials go nowhere they were not sent', async (t) => {
  const elsewhere = await stub(t, taken);
  const { heard, url } = await stub(t, () => ({ status: 307, headers: { location: `${elsewhere.url}/` }, json: {} }));
  const files = join(fixtures, 'env/files');
  const env = { SLUICE_ADMIN_KEY: 'canary-admin-key' };
  assert.match((await run(['--yes', '--url', url, files], env)).output, /could not be reached/);
  assert.deepEqual([heard.length, elsewhere.heard.length], [1, 0]);
  for (const address of [
    'http://sluice.example.com',
    'http://127.0.0.1.example.com',
    'ftp://localhost',
    'https://u:p@localhost',
    'x',
  ]) {
    const { status, output } = await run(['--yes', '--url', address, files], env);
    assert.deepEqual([status, output.split('\n').length], [1, 2], address);
  }
  const insecure = await run(['--yes', '--url', url, files], { ...env, NODE_TLS_REJECT_UNAUTHORIZED: '0' });
  assert.match(insecure.output, /unset it first/);
  assert.deepEqual(heard.length, 1);
});

/** Paths of all values in `value`. */
function places(value, path = []) {
  if (typeof value !== 'object' || value === null) return [path];
  return [path, ...Object.keys(value).flatMap((key) => places(value[key], [...path, key]))];
}

/** `value` with another one at `path`. */
function replaced(value, [key, ...rest], other) {
  if (key === undefined) return other;
  const copy = Array.isArray(value) ? [...value] : { ...value };
  copy[key] = replaced(value[key], rest, other);
  return copy;
}

test('every fixture has what it becomes beside it', () => {
  assert.ok(systems.length >= 11);
  for (const system of systems) assert.ok(existsSync(join(fixtures, system, 'bundle.json')), system);
});
