// claude-code-router: config.json with its Providers and its Router.

import { shown } from './batch.mjs';
import { add } from './env.mjs';
import { at } from './providers.mjs';
import { isObject, list, names, object, text } from './shape.mjs';

export const title = 'claude-code-router configuration';

const providers = (value) => list(value.Providers ?? value.providers).map(object);

export const matches = ({ value }) =>
  isObject(value) &&
  providers(value).some((provider) => text(provider.api_base_url) ?? text(provider.baseUrl)) &&
  !('model_list' in value);

/** Its kinds of requests, and what a client names in their place. */
const KINDS = ['default', 'background', 'think', 'longContext', 'webSearch', 'image'];

export function read(file, { bundle, batch }) {
  const { value } = file;
  const say = (sentence) => bundle.note(`${shown(file)}: ${sentence}`);
  const resolve = (item, called) => {
    const name = text(item)?.match(/^\$\{?([A-Za-z_]\w*)\}?$/)?.[1];
    if (name === undefined) return text(item);
    const found = batch.variable(name);
    if (found === undefined)
      say(`${called} is the variable ${name}, whose value is not here; import the .env file together with this one.`);
    return found;
  };
  const ours = new Map();
  for (const entry of providers(value)) {
    const name = text(entry.name) ?? '';
    const used = list(object(entry.transformer).use)
      .flat()
      .filter((item) => typeof item === 'string');
    const address = text(entry.api_base_url) ?? text(entry.baseUrl);
    const protocol = used.includes('Anthropic') ? 'messages' : used.includes('gemini') ? 'gemini' : undefined;
    const place = at(address, { name, protocol });
    if (place.problem) {
      say(`${name} is left out: ${place.problem}.`);
      continue;
    }
    ours.set(name, place.provider);
    const models = names(list(entry.models).map((model) => text(model) ?? text(object(model).name)));
    const keys = [resolve(entry.api_key ?? entry.apiKey, `the key of ${name}`)].filter(Boolean);
    const local = place.provider === 'ollama' || place.provider === 'vllm';
    if (keys.length === 0 && !local) say(`${name} is left out: it has no key.`);
    const kind = local && keys.length === 0 ? 'none' : undefined;
    for (const api_key of kind ? [undefined] : keys)
      add(bundle, { ...place, kind, label: name, allow: models, credential: { api_key } });
    const other = used.filter(
      (item) => !['Anthropic', 'gemini', 'openrouter', 'deepseek', 'groq', 'OpenAI', 'openai'].includes(item),
    );
    if (other.length > 0)
      say(
        `the transformers ${[...new Set(other)].join(', ')} of ${name} are not carried over; what a provider needs is done here by itself.`,
      );
  }
  route(object(value.Router), ours, { bundle, say });
  const key = resolve(value.APIKEY, 'APIKEY');
  if (key !== undefined) bundle.token({ name: 'claude-code-router', key });
  if (text(value.PROXY_URL)) say('PROXY_URL is not carried over; calls leave from Cloudflare.');
  if (text(value.CUSTOM_ROUTER_PATH)) say('CUSTOM_ROUTER_PATH is a program and is not carried over.');
}

function route(router, ours, { bundle, say }) {
  const made = [];
  for (const kind of KINDS) {
    const [name, ...model] = (text(router[kind]) ?? '').split(',');
    if (model.length === 0) continue;
    const provider = ours.get(name.trim());
    if (provider === undefined) say(`the route ${kind} names ${name.trim()}, which is not among the providers.`);
    else {
      bundle.route(kind, { provider, model: model.join(',').trim() });
      made.push(kind);
    }
  }
  if (made.length > 0) {
    say(
      `it chose by the kind of a request; here a client names the route (${made.join(', ')}): in Claude Code ` +
        'ANTHROPIC_MODEL=default and ANTHROPIC_DEFAULT_HAIKU_MODEL=background.',
    );
  }
}
