// A provider on loopback that speaks every wire there is, behaves as each key's script says, and refuses what the real
// ones refuse. Logins are known by their tokens, which the emulated sign-ins judge; their scripts go by e-mail.

import { createServer } from 'node:http';
import * as bedrock from './provider/bedrock.mjs';
import * as chat from './provider/chat.mjs';
import * as claude from './provider/claude.mjs';
import { azure, azureResponses, vertex, vertexClaude } from './provider/clouds.mjs';
import * as codeAssist from './provider/code_assist.mjs';
import * as codex from './provider/codex.mjs';
import { play } from './provider/faults.mjs';
import * as gemini from './provider/gemini.mjs';
import * as kiro from './provider/kiro.mjs';
import * as messages from './provider/messages.mjs';
import * as ollama from './provider/ollama.mjs';
import * as qwen from './provider/qwen.mjs';
import * as responses from './provider/responses.mjs';
import { rows } from './provider/rows.mjs';
import { bearer } from './provider/wire.mjs';

const LOGINS = [codeAssist, codex, claude, qwen];
const CLOUDS = [azure, azureResponses, bedrock, kiro, ollama, vertex, vertexClaude];
const WIRES = [chat, gemini, messages, responses, ...CLOUDS, ...rows, ...LOGINS];

/** What a key does with a request. `after` counts the frames that are sent before. */
export const behave = {
  /** `answer`, or what it makes of `{ tools, results, said }`, in place of what would be said. */
  answer: (answer = {}) => ({ answer }),
  refuse: (status, headers = {}, message = 'refused by script') => ({ status, headers, message }),
  /** A login's allowance is used up, and back in so many seconds. */
  exhausted: (seconds) => ({ exhausted: seconds }),
  /** A 200 whose stream, or whole body, is an error. */
  errorInside: (status = 529, after = 0) => ({ inside: status, after }),
  cut: (after) => ({ after, then: 'cut' }),
  stall: (after) => ({ after, then: 'stall' }),
  slow: (ms, answer = {}) => ({ ms, answer }),
  /** Bytes as they are given, by a list or as they are generated. */
  raw: (contentType, chunks, then) => ({ contentType, chunks, then }),
  /** One of `provider/faults.mjs`, by its name. */
  fault: (fault) => ({ fault }),
};

export class Provider {
  #server;
  #scripts = new Map();
  /** Where tokens come from: an `OAuth`. */
  oauth;
  /** What happens to a request instead of its key's script, if it says anything of it. */
  plan;
  /** A host that nobody should ever ask. */
  elsewhere;
  /** Every request that came, in order. */
  requests = [];

