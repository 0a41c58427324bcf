// Variables: what a `.env` file says, and which accounts that is.

import { at, isLocal, ofKey, ofName } from './providers.mjs';
import { count, names, present, slug, text } from './shape.mjs';

/** `NAME=value` lines, if there are any and nothing else. */
export function readEnv(source) {
  const found = new Map();
  for (const line of source.split(/\r?\n/)) {
    if (/^\s*(#.*)?$/.test(line)) continue;
    const parts = line.match(/^\s*(?:export\s+)?([A-Za-z_][A-Za-z0-9_]*)\s*=\s*(.*)$/);
    if (parts === null) return new Map();
    const [, name, rest] = parts;
    const quoted = rest.match(/^(["'])(.*?)\1/);
    found.set(name, quoted ? quoted[2] : rest.replace(/\s+#.*$/, '').trim());
  }
  return found;
}

/** Providers whose variables are not called `X_API_KEY`. */
const TOKENS = { HF_TOKEN: 'huggingface', GITHUB_MODELS_TOKEN: 'github-models', ANTHROPIC_AUTH_TOKEN: 'anthropic' };

/** Adds the accounts of the variables that nobody else has taken. */
export function read(file, { batch, bundle }) {
  const env = new Map([...file.env].filter(([name]) => !batch.referred.has(name)));
  const get = (name) => text(file.env.get(name));
  if ([...env.keys()].some((name) => name.startsWith('SLUICE_'))) {
    bundle.note(`${file.name}: the variables SLUICE_… belong to a deployment and stay where they are.`);
  }
  for (const [name, value] of env) {
    const stem = name.match(/^(.+?)_API_KEYS?$/)?.[1];
    if (stem !== undefined && !/^(SLUICE|ADMIN|CLOUDFLARE|CF)(_|$)/.test(stem)) {
      keys(stem, names(value), { file, get, bundle });
    } else if (TOKENS[name] !== undefined && text(value)) {
      keys(TOKENS[name].toUpperCase(), [value], { file, get, bundle });
    }
  }
  const login = get('CLAUDE_CODE_OAUTH_TOKEN');
  if (login)
    bundle.account({ provider: 'claude', kind: 'oauth', label: 'Claude Code', credential: { access_token: login } });
  if (env.has('AWS_ACCESS_KEY_ID') || env.has('AWS_BEARER_TOKEN_BEDROCK')) bedrock(get, bundle);
}

function keys(stem, values, { file, get, bundle }) {
  if (values.length === 0) return;
  if (stem === 'AZURE_OPENAI' || stem === 'AZURE') return azure(stem, values, { file, get, bundle });
  const address = get(`${stem}_BASE_URL`) ?? get(`${stem}_API_BASE`) ?? get(`${stem}_ENDPOINT`);
  const known = ofName(stem);
  const protocol = { anthropic: 'messages', google: 'gemini' }[known?.provider] ?? get(`${stem}_PROTOCOL`) ?? 'chat';
  const place = address === undefined ? known : at(address, { name: stem, protocol });
  if (place?.problem) {
    bundle.note(`${file.name}: ${stem}_API_KEY is left out, for ${place.problem}.`);
    return;
  }
  const patterns = names(get(`${stem}_MODELS`));
  for (const key of values) {
    const guess = place ?? ofKey(key);
    if (guess.provider === undefined) {
      bundle.note(
        `${file.name}: nobody can tell whose key ${stem}_API_KEY is; set ${stem}_BASE_URL and import it again.`,
      );
      return;
    }
    const where = guess.base_url === undefined ? (ofName(guess.provider) ?? guess) : guess;
    add(bundle, {
      ...where,
      label: `${stem}_API_KEY`,
      credential: { api_key: key },
      priority: count(get(`${stem}_PRIORITY`)),
      weight: count(get(`${stem}_WEIGHT`)),
      allow: patterns.filter((item) => !item.startsWith('!')),
      deny: patterns.filter((item) => item.startsWith('!')).map((item) => item.slice(1)),
    });
  }
}

function azure(stem, values, { file, get, bundle }) {
  const address = get(`${stem}_ENDPOINT`) ?? get(`${stem}_BASE_URL`) ?? get(`${stem}_API_BASE`);
  const place = at(address, { name: 'azure' });
  if (place.problem) {
    bundle.note(
      `${file.name}: ${stem}_API_KEY is left out, for ${place.problem}; ${stem}_ENDPOINT names the resource.`,
    );
    return;
  }
  const api_version = get('OPENAI_API_VERSION') ?? get(`${stem}_API_VERSION`);
  for (const api_key of values) {
    bundle.account({
      provider: 'azure',
      label: `${stem}_API_KEY`,
      base_url: place.base_url,
      credential: present({ api_key, api_version }),
    });
  }
}

function bedrock(get, bundle) {
  const region = get('AWS_REGION') ?? get('AWS_DEFAULT_REGION');
  const bearer = get('AWS_BEARER_TOKEN_BEDROCK');
  if (bearer) bundle.account({ provider: 'bedrock', label: 'AWS', credential: present({ api_key: bearer, region }) });
  const [api_key, secret_access_key] = [get('AWS_ACCESS_KEY_ID'), get('AWS_SECRET_ACCESS_KEY')];
  if (!api_key || !secret_access_key) return;
  const credential = present({ api_key, secret_access_key, session_token: get('AWS_SESSION_TOKEN'), region });
  bundle.account({ provider: 'bedrock', label: 'AWS', credential });
}

/** An account at an address, with a word where Cloudflare cannot reach it. */
export function add(bundle, account) {
  if (account.base_url !== undefined && isLocal(account.base_url)) {
    const name =
      account.label && account.label !== account.provider ? `${account.provider} (${account.label})` : account.provider;
    bundle.note(
      `${name} is at an address of a private network: a Sluice on the same machine reaches it, one on Cloudflare only ` +
        'through a tunnel.',
    );
  }
  return bundle.account({ ...account, provider: slug(account.provider) });
}
