// Serves the built Worker on loopback, with the variables of .dev.vars and the state of earlier runs.

import { readFileSync } from 'node:fs';
import { createServer } from 'node:net';
import { parseEnv } from 'node:util';
import { Miniflare } from 'miniflare';
import { migrate } from './migrate.mjs';
import { options } from './worker.mjs';

const host = '127.0.0.1';
const port = Number(process.env.PORT ?? 8787);
// A model server on this machine is the usual other account here.
const usual = { SLUICE_DEMO: '1', SLUICE_PRIVATE_ADDRESSES: '1' };
const bindings = { ...usual, ...parseEnv(readFileSync('.dev.vars', 'utf8')) };

await new Promise((resolve) => {
  const probe = createServer();
  probe.once('error', (error) => {
    console.error(`Port ${port} cannot be used (${error.code}): choose another with PORT=${port + 1} scripts/dev`);
    process.exit(1);
  });
  probe.listen(port, host, () => probe.close(resolve));
});

// The same place and names as `wrangler dev`, so that both see one state.
const worker = new Miniflare(options({ persist: '.wrangler/state/v3', bindings, host, port }));
const stop = () => worker.dispose().finally(() => process.exit(0));
process.on('SIGINT', stop);
process.on('SIGTERM', stop);

await worker.ready;
for (const name of await migrate(await worker.getD1Database('DB'))) console.log(`Applied migration ${name}.`);

const key = bindings.SLUICE_API_KEY;
const admin = bindings.SLUICE_ADMIN_KEY;
console.log(`
Sluice is at http://${host}:${port}. Ctrl-C ends it.

Console: http://${host}:${port}/console
${admin ? `Admin key: ${admin}` : '.dev.vars has no SLUICE_ADMIN_KEY, so nobody may sign in there: add one.'}
`);
if (key) {
  const url = `http://${host}:${port}/v1`;
  const body = JSON.stringify({ model: 'demo/echo', stream: true, messages: [{ role: 'user', content: 'Hello' }] });
  const demo = `-N ${url}/chat/completions -H 'content-type: application/json' -d '${body}'`;
  console.log(`Key: ${key}

  curl ${bindings.SLUICE_DEMO === '1' ? demo : `${url}/models`} -H 'authorization: Bearer ${key}'
`);
} else {
  console.log('.dev.vars has no SLUICE_API_KEY, so nobody may call: add one, or remove the file to have it written.');
}
