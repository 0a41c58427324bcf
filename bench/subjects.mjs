// Who is measured: the floors and the built Worker, each in a bare workerd of its own.

import { spawn } from 'node:child_process';
import { copyFileSync, mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { createServer } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';

export const root = fileURLToPath(new URL('..', import.meta.url));
export const tools = `${root}bench/target/release`;
const workerd = `${root}node_modules/.bin/workerd`;
export const scratch = mkdtempSync(join(tmpdir(), 'sluice-bench-'));
const children = [];

export async function freePort() {
  const server = createServer().listen(0, '127.0.0.1');
  await new Promise((resolve) => server.once('listening', resolve));
  const { port } = server.address();
  await new Promise((resolve) => server.close(resolve));
  return port;
}

/** What it says of trouble is kept for whoever looks: `SLUICE_LOUD=1`. */
export function start(command, args, options = {}) {
  const child = spawn(command, args, { stdio: ['ignore', 'ignore', process.env.SLUICE_LOUD ? 'inherit' : 'ignore'], ...options });
  child.on('error', () => {});
  children.push(child);
  return child;
}

export async function ready(url, tries = 100) {
  for (let left = tries; left > 0; left -= 1) {
    const answer = await fetch(url, { method: 'GET' }).catch(() => undefined);
    await answer?.arrayBuffer().catch(() => {});
    if (answer !== undefined) return;
    await new Promise((resolve) => setTimeout(resolve, 50));
  }
  throw new Error(`${url} does not answer`);
}

const quoted = (text) => JSON.stringify(text);
const setting = (name) => {
  const config = readFileSync(`${root}wrangler.toml`, 'utf8');
  return JSON.parse(config.match(new RegExp(`^${name} = (.+)$`, 'm'))[1]);
};

/** A bare workerd with one Worker; a proxy in front would cost more than what is measured. */
async function runtime(name, { modules, bindings, upstream, objects = '', inspector }) {
  const port = await freePort();
  const home = join(scratch, name);
  mkdirSync(join(home, 'state'), { recursive: true });
  const list = modules.map(([as, kind, file], at) => {
    // An embedded file is looked for beside its configuration.
    copyFileSync(file, join(home, `module-${at}`));
    return `(name = ${quoted(as)}, ${kind} = embed "module-${at}")`;
  });
  const texts = Object.entries(bindings).map(([key, value]) => `(name = ${quoted(key)}, text = ${quoted(value)})`);
  if (objects !== '') {
    texts.push('(name = "POOL", durableObjectNamespace = "Pool")');
    // A database is never in the Worker's process: what is measured is what a write costs the Worker.
    const inner = 'innerBindings = [(name = "fetcher", service = "database")]';
    texts.push(`(name = "DB", wrapped = (moduleName = "cloudflare-internal:d1-api", ${inner}))`);
  }
  const config = `using Workerd = import "/workerd/workerd.capnp";
const config :Workerd.Config = (
  services = [
    (name = "main", worker = .worker),
    (name = "internet", network = (allow = ["private", "public"])),
    (name = "database", external = (address = "127.0.0.1:${upstream}", http = ())),
    (name = "storage", disk = (path = ${quoted(join(home, 'state'))}, writable = true)),
  ],
  sockets = [(name = "http", address = "127.0.0.1:${port}", http = (), service = "main")],
);
const worker :Workerd.Worker = (
  modules = [${list.join(', ')}],
  compatibilityDate = ${quoted(setting('compatibility_date'))},
  compatibilityFlags = ${JSON.stringify(setting('compatibility_flags'))},
  globalOutbound = "internet",
  bindings = [${texts.join(', ')}],
  ${objects}
);
`;
  const file = join(home, 'config.capnp');
  writeFileSync(file, config);
  const inspect = inspector === undefined ? [] : [`--inspector-addr=127.0.0.1:${inspector}`];
  const child = start(workerd, ['serve', ...inspect, file]);
  await ready(`http://127.0.0.1:${port}/healthz`);
  return { name, port, pid: child.pid, end: () => child.kill('SIGKILL') };
}

const OBJECTS = `durableObjectNamespaces = [(className = "Pool", uniqueKey = "pool", enableSql = true)],
  durableObjectStorage = (localDisk = "storage"),`;

const workers = `${root}bench/workers/`;
const module = (name) => [`./${name}.js`, 'esModule', `${workers}${name}.js`];
/** What floors are made of beside their own file. */
const PARTS = {
  naive: [module('anthropic')],
  loop: [module('anthropic'), ['./loop.wasm', 'wasm', `${root}bench/loop/target/wasm32-unknown-unknown/release/sluice_bench_loop.wasm`]],
};

export const floor = (name, upstream, as = name) =>
  runtime(as, {
    modules: [['worker', 'esModule', `${workers}${name}.js`], ...(PARTS[name] ?? [])],
    bindings: { UPSTREAM: `http://127.0.0.1:${upstream}` },
    upstream,
    objects: name === 'object' ? OBJECTS : '',
  });

/** `build`: of another version, to be measured beside this one. */
export function sluice(name, upstream, extra = {}, inspector, build = `${root}build/`) {
  const base = `http://127.0.0.1:${upstream}`;
  const bindings = {
    SLUICE_API_KEY: 'bench',
    SLUICE_PRIVATE_ADDRESSES: '1',
    OPENAI_API_KEY: 'k', OPENAI_BASE_URL: `${base}/v1`,
    ANTHROPIC_API_KEY: 'k', ANTHROPIC_BASE_URL: `${base}/v1`,
    GEMINI_API_KEY: 'k', GEMINI_BASE_URL: `${base}/v1beta`,
    // Speaks Chat only, so that other clients are translated.
    COMPAT_API_KEY: 'k', COMPAT_BASE_URL: `${base}/v1`,
    ...extra,
  };
  return runtime(name, {
    modules: [
      ['index.js', 'esModule', `${build}index.js`],
      ['./index_bg.wasm', 'wasm', `${build}index_bg.wasm`],
    ],
    bindings,
    upstream,
    objects: OBJECTS,
    inspector,
  });
}

export async function provider() {
  const port = await freePort();
  start(`${tools}/upstream`, ['--port', String(port)]);
  await ready(`http://127.0.0.1:${port}/__stats`);
  return port;
}

export function stop() {
  for (const child of children.splice(0)) child.kill('SIGKILL');
  rmSync(scratch, { recursive: true, force: true });
}
