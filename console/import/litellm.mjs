// LiteLLM: the proxy's config.yaml.

import { shown } from './batch.mjs';
import { add } from './env.mjs';
import { at, ofName } from './providers.mjs';
import { count, isObject, list, names, object, parsed, present, text } from './shape.mjs';

export const title = 'LiteLLM configuration';

export const matches = ({ value }) =>
  isObject(value) && list(value.model_list).some((entry) => isObject(object(entry).litellm_params));

export function read(file, { bundle, batch }) {
  const { value } = file;
  const say = (sentence) => bundle.note(`${shown(file)}: ${sentence}`);
  for (const [name, item] of Object.entries(object(value.environment_variables))) {
    if (text(item) && !reference(item)) batch.variables.set(name, text(item));
  }
  const resolve = resolver(batch, say);
  const shared = new Map(
    list(value.credential_list).map((entry) => [
      text(object(entry).credential_name),
      object(object(entry).credential_values),
    ]),
  );
  const missing = new Set();
  for (const entry of list(value.model_list).map(object)) {
    const params = {
      ...shared.get(text(object(entry.litellm_params).litellm_credential_name)),
      ...object(entry.litellm_params),
    };
    const alias = text(entry.model_name);
    const deployment = deploy(params, { alias, resolve, say, missing });
    if (deployment === undefined) continue;
    const { account, model } = deployment;
    const added = add(bundle, account);
    if (added === undefined) say(`${alias} is left out: its key is not in the file.`);
    else if (alias && !alias.includes('*'))
      bundle.route(
        alias,
        present({ provider: added.provider, model, weight: count(params.weight) }),
        (count(params.order) ?? 1) - 1,
      );
    for (const limit of ['rpm', 'tpm', 'max_parallel_requests', 'timeout', 'max_budget'].filter(
      (name) => params[name] !== undefined,
    )) {
      missing.add(limit);
    }
  }
  if (missing.size > 0)
    say(
      `limits of a deployment (${[...missing].join(', ')}) are not carried over; accounts rest as their provider says.`,
    );
  const router = { ...object(value.litellm_settings), ...object(value.router_settings) };
  reroute(router, { bundle, say });
  const general = object(value.general_settings);
  const key = resolve(general.master_key, 'general_settings.master_key');
  if (key !== undefined) bundle.token({ name: 'LiteLLM master key', key });
  for (const name of ['custom_auth', 'alerting', 'pass_through_endpoints'].filter(
    (name) => general[name] !== undefined,
  )) {
    say(`general_settings.${name} is not carried over.`);
  }
  if (list(value.guardrails).length > 0) say('guardrails are not carried over; filters do that here.');
  if (text(general.database_url))
    say('keys, teams and budgets in its database are not in this file; new client tokens are made here.');
}

const reference = (value) => text(value)?.match(/^os\.environ\/(.+)$/)?.[1];

/** What a value is, if it is in this file or in a `.env` that came along. */
function resolver(batch, say) {
  return (value, called) => {
    const name = reference(value);
    if (name === undefined) return text(value);
    const found = batch.variable(name);
    if (found === undefined)
      say(`${called} is the variable ${name}, whose value is not here; import the .env file together with this one.`);
    return found;
  };
}

