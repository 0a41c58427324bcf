// What real clients sent, sent again to a provider of each wire; every answer obeys its protocol's published schema.

import assert from 'node:assert/strict';
import { readFileSync, readdirSync } from 'node:fs';
import { before, test } from 'node:test';
import { KEY, Sluice, events } from './harness.mjs';
import * as schemas from './schemas.mjs';

const WIRES = ['chat', 'responses', 'messages', 'gemini'];

/** The refusals, and why each is right. */
const REFUSED = [
  { says: /logit_bias: the provider of this model cannot be asked for it/, why: 'tokens have numbers only at OpenAI' },
  { says: /previous_response_id: answers are not stored here/, why: 'nothing is stored' },
  { says: /thread_unsupported_request/, why: 'the SDK sends the history when it reads this' },
  { says: /stop: the Responses API has no stop sequences/, why: 'the answer would run past its end' },
  { says: /code_interpreter/, why: 'a tool that only OpenAI runs' },
  { says: /codeExecution/, why: 'a tool that only Gemini runs' },
  { says: /this provider does not take `audio\/wav`/, why: 'Claude hears nothing' },
  { says: /the signature is not the demo's/, why: 'thoughts that another provider sealed, sent as if to the one that did' },
];

/** The protocol of each path on which a model answers. */
const PATHS = [
  [/^\/v1\/chat\/completions$/, 'chat'],
  [/^\/v1\/responses$/, 'responses'],
  [/^\/v1\/messages(\?|$)/, 'messages'],
  [/^\/v1(beta1?)?\/.*models\/[^:]+:(streamG|g)enerateContent/, 'gemini'],
  [/^\/api\/chat$/, 'ollama'],
  [/^\/api\/generate$/, 'ollama generate'],
];

/** Requests by client: `{ protocol, path, headers, body }`. */
function captures() {
  const clients = new Map();
  for (const client of readdirSync(`${schemas.SHARED}/captures`).sort()) {
    for (const file of readdirSync(`${schemas.SHARED}/captures/${client}`).sort()) {
      const { path, headers, body } = JSON.parse(readFileSync(`${schemas.SHARED}/captures/${client}/${file}`, 'utf8'));
      const protocol = PATHS.find(([pattern]) => pattern.test(path))?.[1];
      if (protocol === undefined) continue;
      if (!clients.has(client)) clients.set(client, []);
      clients.get(client).push({ file, protocol, path, headers, body });
    }
  }
  return clients;
}

/** Headers that belong to the connection. */
const CONNECTION = /^(host|connection|content-length|accept-encoding|transfer-encoding)$/i;

/** Headers that hold a key. */
const KEYS = /^(authorization|x-api-key|x-goog-api-key)$/i;

/** The request again, from the same client with our key where it had its own, for `model`. */
function replay({ protocol, path, headers, body }, model) {
  const own = headers.filter(([name]) => !CONNECTION.test(name));
  const keyed = own.map(([name, value]) => [name, KEYS.test(name) ? value.replace(/[^ ]+$/, KEY) : value]);
  const named = path.replace(/models\/[^:]+:/, `models/${model}:`).replace(/key=[^&]+/, `key=${KEY}`);
  // Ollama's clients have no key.
  const keyless = !path.includes('key=') && !own.some(([name]) => KEYS.test(name));
  if (keyless) keyed.push(['authorization', `Bearer ${KEY}`]);
  const asked = protocol === 'gemini' ? body : { ...body, model };
  return fetch(sluice.url + named, { method: 'POST', headers: keyed, body: JSON.stringify(asked) });
}

/** What is wrong with an answer. */
async function faults({ protocol, path, body }, response) {
  const text = await response.text();
  if (response.status !== 200) {
    const refusal = REFUSED.find(({ says }) => response.status === 400 && says.test(text));
    if (refusal === undefined) return [`${response.status} ${text}`];
    refusal.met = true;
    return [];
  }
  const streams = { gemini: path.includes(':stream') }[protocol] ?? body.stream ?? protocol.startsWith('ollama');
  if (!streams) return schemas.answer(protocol, JSON.parse(text));
  const found = parse(protocol, path, text);
  const wrong = found.events.flatMap((event) => schemas.event(protocol, event));
  if (!found.ended) wrong.push(`the stream does not end: ${text.slice(-300)}`);
  return [...new Set(wrong)].slice(0, 8);
}

/** The events of a stream, and whether the last says that it is. */
function parse(protocol, path, text) {
  if (protocol.startsWith('ollama')) {
    const lines = text.trimEnd().split('\n').map((line) => JSON.parse(line));
    return { events: lines, ended: lines.at(-1).done === true };
  }
  if (protocol === 'gemini') {
    const chunks = path.includes('alt=sse') ? events(text).map((data) => JSON.parse(data)) : JSON.parse(text);
    return { events: chunks, ended: chunks.at(-1).candidates?.[0]?.finishReason !== undefined };
  }
  const data = events(text);
  const ended = {
    chat: () => data.pop() === '[DONE]' && data.some((data) => JSON.parse(data).choices[0]?.finish_reason),
    messages: () => JSON.parse(data.at(-1)).type === 'message_stop',
    responses: () =>
      /^response\.(completed|incomplete)$/.test(JSON.parse(data.at(-1)).type) &&
      data.every((data, index) => JSON.parse(data).sequence_number === index),
  }[protocol]();
  return { events: data.map((data) => JSON.parse(data)), ended };
}

let sluice;
before(async (t) => (sluice = await Sluice.start(t, { SLUICE_DEMO: '1' })));

const skip = schemas.missing('captures', 'specs');

for (const [client, requests] of skip ? [] : captures()) {
  for (const wire of WIRES) {
    test(`${client} from demo/${wire}`, async () => {
      const wrong = [];
      for (const request of requests) {
        // What it would do, and what it says aloud after thinking.
        for (const model of [`demo/${wire}`, `demo/${wire}+think+calls=0+cached=2`]) {
          const found = await faults(request, await replay(request, model));
          wrong.push(...found.map((fault) => `${client}/${request.file} ${request.protocol} ${model}: ${fault}`));
        }
      }
      assert.deepEqual(wrong, []);
    });
  }
}

test('every refusal that is expected is met', { skip }, () => {
  assert.deepEqual(REFUSED.filter(({ met }) => !met), []);
});
