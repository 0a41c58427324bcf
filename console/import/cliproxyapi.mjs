// CLIProxyAPI: config.yaml and the files of its auth directory.

import { shown } from './batch.mjs';
import { add } from './env.mjs';
import * as logins from './logins.mjs';
import { at } from './providers.mjs';
import { count, isObject, list, names, object, present, text } from './shape.mjs';

export const title = ({ value }) =>
  isLogin(value)
    ? `${logins.TITLES[CHANNELS.get(text(value.type))] ?? 'Login'} of CLIProxyAPI`
    : 'CLIProxyAPI configuration';

/** Lists of keys: ours, what they speak, and where without an address. */
const LISTS = {
  'gemini-api-key': { protocol: 'gemini', home: 'https://generativelanguage.googleapis.com' },
  'claude-api-key': { protocol: 'messages', home: 'https://api.anthropic.com' },
  'codex-api-key': { home: 'https://api.openai.com/v1', responses: true },
  'xai-api-key': { home: 'https://api.x.ai/v1' },
  'vertex-api-key': { protocol: 'gemini', vertex: true },
};

/** Channels of logins, as the rules for models call them. */
const CHANNELS = new Map(
  Object.entries({
    claude: 'claude',
    codex: 'codex',
    antigravity: 'antigravity',
    gemini: 'gemini-cli',
    'gemini-cli': 'gemini-cli',
    qwen: 'qwen-code',
    iflow: 'iflow',
    kimi: 'kimi',
    kiro: 'kiro',
    xai: 'xai',
    vertex: 'vertex',
  }),
);

const MEMBERS = [...Object.keys(LISTS), 'api-keys', 'openai-compatibility', 'auth-dir', 'remote-management'];
const isConfig = (value) => isObject(value) && MEMBERS.some((name) => name in value);
const isLogin = (value) =>
  isObject(value) &&
  (CHANNELS.has(text(value.type)) || text(value.type) === 'github-copilot') &&
  ['access_token', 'refresh_token', 'token', 'api_key', 'cookie', 'service_account'].some((name) => name in value);

export const matches = ({ value }) => isConfig(value) || isLogin(value);

export function read(file, context) {
  if (isLogin(file.value)) login(file, context);
  else config(file, context);
}

function login(file, { bundle, rules }) {
  const { value } = file;
  const provider = CHANNELS.get(text(value.type));
  if (provider === undefined) return bundle.note(`${shown(file)}: logins of ${text(value.type)} are not known here.`);
  const token = object(value.token);
  const flat = provider === 'gemini-cli' ? { ...token, expiry_date: token.expiry, ...value } : value;
  const kind = provider === 'vertex' ? 'service_account' : provider;
  const inner = provider === 'vertex' ? { ...object(value.service_account) } : flat;
  const more = present({
    location: text(value.location),
    project_id: text(value.project_id),
    label: text(value.email),
  });
  if (provider === 'gemini-cli' && /^all$|,/i.test(more.project_id ?? '')) {
    bundle.note(`${shown(file)}: several projects share this login; the first one is taken.`);
    more.project_id = /^all$/i.test(more.project_id) ? undefined : names(more.project_id)[0];
    inner.project_id = more.project_id;
  }
  const kept = bundle.account({
    ...logins.account(kind, inner, more),
    enabled: value.disabled !== true,
    priority: rank(value.priority, rules),
    weight: count(value.weight),
    deny: names(value.excluded_models ?? value['excluded-models']),
  });
  if (kept === undefined) bundle.note(`${shown(file)}: there is no token in it.`);
  aliases(list(value.model_aliases ?? value['model-aliases']), provider, bundle);
  if (text(value.proxy_url)) bundle.note(`${shown(file)}: its proxy is not carried over; calls leave from Cloudflare.`);
  return undefined;
}

/** Here the highest goes first; ours is the lowest. */
const rank = (priority, { priorities }) => {
  const at = priorities.indexOf(Number(priority) || 0);
  return at < 0 ? undefined : at;
};

/** All priorities in the files that came together, the highest first: one order for all of them. */
export function prepare(files) {
  const entries = files.flatMap(({ value }) => {
    if (isLogin(value)) return [value];
    if (!isConfig(value)) return [];
    return [...Object.keys(LISTS), 'openai-compatibility'].flatMap((name) => list(value[name]));
  });
  const priorities = [...new Set(entries.map((entry) => Number(object(entry).priority) || 0))].sort((a, b) => b - a);
  return { priorities };
}

