// AIClient-2-API: provider_pools.json, config.json and custom_models.json of its `configs` folder.

import { shown } from './batch.mjs';
import { add } from './env.mjs';
import * as logins from './logins.mjs';
import { at } from './providers.mjs';
import { count, isObject, list, names, object, present, text } from './shape.mjs';

export const title = 'AIClient-2-API configuration';

/** Its providers: ours, and how their entries begin. */
const PROVIDERS = {
  'openai-custom': { keyed: 'OPENAI' },
  atlascloud: { keyed: 'OPENAI' },
  'openaiResponses-custom': { keyed: 'OPENAI', responses: true },
  'claude-custom': { keyed: 'CLAUDE', protocol: 'messages' },
  'forward-api': { keyed: 'FORWARD' },
  'gemini-cli-oauth': { login: 'gemini-cli', file: 'GEMINI_OAUTH_CREDS' },
  'gemini-antigravity': { login: 'antigravity', file: 'ANTIGRAVITY_OAUTH_CREDS' },
  'claude-kiro-oauth': { login: 'kiro', file: 'KIRO_OAUTH_CREDS' },
  'openai-codex-oauth': { login: 'codex', file: 'CODEX_OAUTH_CREDS' },
  'openai-qwen-oauth': { login: 'qwen-code', file: 'QWEN_OAUTH_CREDS' },
  'openai-iflow': { login: 'iflow', file: 'IFLOW_TOKEN' },
  'grok-web': { refused: 'it imitates a browser with the cookies of one' },
};

const known = (id) => Object.keys(PROVIDERS).find((name) => id === name || id.startsWith(`${name}-`));
const isPools = (value) =>
  isObject(value) && Object.entries(value).some(([id, nodes]) => known(id) !== undefined && Array.isArray(nodes));
const isConfig = (value) => isObject(value) && ('REQUIRED_API_KEY' in value || 'PROVIDER_POOLS_FILE_PATH' in value);
const isModels = (value) => list(value).some((row) => isObject(row) && 'actualProvider' in row && 'actualModel' in row);

export const matches = ({ value }) => isPools(value) || isConfig(value) || isModels(value);

export function read(file, context) {
  const { value } = file;
  if (isModels(value)) models(value, file, context);
  else if (isPools(value)) pools(value, file, context);
  else config(value, file, context);
}

function pools(value, file, context) {
  for (const [id, nodes] of Object.entries(value)) {
    const name = known(id);
    if (name === undefined) {
      context.bundle.note(`${shown(file)}: the provider ${id} is not known here.`);
      continue;
    }
    const group = id === name ? undefined : id.slice(name.length + 1);
    list(nodes).forEach((entry, index) => node(PROVIDERS[name], object(entry), { ...context, file, id, index, group }));
  }
}

function node(kind, entry, { file, id, index, group, bundle, batch }) {
  const called = `${shown(file)}: ${id} ${index + 1}`;
  const common = {
    label: text(entry.customName),
    enabled: entry.isDisabled !== true,
    allow: names(entry.supportedModels),
    deny: names(entry.notSupportedModels),
    cap: count(entry.concurrencyLimit),
    group,
  };
  const leave = (why) => bundle.note(`${called} is left out: ${why}.`);
  if (kind.refused) return leave(kind.refused);
  if (kind.login) {
    const found = login(kind, entry, { file, batch });
    if (found === undefined) return leave('the file with its login did not come along');
    const made = logins.account(kind.login, found.value, {
      ...found.more,
      project_id: text(entry.PROJECT_ID),
      label: common.label,
    });
    if (bundle.account({ ...made, ...common, label: made?.label }) === undefined)
      leave('there is no token in its file');
    return undefined;
  }
  const key = text(entry[`${kind.keyed}_API_KEY`]);
  if (key === undefined) return leave('it has no key');
  const place = at(
    entry[`${kind.keyed}_BASE_URL`] ?? (kind.protocol ? 'https://api.anthropic.com' : 'https://api.openai.com'),
    kind,
  );
  if (place.problem) return leave(place.problem);
  const header = text(entry.FORWARD_HEADER_NAME);
  if (header !== undefined && header.toLowerCase() !== 'authorization')
    return leave(`its key goes into the header ${header}`);
  if (kind.responses && place.provider !== 'openai') {
    bundle.note(`${called}: it is asked with Chat Completions here, not with Responses.`);
  }
  return add(bundle, { ...common, ...place, label: common.label, credential: { api_key: key } });
}

