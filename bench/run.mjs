// Measures the built Worker beside the floors of the platform, in interleaved rounds of one run.
//
//   scripts/bench [--rounds 5] [--only NAME] [--quick] [--peers]
//
// What counts is CPU of the runtime's process, as a ratio to a floor measured in the same round; absolute figures belong
// to one machine. Writes bench/results.json and prints the table of docs/PERFORMANCE.md.

import { execFile, spawn } from 'node:child_process';
import { copyFileSync, mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { createServer } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import { BARS, LOADS } from './loads.mjs';

const root = fileURLToPath(new URL('..', import.meta.url));
const tools = `${root}bench/target/release`;
const workerd = `${root}node_modules/.bin/workerd`;
const argument = (name, otherwise) => {
  const at = process.argv.indexOf(name);
  return at < 0 ? otherwise : process.argv[at + 1];
};
const quick = process.argv.includes('--quick');
const rounds = Number(argument('--rounds', quick ? 2 : 5));
const only = argument('--only');
const scratch = mkdtempSync(join(tmpdir(), 'sluice-bench-'));
const children = [];

async function freePort() {
  const server = createServer().listen(0, '127.0.0.1');
  await new Promise((resolve) => server.once('listening', resolve));
  const { port } = server.address();
  await new Promise((resolve) => server.close(resolve));
  return port;
}

function start(command, args) {
  const child = spawn(command, args, { stdio: ['ignore', 'ignore', 'inherit'] });
  children.push(child);
  return child;
}

async function ready(url) {
  for (let left = 100; left > 0; left -= 1) {
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
async function runtime(name, { modules, bindings, objects = '' }) {
  const port = await freePort();
  const home = join(scratch, name);
  mkdirSync(join(home, 'state'), { recursive: true });
  const list = modules.map(([as, kind, file], at) => {
    // An embedded file is looked for beside its configuration.
    copyFileSync(file, join(home, `module-${at}`));
    return `(name = ${quoted(as)}, ${kind} = embed "module-${at}")`;
  });
  const texts = Object.entries(bindings).map(([key, value]) => `(name = ${quoted(key)}, text = ${quoted(value)})`);
  if (objects !== '') texts.push('(name = "POOL", durableObjectNamespace = "Pool")');
  const config = `using Workerd = import "/workerd/workerd.capnp";
const config :Workerd.Config = (
  services = [
    (name = "main", worker = .worker),
    (name = "internet", network = (allow = ["private", "public"])),
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
  const child = start(workerd, ['serve', file]);
  await ready(`http://127.0.0.1:${port}/healthz`);
  return { name, port, pid: child.pid };
}

const floor = (name, upstream) =>
  runtime(name, {
    modules: [['worker', 'esModule', `${root}bench/workers/${name}.js`]],
    bindings: { UPSTREAM: `http://127.0.0.1:${upstream}` },
  });

function sluice(name, upstream, extra = {}) {
  const base = `http://127.0.0.1:${upstream}`;
  const bindings = {
    SLUICE_API_KEY: 'bench',
    OPENAI_API_KEY: 'k', OPENAI_BASE_URL: `${base}/v1`,
    ANTHROPIC_API_KEY: 'k', ANTHROPIC_BASE_URL: `${base}/v1`,
    GEMINI_API_KEY: 'k', GEMINI_BASE_URL: `${base}/v1beta`,
    // Speaks Chat only, so that other clients are translated.
    COMPAT_API_KEY: 'k', COMPAT_BASE_URL: `${base}/v1`,
    ...extra,
  };
  const objects = `durableObjectNamespaces = [(className = "Pool", uniqueKey = "pool", enableSql = true)],
  durableObjectStorage = (localDisk = "storage"),`;
  return runtime(name, {
    modules: [
      ['index.js', 'esModule', `${root}build/index.js`],
      ['./index_bg.wasm', 'wasm', `${root}build/index_bg.wasm`],
    ],
    bindings,
    objects,
  });
}

const run = promisify(execFile);

/** One measurement: the load generator's own JSON line. */
async function measure(subject, load, spec) {
  const { path, kind, model, stream, c, n, promptKb, toolCount } = { ...load, ...spec };
  const events = load.events ?? 0;
  const args = [
    '--url', `http://127.0.0.1:${subject.port}${path(model)}`, '--kind', kind, '--model', model,
    '--c', String(c), '--n', String(quick ? Math.max(1, Math.ceil(n / 4)) : n), '--warm', String(Math.min(c, 3)),
    '--prompt-kb', String(promptKb ?? 1), '--tools', String(toolCount ?? 0), '--expect-chunks', String(events),
    '--pids', `gw=${subject.pid}`, '--label', subject.name, '-H', 'authorization: Bearer bench',
    ...(stream ? ['--stream'] : []),
  ];
  const { stdout } = await run(`${tools}/load`, args, { maxBuffer: 1 << 24 });
  const result = JSON.parse(stdout.trim().split('\n').at(-1));
  if (result.err > 0 || result.short > 0) throw new Error(`${load.name} ${subject.name}: ${stdout}`);
  return result;
}

const median = (list) => {
  const sorted = [...list].sort((a, b) => a - b);
  return sorted.length % 2 ? sorted[(sorted.length - 1) / 2] : (sorted[sorted.length / 2 - 1] + sorted[sorted.length / 2]) / 2;
};

async function main() {
  const upstream = await freePort();
  start(`${tools}/upstream`, ['--port', String(upstream)]);
  await ready(`http://127.0.0.1:${upstream}/__stats`);
  const subjects = {};
  for (const name of ['pass', 'passbody', 'tsid', 'naive']) subjects[name] = await floor(name, upstream);
  subjects.sluice = await sluice('sluice', upstream);
  const table = [];
  for (const load of LOADS.filter(({ name }) => only === undefined || name.includes(only))) {
    const samples = {};
    for (let round = 0; round < rounds; round += 1) {
      const names = Object.keys(load.subjects);
      // Rotated, so that nobody always runs right after the same neighbor.
      for (let at = 0; at < names.length; at += 1) {
        const label = names[(at + round) % names.length];
        const spec = load.subjects[label];
        const result = await measure(subjects[spec.worker ?? label], load, spec);
        (samples[label] ??= []).push(result);
      }
    }
    for (const [label, list] of Object.entries(samples)) {
      const of = (key) => median(list.map((sample) => sample[key] ?? NaN));
      table.push({
        load: load.name, subject: label, rounds: list.length, requestsPerSecond: of('rps'), p50: of('p50_ms'), p99: of('p99_ms'),
        firstEventMs: of('ttft_p50_ms'), cpuMsPerRequest: of('gw_cpu_ms_per_req'), cpuMsPer1000Events: of('gw_cpu_ms_per_kchunk'),
        transitP50: of('transit_p50_ms'), transitP99: of('transit_p99_ms'), rssMb: of('gw_rss_mb'),
      });
      console.error(`${load.name.padEnd(44)} ${label.padEnd(16)} ${JSON.stringify(table.at(-1))}`);
    }
  }
  report(table);
}

function report(table) {
  const figure = (row, load) => (load.stream ? row.cpuMsPer1000Events : row.cpuMsPerRequest);
  const lines = ['| load | subject | CPU | × pass | first event ms | p50 ms | p99 ms | req/s | RSS MB |', '|---|---|---|---|---|---|---|---|---|'];
  const shown = (value, digits = 2) => (Number.isFinite(value) ? value.toFixed(digits) : '–');
  for (const load of LOADS) {
    const rows = table.filter((row) => row.load === load.name);
    const base = rows.find((row) => row.subject === (load.floor ?? 'pass'));
    for (const row of rows) {
      const ratio = base ? figure(row, load) / figure(base, load) : NaN;
      lines.push(
        `| ${load.name} | ${row.subject} | ${shown(figure(row, load))} | ${shown(ratio)} | ${shown(row.firstEventMs)} | ` +
          `${shown(row.p50, 1)} | ${shown(row.p99, 1)} | ${shown(row.requestsPerSecond, 0)} | ${shown(row.rssMb, 0)} |`,
      );
    }
  }
  const verdicts = BARS.flatMap((bar) => bar(table) ?? []);
  console.log(lines.join('\n'));
  console.log('\n| bar | is | must be | |\n|---|---|---|---|');
  for (const { what, is, most } of verdicts) {
    console.log(`| ${what} | ${shown(is, 3)} | ≤ ${most} | ${is <= most ? 'met' : 'MISSED'} |`);
  }
  writeFileSync(`${root}bench/results.json`, `${JSON.stringify({ rounds, table, verdicts }, null, 1)}\n`);
}

try {
  await main();
} finally {
  for (const child of children) child.kill('SIGKILL');
  rmSync(scratch, { recursive: true, force: true });
}
