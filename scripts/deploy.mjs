// Deploys the Worker with `wrangler`, and gives the deployment the keys it lacks; or proves that it could be deployed.

import { spawn } from 'node:child_process';
import { randomBytes } from 'node:crypto';
import { mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { parseArgs } from 'node:util';

const root = fileURLToPath(new URL('..', import.meta.url));
const wrangler = join(dirname(createRequire(import.meta.url).resolve('wrangler/package.json')), 'bin/wrangler.js');

const USAGE = `usage: scripts/deploy [--dry-run] [--keys-file FILE]

Builds Sluice and puts it on the Cloudflare account that wrangler is signed in to. The first time it makes the store,
the database and three keys, and shows the keys once; later it replaces the program and keeps everything else.

  --dry-run         builds and bundles, measures size and start, and sends nothing
  --keys-file FILE  writes new keys to FILE in place of the terminal

For a machine without a browser set CLOUDFLARE_API_TOKEN (a token made from the template "Edit Cloudflare Workers",
with D1: Edit added).`;

/** What each deployment has of its own. */
const KEYS = {
  SLUICE_API_KEY: () => `sk-sluice-${randomBytes(24).toString('hex')}`,
  SLUICE_ADMIN_KEY: () => `admin-${randomBytes(24).toString('hex')}`,
  SLUICE_MASTER_KEY: () => randomBytes(32).toString('base64'),
};
const MEANING = {
  SLUICE_API_KEY: 'your clients send it',
  SLUICE_ADMIN_KEY: 'opens the console and the admin API',
  SLUICE_MASTER_KEY: 'seals stored credentials: keep it with your backups, nothing can be restored without it',
};

/** Of the free plan; the second is what Cloudflare lets a Worker take to start. */
const LARGEST = 3_000_000;
const SLOWEST_MS = 1000;

class Failed extends Error {}

/** Runs wrangler. Without `shown` its words are kept until they are needed. */
async function run(args, { input, shown = false, env = {} } = {}) {
  // CI: it asks nothing, and writes no ids of this account into wrangler.toml.
  const child = spawn(process.execPath, [wrangler, ...args], {
    cwd: root,
    env: { ...process.env, CI: '1', WRANGLER_SEND_METRICS: 'false', ...env },
    stdio: ['pipe', 'pipe', 'pipe'],
  });
  let out = '';
  let all = '';
  child.stdout
    .setEncoding('utf8')
    .on('data', (text) => ((out += text), (all += text), shown && process.stdout.write(text)));
  child.stderr.setEncoding('utf8').on('data', (text) => ((all += text), shown && process.stderr.write(text)));
  child.stdin.on('error', () => {}).end(input);
  const status = await new Promise((resolve) => child.once('close', resolve));
  return { status, out, all };
}

async function main() {
  const { values } = parseArgs({
    options: { 'dry-run': { type: 'boolean' }, 'keys-file': { type: 'string' }, help: { type: 'boolean', short: 'h' } },
  });
  if (values.help) return console.log(USAGE);
  return values['dry-run'] ? prove() : deploy(values['keys-file']);
}

/** What can be known without an account. */
async function prove() {
  const folder = mkdtempSync(join(tmpdir(), 'sluice-deploy-'));
  try {
    const bundled = await run(['deploy', '--dry-run', '--outdir', join(folder, 'bundle')]);
    if (bundled.status !== 0) throw new Failed(`wrangler cannot bundle it:\n${bundled.all}`);
    const size = bundled.out.match(/gzip: ([\d.]+) (KiB|MiB)/);
    const bytes = size === null ? Number.NaN : Number(size[1]) * (size[2] === 'MiB' ? 1 << 20 : 1 << 10);
    if (!(bytes < LARGEST)) throw new Failed(`${Math.round(bytes / 1000)} KB are more than the free plan takes.`);
    for (const binding of ['env.POOL', 'env.KV', 'env.DB']) {
      if (!bundled.out.includes(binding)) throw new Failed(`the bundle has no ${binding}.`);
    }
    const profile = join(folder, 'startup.cpuprofile');
    const started = await run(['check', 'startup', '--outfile', profile]);
    if (started.status !== 0) throw new Failed(`it does not start:\n${started.all}`);
    const ms = busy(JSON.parse(readFileSync(profile, 'utf8')));
    if (ms >= SLOWEST_MS) throw new Failed(`it takes ${ms} ms to start; ${SLOWEST_MS} are allowed.`);
    console.log(
      `It can be deployed: ${Math.round(bytes / 1000)} KB gzipped, started after ${ms} ms of CPU on this machine.`,
    );
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
}

/** Milliseconds in which the profiled program did something. */
function busy({ nodes, samples, timeDeltas }) {
  const idle = new Set(nodes.filter(({ callFrame }) => callFrame.functionName === '(idle)').map(({ id }) => id));
  const micros = samples.reduce((sum, id, at) => sum + (idle.has(id) ? 0 : timeDeltas[at]), 0);
  return Math.round(micros / 1000);
}

async function deploy(keysFile) {
  await signIn();
  const output = join(mkdtempSync(join(tmpdir(), 'sluice-deploy-')), 'output.json');
  const deployed = await run(['deploy'], { shown: true, env: { WRANGLER_OUTPUT_FILE_PATH: output } });
  if (deployed.status !== 0) throw new Failed('Nothing was changed: wrangler could not deploy it.');
  const url = address(output);
  const made = await giveKeys(keysFile);
  console.log(`\nSluice is at ${url ?? 'the address above'}.`);
  if (made === undefined) return console.log('It has its keys already; they stay as they are.');
  if (made.path !== undefined) console.log(`Its new keys are in ${made.path}, which only you can read.`);
  else {
    console.log('These keys are shown once:\n');
    for (const [name, key] of Object.entries(made.keys)) console.log(`  ${name}=${key}\n    ${MEANING[name]}`);
  }
  if (url !== undefined) console.log(`\nNext, bring the accounts you have: SLUICE_URL=${url} scripts/import`);
  return undefined;
}

async function signIn() {
  const who = await run(['whoami', '--json']);
  if (who.status === 0) return;
  if (process.env.CLOUDFLARE_API_TOKEN) throw new Failed('Cloudflare does not accept CLOUDFLARE_API_TOKEN.');
  if (!process.stdin.isTTY)
    throw new Failed('wrangler is not signed in: run npx wrangler login, or set CLOUDFLARE_API_TOKEN.');
  console.log('wrangler is not signed in to Cloudflare yet.');
  const login = spawn(process.execPath, [wrangler, 'login'], { cwd: root, stdio: 'inherit' });
  const status = await new Promise((resolve) => login.once('close', resolve));
  if (status !== 0) throw new Failed('wrangler could not sign in.');
}

/** Where it is, as wrangler reports it for programs. */
function address(output) {
  const lines = readFileSync(output, 'utf8')
    .split('\n')
    .filter(Boolean)
    .map((line) => JSON.parse(line));
  rmSync(dirname(output), { recursive: true, force: true });
  return lines.find(({ type }) => type === 'deploy')?.targets?.find((target) => target.startsWith('https://'));
}

/** Puts the keys that are missing; those that are there are never read nor replaced. */
async function giveKeys(keysFile) {
  const listed = await run(['secret', 'list', '--format', 'json']);
  if (listed.status !== 0) throw new Failed(`It is deployed, but its secrets could not be listed:\n${listed.all}`);
  const has = new Set(JSON.parse(listed.out.slice(listed.out.indexOf('['))).map(({ name }) => name));
  const missing = Object.keys(KEYS).filter((name) => !has.has(name));
  if (missing.length === 0) return undefined;
  const keys = Object.fromEntries(missing.map((name) => [name, KEYS[name]()]));
  // A log is no place for keys.
  const path = keysFile ?? (process.stdout.isTTY ? undefined : join(root, '.sluice', `keys-${Date.now()}`));
  // Before they are put: keys that nobody has would be worse than none.
  if (path !== undefined) keep(path, keys);
  // By the standard input: not in a list of processes.
  const put = await run(['secret', 'bulk'], { input: JSON.stringify(keys) });
  if (put.status === 0) return { keys, path };
  if (path !== undefined) rmSync(path);
  throw new Failed(`It is deployed, but its keys could not be put; run this again:\n${put.all}`);
}

/** Writes keys to a new file that only its owner may read. */
function keep(path, keys) {
  mkdirSync(dirname(path), { recursive: true, mode: 0o700 });
  const lines = Object.entries(keys).map(([name, key]) => `${name}=${key}\n`);
  try {
    writeFileSync(path, lines.join(''), { mode: 0o600, flag: 'wx' });
  } catch (error) {
    throw new Failed(`It is deployed, but has no keys yet, for ${path} cannot be written: ${error.code}`);
  }
}

main().catch((error) => {
  console.error(error instanceof Failed || error.code?.startsWith?.('ERR_PARSE_ARGS') ? error.message : error);
  process.exitCode = 1;
});
