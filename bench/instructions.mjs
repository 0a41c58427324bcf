// What one event, and one request, costs in instructions for every wire and client, beside what it cost before.
//
//   node bench/instructions.mjs PROGRAM [--update | --filters]
//
// Counted by callgrind, so that a busy machine changes nothing. An event's cost is the difference between two answers of
// different length, so that their heads and tails cancel out.

import { execFileSync } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

/** Counts are the same from run to run within 0.2 %; moving code about changes them by two or three percent. */
const TOLERANCE = 0.05;
const COLUMNS = ['text', 'thinking', 'tools', 'request'];
const table = new URL('instructions.tsv', import.meta.url);

function count(program, ...given) {
  const scratch = mkdtempSync(join(tmpdir(), 'sluice-instructions-'));
  try {
    const dumps = join(scratch, 'dumps');
    const measured = ['--toggle-collect', '--dump-after'].map((option) => `${option}=instructions::measured`);
    const args = ['--tool=callgrind', '--combine-dumps=yes', `--callgrind-out-file=${dumps}`, ...measured, program, ...given];
    const lines = execFileSync('valgrind', args, { encoding: 'utf8', stdio: ['ignore', 'pipe', 'pipe'] }).trim().split('\n');
    const totals = [...readFileSync(dumps, 'utf8').matchAll(/^totals: (\d+)$/gm)].map((match) => Number(match[1]));
    // The last dump is of what ran outside.
    if (totals.length !== lines.length + 1) throw new Error(`${lines.length} lines, but ${totals.length} dumps`);
    return fold(lines.map((line, at) => [...line.split(' '), totals[at]]));
  } finally {
    rmSync(scratch, { recursive: true, force: true });
  }
}

/** Rows of `wire → client`, each with a figure for every column. */
function fold(lines) {
  const rows = new Map();
  const shorter = new Map();
  for (const [wire, client, column, events, total] of lines) {
    const row = wire === client ? `${wire} relayed` : `${wire} → ${client}`;
    if (!rows.has(row)) rows.set(row, {});
    const cell = `${row} ${column}`;
    if (column === 'request') rows.get(row)[column] = total;
    else if (shorter.has(cell)) {
      const { events: few, total: less } = shorter.get(cell);
      rows.get(row)[column] = Math.round((total - less) / (events - few));
    } else shorter.set(cell, { events, total });
  }
  return rows;
}

/** Another compiler writes other instructions, and a library may choose others for another processor. */
function maker() {
  const text = execFileSync('rustc', ['--version', '--verbose'], { encoding: 'utf8' });
  const field = (name) => text.match(new RegExp(`^${name}: (.+)$`, 'm'))[1];
  const wide = /^flags\s*:.* avx2( |$)/m.test(readFileSync('/proc/cpuinfo', 'utf8'));
  return `rustc ${field('release')}, ${field('host')}${wide ? ', AVX2' : ''}`;
}

function read() {
  const [head, , ...lines] = readFileSync(table, 'utf8').trim().split('\n');
  const rows = new Map();
  for (const line of lines) {
    const [row, ...figures] = line.split('\t');
    rows.set(row, Object.fromEntries(COLUMNS.map((column, at) => [column, Number(figures[at])])));
  }
  return { maker: head.replace(/^# /, ''), rows };
}

function write(rows) {
  const lines = [...rows].map(([row, figures]) => [row, ...COLUMNS.map((column) => figures[column])].join('\t'));
  writeFileSync(table, [`# ${maker()}`, ['', ...COLUMNS].join('\t'), ...lines, ''].join('\n'));
}

function compare(rows, known) {
  const changes = { worse: [], better: [], strange: [] };
  for (const name of known.keys()) if (!rows.has(name)) changes.strange.push(`${name} is not measured any more`);
  for (const [row, figures] of rows) {
    if (!known.has(row)) changes.strange.push(`${row} is new`);
    for (const [column, before] of Object.entries(known.get(row) ?? {})) {
      const change = figures[column] / before - 1;
      const text = `${row}, ${column}: ${before} → ${figures[column]} (${change > 0 ? '+' : ''}${(100 * change).toFixed(1)} %)`;
      // Written so that a figure that is missing counts as worse.
      if (change < -TOLERANCE) changes.better.push(text);
      else if (!(change <= TOLERANCE)) changes.worse.push(text);
    }
  }
  return changes;
}

const [program, option] = process.argv.slice(2);
if (option === '--filters') {
  for (const [row, { text }] of count(program, 'filters')) console.log(`${row}: ${text}`);
  process.exit();
}
const rows = count(program);
if (option === '--update') {
  write(rows);
  console.log(`instructions: ${rows.size} rows written`);
} else {
  const known = read();
  if (known.maker !== maker()) {
    console.log(`instructions: SKIPPED, because the table was made by ${known.maker}, and this is ${maker()}.`);
    process.exit();
  }
  const { worse, better, strange } = compare(rows, known.rows);
  for (const text of better) console.log(`less: ${text}`);
  for (const text of [...strange, ...worse]) console.error(`MORE: ${text}`);
  console.log(`instructions: ${rows.size} rows compared, ${worse.length} cost more, ${better.length} cost less`);
  if (better.length > 0) console.log('Keep the gain with scripts/instructions --update.');
  if (worse.length + strange.length > 0) {
    console.error('If that is worth it, scripts/instructions --update, and say why in the commit.');
    process.exitCode = 1;
  }
}
