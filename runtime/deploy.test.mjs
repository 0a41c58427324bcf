// What `scripts/deploy` and a bare `wrangler deploy` do to an account of Cloudflare's: a stand-in on loopback.

import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { existsSync, mkdtempSync, readFileSync, rmSync, statSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test } from 'node:test';
import { fileURLToPath } from 'node:url';
import { Cloudflare } from './cloudflare.mjs';

const root = fileURLToPath(new URL('..', import.meta.url));
const config = () => readFileSync(join(root, 'wrangler.toml'), 'utf8');
const NAMES = ['SLUICE_ADMIN_KEY', 'SLUICE_API_KEY', 'SLUICE_MASTER_KEY'];

/** An empty account, a folder for keys, and no other of the machine's. */
async function account(t) {
  const cloudflare = await Cloudflare.start();
  const folder = mkdtempSync(join(tmpdir(), 'sluice-deploy-'));
  t.after(async () => {
    await cloudflare.stop();
    rmSync(folder, { recursive: true, force: true });
    assert.deepEqual(cloudflare.unknown, []);
  });
  return { cloudflare, keys: join(folder, 'keys') };
}

async function run(program, args, env, input = '') {
  const child = spawn(process.execPath, [join(root, program), ...args], {
    // Whatever was built last is what is deployed.
    env: { ...process.env, SLUICE_BUILD: readFileSync(join(root, 'build/.stamp'), 'utf8'), CI: '1', ...env },
    cwd: root,
  });
  let output = '';
  for (const stream of [child.stdout, child.stderr]) stream.setEncoding('utf8').on('data', (text) => (output += text));
  child.stdin.end(input);
  const status = await new Promise((resolve) => child.once('close', resolve));
  return { status, output };
}

const deploy = (args, env) => run('scripts/deploy.mjs', args, env);
const written = (path) =>
  Object.fromEntries(
    readFileSync(path, 'utf8')
      .trim()
      .split('\n')
      .map((line) => line.split(/=(.*)/s).slice(0, 2)),
  );

