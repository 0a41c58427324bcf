// Measures the built Worker beside the floors of the platform, in interleaved rounds of one run.
//
//   scripts/bench [--rounds 5] [--only NAME] [--quick] [--peers] [--beside DIR] [--publish]
//
// What counts is CPU of the runtime's process, as a ratio to a floor measured in the same round; absolute figures belong
// to one machine. Writes bench/results.json and prints the tables. --peers measures other gateways, too, and --beside
// the build of another version. --publish is all of it, with the profile and the extremes, into docs/PERFORMANCE.md.

import { execFile } from 'node:child_process';
import { writeFileSync } from 'node:fs';
import { cpus } from 'node:os';
import { resolve } from 'node:path';
import { promisify } from 'node:util';
import { extremes } from './extremes.mjs';
import { BARS, LOADS } from './loads.mjs';
import { peers } from './peers.mjs';
import { profile } from './profile.mjs';
import { publish } from './publish.mjs';
import { floor, provider, root, sluice, stop, tools } from './subjects.mjs';

const argument = (name, otherwise) => {
  const at = process.argv.indexOf(name);
  return at < 0 ? otherwise : process.argv[at + 1];
};
const has = (name) => process.argv.includes(name);
const quick = has('--quick');
const rounds = Number(argument('--rounds', quick ? 2 : 5));
const only = argument('--only');
const beside = argument('--beside');

const run = promisify(execFile);

/** One measurement: the load generator's own JSON line. */
async function measure(subject, load, spec, counts = true) {
  const { path, kind, model, stream, c, n, promptKb, toolCount } = { ...load, ...spec };
  const events = load.events ?? 0;
  const args = [
    '--url', `http://127.0.0.1:${subject.port}${path(model)}`, '--kind', kind, '--model', `${subject.prefix ?? ''}${model}`,
    '--c', String(c), '--n', String(quick ? Math.max(1, Math.ceil(n / 4)) : n), '--warm', String(Math.min(c, 3)),
    '--prompt-kb', String(promptKb ?? 1), '--tools', String(toolCount ?? 0), '--expect-chunks', String(events),
    '--pids', `gw=${subject.pid}`, '--label', subject.name, '-H', 'authorization: Bearer bench',
    ...(subject.headers ?? []).flatMap((header) => ['-H', header]),
    ...(stream ? ['--stream'] : []),
  ];
  const { stdout } = await run(`${tools}/load`, args, { maxBuffer: 1 << 24 });
  const result = JSON.parse(stdout.trim().split('\n').at(-1));
  if (counts && (result.err > 0 || result.short > 0)) throw new Error(`${load.name} ${subject.name}: ${stdout}`);
  return result;
}

const median = (list) => {
  const sorted = [...list].sort((a, b) => a - b);
  return sorted.length % 2 ? sorted[(sorted.length - 1) / 2] : (sorted[sorted.length / 2 - 1] + sorted[sorted.length / 2]) / 2;
};

/** The Worker of another build, as the same subjects. */
const another = (subjects) =>
  Object.entries(subjects).flatMap(([label, spec]) =>
    beside !== undefined && spec.worker === 'sluice' ? [[`${label}, beside`, { ...spec, worker: 'beside' }]] : [],
  );

async function main() {
  const upstream = await provider();
  const subjects = {};
  for (const name of ['pass', 'passbody', 'object', 'tsid', 'naive', 'loop']) subjects[name] = await floor(name, upstream);
  subjects.sluice = await sluice('sluice', upstream);
  subjects.unpaced = await sluice('unpaced', upstream, { SLUICE_PACE: 'off' });
  if (beside !== undefined) subjects.beside = await sluice('beside', upstream, {}, undefined, `${resolve(beside)}/`);
  if (has('--peers') || has('--publish')) Object.assign(subjects, await peers(upstream));
  const loads = LOADS.filter(({ name }) => only === undefined || name.includes(only)).map((load) => ({
    ...load,
    subjects: Object.fromEntries(
      [...Object.entries(load.subjects), ...another(load.subjects)].filter(([label, spec]) => subjects[spec.worker ?? label]),
    ),
  }));
  // Compiling what runs often is no cost of an event: V8 does it in the background, up to 0.3 s of CPU in all.
  for (const load of loads.filter(({ name }) => name === '500 events, unpaced' || name.startsWith('whole answer, 1'))) {
    for (const [label, spec] of Object.entries(load.subjects)) {
      const n = spec.n ?? (load.stream ? 240 : 1500);
      await measure(subjects[spec.worker ?? label], { ...load, c: load.stream ? 4 : 1 }, { ...spec, n }, false);
    }
  }
  const table = [];
  for (const load of loads) {
    const samples = {};
    for (let round = 0; round < Math.min(rounds, load.rounds ?? rounds); round += 1) {
      const names = Object.keys(load.subjects);
      // Rotated, so that nobody always runs right after the same neighbor.
      for (let at = 0; at < names.length; at += 1) {
        const label = names[(at + round) % names.length];
        const spec = load.subjects[label];
        const result = await measure(subjects[spec.worker ?? label], load, spec).catch((error) => {
          // A peer that cannot do it is no reason to measure nobody.
          if (!spec.worker || ['sluice', 'unpaced', 'beside'].includes(spec.worker)) throw error;
          console.error(`${load.name}: ${label} failed: ${String(error).slice(0, 300)}`);
        });
        if (result === undefined) delete load.subjects[label];
        else (samples[label] ??= []).push(result);
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
  return table;
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
  writeFileSync(`${root}bench/results.json`, `${JSON.stringify({ rounds, table, verdicts }, null, 1)}\n`);
  return lines;
}

/** One part after the other: a second one would be load for the first. */
async function all() {
  if (has('--profile')) return console.log((await profile(has('--functions'))).join('\n'));
  if (has('--extremes')) return console.log((await extremes()).join('\n'));
  const lines = report(await main());
  if (!has('--publish')) return;
  const busy = `${rounds} rounds on ${cpus().length} cores (${cpus()[0].model.trim()}), ${process.arch}`;
  publish('measured', [busy, '', ...lines]);
  stop();
  publish('profiled', await profile(false));
  stop();
  publish('extremes', await extremes());
}

try {
  await all();
} finally {
  stop();
}
process.exit();
