// Captures in the Worker: opt-in, compressed, exported for fine-tuning, and readable by the tools of that trade.

import assert from 'node:assert/strict';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test } from 'node:test';
import Anthropic from '@anthropic-ai/sdk';
import Ajv from 'ajv/dist/2020.js';
import { ADMIN_KEY, Sluice, until } from './harness.mjs';
import { python, run } from './python.mjs';

const DATASETS = ['datasets==4.0.0'];

/** https://platform.openai.com/docs/api-reference/fine-tuning/chat-input */
const SCHEMA = {
  type: 'object',
  required: ['messages'],
  additionalProperties: false,
  properties: {
    messages: { type: 'array', minItems: 1, items: { $ref: '#/$defs/message' } },
    tools: {
      type: 'array',
      items: {
        type: 'object',
        required: ['type', 'function'],
        properties: { type: { const: 'function' }, function: { type: 'object', required: ['name'] } },
      },
    },
    parallel_tool_calls: { type: 'boolean' },
  },
  $defs: {
    content: { anyOf: [{ type: 'string' }, { type: 'array', minItems: 1, items: { type: 'object', required: ['type'] } }] },
    message: {
      oneOf: [
        {
          type: 'object',
          required: ['role', 'content'],
          additionalProperties: false,
          properties: { role: { enum: ['system', 'user'] }, content: { $ref: '#/$defs/content' }, name: { type: 'string' } },
        },
        {
          type: 'object',
          required: ['role', 'content', 'tool_call_id'],
          additionalProperties: false,
          properties: { role: { const: 'tool' }, content: { $ref: '#/$defs/content' }, tool_call_id: { type: 'string' } },
        },
        {
          type: 'object',
          required: ['role'],
          anyOf: [{ required: ['content'] }, { required: ['tool_calls'] }],
          additionalProperties: false,
          properties: {
            role: { const: 'assistant' },
            content: { anyOf: [{ $ref: '#/$defs/content' }, { type: 'null' }] },
            name: { type: 'string' },
            tool_calls: {
              type: 'array',
              items: {
                type: 'object',
                required: ['id', 'type', 'function'],
                properties: {
                  id: { type: 'string' },
                  type: { const: 'function' },
                  function: {
                    type: 'object',
                    required: ['name', 'arguments'],
                    properties: { name: { type: 'string' }, arguments: { type: 'string' } },
                  },
                },
              },
            },
          },
        },
      ],
    },
  },
};

async function exported(sluice, query) {
  const headers = { authorization: `Bearer ${ADMIN_KEY}` };
  const response = await fetch(`${sluice.url}/admin/api/captures/export?${query}`, { headers });
  const text = await response.text();
  assert.equal(response.status, 200, text);
  return { text, lines: text.trim().split('\n').filter(Boolean).map((line) => JSON.parse(line)) };
}

test('only what a token allows is kept, read, and forgotten', async (t) => {
  const sluice = await Sluice.start(t);
  const make = async (terms) => (await sluice.admin('POST tokens', { name: 'test', ...terms })).body.key;
  const [kept, other] = [await make({ capture: true }), await make({})];
  for (const key of [kept, other]) {
    for (const stream of [true, false]) {
      await (await sluice.chat({ stream }, { headers: { authorization: `Bearer ${key}` } })).text();
    }
  }
  const anthropic = new Anthropic({ apiKey: kept, baseURL: sluice.url, maxRetries: 0 });
  await anthropic.messages.create({ model: 'gpt-4.1', max_tokens: 9, system: 'Be brief.', messages: [{ role: 'user', content: 'Hi' }] });
  await until(async () => (await sluice.admin('GET captures')).body.items.length === 3);
  assert.equal((await sluice.admin('GET usage')).body.items.length, 5);
  const { items } = (await sluice.admin('GET captures?limit=2')).body;
  const rest = (await sluice.admin(`GET captures?limit=2&after=${items[1].id}`)).body;
  assert.deepEqual([items.length, rest.items.length, rest.next], [2, 1, null]);
  const { body: one } = await sluice.admin(`GET captures/${items[0].id}`);
  assert.deepEqual([one.protocol, one.finish, one.request.system], ['messages', 'stop', 'Be brief.']);
  assert.match(one.answer.content[0].text, /You said: Hi/);
  // Two alike, and one with a system prompt.
  const { lines } = await exported(sluice, 'format=chat');
  assert.deepEqual(lines.map(({ messages }) => messages.map(({ role }) => role).join()).sort(), ['system,user,assistant', 'user,assistant']);
  assert.equal((await exported(sluice, 'format=pairs&distinct=false')).lines.length, 3);
  assert.equal((await exported(sluice, 'format=pairs&finish=length')).lines.length, 0);
  assert.equal((await sluice.admin('GET captures/export?format=csv')).status, 400);
  assert.equal((await sluice.fetch('/admin/api/captures/export')).status, 401, 'not for clients');
  assert.deepEqual((await sluice.admin(`DELETE captures/${items[0].id}`)).body, { deleted: 1 });
  assert.equal((await sluice.admin(`GET captures/${items[0].id}`)).status, 404);
  assert.deepEqual((await sluice.admin('DELETE captures?model=gpt-4.1')).body, { deleted: 2 });
  assert.equal((await exported(sluice, '')).text, '');
  assert.doesNotMatch(sluice.log, /You said/);
});