test('the life of a deployment', async (t) => {
  const { cloudflare, keys } = await account(t);
  const before = config();
  const first = {};

  await t.test('an empty account gets a store, a database, the program and three keys', async () => {
    const { status, output } = await deploy(['--keys-file', keys], cloudflare.env);
    assert.equal(status, 0, output);
    assert.deepEqual([cloudflare.namespaces.length, cloudflare.databases.map(({ name }) => name)], [1, ['sluice']]);
    const { bindings, migrations } = cloudflare.script.metadata;
    assert.deepEqual(
      bindings.map(({ name, namespace_id, id, class_name }) => [name, namespace_id ?? id ?? class_name]).sort(),
      [
        ['DB', cloudflare.databases[0].uuid],
        ['KV', cloudflare.namespaces[0].id],
        ['POOL', 'Pool'],
      ],
    );
    assert.ok(cloudflare.assets['/console/index.html'], 'the console is not there');
    assert.deepEqual(migrations.steps, [{ new_sqlite_classes: ['Pool'] }]);
    assert.deepEqual([...cloudflare.secrets.keys()].sort(), NAMES);
    assert.deepEqual(written(keys), Object.fromEntries(cloudflare.secrets));
    assert.equal(statSync(keys).mode & 0o777, 0o600);
    for (const secret of cloudflare.secrets.values()) assert.ok(!output.includes(secret), 'a key is in the log');
    assert.match(output, /Sluice is at https:\/\/sluice\.tests\.workers\.dev\./);
    Object.assign(first, { secrets: Object.fromEntries(cloudflare.secrets), bindings });
  });

  await t.test('the keys are long and of their kinds', () => {
    assert.match(first.secrets.SLUICE_API_KEY, /^sk-sluice-[0-9a-f]{48}$/);
    assert.match(first.secrets.SLUICE_ADMIN_KEY, /^admin-[0-9a-f]{48}$/);
    assert.equal(Buffer.from(first.secrets.SLUICE_MASTER_KEY, 'base64').length, 32);
  });

  await t.test('the second time replaces the program and nothing else', async () => {
    const { status, output } = await deploy(['--keys-file', `${keys}-2`], cloudflare.env);
    assert.equal(status, 0, output);
    assert.equal(cloudflare.uploads, 2);
    assert.deepEqual([cloudflare.namespaces.length, cloudflare.databases.length], [1, 1]);
    const byName = (bindings) => Object.fromEntries(bindings.map((binding) => [binding.name, binding]));
    assert.deepEqual(byName(cloudflare.script.metadata.bindings), byName(first.bindings));
    assert.deepEqual(Object.fromEntries(cloudflare.secrets), first.secrets);
    assert.match(output, /has its keys already/);
    assert.ok(!existsSync(`${keys}-2`));
  });

  await t.test('keys are never written over a file that is there, nor put when nobody could see them', async () => {
    cloudflare.secrets.delete('SLUICE_ADMIN_KEY');
    const seen = readFileSync(keys, 'utf8');
    const { status, output } = await deploy(['--keys-file', keys], cloudflare.env);
    assert.equal(status, 1);
    assert.match(output, /cannot be written: EEXIST/);
    assert.equal(readFileSync(keys, 'utf8'), seen);
    assert.ok(!cloudflare.secrets.has('SLUICE_ADMIN_KEY'));
  });

  await t.test('a key that is missing is made anew, and the others stay', async () => {
    const { status, output } = await deploy(['--keys-file', `${keys}-2`], cloudflare.env);
    assert.equal(status, 0, output);
    const { SLUICE_ADMIN_KEY, ...others } = Object.fromEntries(cloudflare.secrets);
    assert.deepEqual({ ...others, SLUICE_ADMIN_KEY: first.secrets.SLUICE_ADMIN_KEY }, first.secrets);
    assert.notEqual(SLUICE_ADMIN_KEY, first.secrets.SLUICE_ADMIN_KEY);
    assert.deepEqual(written(`${keys}-2`), { SLUICE_ADMIN_KEY });
  });

  await t.test('an account is given as a secret', async () => {
    const put = ['secret', 'put', 'ANTHROPIC_API_KEY'];
    const { status, output } = await run(
      'node_modules/wrangler/bin/wrangler.js',
      put,
      cloudflare.env,
      'sk-ant-of-the-tests',
    );
    assert.equal(status, 0, output);
    assert.equal(cloudflare.secrets.get('ANTHROPIC_API_KEY'), 'sk-ant-of-the-tests');
    assert.equal(cloudflare.secrets.size, 4);
  });

  assert.equal(config(), before);
});

test('a deployment that fails puts no keys', async (t) => {
  const { cloudflare, keys } = await account(t);
  cloudflare.refusesUploads = true;
  const { status, output } = await deploy(['--keys-file', keys], cloudflare.env);
  assert.equal(status, 1);
  assert.match(output, /Nothing was changed/);
  assert.deepEqual([cloudflare.secrets.size, existsSync(keys)], [0, false]);
});

test('a token that Cloudflare does not accept is the first thing said', async (t) => {
  const { cloudflare, keys } = await account(t);
  const { status, output } = await deploy(['--keys-file', keys], { ...cloudflare.env, CLOUDFLARE_API_TOKEN: 'wrong' });
  assert.deepEqual([status, output.trim()], [1, 'Cloudflare does not accept CLOUDFLARE_API_TOKEN.']);
  assert.equal(cloudflare.uploads, 0);
});

test('wrangler deploy alone is enough for a deployment that runs', async (t) => {
  const { cloudflare } = await account(t);
  const before = config();
  const { status, output } = await run('node_modules/wrangler/bin/wrangler.js', ['deploy'], cloudflare.env);
  assert.equal(status, 0, output);
  assert.deepEqual([cloudflare.namespaces.length, cloudflare.databases.length, cloudflare.uploads], [1, 1, 1]);
  assert.equal(config(), before);
});

test('a dry run bundles, measures and asks nobody', async (t) => {
  const { cloudflare } = await account(t);
  const { status, output } = await deploy(['--dry-run'], cloudflare.env);
  assert.equal(status, 0, output);
  assert.match(output, /^It can be deployed: \d+ KB gzipped, started after \d+ ms of CPU on this machine\.$/m);
  t.diagnostic(output.trim());
  assert.deepEqual(cloudflare.asked, []);
});