  static async start() {
    const provider = new Provider();
    provider.#server = createServer((request, response) => provider.#serve(request, response));
    await new Promise((resolve) => provider.#server.listen(0, '127.0.0.1', resolve));
    return provider;
  }

  get url() {
    return `http://127.0.0.1:${this.#server.address().port}`;
  }

  /** What happens to the next requests with any of `keys`; the last behavior stays. */
  script(keys, ...behaviors) {
    for (const key of [keys].flat()) this.#scripts.set(key, behaviors);
  }

  /** Keys of the requests since the last call. */
  keys() {
    return this.requests.splice(0).map((request) => request.key);
  }

  stop() {
    this.#server.closeAllConnections();
    return new Promise((resolve) => this.#server.close(resolve));
  }

  async #serve(request, response) {
    const url = new URL(request.url, this.url);
    const question = LOGINS.find((wire) => wire.questions[`${request.method} ${url.pathname}`]);
    const wire = question ?? WIRES.find((wire) => wire.matches(url.pathname));
    if (wire === undefined || (request.method !== 'POST' && question === undefined)) {
      response.writeHead(404, { 'content-type': 'application/json' });
      return response.end(JSON.stringify({ error: { message: `no such path: ${request.method} ${url.pathname}` } }));
    }
    let text = '';
    for await (const chunk of request) text += chunk;
    const token = bearer(request.headers);
    const family = LOGINS.includes(wire) ? this.oauth?.holder(token) : undefined;
    const key = LOGINS.includes(wire) ? family?.email : wire.key(request.headers, url);
    const { method, headers } = request;
    const seen = { key, wire, method, path: url.pathname, headers, text, left: false };
    seen.closed = new Promise((resolve) => {
      response.on('close', () => {
        seen.left = !response.writableEnded;
        resolve(seen.left);
      });
    });
    if (question === undefined) this.requests.push(seen);
    const refuse = (status, message, headers = {}) => {
      response.writeHead(status, { 'content-type': 'application/json', ...headers });
      response.end(JSON.stringify(wire.error(status, message)));
    };
    const send = ({ status, headers, body }) =>
      response.writeHead(status, { 'content-type': 'application/json', ...headers }).end(JSON.stringify(body));
    if (LOGINS.includes(wire)) {
      const judged = this.oauth?.judge(token) ?? 'unknown';
      if (judged !== 'ok' || family.provider !== wire.name) return send(wire.stale(judged));
    }
    const script = this.#scripts.get(key) ?? (family && [behave.answer()]);
    if (script === undefined) return refuse(401, `unknown key ${key}`);
    if (question) {
      const answer = wire.questions[`${request.method} ${url.pathname}`];
      return send({ status: 200, body: answer(family, { exhausted: script[0].exhausted !== undefined }) });
    }
    const behavior = this.plan?.(seen) ?? (script.length > 1 ? script.shift() : script[0]);
    if (behavior.exhausted !== undefined) return send(wire.exhausted(behavior.exhausted));
    // A careless provider repeats the key.
    const message = typeof behavior.message === 'function' ? behavior.message(token) : behavior.message;
    if (behavior.status !== undefined) return refuse(behavior.status, message, behavior.headers);
    try {
      seen.body = JSON.parse(text);
      wire.check(seen.body, headers, LOGINS.includes(wire) ? family : seen);
    } catch (error) {
      return refuse(400, error.message);
    }
    const asked = wire.read(seen.body);
    const ordered = typeof behavior.answer === 'function' ? behavior.answer(asked) : behavior.answer;
    const answer = { ...reply(asked), ...ordered };
    if (behavior.fault !== undefined) {
      const streams = wire.streams(seen.body, url);
      return play(behavior.fault, wire, answer, streams, seen.body, response, { elsewhere: this.elsewhere });
    }
    return perform(behavior, wire, answer, wire.streams(seen.body, url), seen.body, response);
  }
}

/** Two tools called at once when there are tools, the sum of what they said when they have answered, else a greeting. */
function reply({ tools, results, said }) {
  if (results.length > 0) return { text: `Done: ${results.join(' and ')}.`, calls: [] };
  if (tools.length > 0) {
    const call = (city) => ({ name: tools[0], input: { city } });
    return { text: '', calls: [call('Paris'), call('Rome')] };
  }
  return { text: `You said: ${said}. Grüße, 世界!`, calls: [] };
}

async function perform(behavior, wire, answer, stream, body, response) {
  const write = (chunk) => new Promise((resolve) => response.write(chunk, resolve));
  if (behavior.chunks !== undefined) {
    response.writeHead(200, { 'content-type': behavior.contentType });
    for await (const chunk of behavior.chunks) await write(chunk);
    return behavior.then === 'cut' ? response.destroy() : response.end();
  }
  if (!stream) {
    response.writeHead(200, { 'content-type': 'application/json' });
    if (behavior.ms !== undefined) await sleep(behavior.ms);
    const whole = JSON.stringify(
      behavior.inside ? wire.error(behavior.inside, 'an error inside a 200') : wire.whole(answer, body),
    );
    if (behavior.then === undefined) return response.end(whole);
    await write(whole.slice(0, whole.length / 2));
  } else {
    response.writeHead(200, { 'content-type': wire.contentType ?? 'text/event-stream' });
    response.flushHeaders();
    const frames = wire.frames(answer, body);
    for (const frame of frames.slice(0, behavior.after ?? frames.length)) {
      if (behavior.ms !== undefined) await sleep(behavior.ms);
      if (response.destroyed) return undefined;
      await write(frame);
    }
    if (behavior.inside !== undefined) await write(wire.errorFrame(behavior.inside, 'an error inside a stream'));
    if (behavior.then === undefined) return response.end();
  }
  if (behavior.then === 'cut') response.destroy();
  return undefined;
}

const sleep = (ms) => new Promise((resolve) => setTimeout(resolve, ms));
