// Whose an address, a name or a key is.

import { ROWS } from './hosts.mjs';
import { slug, text } from './shape.mjs';

/** Providers by their host: name, and the paths that Sluice knows by itself. */
export const HOSTS = new Map(
  [
    ...ROWS,
    ['api.anthropic.com', 'anthropic', ['/v1']],
    ['generativelanguage.googleapis.com', 'google', ['/v1beta', '/v1', '/v1beta/openai', '/v1beta/models']],
    ['api.deepseek.com', 'deepseek', ['/v1', '/beta', '/anthropic', '/anthropic/v1']],
    ['api.minimax.chat', 'minimax-cn', ['/v1']],
  ].map(([host, provider, paths]) => [host, { provider, paths }]),
);

/** Other names of providers, in files and in names of variables. */
const NAMES = new Map(
  Object.entries({
    openai: ['openai', 'text-completion-openai'],
    anthropic: ['anthropic', 'claude'],
    google: ['google', 'gemini', 'google-gemini', 'google-ai-studio', 'aistudio', 'palm'],
    openrouter: ['openrouter'],
    deepseek: ['deepseek'],
    // Keys of the open platform; those of the subscription for coding are another provider's.
    moonshot: ['moonshot', 'kimi'],
    kimi: ['kimi-code', 'kimi-for-coding'],
    iflow: ['iflow'],
    'workers-ai': ['workers-ai'],
    'github-models': ['github-models', 'github'],
    'moonshot-cn': ['moonshot-cn', 'kimi-cn'],
    minimax: ['minimax'],
    'minimax-cn': ['minimax-cn'],
    zhipu: ['zhipu', 'zhipuai', 'bigmodel'],
    zai: ['zai'],
    siliconflow: ['siliconflow'],
    modelscope: ['modelscope'],
    dashscope: ['dashscope', 'qwen', 'bailian', 'alibailian'],
    groq: ['groq'],
    mistral: ['mistral'],
    together: ['together', 'together-ai', 'togetherai'],
    xai: ['xai', 'grok'],
    qianfan: ['qianfan', 'baidu'],
    hunyuan: ['hunyuan', 'tencent'],
    fireworks: ['fireworks', 'fireworks-ai'],
    cerebras: ['cerebras'],
    ollama: ['ollama', 'ollama-chat'],
    vllm: ['vllm', 'hosted-vllm'],
  }).flatMap(([provider, others]) => others.map((name) => [name, provider])),
);

/** Compatible services without a row: where they are. */
const OTHERS = new Map(
  Object.entries({
    perplexity: 'https://api.perplexity.ai',
    'perplexity-ai': 'https://api.perplexity.ai',
    nvidia: 'https://integrate.api.nvidia.com/v1',
    'nvidia-nim': 'https://integrate.api.nvidia.com/v1',
    huggingface: 'https://router.huggingface.co/v1',
    novita: 'https://api.novita.ai/v3/openai',
    sambanova: 'https://api.sambanova.ai/v1',
    deepinfra: 'https://api.deepinfra.com/v1/openai',
    hyperbolic: 'https://api.hyperbolic.xyz/v1',
    stepfun: 'https://api.stepfun.com/v1',
    baichuan: 'https://api.baichuan-ai.com/v1',
    lingyiwanwu: 'https://api.lingyiwanwu.com/v1',
    volcengine: 'https://ark.cn-beijing.volces.com/api/v3',
    cohere: 'https://api.cohere.ai/compatibility/v1',
  }),
);

