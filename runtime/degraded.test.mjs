// What still works when the object, D1 or KV does not: docs/OPERATIONS.md has the order. Each of the three is replaced
// by one that fails, hangs or takes its time when it is told to.

import assert from 'node:assert/strict';
import { test } from 'node:test';
import { Response } from 'miniflare';
import { Sluice, behave, events, until } from './harness.mjs';
import { subscribed } from './subscription.mjs';

const A = 'openai-key-a';

/** Asks the test what to do now: nothing, fail, or wait so many milliseconds (for ever: -1). */
const GATE = `
const gate = async (env, name) => {
  const mode = await (await env.CONTROL.fetch('http://control/' + name)).text();
  if (mode === 'fails') throw new Error(name + ' is unavailable');
  if (mode === 'hangs') await new Promise(() => {});
  if (mode !== '') await scheduler.wait(Number(mode));
};`;

const OBJECT = `${GATE}
export class Pool {
  constructor(state, env) { this.env = env; }
  async fetch(request) {
    await gate(this.env, 'object');
    return this.env.REAL.getByName('pool').fetch(request);
  }
}
export default { fetch: () => new Response('') };`;

const D1 = `${GATE}
export default (env) => {
  const wrap = (real) => ({ real, bind: (...values) => wrap(real.bind(...values)), run: async () => (await gate(env, 'd1'), real.run()) });
  return {
    prepare: (sql) => wrap(env.REAL.prepare(sql)),
    batch: async (list) => (await gate(env, 'd1'), env.REAL.batch(list.map(({ real }) => real))),
  };
};`;

const KV = `${GATE}
export default (env) => ({
  put: async (...given) => (await gate(env, 'kv'), env.REAL.put(...given)),
  delete: async (...given) => (await gate(env, 'kv'), env.REAL.delete(...given)),
});`;

/** `modes` says how object, d1 and kv behave. */
function breakable(modes) {
  const serviceBindings = { CONTROL: (request) => new Response(modes[new URL(request.url).pathname.slice(1)] ?? '') };
  const worker = (name, script, more) => ({
    name,
    modules: true,
    script,
    serviceBindings,
    ...more,
  });
  return {
    durableObjects: { POOL: { className: 'Pool', scriptName: 'object', useSQLite: true } },
    wrappedBindings: { DB: { scriptName: 'd1' }, KV: { scriptName: 'kv' } },
    d1Databases: {},
    kvNamespaces: {},
    others: [
      worker('object', OBJECT, { compatibilityDate: '2025-09-01', durableObjects: { REAL: { className: 'Pool', scriptName: 'sluice', useSQLite: true } } }),
      worker('d1', D1, { d1Databases: { REAL: 'DB' } }),
      worker('kv', KV, { kvNamespaces: { REAL: 'KV' } }),
    ],
  };
}

async function start(t, modes, bindings = {}) {
  const sluice = await Sluice.start(t, { OPENAI_API_KEY: A, SLUICE_PATIENCE_SECONDS: '0.5', ...bindings }, breakable(modes));
  return sluice;
}

for (const mode of ['fails', 'hangs']) {
  test(`the object ${mode}: the operator's calls go on with the last plan and say so, clients' are told to come back`, async (t) => {
    const modes = {};
    const sluice = await start(t, modes);
    const { body: made } = await sluice.admin('POST tokens', { name: 'laptop' });
    const client = { headers: { authorization: `Bearer ${made.key}` } };
    for (const stream of [true, false]) await (await sluice.chat({ stream })).text();
    assert.equal((await sluice.chat({}, client)).status, 200);
    modes.object = mode;
    for (const stream of [true, false]) {
      const response = await sluice.chat({ stream });
      const text = await response.text();
      assert.equal(response.status, 200, text);
      assert.equal(response.headers.get('x-sluice-degraded'), 'pool');
      if (stream) assert.equal(events(text).at(-1), '[DONE]');
    }
    for (const [what, response] of [
      ['a client', await sluice.chat({}, client)],
      ['a model nobody asked for', await sluice.chat({ model: 'gpt-5' })],
    ]) {
      const { error } = await response.json();
      assert.deepEqual([response.status, typeof error.message], [503, 'string'], what);
  
    }
    modes.object = '';
    const back = await sluice.chat();
    assert.deepEqual([back.status, back.headers.get('x-sluice-degraded')], [200, null]);
    assert.equal((await sluice.chat({}, client)).status, 200);
    await until(async () => (await sluice.admin('GET usage')).body.degraded === 2);
    // Every call has its line in the books, whoever planned it.
    const calls = () => sluice.log.split('\n').filter((line) => line.includes('"event":"call"'));
    await until(() => calls().length === 7);
    const { body } = await sluice.admin('GET usage');
    assert.equal(body.items.length, 7);
  });
}

test('the object is slow: everything is as it was, only later', async (t) => {
  const modes = { object: '200' };
  const sluice = await start(t, modes);
  const response = await sluice.chat();
  assert.deepEqual([response.status, response.headers.get('x-sluice-degraded')], [200, null]);
});

for (const mode of ['fails', 'hangs']) {
  test(`D1 ${mode}: answers do not wait, the rows are counted as lost, and later calls say that the log has gaps`, async (t) => {
    const modes = {};
    const sluice = await start(t, modes);
    assert.equal((await sluice.chat()).status, 200);
    await until(async () => (await sluice.admin('GET usage')).body.items.length === 1);
    modes.d1 = mode;
    const first = await sluice.chat();
    assert.deepEqual([first.status, first.headers.get('x-sluice-degraded')], [200, null]);
    await first.text();
    await until(async () => {
      const next = await sluice.chat();
      await next.text();
      assert.equal(next.status, 200);
      return next.headers.get('x-sluice-degraded') === 'log';
    }, 20_000);
    modes.d1 = '';
    await (await sluice.chat()).text();
    await until(async () => (await sluice.chat()).headers.get('x-sluice-degraded') === null, 20_000);
    const { lost } = (await sluice.admin('GET usage')).body;
    assert.ok(lost >= 1, `${lost} lost`);
  });
}

for (const mode of ['fails', 'hangs']) {
  test(`KV ${mode}: tokens are renewed and used all the same`, async (t) => {
    const modes = {};
    const world = await subscribed(t, { SLUICE_PATIENCE_SECONDS: '0.5' }, breakable(modes));
    const { family } = await world.imported('xai', { left: -1 });
    modes.kv = mode;
    assert.deepEqual(await world.ask(), { status: 200, said: `Hello, ${family.email}` });
    assert.equal(family.refreshes, 1);
    modes.kv = '';
    await world.sluice.restart();
    assert.deepEqual(await world.ask(), { status: 200, said: `Hello, ${family.email}` });
    assert.equal(family.refreshes, 1, 'the object has the new token');
  });
}
