// What others are told by the Worker: counters, traces, messages of accounts, health.

import assert from 'node:assert/strict';
import { createHmac } from 'node:crypto';
import { test } from 'node:test';
import { ADMIN_KEY, KEY, Sluice, behave, until } from './harness.mjs';
import { Receiver } from './provider/receiver.mjs';

const SECRET = 'a secret of the webhook';
const metrics = async (sluice, key = ADMIN_KEY) => {
  const headers = { authorization: `Bearer ${key}` };
  const response = await fetch(`${sluice.url}/admin/api/metrics`, { headers });
  return { response, text: await response.text() };
};

test('counters are there for Prometheus, and only for the operator', async (t) => {
  const sluice = await Sluice.start(t);
  await (await sluice.chat()).text();
  await (await sluice.chat({ stream: true })).text();
  await sluice.chat({ model: 'unheard-of' });
  await until(async () => (await metrics(sluice)).text.includes('outcome="answered"} 2'));
  const { response, text } = await metrics(sluice);
  assert.match(response.headers.get('content-type'), /^text\/plain; version=0\.0\.4/);
  assert.match(text, /^sluice_requests_total\{provider="openai",model="gpt-4\.1",outcome="answered"\} 2$/m);
  assert.match(text, /^sluice_refused_total\{status="404"\} 1$/m);
  assert.match(text, /^sluice_first_content_seconds_count\{provider="openai"\} \d$/m);
  for (const line of text.trim().split('\n')) assert.match(line, /^(# (HELP|TYPE) \w+ .+|\w+(\{(\w+="[^"]*",?)+\})? [\d.]+)$/, line);
  assert.equal((await metrics(sluice, KEY)).response.status, 401);
});

test('a call is a trace at the collector, without a body, and nothing fails without one', async (t) => {
  const collector = await Receiver.start(t);
  const sluice = await Sluice.start(t, {
    OTEL_EXPORTER_OTLP_ENDPOINT: collector.url,
    OTEL_EXPORTER_OTLP_HEADERS: 'x-team=a%20b',
  });
  sluice.provider.script('openai-key-a', behave.refuse(429));
  const traceparent = '00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01';
  for (const stream of [true, false]) await (await sluice.chat({ stream }, { headers: { traceparent } })).text();
  await until(() => collector.requests.length === 2);
  const spans = collector.requests.flatMap(({ body }) => body.resourceSpans[0].scopeSpans[0].spans);
  const roots = spans.filter(({ parentSpanId }) => parentSpanId === 'b7ad6b7169203331');
  assert.equal(roots.length, 2);
  for (const { traceId } of spans) assert.equal(traceId, '0af7651916cd43dd8448eb211c80319c');
  const get = (span, key) => Object.values(span.attributes.find((one) => one.key === key)?.value ?? {})[0];
  for (const root of roots) {
    assert.deepEqual([root.name, get(root, 'gen_ai.operation.name'), get(root, 'http.response.status_code')], ['chat gpt-4.1', 'chat', '200']);
    assert.ok(Number(root.endTimeUnixNano) >= Number(root.startTimeUnixNano));
    assert.ok(spans.some(({ parentSpanId }) => parentSpanId === root.spanId), 'an attempt below it');
  }
  assert.deepEqual([collector.requests[0].path, collector.requests[0].headers['x-team']], ['/v1/traces', 'a b']);
  assert.doesNotMatch(collector.requests.map(({ text }) => text).join(), /You said|Hi|openai-key|sk-/);
  collector.statuses.push(503);
  assert.equal((await sluice.chat()).status, 200);
});

test('an account that turns is told to the webhook, signed, again until it is taken, and once', async (t) => {
  const hook = await Receiver.start(t);
  const own = { SLUICE_WEBHOOK_URL: `${hook.url}/hook`, SLUICE_WEBHOOK_SECRET: SECRET, OPENAI_API_KEY: 'openai-key-a' };
  const sluice = await Sluice.start(t, own);
  hook.statuses.push(500);
  sluice.provider.script('openai-key-a', behave.refuse(403));
  await (await sluice.chat()).text();
  await until(() => hook.requests.length === 2);
  const [first, again] = hook.requests;
  assert.equal(first.text, again.text);
  assert.equal(first.headers['webhook-id'], again.headers['webhook-id']);
  const { 'webhook-id': id, 'webhook-timestamp': at, 'webhook-signature': signature } = again.headers;
  const signed = createHmac('sha256', SECRET).update(`${id}.${at}.${again.text}`).digest('base64');
  assert.equal(signature, `v1,${signed}`);
  const { type, data } = again.body;
  assert.deepEqual([type, data.provider, data.from, data.to], ['account.state', 'openai', 'ready', 'cooling']);
  await (await sluice.chat()).text();
  assert.equal(hook.requests.length, 2, 'told once');
  assert.doesNotMatch(first.text, /openai-key/);
});

test('a monitor is told how many accounts are well, and nothing else', async (t) => {
  const sluice = await Sluice.start(t, { SLUICE_HEALTH_PERCENT: '40' });
  const { provider } = sluice;
  for (const key of ['openai-key-a', 'openai-key-b', 'anthropic-key-a', 'anthropic-key-b']) {
    provider.script(key, behave.refuse(403));
  }
  for (const model of ['gpt-4.1', 'claude-sonnet-5']) await (await sluice.chat({ model })).text();
  await until(async () => (await metrics(sluice)).text.match(/state="cooling"\} 2/g)?.length === 2);
  const response = await fetch(`${sluice.url}/healthz`);
  const health = await response.json();
  assert.deepEqual([response.status, health.status, health.accounts, health.ready], [503, 'unhealthy', 6, 2]);
  assert.deepEqual(Object.keys(health), ['status', 'accounts', 'ready', 'master_key']);
});
