// What this deployment's bindings and network take, for the operator. The clock moves only when something arrives.

const KEY = 'selftest';
/** Cloudflare's own answer to where a request came from. */
const TRACE = 'https://cloudflare.com/cdn-cgi/trace';
const PATIENCE_MS = 10_000;

/** The median of some rounds of `work`, in milliseconds. */
async function timed(rounds, work) {
  const took = [];
  for (let round = 0; round < rounds; round += 1) {
    const began = Date.now();
    await work();
    took.push(Date.now() - began);
  }
  return took.sort((a, b) => a - b)[took.length >> 1];
}

/** One after another until the platform stops it. */
async function row(tried, work) {
  for (let done = 0; done < tried; done += 1) {
    try {
      await work();
    } catch (error) {
      return { tried: done + 1, done, error: String(error.message ?? error).slice(0, 200) };
    }
  }
  return { tried, done: tried, error: null };
}

/** JSON of what was found. `translate` is work of the program's own. */
export async function measure(env, tried, translate) {
  const found = { errors: [] };
  const attempt = async (name, work) => {
    try {
      found[name] = await work();
    } catch (error) {
      found.errors.push(`${name}: ${String(error.message ?? error).slice(0, 200)}`);
    }
  };
  await attempt('kv_write_ms', () => timed(1, () => env.KV.put(KEY, String(Date.now()), { expirationTtl: 60 })));
  await attempt('kv_read_ms', () => timed(5, () => env.KV.get(KEY)));
  await attempt('d1_ms', () => timed(3, () => env.DB.prepare('SELECT 1').first()));
  if (found.kv_read_ms !== undefined) {
    await attempt('translate_ms', async () => {
      const once = await timed(1, () => (translate(), env.KV.get(KEY)));
      return Math.max(0, once - found.kv_read_ms);
    });
  }
  await attempt('trace', async () => {
    const response = await fetch(TRACE, { signal: AbortSignal.timeout(PATIENCE_MS) });
    const said = Object.fromEntries((await response.text()).split('\n').map((line) => line.split('=')));
    Object.assign(found, { colo: said.colo, country: said.loc });
    return response.status;
  });
  // Last, for nothing can be asked behind the ceiling.
  const reached = found.trace === 200;
  found.fetches = reached
    ? await row(tried, () => fetch(TRACE, { method: 'HEAD', signal: AbortSignal.timeout(PATIENCE_MS) }))
    : { tried: 1, done: 0, error: found.errors.at(-1) ?? `the trace answered ${found.trace}` };
  found.kv_reads = await row(tried, () => env.KV.get(KEY));
  return JSON.stringify(found);
}

/** Milliseconds of a round trip to the object. */
export function roundTrip(env, name) {
  return timed(5, async () => {
    const response = await env.POOL.getByName(name).fetch('https://pool/ping', { method: 'POST' });
    await response.text();
  });
}