/** Its providers that need more than a key. */
function deploy(params, { alias, resolve, say, missing }) {
  const full = text(params.model) ?? '';
  const [prefix, ...parts] = full.split('/');
  const kind = text(params.custom_llm_provider) ?? (parts.length > 0 ? prefix : undefined);
  const model = parts.length > 0 && kind === prefix ? parts.join('/') : full;
  const called = alias ?? full;
  const leave = (why) => void say(`${called} is left out: ${why}.`);
  const get = (name) => resolve(params[name], `${called}: ${name}`);
  const allow = model.includes('*') || model === '' ? [] : [model];
  if (kind === 'vertex_ai' || kind === 'vertex_ai_beta') {
    const login = parsed(get('vertex_credentials'));
    if (!text(login.private_key)) return leave('its service account is a file of its machine; import that file');
    const credential = present({
      client_email: text(login.client_email),
      private_key: text(login.private_key),
      project_id: get('vertex_project') ?? text(login.project_id),
      location: get('vertex_location'),
    });
    return {
      model,
      account: { provider: 'vertex', kind: 'service_account', label: text(login.client_email), credential, allow },
    };
  }
  if (kind === 'bedrock' || kind === 'bedrock_converse' || kind === 'sagemaker') {
    if (kind === 'sagemaker') return leave('SageMaker is not asked here');
    const credential = present({
      api_key: get('aws_access_key_id') ?? get('api_key'),
      secret_access_key: get('aws_secret_access_key'),
      session_token: get('aws_session_token'),
      region: get('aws_region_name'),
    });
    if (!credential.api_key) return leave('it signs with what its machine is allowed; it needs an access key');
    return {
      model: model.replace(/^converse\//, ''),
      account: {
        provider: 'bedrock',
        label: 'LiteLLM',
        credential,
        allow: allow.map((name) => name.replace(/^converse\//, '')),
      },
    };
  }
  const api_key = get('api_key');
  const address = get('api_base') ?? get('base_url');
  if (kind === 'azure' || kind === 'azure_ai') {
    const place = at(address);
    if (place.problem) return leave(place.problem);
    return {
      model,
      account: {
        provider: 'azure',
        base_url: place.base_url,
        label: called,
        credential: present({ api_key, api_version: get('api_version') }),
        allow,
      },
    };
  }
  const name = kind ?? (/^claude/.test(model) ? 'anthropic' : 'openai');
  const protocol = { anthropic: 'messages', gemini: 'gemini' }[name];
  const keyless = /^(ollama|ollama_chat|hosted_vllm|vllm|openai_like|lm_studio|llamafile)$/.test(name);
  const place =
    address === undefined
      ? ofName(name)
      : at(address, { name, protocol, root: /^ollama/.test(name) ? '/v1' : undefined });
  if (place === undefined) return leave(`the provider ${name} is not known here without its address`);
  if (place.problem) return leave(place.problem);
  if (params.organization !== undefined) missing.add('organization');
  if (api_key === undefined && params.api_key === undefined && !keyless) {
    return leave(`it takes its key from the environment of its machine (usually ${name.toUpperCase()}_API_KEY)`);
  }
  const credential = present({ api_key });
  return {
    model,
    account: {
      ...place,
      ...(api_key === undefined && keyless && { kind: 'none' }),
      label: 'LiteLLM',
      credential,
      allow,
    },
  };
}

/** Aliases of groups and what is asked when one of them fails. */
function reroute(router, { bundle, say }) {
  for (const [alias, target] of Object.entries(object(router.model_group_alias))) {
    const group = text(target) ?? text(object(target).model);
    const tiers = bundle.tiers(group) ?? [];
    if (tiers.length === 0) say(`the alias ${alias} means ${group}, which is not in the file.`);
    tiers.forEach((targets, tier) => targets.forEach((each) => bundle.route(alias, { ...each }, tier)));
  }
  for (const rule of list(router.fallbacks).map(object)) {
    for (const [from, to] of Object.entries(rule)) {
      const models = list(to).map(text).filter(Boolean);
      if (models.length > 0) bundle.fallback(from, models);
    }
  }
  const always = names(router.default_fallbacks);
  if (always.length > 0) bundle.fallback('*', always);
  for (const name of ['context_window_fallbacks', 'content_policy_fallbacks'].filter(
    (name) => list(router[name]).length > 0,
  )) {
    say(`${name} is not carried over; a request that is too long is refused as its provider refuses it.`);
  }
  const strategy = text(router.routing_strategy);
  if (strategy !== undefined && strategy !== 'simple-shuffle')
    say(`routing_strategy ${strategy} is not carried over; it is a setting here.`);
}
