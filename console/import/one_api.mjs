// One API and New API: channels, their models and mappings, and the tokens of clients.

import { shown } from './batch.mjs';
import { at } from './providers.mjs';
import { add } from './env.mjs';
import { kindOf, account as login } from './logins.mjs';
import { newApi, oneApi, plans } from './channel_types.mjs';
import { count, isObject, list, millis, names, object, parsed, present, text } from './shape.mjs';

export const title = 'One API or New API export';

const isChannel = (row) =>
  isObject(row) && count(row.type) !== undefined && ('models' in row || 'model_mapping' in row);
const isToken = (row) => isObject(row) && 'remain_quota' in row && 'expired_time' in row;

/** Rows, wherever an answer of the API or a dump of the table keeps them. */
function rows({ value }) {
  const inside = [value, ...list(value), ...Object.values(object(value)), ...Object.values(object(object(value).data))];
  const tables = inside.flatMap((part) => [part, object(part).results, object(part).rows]).filter(Array.isArray);
  return tables.flat().filter((row) => isChannel(row) || isToken(row));
}

export const matches = (file) => rows(file).length > 0;

export function read(file, { bundle }) {
  const all = [...new Set(rows(file))];
  const channels = all.filter(isChannel);
  const ranks = [...new Set(channels.map((channel) => Number(channel.priority) || 0))].sort((a, b) => b - a);
  const offers = [];
  for (const channel of channels) {
    const priority = ranks.indexOf(Number(channel.priority) || 0);
    offers.push(...one(channel, priority, { file, bundle, types: typesOf(channels) }));
  }
  routes(offers, bundle);
  for (const row of all.filter(isToken)) token(row, bundle);
  if (channels.some((channel) => names(channel.group).some((group) => group !== 'default'))) {
    bundle.note(
      `${shown(file)}: groups of users are not carried over; a client token here names the models it may use.`,
    );
  }
}

/** From 25 on the two count their types differently. Only New API has these columns. */
const typesOf = (channels) =>
  channels.some((row) => ['auto_ban', 'tag', 'setting', 'settings', 'channel_info'].some((name) => name in row))
    ? newApi
    : oneApi;

/** Adds the accounts of a channel; returns which names it answers to, and with what. */
function one(channel, priority, { file, bundle, types }) {
  const called = `${shown(file)}: channel ${text(channel.name) ?? text(channel.id) ?? ''}`.trimEnd();
  const leave = (why) => bundle.note(`${called} is left out: ${why}.`) ?? [];
  const type = types[count(channel.type)];
  if (type === undefined) return leave('its type is not known here');
  if (type.refused) return leave(type.refused);
  const keys = keysOf(channel, type);
  if (keys.length === 0) {
    return leave(
      'there is no key in this export; lists of the API leave keys out, a dump of the table "channels" has them',
    );
  }
  const place = placeOf(channel, type);
  if (place.problem) return leave(place.problem);
  rest(channel, called, bundle);
  const mapping = parsed(channel.model_mapping);
  const offered = names(channel.models).map((alias) => ({ alias, model: end(mapping, alias) }));
  const off = object(parsed(channel.channel_info).multi_key_status_list);
  const accounts = keys.map((key, index) =>
    add(bundle, {
      ...place,
      ...credentialOf(key, channel, type, place),
      label: [text(channel.name), keys.length > 1 && index + 1].filter(Boolean).join(' '),
      priority,
      weight: count(channel.weight),
      enabled: count(channel.status) === 1 && (off[index] ?? 1) === 1,
      allow: [...new Set(offered.map(({ model }) => model))],
      group: text(channel.tag),
    }),
  );
  if (accounts.every((account) => account === undefined)) return leave('its key is not of the form its type has');
  if (count(channel.status) !== 1) return [];
  const { provider } = accounts.find((account) => account !== undefined);
  return offered.map((offer) => ({ ...offer, provider, tier: priority, weight: count(channel.weight) }));
}