/** The login of a pool's entry: in a file that came along, or written into the entry. */
function login(kind, entry, { file, batch }) {
  const packed = text(entry[`${kind.file}_BASE64`]);
  if (packed !== undefined) {
    try {
      return { value: JSON.parse(atob(packed)), more: {} };
    } catch {
      return undefined;
    }
  }
  const path = text(entry[`${kind.file}_FILE_PATH`]) ?? text(entry[`${kind.file}_PATH`]);
  const found = path === undefined ? undefined : batch.find(path);
  if (!isObject(found?.value)) return undefined;
  found.used = file;
  // A Kiro login by device may have its client's registration in another file of its folder.
  const client = kind.login === 'kiro' ? registration(found, batch) : undefined;
  return { value: found.value, more: client ?? {} };
}

/** The client that a login of IAM Identity Center was made with. */
export function registration(file, batch) {
  const hash = text(object(file.value).clientIdHash);
  const near = batch
    .beside(file)
    .filter(({ value }) => isObject(value) && text(value.clientId) && text(value.clientSecret));
  const found = near.find(({ base }) => base === `${hash}.json`) ?? (near.length === 1 ? near[0] : undefined);
  if (found === undefined) return undefined;
  found.used = file;
  return present({ client_id: text(found.value.clientId), client_secret: text(found.value.clientSecret) });
}

function config(value, file, context) {
  const { bundle } = context;
  const key = text(value.REQUIRED_API_KEY);
  if (key === '123456')
    bundle.note(`${shown(file)}: the client key is the one it ships with and was not carried over.`);
  else if (key !== undefined) bundle.token({ name: 'AIClient-2-API', key });
  for (const [name, kind] of Object.entries(PROVIDERS)) {
    const has = Object.keys(value).some(
      (member) => member.startsWith(kind.file ?? `${kind.keyed}_API_KEY`) && text(value[member]),
    );
    const mine = list(value.MODEL_PROVIDER).concat(names(value.MODEL_PROVIDER)).includes(name);
    if (has && (kind.login || mine)) node(kind, value, { ...context, file, id: name, index: 0 });
  }
  const ours = (id) => named(id, file, bundle);
  for (const [from, to] of Object.entries(object(value.providerFallbackChain))) {
    const chain = list(to).map(ours).filter(Boolean);
    if (ours(from) && chain.length > 0) bundle.fallback(ours(from), chain);
  }
  for (const [model, target] of Object.entries(object(value.modelFallbackMapping))) {
    const provider = ours(text(object(target).targetProviderType));
    if (provider && text(target.targetModel)) bundle.fallback(model, [`${provider}/${text(target.targetModel)}`]);
  }
  if (text(value.SYSTEM_PROMPT_FILE_PATH))
    bundle.note(`${shown(file)}: the system prompt file is not carried over; a prompt rule does that.`);
  if (text(value.PROXY_URL)) bundle.note(`${shown(file)}: the proxy is not carried over; calls leave from Cloudflare.`);
}

/** Our name of one of its providers, where there is one that does not depend on an address. */
function named(id, file, bundle) {
  const kind = PROVIDERS[known(id ?? '') ?? ''];
  const name =
    kind?.login ??
    { 'openai-custom': 'openai', 'openaiResponses-custom': 'openai', 'claude-custom': 'anthropic' }[known(id ?? '')];
  if (name === undefined) bundle.note(`${shown(file)}: a fallback names ${id ?? 'nobody'}, which is not known here.`);
  return name;
}

function models(value, file, { bundle }) {
  for (const row of value.filter(isObject)) {
    const alias = text(row.alias) ?? text(row.id);
    const provider = named(text(row.actualProvider) ?? text(row.provider), file, bundle);
    const model = text(row.actualModel);
    if (alias && provider && model) bundle.route(alias, { provider, model });
    if (['maxTokens', 'temperature', 'topP'].some((name) => row[name] !== undefined)) {
      bundle.note(
        `${shown(file)}: the parameters that ${alias} overrides are not carried over; a prompt rule does that.`,
      );
    }
  }
}
