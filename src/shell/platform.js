// What the platform offers, in as few crossings from Rust as possible. Bytes from Rust are a view of memory that moves
// and is reused: whoever keeps them copies them first.

/** The whole body, or `undefined` when it exceeds `limit`. */
export async function readBody(request, limit) {
  const declared = request.headers.get('content-length');
  // The transport enforces a declared length.
  if (declared !== null && Number(declared) <= limit) return new Uint8Array(await request.arrayBuffer());
  let chunks = [];
  let size = 0;
  for await (const chunk of request.body ?? []) {
    size += chunk.length;
    // Read on for a while: a client whose upload is cut off never sees why.
    if (size > 4 * limit) break;
    if (size > limit) chunks = undefined;
    chunks?.push(chunk);
  }
  if (chunks === undefined) return undefined;
  const whole = new Uint8Array(size);
  let at = 0;
  for (const chunk of chunks) {
    whole.set(chunk, at);
    at += chunk.length;
  }
  return whole;
}

/** Names and values of all text bindings, alternating. */
export function texts(env) {
  return Object.entries(env).flatMap(([name, value]) => (typeof value === 'string' ? [name, value] : []));
}

/** Whether the operator has bound Workers AI. */
export const hasAi = (env) => typeof env.AI?.run === 'function';

/** What `promise` comes to, unless it takes longer than `ms`: then `stop` is called. */
async function within(ms, promise, stop) {
  let timer;
  const late = new Promise((_, reject) => {
    timer = setTimeout(() => {
      reject(new Error(`no answer within ${ms} ms`));
      stop?.();
    }, ms);
  });
  try {
    return await Promise.race([promise, late]);
  } finally {
    clearTimeout(timer);
  }
}

/** Ask the account pool. Its answer is JSON text. `ms` of 0: for as long as it takes. */
export async function askPool(env, name, path, body, ms) {
  const ask = async (signal) => {
    const response = await env.POOL.getByName(name).fetch(`https://pool${path}`, { method: 'POST', body, signal });
    if (!response.ok) throw new Error(`the pool answered ${response.status}`);
    return response.text();
  };
  if (ms === 0) return ask();
  const late = new AbortController();
  return within(ms, ask(late.signal), () => late.abort());
}

/** Let the object answer a request by itself. */
export async function forward(env, name, request) {
  // A response of another object has immutable headers, which is fine: nothing is added to it.
  return env.POOL.getByName(name).fetch(request);
}

/** Copy a value to KV, or remove it from there. */
export async function mirror(env, key, value, ms) {
  await within(ms, value === undefined ? env.KV.delete(key) : env.KV.put(key, value));
}

/** Values in KV whose names begin with `prefix`, a hundred at a time, as JSON text. */
export async function copies(env, prefix, cursor) {
  const { keys, cursor: next, list_complete: complete } = await env.KV.list({ prefix, cursor, limit: 100 });
  const names = keys.map(({ name }) => name);
  const values = names.length === 0 ? new Map() : await env.KV.get(names);
  const found = [...values].filter(([, value]) => value !== null);
  return JSON.stringify({ copies: found.map(([name, value]) => [name.slice(prefix.length), value]), next: complete ? null : next });
}

/** A response of bytes. Names and values alternate in `headers`. */
export function respond(status, headers, body) {
  return streamed(status, headers, body.length === 0 ? null : body.slice());
}

/** A response of anything that `Response` takes. */
export function streamed(status, headers, body) {
  const list = [];
  for (let at = 0; at < headers.length; at += 2) list.push([headers[at], headers[at + 1]]);
  return new Response(body, { status, headers: list });
}

/** Statements with their values, as JSON text; what became of each, as JSON text. Several are one transaction. */
export async function books(env, text, ms) {
  const statements = JSON.parse(text).map(([sql, values]) => env.DB.prepare(sql).bind(...values));
  const run = statements.length === 1 ? statements[0].run().then((one) => [one]) : env.DB.batch(statements);
  const done = await within(ms, run);
  return JSON.stringify(done.map(({ results, meta }) => ({ rows: results ?? [], written: meta.rows_written ?? 0, read: meta.rows_read ?? 0 })));
}
