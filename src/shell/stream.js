// A provider's answer: read, watched for silence, and driven to the client with one call into Rust per wake.

import { Left, Reader } from './read.js';

/** How a read rejects when the provider was silent for too long. */
const STALLED = 'stalled';

/** What the binding's errors, which begin with a code, are as answers. */
const STATUSES = { 3006: 413, 3007: 408, 3008: 408, 3023: 403, 3036: 429, 3040: 429, 3041: 403, 3042: 404, 5007: 404, 5016: 403, 5018: 403 };

/** What the `AI` binding answers, as a response. */
async function infer(ai, model, inputs) {
  try {
    const answer = await ai.run(model, JSON.parse(inputs));
    if (answer instanceof ReadableStream) return new Response(answer, { headers: { 'content-type': 'text/event-stream' } });
    return answer instanceof Response ? answer : Response.json(answer);
  } catch ({ message }) {
    const code = Number(/^(\d{4}): /.exec(message)?.[1]);
    const status = STATUSES[code] ?? (code >= 3000 && code < 6000 ? 400 : 502);
    return Response.json({ error: { code, message } }, { status });
  }
}

/** How often the WebAssembly has panicked. What was under way then has nobody to answer for it. */
let fallen = 0;
export function fell() {
  fallen += 1;
}
/** How soon those who only wait notice. */
const LOOK_MS = 5000;

export class Source {
  #born = fallen;
  #abort = new AbortController();
  #idleMs;
  #client;
  #quiet;
  #response;
  #reader;
  #timer;
  #stalled = false;
  #over = false;
  /** Since when somebody has been waiting for the provider; 0: nobody waits. */
  #since = 0;
  /** When something was last said into the provider's silence. */
  #spoken = 0;

  /** `client` is the signal of the request that the answer is for. */
  constructor(idleMs, client) {
    this.#idleMs = idleMs;
    this.#client = client;
    client.addEventListener('abort', () => this.cancel(), { once: true });
  }

  /** Nobody is left who could take the rest. */
  get orphaned() {
    return this.#born !== fallen;
  }

  /** The client did not wait for the end. */
  get left() {
    return this.#client.aborted;
  }

  /** Resolves when the headers have come. Names and values alternate in `headers`. */
  async send(method, url, headers, body) {
    const bytes = method === 'GET' || method === 'HEAD' ? undefined : body.slice();
    const list = [];
    for (let at = 0; at < headers.length; at += 2) list.push([headers[at], headers[at + 1]]);
    const { signal } = this.#abort;
    await this.#wait(fetch(url, { method, headers: list, body: bytes, redirect: 'manual', signal }), this.#take);
  }

