// How Miniflare runs the built Worker: the bindings of wrangler.toml, state kept under `persist`.

import { readFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { Log, LogLevel } from 'miniflare';

const root = fileURLToPath(new URL('..', import.meta.url));

/** The one line `name = "value"` or `name = ["value", …]` of wrangler.toml. */
function setting(name) {
  const config = readFileSync(`${root}wrangler.toml`, 'utf8');
  const line = config.match(new RegExp(`^${name} = (.+)$`, 'm'));
  if (line === null) throw new Error(`wrangler.toml has no ${name}`);
  return JSON.parse(line[1]);
}

export function options({ persist, bindings, ...rest }) {
  return {
    name: 'sluice',
    rootPath: root,
    modulesRoot: `${root}build`,
    modules: [
      { type: 'ESModule', path: `${root}build/index.js` },
      { type: 'CompiledWasm', path: `${root}build/index_bg.wasm` },
    ],
    compatibilityDate: setting('compatibility_date'),
    compatibilityFlags: setting('compatibility_flags'),
    bindings,
    durableObjects: { POOL: { className: 'Pool', useSQLite: true } },
    kvNamespaces: ['KV'],
    d1Databases: ['DB'],
    durableObjectsPersist: `${persist}/do`,
    kvPersist: `${persist}/kv`,
    d1Persist: `${persist}/d1`,
    cf: false,
    log: new Log(LogLevel.WARN),
    ...rest,
  };
}
