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

/** As wrangler reads it: the Worker answers what the list names, except behind an exclamation mark. */
function assets() {
  const rules = setting('run_worker_first');
  const excluded = rules.filter((rule) => rule.startsWith('!')).map((rule) => rule.slice(1));
  return {
    workerName: 'sluice',
    directory: root + setting('directory'),
    routerConfig: {
      has_user_worker: true,
      static_routing: { user_worker: rules.filter((rule) => !rule.startsWith('!')), asset_worker: excluded },
    },
  };
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
    assets: assets(),
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
