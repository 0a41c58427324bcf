// What a long answer costs the isolate by V8's own profiler, and how long its events are kept back.
//
//   scripts/bench --profile [--functions]
//
// One translated answer at 50 events a second under SLUICE_PACE=free, which is what the free plan's 10 ms of CPU are
// for. The profiler looks every 100 µs, and takes a sample only while the isolate is entered: each stands for 100 µs,
// whatever is not idle counts, native code below JavaScript included.

import WebSocket from 'ws';
import { freePort, provider, sluice } from './subjects.mjs';

const BARS = [{ events: 500, mostMs: 5 }, { events: 5000, mostMs: 10 }];
/** The longest an event may be kept back, by the age of the answer, and how late the machine may be besides. */
const WINDOWS = [{ untilMs: 10_000, mostMs: 100 }, { untilMs: Infinity, mostMs: 1000 }];
const LATE_MS = 20;
const SAMPLE_US = 100;

/** A conversation with the inspector: send a command, get its result. */
export async function inspector(port) {
  const targets = await (await fetch(`http://127.0.0.1:${port}/json`)).json();
  const socket = new WebSocket(targets.find(({ id }) => id.includes('main')).webSocketDebuggerUrl);
  await new Promise((resolve, reject) => socket.once('open', resolve).once('error', reject));
  const waiting = new Map();
  socket.on('message', (text) => {
    const { id, result, error } = JSON.parse(text);
    if (id !== undefined) waiting.get(id)({ result, error });
  });
  let last = 0;
  return async (method, params = {}) => {
    last += 1;
    socket.send(JSON.stringify({ id: last, method, params }));
    const { result, error } = await new Promise((resolve) => waiting.set(last, resolve));
    if (error !== undefined) throw new Error(`${method}: ${error.message}`);
    return result;
  };
}

/** Run one answer; how long each of its events was under way, by its age. Events carry the time they were sent at. */
async function answer(port, model, count) {
  const body = JSON.stringify({ model: `anthropic/${model}`, stream: true, messages: [{ role: 'user', content: 'Hi' }] });
  const headers = { authorization: 'Bearer bench', 'content-type': 'application/json' };
  const response = await fetch(`http://127.0.0.1:${port}/v1/chat/completions`, { method: 'POST', headers, body });
  const decoder = new TextDecoder();
  const events = [];
  let text = '';
  let began;
  for await (const bytes of response.body) {
    const now = process.hrtime.bigint();
    text += decoder.decode(bytes, { stream: true });
    began ??= now;
    for (const [, stamp] of text.matchAll(/@([0-9a-f]{16})@/g)) {
      events.push({ age: Number(now - began) / 1e6, kept: Number(now - BigInt(`0x${stamp}`)) / 1e6 });
    }
    text = text.slice(-20).replace(/.*@[0-9a-f]{16}@/, '');
  }
  if (events.length !== count) throw new Error(`${model}: ${events.length} events, ${response.status}`);
  return events;
}

/** Milliseconds by function, without what is no work. */
function work({ nodes, samples }) {
  const names = new Map(nodes.map(({ id, callFrame }) => [id, callFrame.functionName || '(anonymous)']));
  const ms = new Map();
  for (const id of samples) ms.set(names.get(id), (ms.get(names.get(id)) ?? 0) + SAMPLE_US / 1000);
  return ms;
}

const percentile = (list, part) => [...list].sort((a, b) => a - b)[Math.floor(part * (list.length - 1))];

/** A table of it; `functions` prints where the time went. */
export async function profile(functions) {
  const upstream = await provider();
  const port = await freePort();
  const subject = await sluice('profiled', upstream, { SLUICE_PACE: 'free' }, port);
  // Until V8 has compiled what it finds worth it.
  for (let left = 60; left > 0; left -= 1) await answer(subject.port, 'fake-n500-r0-b1', 500);
  await answer(subject.port, 'fake-n250-r50-b1', 250);
  const send = await inspector(port);
  await send('Profiler.enable');
  await send('Profiler.setSamplingInterval', { interval: SAMPLE_US });
  const lines = ['| answer | isolate CPU | must be | kept back, 99 % of events: first 10 s | later | |', '|---|---|---|---|---|---|'];
  for (const { events, mostMs } of BARS) {
    await send('Profiler.start');
    const list = await answer(subject.port, `fake-n${events}-r50-b1`, events);
    const { profile } = await send('Profiler.stop');
    const ms = work(profile);
    if (functions) console.error(Object.fromEntries([...ms].sort((a, b) => b[1] - a[1]).slice(0, 30)));
    const busy = [...ms].filter(([name]) => name !== '(idle)').reduce((sum, [, part]) => sum + part, 0);
    const kept = WINDOWS.map(({ untilMs }, at) => {
      const from = at === 0 ? 0 : WINDOWS[at - 1].untilMs;
      return percentile(list.filter(({ age }) => age >= from && age < untilMs).map((event) => event.kept), 0.99);
    });
    const met = busy <= mostMs && kept.every((most, at) => most === undefined || most <= WINDOWS[at].mostMs + LATE_MS);
    const shown = kept.map((most) => (most === undefined ? '–' : `${most.toFixed(0)} ms`)).join(' | ');
    lines.push(`| ${events} events at 50/s | ${busy.toFixed(2)} ms | ≤ ${mostMs} ms | ${shown} | ${met ? 'met' : 'MISSED'} |`);
  }
  return lines;
}
