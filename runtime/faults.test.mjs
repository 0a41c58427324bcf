// What every fault of a provider comes to, for every client: nothing is shown as complete that is not, nothing is asked
// twice that has begun, nobody waits for ever. `docs/FAULTS.md` is what this sees; SLUICE_UPDATE=1 writes it anew.

import assert from 'node:assert/strict';
import { readFileSync, writeFileSync } from 'node:fs';
import { createServer } from 'node:http';
import { after, before, test } from 'node:test';
import { CLIENTS } from './clients.mjs';
import { Sluice, behave, until } from './harness.mjs';
import * as bedrock from './provider/bedrock.mjs';
import * as chat from './provider/chat.mjs';
import { FAULTS, happens } from './provider/faults.mjs';
import * as gemini from './provider/gemini.mjs';
import * as kiro from './provider/kiro.mjs';
import * as messages from './provider/messages.mjs';
import * as ollama from './provider/ollama.mjs';
import * as responses from './provider/responses.mjs';

const SAID = 'Weather in Paris and Rome?';
const GREETING = `You said: ${SAID}. Grüße, 世界!`;

/** A model of each provider, and the wire it speaks with a client. */
const PROVIDERS = {
  openai: { model: 'gpt-4.1', wire: (client) => (client === 'responses' ? responses : chat) },
  anthropic: { model: 'claude-sonnet-4-5', wire: () => messages },
  google: { model: 'gemini-2.5-flash', wire: () => gemini },
  ollama: { model: 'qwen3', wire: () => ollama },
  kiro: { model: 'claude-sonnet-4-5', wire: () => kiro, only: true },
  bedrock: { model: 'us.anthropic.claude-sonnet-4-5-20250929-v1:0', wire: () => bedrock },
};

let sluice, elsewhere;
let strayed = 0;
/** What the provider does, by the number in the model's name: the first time it is asked, and from then on. */
const plans = new Map();
let fresh = 0;

before(async (t) => {
  elsewhere = createServer((request, response) => {
    strayed += 1;
    response.end();
  });
  await new Promise((resolve) => elsewhere.listen(0, '127.0.0.1', resolve));
  sluice = await Sluice.start(t, (url) => ({
    SLUICE_IDLE_SECONDS: '1.5',
    KIRO_API_KEY: 'kiro-a,kiro-b',
    KIRO_BASE_URL: url,
    BEDROCK_API_KEY: 'bedrock-a,bedrock-b',
    BEDROCK_BASE_URL: url,
    OLLAMA_API_KEY: 'ollama-a,ollama-b',
    OLLAMA_BASE_URL: url,
    NODNS_API_KEY: 'dns-a',
    NODNS_BASE_URL: 'http://nobody.sluice.invalid/v1',
    NODNS_MODELS: 'no-dns-*',
    NOTLS_API_KEY: 'tls-a',
    NOTLS_BASE_URL: `${url.replace('http:', 'https:')}/v1`,
    NOTLS_MODELS: 'no-tls-*',
    CLOSED_API_KEY: 'closed-a',
    CLOSED_BASE_URL: 'http://127.0.0.1:9/v1',
    CLOSED_MODELS: 'closed-*',
  }));
  const { provider } = sluice;
  provider.script(['kiro-a', 'kiro-b', 'bedrock-a', 'bedrock-b', 'ollama-a', 'ollama-b'], behave.answer());
  provider.elsewhere = `http://127.0.0.1:${elsewhere.address().port}`;
  provider.plan = ({ path, text }) => {
    const plan = plans.get((path + text).match(/-x(\d+)x/)?.[1]);
    if (plan === undefined) return undefined;
    plan.asked += 1;
    return plan.behaviors[Math.min(plan.asked, plan.behaviors.length) - 1];
  };
});
after(() => elsewhere.close());

