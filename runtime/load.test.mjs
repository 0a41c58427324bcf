// Many slow streams at once, and many calls while accounts come and go. `scripts/load` makes it a thousand streams for
// five minutes and ten thousand calls, and prints what it measured; the tests make do with fewer.

import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { createServer } from 'node:net';
import { test } from 'node:test';
import WebSocket from 'ws';
import { Sluice, behave, events, until } from './harness.mjs';

const LONG = process.env.SLUICE_LOAD === 'long';
const STREAMS = LONG ? 1000 : 200;
const SECONDS = LONG ? 300 : 15;
const CALLS = LONG ? 10_000 : 500;
/** An isolate of the platform's. */
const MEMORY = 128 << 20;

const keys = Array.from({ length: 20 }, (_, at) => `openai-key-number-${at + 1}`);
const sleep = (ms) => new Promise((resolve) => setTimeout(resolve, ms));

/** What a stream says in its second `at`: about as much as a model does. */
const words = (name, at) => `${name} says its word number ${at} of many, in about as many letters as a model would. `;
const frame = (content, finish = null) =>
  `data: ${JSON.stringify({ id: 'c', object: 'chat.completion.chunk', created: 1, model: 'm', choices: [{ index: 0, delta: { content }, finish_reason: finish }] })}\n\n`;

async function* talk(name, sent) {
  for (let at = 0; at < SECONDS; at += 1) {
    const text = frame(words(name, at));
    sent.bytes += text.length;
    yield text;
    await sleep(1000);
  }
  const usage = { prompt_tokens: 11, completion_tokens: 7, total_tokens: 18 };
  const end = `${frame('', 'stop')}data: ${JSON.stringify({ id: 'c', object: 'chat.completion.chunk', created: 1, model: 'm', choices: [], usage })}\n\ndata: [DONE]\n\n`;
  sent.bytes += end.length;
  yield end;
}

/** The isolate's memory as V8 counts it, what is outside of its heap too; and the whole process's. */
async function memory(port) {
  const targets = await (await fetch(`http://127.0.0.1:${port}/json`)).json();
  const target = targets.find(({ id, title }) => `${id} ${title}`.includes('sluice')) ?? targets[0];
  const socket = new WebSocket(target.webSocketDebuggerUrl);
  await new Promise((resolve, reject) => socket.once('open', resolve).once('error', reject));
  const ask = () =>
    new Promise((resolve) => {
      socket.once('message', (text) => resolve(JSON.parse(text).result));
      socket.send(JSON.stringify({ id: 1, method: 'Runtime.getHeapUsage' }));
    });
  const most = { heap: 0, outside: 0, process: 0 };
  const look = async () => {
    const { usedSize, embedderHeapUsedSize = 0, backingStorageSize = 0 } = await ask();
    most.heap = Math.max(most.heap, usedSize);
    most.outside = Math.max(most.outside, embedderHeapUsedSize + backingStorageSize);
    most.process = Math.max(most.process, resident());
  };
  return { most, look, stop: () => socket.close() };
}

function resident() {
  const children = execFileSync('ps', ['-A', '-o', 'pid=,ppid=,comm='], { encoding: 'utf8' }).trim().split('\n');
  const own = children.map((line) => line.trim().split(/\s+/)).filter(([, parent]) => Number(parent) === process.pid);
  const [pid] = own.find(([, , name]) => name.includes('workerd'));
  return 1024 * Number(readFileSync(`/proc/${pid}/status`, 'utf8').match(/VmRSS:\s+(\d+)/)[1]);
}

const freePort = () =>
  new Promise((resolve) => {
    const server = createServer();
    server.listen(0, '127.0.0.1', () => {
      const { port } = server.address();
      server.close(() => resolve(port));
    });
  });

async function busy(sluice) {
  const { body } = await sluice.admin('GET accounts?limit=500');
  return body.items.reduce((sum, { in_flight: count }) => sum + count, 0);
}

const megabytes = (bytes) => `${(bytes / (1 << 20)).toFixed(1)} MB`;