/** What a key's beginning says, the longest first. Two names: nobody can tell which. */
const KEYS = [
  [/^sk-ant-oat/, 'claude'],
  [/^sk-ant-ort/, undefined],
  [/^sk-ant-admin/, undefined],
  [/^sk-ant-/, 'anthropic'],
  [/^sk-or-/, 'openrouter'],
  [/^sk-admin-/, undefined],
  [/^sk-(proj|svcacct)-/, 'openai'],
  [/^sk-[A-Za-z0-9_-]*T3BlbkFJ/, 'openai'],
  [/^AIza[\w-]{20,}$/, 'google'],
  [/^gsk_/, 'groq'],
  [/^xai-/, 'xai'],
  [/^csk-/, 'cerebras'],
  [/^fw_/, 'fireworks'],
  [/^tgp_v1_/, 'together'],
  [/^ms-[0-9a-f-]{36}$/, 'modelscope'],
  [/^bce-v3\//, 'qianfan'],
  [/^pplx-/, 'perplexity'],
  [/^nvapi-/, 'nvidia'],
  [/^hf_/, 'huggingface'],
  [/^(ghp_|github_pat_)/, 'github-models'],
  [/^sk-kimi-/, 'kimi'],
  [/^[0-9a-f]{32}\.[A-Za-z0-9]{16}$/, 'zhipu', 'zai'],
  [/^sk-[0-9a-f]{32}$/, 'deepseek', 'dashscope'],
  [/^sk-[a-z]{48}$/, 'siliconflow', 'openai'],
  [/^sk-[A-Za-z0-9]{48}$/, 'moonshot', 'openai'],
];

/** `{ provider }`, `{ either: [...] }`, or `{}` when nothing is known of such a key. */
export function ofKey(key) {
  const found = KEYS.find(([pattern]) => pattern.test(key));
  if (found === undefined) return {};
  const [, provider, ...more] = found;
  if (provider === undefined) return { useless: true };
  return more.length > 0 ? { either: [provider, ...more] } : { provider };
}

/** The provider of a name, and where it is when it has no row. */
export function ofName(name) {
  const wanted = slug(name);
  const provider = NAMES.get(wanted);
  if (provider !== undefined) return { provider };
  const base_url = OTHERS.get(wanted);
  return base_url === undefined ? undefined : { provider: wanted, base_url };
}

const ENDPOINTS = /\/(chat\/completions|completions|messages|responses|embeddings|models)$/;

/**
 * The provider at an address. `name` is what the file calls it; `protocol` what it speaks; `root` is set where the
 * file's own system adds a version of its own (`/v1`) to every address. An address that cannot be used comes back as
 * `{ problem }`.
 */
export function at(address, { name, protocol, root } = {}) {
  let url;
  try {
    url = new URL(text(address) ?? '');
  } catch {
    return { problem: 'its address is not one' };
  }
  if (url.protocol !== 'https:' && url.protocol !== 'http:') return { problem: 'its address is not of the web' };
  if (url.username !== '' || url.password !== '') return { problem: 'its address holds a password' };
  if (url.search !== '' || url.hash !== '') return { problem: 'nothing can be put behind its address' };
  const path = url.pathname.replace(/\/+$/, '').replace(ENDPOINTS, '').replace(/\/+$/, '');
  const known = HOSTS.get(url.host);
  if (known !== undefined && (path === '' || known.paths.includes(path))) return { provider: known.provider };
  const bare = root !== undefined && !/\/v\d+[a-z]*$/.test(path) && !/\/openai$/.test(path);
  const base_url = `${url.origin}${path}${bare ? root : ''}`;
  if (known !== undefined) return { provider: known.provider, base_url };
  const native = { messages: 'anthropic', gemini: 'google' }[protocol];
  if (native !== undefined) return { provider: native, base_url };
  const named = ofName(name)?.provider;
  if (named === 'ollama' || named === 'vllm') return { provider: named, base_url };
  // A relay is not the provider that it is named after.
  const own = NAMES.has(slug(name)) ? '' : slug(name);
  return { provider: own || slug(url.hostname.replace(/^(api|www)\./, '')), base_url };
}

/** Whether only the machine or network it was written on can reach an address. */
export function isLocal(address) {
  const host = new URL(address).hostname.replace(/^\[|\]$/g, '');
  return (
    /^(localhost|.*\.(local|internal|lan)|host\.docker\.internal|::1|f[cd][0-9a-f]{2}:.*)$/.test(host) ||
    /^(0|10|127)\.|^192\.168\.|^169\.254\.|^172\.(1[6-9]|2\d|3[01])\./.test(host) ||
    !/[.:]/.test(host)
  );
}