/** One call: what the client read, how often the provider was asked, and what pool and log say of it. */
async function ask(provider, client, stream, behaviors, model = PROVIDERS[provider].model) {
  const plan = { asked: 0, behaviors };
  fresh += 1;
  plans.set(`${fresh}`, plan);
  const name = `${model}-x${fresh}x`;
  const { path, body, read } = CLIENTS[client];
  const response = await sluice.fetch(path(name, stream), {
    body: body(name, stream, { said: SAID }),
    headers: { 'x-sluice-provider': provider },
    signal: AbortSignal.timeout(60_000),
  });
  const text = await response.text();
  const id = response.headers.get('x-sluice-request-id');
  const line = await logged(id);
  const rests = [];
  for (const { account } of line.attempts.filter(({ outcome }) => outcome !== 'answered')) {
    const { body: view } = await sluice.admin(`GET accounts/${encodeURIComponent(account)}`);
    rests.push(view.state.models.find((one) => one.model === name)?.why ?? view.state.why ?? 'ready');
    assert.equal(view.in_flight >= 0, true);
  }
  let heard;
  try {
    // Clients read every line end there is.
    heard = read(text.replace(/\r\n?/g, '\n'), stream, response.status);
  } catch (error) {
    // What a relay passed on as it came, and an SDK throws at.
    assert.ok(error instanceof SyntaxError && stream, error);
    heard = { said: '', calls: [], ended: false, failed: true };
  }
  return { ...heard, status: response.status, asked: plan.asked, attempts: line.attempts, ended: heard.ended === true, log: line.ended, rests };
}

async function logged(id) {
  const find = () => sluice.log.split('\n').find((line) => line.includes('"event":"call"') && line.includes(id));
  await until(find, 30_000);
  return JSON.parse(find());
}

const table = new Map();

/** What was seen of a fault, in the words of the table. */
function note(fault, column, words) {
  const row = table.get(fault) ?? { streaming: new Set(), waiting: new Set(), alone: new Set(), pool: new Set(), log: new Set() };
  row[column].add(words);
  table.set(fault, row);
}

/** What the client made of it, and whether that is honest. */
function judge(what, fault, got, stream) {
  const { seen, mixed } = FAULTS[fault];
  // All of the text and the provider's own word for its end, then a cut in what follows that: an error, and nothing is missing.
  const all = stream && seen === 'either' && got.failed && got.said === GREETING;
  if (!all) assert.notEqual(got.ended, got.failed, `${what}: an end or an error, and not both: ${JSON.stringify(got)}`);
  if (got.ended && !mixed) assert.equal(got.said, GREETING, what);
  if (got.failed && !mixed) assert.ok(GREETING.startsWith(got.said), `${what}: ${got.said}`);
  assert.equal(got.attempts.length, got.asked || got.attempts.length, `${what}: asked ${got.asked} times`);
  assert.ok(got.asked <= 2, `${what}: asked ${got.asked} times`);
  if (stream && seen === 'told') assert.deepEqual([got.failed, got.asked], [true, 1], what);
  if (seen === 'unseen') assert.deepEqual([got.ended, got.asked], [true, 2], what);
  if (seen === 'harmless') assert.deepEqual([got.ended, got.asked], [true, 1], what);
  if (!stream && seen !== 'harmless') assert.ok(got.ended, what);
  if (all) return 'everything, then one error';
  if (got.failed) return got.said === '' ? 'an error' : 'what had come, then one error';
  return got.asked === 2 ? 'the other account\'s answer' : 'the whole answer';
}

const unseen = (fault, stream) => FAULTS[fault].seen === 'unseen' || (!stream && FAULTS[fault].seen === 'told');

async function meet(provider, client, fault, stream) {
  const what = `${fault}: ${provider} to ${client}, ${stream ? 'streaming' : 'waiting'}`;
  const got = await ask(provider, client, stream, [behave.fault(fault), behave.answer()]);
  note(fault, stream ? 'streaming' : 'waiting', judge(what, fault, got, stream));
  const outcomes = got.attempts.map(({ outcome }) => outcome).join(', then ');
  note(fault, 'log', outcomes);
  for (const rest of got.rests) note(fault, 'pool', rest);
  if (!unseen(fault, stream)) return;
  const alone = await ask(provider, client, stream, [behave.fault(fault)]);
  assert.deepEqual([alone.ended, alone.failed, alone.asked, alone.said], [false, true, 2, ''], `${what}, and nobody else`);
  assert.ok(alone.status >= 500 || alone.status === 429, `${what}: ${alone.status}`);
  note(fault, 'alone', `${alone.status}`);
}

/** At most twelve at once; everything that is wrong is told together. */
async function each(list, run) {
  const rest = [...list];
  const wrong = [];
  const work = async () => {
    for (let next = rest.shift(); next !== undefined; next = rest.shift()) {
      await run(next).catch((error) => wrong.push(`${error.message.split('\n')[0]} ${JSON.stringify(error.actual)}`));
    }
  };
  await Promise.all(Array.from({ length: 12 }, work));
  assert.deepEqual(wrong, []);
}