test('captures go when they are old or too many, at the full hour, and one that is too large never comes', async (t) => {
  const sluice = await Sluice.start(t);
  const { body: token } = await sluice.admin('POST tokens', { name: 'test', capture: true });
  const ask = (content) => sluice.chat({ messages: [{ role: 'user', content }] }, { headers: { authorization: `Bearer ${token.key}` } }).then((answer) => answer.text());
  const database = await sluice.worker.getD1Database('DB');
  const kept = async () => (await database.prepare('SELECT id, bytes FROM captures ORDER BY id').all()).results;
  const at = (minute) => new Date(Math.floor(Date.now() / 3_600_000) * 3_600_000 + minute * 60_000);
  const strike = async (minute) => (await sluice.worker.getWorker()).scheduled({ cron: '*/5 * * * *', scheduledTime: at(minute) });
  // Random text is not compressed below the largest that is kept.
  const random = Buffer.from(crypto.getRandomValues(new Uint8Array(65_536))).toString('base64');
  const noise = Array.from({ length: 20 }, (_, turn) => Buffer.from(random, 'base64').map((byte, place) => byte ^ ((place * 31 + turn * 97 + (place >> 8) * turn) & 255)).toString('base64')).join('');
  assert.match(await ask(noise), /You said/);
  await until(() => sluice.log.includes('is too large to be kept'));
  assert.deepEqual(await kept(), []);
  for (let count = 1; count <= 4; count += 1) {
    await ask(`Question ${count}`);
    await until(async () => (await kept()).length === count);
  }
  const ids = (await kept()).map(({ id }) => id);
  const left = async () => (await kept()).map(({ id }) => ids.indexOf(id));
  // The id is the time: the first is moved to 31 days ago.
  await database.prepare('UPDATE captures SET id = id - ?1 WHERE id = ?2').bind(31 * 86_400_000 * 1024, ids[0]).run();
  await strike(30);
  assert.equal((await kept()).length, 4, 'looked at once an hour');
  await strike(0);
  assert.deepEqual(await left(), [1, 2, 3]);
  // Each 600 KB, as the database is told: the newest fits into a megabyte.
  await database.prepare('UPDATE captures SET bytes = 600 * 1024').run();
  await strike(0);
  assert.deepEqual(await left(), [1, 2, 3], '100 MB are kept, unless somebody says otherwise');
  assert.equal((await sluice.admin('PUT config', { revision: 0, document: { retention: { capture_mb: 1 } } })).status, 200);
  await strike(0);
  assert.deepEqual(await left(), [3]);
  assert.equal((await sluice.admin('PUT config', { revision: 1, document: { retention: { capture_days: 1 } } })).status, 200);
  await database.prepare('UPDATE captures SET id = id - ?1').bind(2 * 86_400_000 * 1024).run();
  await strike(0);
  assert.deepEqual(await kept(), []);
});

test('a thousand conversations export, load in datasets and are what the format says', { timeout: 600_000 }, async (t) => {
  const sluice = await Sluice.start(t);
  const { body } = await sluice.admin('POST tokens', { name: 'test', capture: true });
  const headers = { authorization: `Bearer ${body.key}` };
  const tools = [{ type: 'function', function: { name: 'weather', parameters: { type: 'object', properties: { city: { type: 'string' } } } } }];
  const ask = async (at) => {
    const messages = [{ role: 'user', content: `Question ${at}: 世界?` }];
    await (await sluice.chat({ messages, stream: at % 2 === 0, ...(at % 10 === 0 && { tools }) }, { headers })).text();
  };
  for (let at = 0; at < 1000; at += 20) await Promise.all(Array.from({ length: 20 }, (_, more) => ask(at + more)));
  const database = await sluice.worker.getD1Database('DB');
  const count = async () => (await database.prepare('SELECT count(*) AS n, sum(bytes) AS bytes FROM captures').first());
  await until(async () => (await count()).n === 1000, 30_000);
  t.diagnostic(`a capture: ${Math.round((await count()).bytes / 1000)} bytes as it is stored`);
  const { text, lines } = await exported(sluice, 'format=chat');
  assert.equal(lines.length, 1000);
  const valid = new Ajv({ strict: false }).compile(SCHEMA);
  for (const line of lines) assert.ok(valid(line), `${JSON.stringify(valid.errors?.[0])}: ${JSON.stringify(line)}`);
  assert.equal(valid({ messages: [{ role: 'assistant' }] }), false, 'the schema can refuse');
  const program = await python(t, DATASETS);
  if (program === undefined) return;
  const folder = mkdtempSync(join(tmpdir(), 'sluice-'));
  t.after(() => rmSync(folder, { recursive: true, force: true }));
  writeFileSync(`${folder}/captures.jsonl`, text);
  const script = `
from datasets import load_dataset
rows = load_dataset("json", data_files="${folder}/captures.jsonl", split="train", cache_dir="${folder}/cache")
print(len(rows), rows[1]["messages"][-1]["role"])`;
  const { stdout } = await run(program, ['-c', script], { env: { ...process.env, HF_HUB_OFFLINE: '1', HF_HOME: folder } });
  assert.equal(stdout.trim().split('\n').at(-1), '1000 assistant');
});
