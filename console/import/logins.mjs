// The files in which the official tools, and gateways that imitate them, keep a login.

import { claims, isObject, millis, object, present, text } from './shape.mjs';

/** Whose file it is, by what only that tool writes; `undefined` for none of these. */
export function kindOf(value, name = '') {
  if (!isObject(value)) return undefined;
  if (isObject(value.claudeAiOauth)) return 'claude';
  if ('tokens' in value && ('OPENAI_API_KEY' in value || text(object(value.tokens).id_token))) return 'codex';
  if (text(value.accessToken) && text(value.refreshToken)) return 'kiro';
  if (value.type === 'service_account' && text(value.private_key)) return 'service_account';
  if (!text(value.access_token) && !text(value.refresh_token)) return undefined;
  if (text(value.apiKey) || /iflow/i.test(name)) return 'iflow';
  if (text(value.resource_url) || /qwen/i.test(name)) return 'qwen-code';
  if (/antigravity/i.test(name)) return 'antigravity';
  if (/codex/i.test(name) || claims(value.id_token)['https://api.openai.com/auth']) return 'codex';
  const scope = text(value.scope) ?? '';
  if (/gemini/i.test(name) || scope.includes('googleapis.com/auth/')) return 'gemini-cli';
  return undefined;
}

export const TITLES = {
  'gemini-cli': 'Gemini CLI login',
  antigravity: 'Antigravity login',
  codex: 'Codex login',
  claude: 'Claude Code login',
  'qwen-code': 'Qwen Code login',
  iflow: 'iFlow login',
  kiro: 'Kiro login',
  kimi: 'Kimi login',
  xai: 'Grok login',
  service_account: 'Google service account',
  vertex: 'Google service account',
};

/** The account in a login file. `more` is what is known of it from elsewhere: `project_id`, a client registration. */
export function account(kind, value, more = {}) {
  const special = { codex, claude, kiro, service_account: serviceAccount }[kind];
  const found = special ? special(value, more) : plain(kind, value, more);
  return found && { kind: 'oauth', ...found, label: more.label ?? found.label ?? TITLES[kind] };
}

/** Google's, Qwen's and iFlow's files, and those of CLIProxyAPI: one flat object. */
function plain(kind, value, more) {
  const who = claims(value.id_token);
  // What iFlow's calls are made with; the tokens only fetch it.
  const api_key = kind === 'iflow' ? (text(value.apiKey) ?? text(value.api_key)) : undefined;
  const access_token = text(value.access_token);
  return {
    provider: kind,
    label: text(value.email) ?? text(who.email),
    credential: present({
      ...(api_key ? { api_key, details: present({ access_token }) } : { access_token }),
      refresh_token: text(value.refresh_token),
      expires: expiry(value),
      email: text(value.email) ?? text(who.email),
      project_id: more.project_id ?? text(value.project_id),
      resource_url: text(value.resource_url),
      device_id: text(value.device_id),
    }),
  };
}

function codex(value) {
  const tokens = isObject(value.tokens) ? value.tokens : value;
  if (!text(tokens.access_token) && !text(tokens.refresh_token)) {
    const key = text(value.OPENAI_API_KEY);
    return key && { provider: 'openai', kind: 'api_key', label: 'Codex', credential: { api_key: key } };
  }
  const who = claims(tokens.id_token);
  const about = object(who['https://api.openai.com/auth']);
  const email = text(value.email) ?? text(who.email);
  return {
    provider: 'codex',
    label: email,
    credential: present({
      access_token: text(tokens.access_token),
      refresh_token: text(tokens.refresh_token),
      expires: expiry(value) ?? millis(claims(tokens.access_token).exp),
      account_id: text(tokens.account_id) ?? text(about.chatgpt_account_id),
      email,
      id_token: text(tokens.id_token),
    }),
  };
}

function claude(value) {
  const login = object(value.claudeAiOauth ?? value);
  const plan = text(login.subscriptionType);
  const email = text(login.email);
  return {
    provider: 'claude',
    label: email ?? (plan && `Claude ${plan}`),
    credential: present({
      access_token: text(login.accessToken) ?? text(login.access_token),
      refresh_token: text(login.refreshToken) ?? text(login.refresh_token),
      expires: millis(login.expiresAt) ?? expiry(login),
      email,
      account_id: text(login.account_uuid),
    }),
  };
}

/** Kiro's own spelling, and CLIProxyAPI's. A login by IAM Identity Center needs the client that was registered for it. */
function kiro(value, more) {
  const either = (camel, snake) => text(value[camel]) ?? text(value[snake]) ?? more[snake];
  const client_id = either('clientId', 'client_id');
  const said = (either('authMethod', 'auth_method') ?? (client_id ? 'idc' : 'social')).toLowerCase();
  const method = said === 'idc' && text(value.provider) === 'BuilderId' ? 'builder-id' : said;
  return {
    provider: 'kiro',
    label: text(value.email) ?? text(value.provider),
    credential: present({
      access_token: either('accessToken', 'access_token'),
      refresh_token: either('refreshToken', 'refresh_token'),
      expires: millis(value.expiresAt ?? value.expires_at),
      auth_method: method,
      profile_arn: either('profileArn', 'profile_arn'),
      region: either('region', 'region'),
      idc_region: either('idcRegion', 'idc_region'),
      start_url: either('startUrl', 'start_url'),
      client_id,
      client_secret: either('clientSecret', 'client_secret'),
      email: text(value.email),
    }),
  };
}

function serviceAccount(value, more) {
  const email = text(value.client_email);
  return {
    provider: 'vertex',
    kind: 'service_account',
    label: email,
    credential: present({
      client_email: email,
      private_key: text(value.private_key),
      private_key_id: text(value.private_key_id),
      project_id: more.project_id ?? text(value.project_id),
      location: more.location,
    }),
  };
}

/** Every name under which somebody keeps the time. */
function expiry(value) {
  const at = value.expiry_date ?? value.expired ?? value.expires_at ?? value.expire ?? value.expiryDate ?? value.expiry;
  return millis(at);
}