/** One key on each line, or a list of objects (service accounts). */
function keysOf(channel, type) {
  const key = text(channel.key);
  if (key === undefined || /\*{4}/.test(key)) return [];
  const adc = parsed(parsed(channel.config).vertex_ai_adc);
  if (type.provider === 'vertex' && adc.private_key) return [adc];
  if (/^[[{]/.test(key)) {
    try {
      return [JSON.parse(key)].flat();
    } catch {
      return [];
    }
  }
  return key
    .split('\n')
    .map(text)
    .filter((item) => item !== undefined);
}

function placeOf(channel, type) {
  const address = text(channel.base_url);
  const name = type.homeless ? undefined : type.provider;
  if (type.account && !text(channel.other) && !text(parsed(channel.config).user_id)) {
    return { problem: 'it does not say which account of Cloudflare' };
  }
  if (['bedrock', 'vertex', 'codex', 'workers-ai'].includes(type.provider)) return { provider: type.provider };
  if (address === undefined) {
    if (type.address) return at(type.address, { name });
    return type.homeless ? { problem: 'it has no address' } : { provider: type.provider };
  }
  if (plans.has(address)) return plans.get(address);
  if (type.provider === 'azure') return { ...at(address), provider: 'azure' };
  const protocol = { anthropic: 'messages', google: 'gemini' }[type.provider];
  return at(address, { name, protocol, root: protocol ? undefined : (type.root ?? '/v1') });
}

function credentialOf(key, channel, type, place) {
  const config = { ...parsed(channel.config), ...parsed(channel.settings) };
  if (type.login) return isObject(key) ? login(kindOf(key, 'codex') ?? 'codex', key) : {};
  if (place.provider === 'vertex') {
    // One for all models, or one for each.
    const each = parsed(channel.other);
    const location = text(config.region) ?? text(each.default) ?? text(/^\{/.test(channel.other) ? '' : channel.other);
    if (isObject(key)) return login('service_account', key, { location });
    return { credential: present({ api_key: key, location }) };
  }
  if (place.provider === 'workers-ai') {
    return { credential: { api_key: key, account_id: text(channel.other) ?? text(config.user_id) } };
  }
  if (place.provider === 'bedrock') {
    const [id, secret, region] = text(config.ak) ? [config.ak, config.sk, config.region] : String(key).split('|');
    if (!secret) return { credential: present({ api_key: id, region: text(config.region) }) };
    return { credential: present({ api_key: id, secret_access_key: secret, region }) };
  }
  const api_version = place.provider === 'azure' ? (text(config.api_version) ?? text(channel.other)) : undefined;
  return { credential: present({ api_key: String(key), api_version }) };
}

/** What a name is called in the end; New API follows a mapping's own results. */
function end(mapping, alias) {
  const seen = new Set();
  let model = alias;
  while (text(mapping[model]) && !seen.has(model)) {
    seen.add(model);
    model = text(mapping[model]);
  }
  return model;
}

/** A name that somebody maps needs a route, and everybody who answers to it a place in that. */
function routes(offers, bundle) {
  const mapped = new Set(offers.filter(({ alias, model }) => alias !== model).map(({ alias }) => alias));
  for (const { alias, provider, model, tier, weight } of offers) {
    if (mapped.has(alias)) bundle.route(alias, present({ provider, model, weight: weight || undefined }), tier);
  }
}

/** Settings that have no counterpart, or one elsewhere. */
function rest(channel, called, bundle) {
  const settings = { ...parsed(channel.setting), ...parsed(channel.settings) };
  if (text(settings.proxy)) bundle.note(`${called}: its proxy is not carried over; calls leave from Cloudflare.`);
  if (text(settings.system_prompt) || text(channel.system_prompt)) {
    bundle.note(`${called}: its system prompt is not carried over; a prompt rule does that.`);
  }
  for (const name of ['param_override', 'header_override', 'status_code_mapping']) {
    if (Object.keys(parsed(channel[name])).length > 0) bundle.note(`${called}: ${name} is not carried over.`);
  }
  if (text(channel.openai_organization))
    bundle.note(`${called}: the organization is not carried over; set the header OpenAI-Organization.`);
}

function token(row, bundle) {
  const key = text(row.key);
  const masked = key === undefined || /\*{4}/.test(key);
  const called = text(row.name) ?? `token ${text(row.id) ?? ''}`.trim();
  if (masked) bundle.note(`The key of token ${called} is not in the export; a new one is made.`);
  const models =
    row.model_limits_enabled === false || row.model_limits_enabled === 0 ? [] : names(row.model_limits ?? row.models);
  const unlimited = row.unlimited_quota === true || row.unlimited_quota === 1;
  bundle.token({
    name: called,
    key: masked ? undefined : key.startsWith('sk-') ? key : `sk-${key}`,
    enabled: count(row.status) === 1 ? undefined : false,
    expires: millis(row.expired_time),
    models,
    ips: names(row.allow_ips ?? row.subnet),
    // Their unit is 1/500,000 of a dollar.
    budget: unlimited ? undefined : { window: 'total', micro: (count(row.remain_quota) ?? 0) * 2 },
  });
}