  #take = (response) => {
    this.#response = response;
    const type = response.headers.get('content-type') ?? '';
    if (response.body !== null) this.#reader = isText(type) ? new Reader(response.body) : plain(response);
  };

  /** The same from the `AI` binding. */
  async infer(env, model, body) {
    await this.#wait(infer(env.AI, model, new TextDecoder().decode(body)), this.#take);
  }

  /** Answer from a script instead of a provider: bytes and, before each, milliseconds to wait. */
  play(status, headers, waits, chunks, end) {
    const { signal } = this.#abort;
    const aborted = new Promise((_, reject) => signal.addEventListener('abort', () => reject(signal.reason)));
    aborted.catch(() => {});
    let step = 0;
    const read = async () => {
      if (step < chunks.length) {
        if (waits[step] > 0) await Promise.race([sleep(waits[step]), aborted]);
        return { done: false, value: chunks[step++] };
      }
      if (end === 'cut') throw new Error('cut');
      if (end === 'stall') await aborted;
      return { done: true };
    };
    const list = [];
    for (let at = 0; at < headers.length; at += 2) list.push([headers[at], headers[at + 1]]);
    this.#response = { status, ok: status >= 200 && status < 300, headers: new Headers(list) };
    this.#reader = { next: () => read().then(({ value }) => value) };
  }

  get status() {
    return this.#response.status;
  }

  /** Lines of `name: value`: all headers of a refusal or a file, and of a model's answer those that somebody reads. */
  get headers() {
    const { headers, ok } = this.#response;
    const type = headers.get('content-type') ?? '';
    const isModels = type.startsWith('text/event-stream') || type.startsWith('application/json');
    if (ok && isModels && !headers.has('x-goog-upload-status')) return `content-type: ${type}`;
    return Array.from(headers, ([name, value]) => `${name}: ${value}`).join('\n');
  }

  /** The next bytes, valid until the next call; `undefined` at the end. Rejects with `STALLED`, or with what cut it off. */
  async next() {
    if (this.#reader === undefined) return undefined;
    return this.#wait(this.#reader.next(), (bytes) => {
      if (bytes === undefined) this.#stop();
      return bytes;
    });
  }

  /** Give all that follows to `take`, as `Reader.flow` does. Rejects like `next`, too. */
  async flow(windowOf, take) {
    if (this.#reader?.flow === undefined) {
      for (let bytes = await this.next(); bytes !== undefined; bytes = await this.next()) {
        await take(bytes)?.catch(() => {
          throw new Left();
        });
      }
      return;
    }
    this.#watch();
    try {
      await this.#reader.flow(windowOf, take);
      this.#stop();
    } catch (error) {
      // The provider may still be talking.
      this.cancel();
      throw this.#stalled ? STALLED : error;
    }
  }

  /** Call `speak` whenever the provider has been silent for `ms`. */
  onQuiet(ms, speak) {
    this.#quiet = { ms, speak };
    this.#watch();
  }

  /** Nobody wants the rest. */
  cancel() {
    if (this.#over) return;
    this.#stop();
    this.#abort.abort();
  }

  #stop() {
    this.#over = true;
    clearTimeout(this.#timer);
    this.#reader?.stop?.();
  }

  async #wait(promise, take) {
    this.#since = Date.now();
    if (this.#timer === undefined) this.#watch();
    try {
      return take(await promise);
    } catch (error) {
      this.#stop();
      throw this.#stalled ? STALLED : error;
    } finally {
      this.#since = 0;
    }
  }

  // One timer sleeps to the nearest deadline: setting one for each read would cost more than the read.
  #watch() {
    clearTimeout(this.#timer);
    if (this.#over) return;
    if (this.orphaned) {
      this.#abort.abort();
      return;
    }
    const now = Date.now();
    const since = this.#since || this.#reader?.since || now;
    if (now - since >= this.#idleMs) {
      this.#stalled = true;
      this.#abort.abort();
      return;
    }
    let deadline = Math.min(since + this.#idleMs, now + LOOK_MS);
    if (this.#quiet !== undefined) {
      const { ms, speak } = this.#quiet;
      if (now - Math.max(since, this.#spoken) >= ms) {
        this.#spoken = now;
        speak();
      }
      deadline = Math.min(deadline, Math.max(since, this.#spoken) + ms);
    }
    this.#timer = setTimeout(() => this.#watch(), Math.max(deadline - now, 1));
  }
}

/** Streams of text, which a pending read may be looked into. */
const isText = (type) => type.startsWith('text/event-stream') || type.includes('ndjson');

/** 4 MiB: a larger body is read piece by piece, so that its limit is noticed in time. */
const WHOLE = 4 << 20;

/** A body that means nothing before it is complete: gathered natively where its length is known. */
function plain(response) {
  const length = Number(response.headers.get('content-length') ?? NaN);
  if (!(length <= WHOLE)) {
    const reader = response.body.getReader();
    return { next: () => reader.read().then(({ value }) => value) };
  }
  let whole = response;
  return {
    next: async () => {
      const bytes = whole && new Uint8Array(await whole.arrayBuffer());
      whole = undefined;
      return bytes?.length > 0 ? bytes : undefined;
    },
  };
}

/**
 * How long bytes may be gathered `ageMs` after an answer's first words, which are never gathered: up to `mostMs`. Where
 * CPU is scarce, an answer that has been running for long may be gathered for longer.
 */
function windowOf(ageMs, mostMs, scarce) {
  if (scarce && ageMs >= 10_000) return ageMs < 20_000 ? 250 : ageMs < 40_000 ? 500 : 1000;
  return Math.min(mostMs, ageMs < 500 ? 50 : 100);
}

const sleep = (ms) => new Promise((resolve) => setTimeout(resolve, ms));

/**
 * Send `head` and then the rest of `source` through `answer`; the result is the body of the response.
 *
 * `answer` is the Rust half: `chunk(bytes)` and `end()` return bytes for the client and throw the last bytes of a
 * broken answer; `broke(stalled)` returns them; `settle(left)` closes the books.
 */
export function drive(source, answer, head, keepAlive, keepAliveMs, windowMs, scarce, context) {
  const { readable, writable } = new IdentityTransformStream();
  const began = Date.now();
  const window = () => windowOf(Date.now() - began, windowMs, scarce);
  context.waitUntil(pump(source, window, answer, writable.getWriter(), head.slice(), keepAlive.slice(), keepAliveMs));
  return readable;
}

async function pump(source, window, answer, writer, head, keepAlive, keepAliveMs) {
  const write = (bytes) => (bytes.length > 0 ? writer.write(bytes) : undefined);
  if (keepAlive.length > 0) source.onQuiet(keepAliveMs, () => write(keepAlive).catch(() => {}));
  let left = false;
  try {
    const last = await forward(source, window, answer, write(head), write);
    await write(last);
    await writer.close();
  } catch (error) {
    left = true;
    // Cut, so that nobody takes it for complete. A client that has left will not notice.
    await writer.abort(error).catch(() => {});
  }
  if (!source.orphaned) {
    answer.settle(left || source.left);
    answer.free();
  }
  source.cancel();
}

/** The last bytes of the answer, complete or broken. */
async function forward(source, window, answer, begun, write) {
  try {
    await begun?.catch(() => {
      throw new Left();
    });
    await source.flow(window, (chunk) => {
      if (source.orphaned) throw new Left();
      return write(answer.chunk(chunk));
    });
    if (source.orphaned) throw new Left();
    return answer.end();
  } catch (error) {
    if (error instanceof Left || source.left || source.orphaned) throw error;
    return error instanceof Uint8Array ? error : answer.broke(error === STALLED);
  }
}
