// Which provider the number of a channel's type means, in One API and in New API.

const refused = (why) => ({ refused: why });
const own = (provider, address, more) => ({ provider, address, ...more });
const relay = (address) => ({ provider: 'relay', address, homeless: true });

const signed = refused(
  'its keys sign requests in a way of their own; a key of the compatible API of the same provider works',
);
const notChat = refused('it is not an API of language models');
const gone = refused('its API has ended');

/** The first 25 are the same in both. `root` is what its provider has where others have `/v1`. */
const common = {
  1: own('openai', undefined),
  3: own('azure', undefined, { homeless: true }),
  5: relay('https://api.openai-sb.com/v1'),
  6: relay('https://api.openaimax.com/v1'),
  7: relay('https://api.ohmygpt.com/v1'),
  8: relay(undefined),
  9: relay('https://api.caipacity.com/v1'),
  10: relay('https://api.aiproxy.io/v1'),
  11: gone,
  12: relay('https://api.api2gpt.com/v1'),
  13: relay('https://api.aigc2d.com/v1'),
  14: own('anthropic', undefined),
  15: signed,
  16: own('zhipu', undefined, { root: '/api/paas/v4' }),
  17: own('dashscope', undefined, { root: '/compatible-mode/v1' }),
  18: signed,
  19: own('360', 'https://api.360.cn/v1'),
  20: own('openrouter', undefined),
  21: notChat,
  22: notChat,
  23: signed,
  24: own('google', undefined),
  25: own('moonshot-cn', undefined),
};

const volcengine = own('volcengine', 'https://ark.cn-beijing.volces.com/api/v3', { root: '/api/v3' });
const cohere = own('cohere', 'https://api.cohere.ai/compatibility/v1', { root: '/compatibility/v1' });
const lingyiwanwu = own('lingyiwanwu', 'https://api.lingyiwanwu.com/v1');
const cloudflare = { provider: 'workers-ai', account: true };

export const oneApi = {
  ...common,
  2: relay('https://oa.api2d.net/v1'),
  4: relay('https://api.closeai-proxy.xyz/v1'),
  26: own('baichuan', 'https://api.baichuan-ai.com/v1'),
  27: own('minimax-cn', undefined),
  28: own('mistral', undefined),
  29: own('groq', undefined, { root: '/openai/v1' }),
  30: own('ollama', 'http://localhost:11434/v1'),
  31: lingyiwanwu,
  32: own('stepfun', 'https://api.stepfun.com/v1'),
  33: own('bedrock', undefined),
  34: notChat,
  35: cohere,
  36: own('deepseek', undefined),
  37: cloudflare,
  38: notChat,
  39: own('together', undefined),
  40: volcengine,
  41: own('novita', 'https://api.novita.ai/v3/openai', { root: '/v3/openai' }),
  42: own('vertex', undefined),
  44: own('siliconflow', undefined),
  45: own('xai', undefined),
  46: notChat,
  47: own('qianfan', undefined, { root: '/v2' }),
  48: own('xunfei', 'https://spark-api-open.xf-yun.com/v1'),
  49: own('dashscope', undefined, { root: '/compatible-mode/v1' }),
  50: relay(undefined),
  51: own('google', undefined),
};

export const newApi = {
  ...common,
  2: notChat,
  4: own('ollama', 'http://localhost:11434/v1'),
  5: notChat,
  26: own('zhipu', undefined, { root: '/api/paas/v4' }),
  27: own('perplexity', 'https://api.perplexity.ai', { root: '' }),
  31: lingyiwanwu,
  33: own('bedrock', undefined),
  34: cohere,
  35: own('minimax-cn', undefined),
  36: notChat,
  37: notChat,
  38: own('jina', 'https://api.jina.ai/v1'),
  39: cloudflare,
  40: own('siliconflow', undefined),
  41: own('vertex', undefined),
  42: own('mistral', undefined),
  43: own('deepseek', undefined),
  44: own('moka', 'https://api.moka.ai/v1'),
  45: volcengine,
  46: own('qianfan', undefined, { root: '/v2' }),
  47: relay(undefined),
  48: own('xai', undefined),
  49: notChat,
  50: notChat,
  51: notChat,
  52: notChat,
  53: own('submodel', 'https://llm.submodel.ai/v1'),
  54: notChat,
  55: notChat,
  56: notChat,
  57: { provider: 'codex', login: true },
  58: notChat,
};

/** What New API writes in place of an address for a plan of a provider's. */
export const plans = new Map(
  Object.entries({
    'glm-coding-plan': { provider: 'zhipu', base_url: 'https://open.bigmodel.cn/api/coding/paas/v4' },
    'glm-coding-plan-international': { provider: 'zai', base_url: 'https://api.z.ai/api/coding/paas/v4' },
    'kimi-coding-plan': { provider: 'kimi' },
    'doubao-coding-plan': { provider: 'volcengine', base_url: 'https://ark.cn-beijing.volces.com/api/coding/v3' },
  }),
);
