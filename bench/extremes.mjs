// What happens once, and what happens at worst: a start, a thousand answers at the same time, a body that is too long.
//
//   scripts/bench --extremes

import { execFile } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { promisify } from 'node:util';
import { inspector } from './profile.mjs';
import { floor, freePort, provider, sluice, tools } from './subjects.mjs';

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
  const debug = await freePort();
  const subject = await sluice('crowd', upstream, {}, debug);
  const send = await inspector(debug);
  /** What V8 holds for the isolate: its heap, and buffers outside of it, WebAssembly's memory among them. */
  const held = async () => {
    const { totalSize, embedderHeapUsedSize = 0, backingStorageSize = 0 } = await send('Runtime.getHeapUsage');
    return (totalSize + embedderHeapUsedSize + backingStorageSize) / 2 ** 20;
  };
  let [peak, crowd] = [0, undefined];
  // In steps, so that it is not the connecting that is measured.
  for (const count of [100, 400, STREAMS]) {
    const args = ['--kind', 'openai', '--model', 'anthropic/fake-n100-r10-b1', '--stream', '--expect-chunks', '100'];
    const url = `http://127.0.0.1:${subject.port}/v1/chat/completions`;
    const running = run(`${tools}/load`, [
      '--url', url, ...args, '--c', `${count}`, '--n', `${count}`, '--pids', `gw=${subject.pid}`, '-H', 'authorization: Bearer bench',
    ], { maxBuffer: 1 << 24 });
    let done = false;
    running.finally(() => (done = true)).catch(() => {});
    while (!done) {
      peak = Math.max(peak, await held());
      await new Promise((resolve) => setTimeout(resolve, 250));
    }
    crowd = JSON.parse((await running).stdout.trim().split('\n').at(-1));
  }
  const whole = crowd.err === 0 && crowd.short === 0;
  rows.push([
    `${STREAMS.toLocaleString('en')} answers at the same time in one isolate, ten events a second each`,
    `${peak.toFixed(0)} MB in V8, ${memory(subject.pid, 'VmHWM').toFixed(0)} MB in the process; ${whole ? 'all complete' : `${crowd.err} failed, ${crowd.short} short`}`,
    `≤ ${MOST_MB} MB`, whole && peak <= MOST_MB ? 'met' : 'MISSED',
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
