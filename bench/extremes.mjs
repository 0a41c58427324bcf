// What happens once, and what happens at worst: a start, a thousand answers at the same time, a body that is too long.
//
//   scripts/bench --extremes

import { execFile } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { promisify } from 'node:util';
import { floor, provider, sluice, tools } from './subjects.mjs';

const run = promisify(execFile);
const STARTS = 5;
const STREAMS = 1000;
/** An isolate's memory when hosted. */
const MOST_MB = 128;

/** A line of /proc/PID/status, in MB. */
const memory = (pid, line) => Number(readFileSync(`/proc/${pid}/status`, 'utf8').match(new RegExp(`^${line}:\\s+(\\d+)`, 'm'))[1]) / 1024;
/** User and system time of a process, in ms: clock ticks are 10 ms long. */
const cpu = (pid) => {
  const fields = readFileSync(`/proc/${pid}/stat`, 'utf8').split(') ')[1].split(' ');
  return 10 * (Number(fields[11]) + Number(fields[12]));
};
const median = (list) => [...list].sort((a, b) => a - b)[Math.floor(list.length / 2)];

const ask = (port, model) =>
  fetch(`http://127.0.0.1:${port}/v1/chat/completions`, {
    method: 'POST',
    headers: { authorization: 'Bearer bench', 'content-type': 'application/json' },
    body: JSON.stringify({ model, messages: [{ role: 'user', content: 'Hi' }] }),
  });

/** From the process's first instruction to its first answer of a model. */
async function starts(begin, model) {
  const [wall, work] = [[], []];
  for (let left = STARTS; left > 0; left -= 1) {
    const from = performance.now();
    const { port, pid, end } = await begin(left);
    const response = await ask(port, model);
    if (!response.ok) throw new Error(`a start: ${response.status} ${await response.text()}`);
    await response.arrayBuffer();
    wall.push(performance.now() - from);
    work.push(cpu(pid));
    end();
  }
  return [median(wall), median(work)];
}

export async function extremes() {
  const upstream = await provider();
  const rows = [];
  const pass = await starts((at) => floor('pass', upstream, `pass-${at}`), 'fake');
  const ours = await starts((at) => sluice(`start-${at}`, upstream), 'anthropic/fake');
  rows.push(['from the start of the process to its first answer: `pass`', `${pass[0].toFixed(0)} ms, ${pass[1].toFixed(0)} ms of CPU`, '', '']);
  const more = ours[0] - pass[0];
  rows.push(['the same: Sluice, its WebAssembly compiled, its object made, an answer translated', `${ours[0].toFixed(0)} ms, ${ours[1].toFixed(0)} ms of CPU`, '≤ 1,000 ms more', more <= 1000 ? 'met' : 'MISSED']);
  const subject = await sluice('crowd', upstream);
  await (await ask(subject.port, 'anthropic/fake')).arrayBuffer();
  const before = memory(subject.pid, 'VmRSS');
  const args = ['--kind', 'openai', '--model', 'anthropic/fake-n100-r10-b1', '--stream', '--expect-chunks', '100'];
  const { stdout } = await run(`${tools}/load`, [
    '--url', `http://127.0.0.1:${subject.port}/v1/chat/completions`, ...args, '--c', `${STREAMS}`, '--n', `${STREAMS}`,
    '--pids', `gw=${subject.pid}`, '-H', 'authorization: Bearer bench',
  ], { maxBuffer: 1 << 24 });
  const crowd = JSON.parse(stdout.trim().split('\n').at(-1));
  const used = memory(subject.pid, 'VmHWM') - before;
  const whole = crowd.err === 0 && crowd.short === 0;
  rows.push([
    `${STREAMS.toLocaleString('en')} answers at the same time, ten events a second each`,
    `${used.toFixed(0)} MB more than one, sockets included; ${whole ? 'all complete' : `${crowd.err} failed, ${crowd.short} short`}`,
    `≤ ${MOST_MB} MB`, whole && used <= MOST_MB ? 'met' : 'MISSED',
  ]);
  const from = performance.now();
  const body = JSON.stringify({ model: 'fake', messages: [{ role: 'user', content: 'x'.repeat(50 << 20) }] });
  const refused = await fetch(`http://127.0.0.1:${subject.port}/v1/chat/completions`, {
    method: 'POST', headers: { authorization: 'Bearer bench', 'content-type': 'application/json' }, body,
  });
  const said = (await refused.json()).error?.message;
  rows.push(['a request of 50 MB', `${refused.status} after ${(performance.now() - from).toFixed(0)} ms: "${said}"`, '413', refused.status === 413 ? 'met' : 'MISSED']);
  return ['| what | is | must be | |', '|---|---|---|---|', ...rows.map((row) => `| ${row.join(' | ')} |`)];
}
