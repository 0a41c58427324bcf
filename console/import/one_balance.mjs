// one-balance: the rows of its tables "keys" and "custom_providers", as a dump of its database has them.

import { shown } from './batch.mjs';
import { add } from './env.mjs';
import { at, ofName } from './providers.mjs';
import { isObject, list, object, text } from './shape.mjs';

export const title = 'one-balance keys';

const isKey = (row) =>
  isObject(row) &&
  text(row.provider) &&
  text(row.key) &&
  ['model_coolings', 'modelCoolings', 'total_cooling_seconds', 'totalCoolingSeconds', 'remark'].some(
    (name) => name in row,
  );
const isProvider = (row) => isObject(row) && text(row.name) && text(row.base_url ?? row.baseURL) && !('type' in row);

function rows({ value }) {
  const tables = [
    value,
    ...list(value).map((part) => object(part).results),
    object(value).keys,
    object(value).custom_providers,
  ];
  return tables.filter(Array.isArray).flat();
}

export const matches = (file) => rows(file).some((row) => isKey(row));

/** Names of the AI Gateway, through which it asks. */
const GATEWAY = { grok: 'xai', 'google-ai-studio': 'google', 'perplexity-ai': 'perplexity' };

export function read(file, { bundle, batch }) {
  const all = batch.files.flatMap(rows);
  batch.files
    .filter((other) => other !== file && rows(other).some((row) => isProvider(row)))
    .forEach((other) => (other.used = file));
  const custom = new Map(all.filter(isProvider).map((row) => [text(row.name), text(row.base_url ?? row.baseURL)]));
  const unknown = new Map();
  for (const row of rows(file).filter((row) => isKey(row))) {
    const name = text(row.provider).replace(/^custom-/, '');
    const place = custom.has(name) ? at(custom.get(name), { name }) : ofName(GATEWAY[name] ?? name);
    if (place === undefined || place.problem) unknown.set(name, (unknown.get(name) ?? 0) + 1);
    else
      add(bundle, {
        ...place,
        label: text(row.remark),
        enabled: text(row.status) !== 'blocked',
        credential: { api_key: text(row.key) },
      });
  }
  for (const [name, amount] of unknown) {
    bundle.note(`${shown(file)}: ${amount} of its keys left out: ${name} is not known here without its address.`);
  }
}
