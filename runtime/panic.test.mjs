// A panic, if there ever is one: it ends its own request and nothing else. The binding SLUICE_PANIC, which is nowhere
// documented, lets a request ask for one by header.

import assert from 'node:assert/strict';
import { test } from 'node:test';
import { ADMIN_KEY, Sluice, behave, events, until } from './harness.mjs';

const A = 'openai-key-a';

async function start(t) {
  const sluice = await Sluice.start(t, { OPENAI_API_KEY: A, SLUICE_PANIC: '1' });
  sluice.panics = true;
  sluice.provider.script(A, behave.answer());
  return sluice;
}

const admin = (sluice, headers) =>
  fetch(`${sluice.url}/admin/api/accounts`, { headers: { authorization: `Bearer ${ADMIN_KEY}`, ...headers } });

for (const place of ['worker', 'object']) {
  test(`a panic in the ${place} ends one request; the next is served, and what was stored is there`, async (t) => {
    const sluice = await start(t);
    const { body: made } = await sluice.admin('POST tokens', { name: 'laptop', budget: { micro: 1_000_000, window: 'total' } });
    const headers = { authorization: `Bearer ${made.key}` };
    const view = async () => (await sluice.admin(`GET tokens/${made.token.id}`)).body;
    await (await sluice.chat({ max_tokens: 7 }, { headers })).text();
    await until(async () => (await view()).used.micro === 80);
    for (let round = 0; round < 3; round += 1) {
      const broken = place === 'worker' ? await sluice.chat({}, { headers: { 'x-sluice-panic': '1' } }) : await admin(sluice, { 'x-sluice-panic': '1' });
      assert.ok(broken.status >= 500, `${broken.status}`);
      await broken.text();
      const next = await sluice.chat({ max_tokens: 7, stream: true }, { headers });
      const data = events(await next.text());
      assert.deepEqual([next.status, data.at(-1)], [200, '[DONE]']);
      await until(async () => (await view()).used.micro >= 80 * (round + 2));
    }
    const after = await view();
    assert.deepEqual([after.used.micro, after.calls], [80 * 4, 0]);
  });
}

test('what runs beside a panic ends, whole or in an error, and is never taken for whole when it is not', async (t) => {
  const sluice = await start(t);
  sluice.provider.script(A, behave.slow(100));
  const streams = Array.from({ length: 10 }, async () => {
    try {
      const response = await sluice.chat({ stream: true });
      const data = events(await response.text());
      if (data.at(-1) !== '[DONE]') return 'broken';
      const said = data.slice(0, -1).map((one) => JSON.parse(one).choices[0]?.delta.content ?? '').join('');
      assert.equal(said, 'You said: Hi. Grüße, 世界!');
      return 'whole';
    } catch (error) {
      if (error instanceof assert.AssertionError) throw error;
      return 'cut';
    }
  });
  await until(() => sluice.provider.requests.length === 10);
  const broken = await sluice.chat({}, { headers: { 'x-sluice-panic': '1' } });
  assert.ok(broken.status >= 500);
  await broken.text();
  const next = await sluice.chat();
  assert.equal(next.status, 200, await next.text());
  const ends = await Promise.race([
    Promise.all(streams),
    new Promise((_, reject) => setTimeout(() => reject(new Error('a stream hangs')), 60_000).unref()),
  ]);
  t.diagnostic(ends.sort().join(' '));
});