test(`${STREAMS} slow streams at once for ${SECONDS} s all arrive, byte for byte`, async (t) => {
  const inspectorPort = await freePort();
  const sluice = await Sluice.start(t, { OPENAI_API_KEY: keys.join() }, { inspectorPort });
  const sent = { bytes: 0 };
  sluice.provider.script(keys, behave.answer());
  sluice.provider.plan = ({ text }) => {
    const name = text.match(/stream-\d+/)[0];
    return behave.raw('text/event-stream', talk(name, sent));
  };
  const watch = await memory(inspectorPort);
  let got = 0;
  const stream = async (at) => {
    const name = `stream-${at}`;
    const response = await sluice.chat({
      stream: true,
      stream_options: { include_usage: true },
      messages: [{ role: 'user', content: name }],
    });
    assert.equal(response.status, 200);
    const text = await response.text();
    got += text.length;
    const said = events(text).slice(0, -1).map((data) => JSON.parse(data).choices[0]?.delta.content ?? '');
    assert.equal(said.join(''), Array.from({ length: SECONDS }, (_, second) => words(name, second)).join(''), name);
    assert.equal(events(text).at(-1), '[DONE]');
  };
  let running = STREAMS;
  const all = Array.from({ length: STREAMS }, (_, at) => stream(at).finally(() => (running -= 1)));
  const done = Promise.all(all);
  done.catch(() => {});
  let together = 0;
  while (running > 0) {
    await watch.look();
    if (together < STREAMS) together = Math.max(together, await busy(sluice));
    await Promise.race([sleep(LONG ? 5000 : 1000), done.catch(() => {})]);
  }
  await done;
  watch.stop();
  await until(async () => (await busy(sluice)) === 0, 60_000);
  const { most } = watch;
  t.diagnostic(
    `${STREAMS} streams, ${together} at once; ${sent.bytes} bytes in, ${got} out; of the isolate at most ` +
      `${megabytes(most.heap)} of heap and ${megabytes(most.outside)} outside of it; of the process ${megabytes(most.process)}`,
  );
  assert.equal(together, STREAMS, 'all at the same time');
  assert.equal(got, sent.bytes);
  assert.ok(most.heap + most.outside < MEMORY, `${megabytes(most.heap + most.outside)}`);
});

test(`${CALLS} calls while accounts come and go are answered, or told why not, and leave nothing behind`, async (t) => {
  const sluice = await Sluice.start(t, { OPENAI_API_KEY: keys.join() });
  const moods = [
    behave.answer(),
    behave.answer(),
    behave.refuse(429, { 'retry-after': '1' }),
    behave.refuse(500),
    behave.cut(1),
    behave.cut(3),
    behave.errorInside(529),
    behave.raw('text/html', ['<h1>Bad gateway</h1>']),
  ];
  // Each account changes its mood every few calls; the last one is always well.
  const steady = keys.at(-1);
  sluice.provider.script(keys, behave.answer());
  let count = 0;
  sluice.provider.plan = ({ key }) => {
    count += 1;
    if (key === steady) return undefined;
    return moods[(Math.floor(count / 7) + keys.indexOf(key)) % moods.length];
  };
  const seen = { whole: 0, broken: 0, refused: 0 };
  const call = async (at) => {
    const stream = at % 2 === 0;
    const response = await sluice.chat({ stream, messages: [{ role: 'user', content: `call ${at}` }] });
    const text = await response.text();
    if (response.status !== 200) {
      assert.ok([429, 502, 503, 529].includes(response.status), `${response.status}: ${text}`);
      assert.ok(JSON.parse(text).error.message.length > 0);
      seen.refused += 1;
      return;
    }
    const expected = `You said: call ${at}. Grüße, 世界!`;
    if (!stream) {
      assert.equal(JSON.parse(text).choices[0].message.content, expected);
      seen.whole += 1;
      return;
    }
    const data = events(text);
    const ended = data.at(-1) === '[DONE]';
    const chunks = data.filter((one) => one !== '[DONE]').map((one) => JSON.parse(one));
    const said = chunks.map(({ choices }) => choices?.[0]?.delta.content ?? '').join('');
    const failures = chunks.filter(({ error }) => error).length;
    assert.deepEqual([failures, ended ? said : expected.startsWith(said)], ended ? [0, expected] : [1, true], text);
    seen[ended ? 'whole' : 'broken'] += 1;
  };
  let next = 0;
  const work = async () => {
    while (next < CALLS) await call((next += 1) - 1);
  };
  await Promise.all(Array.from({ length: 50 }, work));
  t.diagnostic(`${CALLS} calls, ${count} attempts: ${seen.whole} whole, ${seen.broken} broken in the middle, ${seen.refused} refused`);
  assert.equal(seen.whole + seen.broken + seen.refused, CALLS);
  assert.ok(seen.whole > CALLS / 2);
  await until(async () => (await busy(sluice)) === 0, 30_000);
  const database = await sluice.worker.getD1Database('DB');
  const rows = async () => (await database.prepare('SELECT count(*) AS calls FROM usage').first()).calls;
  const expected = CALLS - unasked(sluice);
  await until(async () => (await rows()) === expected, 60_000).catch(() => {});
  assert.equal(await rows(), expected, 'a row for every call that was planned');
});

/** Calls that found everybody resting, and so have a line in the log and no row. */
const unasked = (sluice) => sluice.log.split('\n').filter((line) => line.includes('"event":"refused"')).length;