function config(file, context) {
  const { value } = file;
  const { bundle } = context;
  const say = (sentence) => bundle.note(`${shown(file)}: ${sentence}`);
  list(value['api-keys']).forEach((item, index) => {
    const key = text(item) ?? text(object(item)['api-key']);
    if (/^your-api-key/.test(key ?? '')) say(`client key ${index + 1} is the sample's and was not carried over.`);
    else if (key !== undefined) bundle.token({ name: `CLIProxyAPI ${index + 1}`, key });
  });
  for (const [name, kind] of Object.entries(LISTS)) {
    list(value[name]).forEach((entry, index) =>
      key(kind, object(entry), { ...context, say, called: `${name} ${index + 1}` }),
    );
  }
  for (const entry of list(value['openai-compatibility']).map(object)) compatible(entry, { ...context, say });
  if (list(value['interactions-api-key']).length > 0)
    say('interactions-api-key is not carried over: that API is not asked here.');
  for (const [channel, rules] of Object.entries(object(value['oauth-model-alias']))) {
    if (CHANNELS.has(channel)) aliases(list(rules), CHANNELS.get(channel), bundle);
    else say(`the aliases of ${channel} are not carried over.`);
  }
  for (const [channel, models] of Object.entries(object(value['oauth-excluded-models']))) {
    context.later(() => exclude(CHANNELS.get(channel), names(models), bundle));
  }
  for (const name of ['payload', 'oauth-request-scoped-errors', 'plugins']) {
    if (name === 'plugins' ? value.plugins?.enabled : Object.keys(object(value[name])).length > 0)
      say(`${name} is not carried over.`);
  }
  if (text(value['proxy-url'])) say('proxy-url is not carried over; calls leave from Cloudflare.');
  const strategy = text(object(value.routing).strategy);
  if (strategy !== undefined && strategy !== 'round-robin')
    say(`the strategy ${strategy} is not carried over; it is a setting here.`);
}

function shared(entry, called, { rules, say }) {
  const { kept, left } = headers(entry.headers);
  if (left.length > 0) say(`${called}: the headers ${left.join(', ')} are not carried over.`);
  if (text(entry.prefix))
    say(`${called}: the prefix ${text(entry.prefix)} is not carried over; "provider/model" asks one provider.`);
  if (list(entry['request-scoped-errors']).length > 0) say(`${called}: request-scoped-errors is not carried over.`);
  if (text(entry['proxy-url']) && !['direct', 'none'].includes(text(entry['proxy-url']))) {
    say(`${called}: its proxy is not carried over; calls leave from Cloudflare.`);
  }
  return {
    priority: rank(entry.priority, rules),
    weight: count(entry.weight),
    enabled: entry.disabled !== true,
    allow: list(entry.models)
      .map((model) => text(object(model).name))
      .filter(Boolean),
    deny: names(entry['excluded-models']),
    headers: kept,
  };
}

/** Those with a value of their own. A client's header is not copied here, and a credential is not kept in the open. */
function headers(value) {
  const all = Object.entries(object(value)).filter(([, item]) => text(item));
  const carried = ([name, item]) => !/^\$/.test(item) && !/auth|key|token|cookie|secret/i.test(name);
  return {
    kept: Object.fromEntries(all.filter(carried).map(([name, item]) => [name, text(item)])),
    left: all.filter((entry) => !carried(entry)).map(([name]) => name),
  };
}

function key(kind, entry, context) {
  const { bundle, say, called } = context;
  const api_key = text(entry['api-key']);
  if (api_key === undefined) return say(`${called} has no key.`);
  const place =
    kind.vertex && !text(entry['base-url']) ? { provider: 'vertex' } : at(entry['base-url'] ?? kind.home, kind);
  if (place.problem) return say(`${called} is left out, for ${place.problem}.`);
  if (kind.responses && place.provider !== 'openai')
    say(`${called}: it is asked with Chat Completions here, not with Responses.`);
  add(bundle, { ...shared(entry, called, context), ...place, credential: { api_key } });
  return aliases(list(entry.models), place.provider, bundle);
}

function compatible(entry, context) {
  const { bundle, say } = context;
  const name = text(entry.name);
  const called = `openai-compatibility ${name ?? ''}`.trimEnd();
  const place = at(entry['base-url'], { name });
  if (place.problem) return say(`${called} is left out, for ${place.problem}.`);
  const common = shared(entry, called, context);
  const keys = [
    ...list(entry['api-key-entries']).map(object),
    ...names(entry['api-keys']).map((item) => ({ 'api-key': item })),
  ];
  if (keys.length === 0) say(`${called} has no key.`);
  for (const item of keys) {
    const credential = { api_key: text(item['api-key']) };
    add(bundle, { ...common, ...place, label: name, weight: count(item.weight) ?? common.weight, credential });
    if (text(item['proxy-url']) && text(item['proxy-url']) !== 'direct')
      say(`${called}: the proxy of a key is not carried over; calls leave from Cloudflare.`);
  }
  return aliases(list(entry.models), place.provider, bundle);
}

/** The same alias on several models is one route to all of them, in their order. */
function aliases(models, provider, bundle) {
  for (const { name, alias } of models.map(object)) {
    if (text(name) && text(alias) && text(name) !== text(alias))
      bundle.route(text(alias), { provider, model: text(name) });
  }
}

function exclude(provider, models, bundle) {
  for (const account of bundle.accounts.filter(
    (account) => account.provider === provider && account.kind === 'oauth',
  )) {
    account.deny = [...new Set([...(account.deny ?? []), ...models])];
  }
}
