// Measures the built Worker beside the floors of the platform, in interleaved rounds of one run.
//
//   scripts/bench [--rounds 5] [--only NAME] [--quick] [--publish]
//
// What counts is CPU of the runtime's process, as a ratio to a floor measured in the same round; absolute figures belong
// to one machine. Writes bench/results.json and prints the tables; with --publish, into docs/PERFORMANCE.md, too.

import { execFile } from 'node:child_process';
import { readFileSync, writeFileSync } from 'node:fs';
import { promisify } from 'node:util';
import { BARS, LOADS } from './loads.mjs';
import { floor, provider, root, sluice, stop, tools } from './subjects.mjs';

const argument = (name, otherwise) => {
  const at = process.argv.indexOf(name);
  return at < 0 ? otherwise : process.argv[at + 1];
};
const quick = process.argv.includes('--quick');
const rounds = Number(argument('--rounds', quick ? 2 : 5));
const only = argument('--only');

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
  const upstream = await provider();
  const subjects = {};
  for (const name of ['pass', 'passbody', 'tsid', 'naive']) subjects[name] = await floor(name, upstream);
  subjects.sluice = await sluice('sluice', upstream);
  // Compiling what runs often is no cost of an event.
  const warm = LOADS.find(({ name }) => name === '500 events, unpaced');
  for (const [label, spec] of Object.entries(warm.subjects)) {
    await measure(subjects[spec.worker ?? label], { ...warm, c: 4, n: 240 }, spec);
  }
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
  lines.push('', '| bar | is | must be | |', '|---|---|---|---|');
  for (const { what, is, most } of verdicts) {
    lines.push(`| ${what} | ${shown(is, 3)} | ≤ ${most} | ${is <= most ? 'met' : 'MISSED'} |`);
  }
  console.log(lines.join('\n'));
  if (process.argv.includes('--publish')) publish(`${rounds} rounds\n\n${lines.join('\n')}`);
  writeFileSync(`${root}bench/results.json`, `${JSON.stringify({ rounds, table, verdicts }, null, 1)}\n`);
}

/** Replace what stands between the two marks. */
function publish(text) {
  const file = `${root}docs/PERFORMANCE.md`;
  const marked = /(<!-- measured -->\n)[^]*(<!-- \/measured -->)/;
  writeFileSync(file, readFileSync(file, 'utf8').replace(marked, (_, from, to) => `${from}\n${text}\n\n${to}`));
}

try {
  await main();
} finally {
  stop();
}