for (const provider of Object.keys(PROVIDERS)) {
  test(`${provider}: whatever goes wrong, every client is told the truth`, async () => {
    const cells = [];
    for (const [fault, { large }] of Object.entries(FAULTS)) {
      for (const client of Object.keys(CLIENTS)) {
        const { wire, only } = PROVIDERS[provider];
        for (const stream of [true, false]) {
          // Seventeen megabytes are the same to everybody.
          if (large && (client !== 'messages' || !stream)) continue;
          if (happens(fault, wire(client), stream || only === true)) cells.push([client, fault, stream]);
        }
      }
    }
    await each(cells, ([client, fault, stream]) => meet(provider, client, fault, stream));
    const { body } = await sluice.admin('GET accounts?limit=500');
    for (const { id, in_flight: left } of body.items) assert.equal(left, 0, `${id} is still counted as busy`);
  });
}

test('a host that cannot be reached is another account\'s turn, or an error', async () => {
  for (const name of ['nodns', 'notls', 'closed']) {
    const fault = { nodns: 'a name without an address', notls: 'TLS refused', closed: 'a closed port' }[name];
    const model = { nodns: 'no-dns', notls: 'no-tls', closed: 'closed' }[name];
    for (const client of Object.keys(CLIENTS)) {
      for (const stream of [true, false]) {
        const got = await ask(name, client, stream, [behave.answer()], model);
        assert.deepEqual([got.ended, got.failed, got.asked, got.status], [false, true, 0, 502], `${name} ${client}`);
        note(fault, stream ? 'streaming' : 'waiting', 'an error, where nobody else has the model');
        note(fault, 'alone', '502');
        note(fault, 'log', got.attempts.map(({ outcome }) => outcome).join(', then '));
        for (const rest of got.rests) note(fault, 'pool', rest);
      }
    }
  }
});

test('no redirect was followed', () => assert.equal(strayed, 0));

test('the table is what was seen', () => {
  const words = (set) => [...set].sort().join('; ').replace(/\d+ s\b/g, 'a few s') || '–';
  const order = [...Object.keys(FAULTS), ...table.keys()];
  const rows = [...table]
    .sort(([one], [other]) => order.indexOf(one) - order.indexOf(other))
    .map(([fault, row]) => [fault, row.streaming, row.waiting, row.alone, row.pool, row.log].map((cell, at) => (at === 0 ? cell : words(cell))));
  const lines = rows.map((cells) => `| ${cells.join(' | ')} |`);
  console.log(lines.join('\n'));
  const file = new URL('../docs/FAULTS.md', import.meta.url);
  if (process.env.SLUICE_UPDATE) writeFileSync(file, `${HEAD}${lines.join('\n')}\n`);
  const documented = readFileSync(file, 'utf8').split('\n').filter((line) => line.startsWith('| ')).map((line) => line.slice(2, -2).split(' | '));
  // Whether a cut overtakes the last bytes is a matter of timing: a result may be missing this time, and none is new.
  for (const [fault, ...cells] of rows) {
    const row = documented.find(([name]) => name === fault);
    assert.ok(row, `${fault}: SLUICE_UPDATE=1 writes it anew`);
    for (const [at, cell] of cells.entries()) {
      for (const one of cell.split('; ').filter((one) => one !== '–')) {
        assert.ok(row[at + 1].split('; ').includes(one), `${fault}: ${one} is not in docs/FAULTS.md; SLUICE_UPDATE=1 writes it anew`);
      }
    }
  }
});

const HEAD = `# When a provider fails

What clients, the pool and the log have seen of every fault that the tests play, in workerd, for six providers and the
clients of five protocols. \`runtime/faults.test.mjs\` writes this and keeps it true. Several results in one cell: it
depends on the wire, or on what the client had already got.

- *Streaming* and *waiting*: what a client gets while another account is well.
- *Nobody else*: the status when every account fails like this, where nothing had reached the client.
- *Pool*: why the account rests from that model.
- *Log*: what came of each account that was asked.

| fault | streaming | waiting | nobody else | pool | log |
|---|---|---|---|---|---|
`;
