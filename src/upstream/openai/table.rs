//! The table of everyone who speaks OpenAI's dialects. A new provider is one row.

use super::Compatible;
use crate::fault::Scope;
use crate::protocol::chat::{Chat, Dialect, ReasoningStyle};
use crate::upstream::refusal::Means::{ModelMissing, Overloaded, Quota, RateLimited, Suspended, Unauthorized};
use crate::upstream::refusal::Reading;

const fn dialect(max_completion_tokens: bool, developer_role: bool, reasoning: ReasoningStyle) -> Chat {
    Chat { dialect: Dialect { max_completion_tokens, developer_role, stream_usage: true, reasoning } }
}

pub const PLAIN: &Chat = &dialect(false, false, ReasoningStyle::Unsupported);
const EFFORT: &Chat = &dialect(false, false, ReasoningStyle::Effort);
const THINKING: &Chat = &dialect(false, false, ReasoningStyle::Thinking);
const ENABLE_THINKING: &Chat = &dialect(false, false, ReasoningStyle::EnableThinking);

const REFUSALS: Reading = Reading { limits: Scope::Model, codes: &[], sentences: &[] };
/// <https://docs.bigmodel.cn/cn/api/api-code>
const ZHIPU: Reading = Reading {
    codes: &[
        ("1000", Unauthorized),
        ("1001", Unauthorized),
        ("1002", Unauthorized),
        ("1003", Unauthorized),
        ("1004", Unauthorized),
        ("1110", Suspended),
        ("1111", Suspended),
        ("1112", Suspended),
        ("1113", Quota(Scope::Account)),
        ("1121", Suspended),
        ("1211", ModelMissing),
        ("1302", RateLimited),
        ("1303", RateLimited),
        ("1304", Quota(Scope::Model)),
        ("1305", Overloaded),
        ("1308", Quota(Scope::Account)),
        ("1309", Suspended),
        ("1310", Quota(Scope::Account)),
        ("1311", ModelMissing),
        ("1312", Overloaded),
    ],
    ..REFUSALS
};
/// <https://platform.minimax.io/docs/api-reference/errorcode>
const MINIMAX: Reading = Reading {
    codes: &[
        ("1002", RateLimited),
        ("1004", Unauthorized),
        ("1008", Quota(Scope::Account)),
        ("1039", RateLimited),
        ("2049", Unauthorized),
        ("2056", Quota(Scope::Account)),
    ],
    ..REFUSALS
};
/// <https://docs.siliconflow.cn/cn/faqs/error-code>
const SILICONFLOW: Reading =
    Reading { codes: &[("20012", ModelMissing), ("30001", Quota(Scope::Account))], ..REFUSALS };

/// <https://developers.cloudflare.com/workers-ai/platform/errors/>
const WORKERS: Reading = Reading {
    codes: &[
        ("3023", Suspended),
        ("3036", Quota(Scope::Account)),
        ("3040", Overloaded),
        ("3041", ModelMissing),
        ("3042", ModelMissing),
        ("5007", ModelMissing),
        ("5016", ModelMissing),
        ("5018", ModelMissing),
    ],
    ..REFUSALS
};

/// What most rows have in common.
const ROW: Compatible = Compatible {
    name: "",
    stems: &[],
    root: "",
    chat: "/v1",
    responses: None,
    messages: None,
    codec: PLAIN,
    keyless: false,
    models: &[],
    completions: &[],
    responses_first: &[],
    refusals: REFUSALS,
};

/// Whoever an operator names with a key and an address. Its base URL is everything before `/chat/completions`.
pub static CUSTOM: Compatible = Compatible { name: "custom", chat: "", codec: EFFORT, keyless: true, ..ROW };

/// Rows of providers that are more than a row; what more is in files of their own.
pub const XAI: Compatible = Compatible {
    name: "xai",
    stems: &["XAI", "GROK"],
    root: "https://api.x.ai",
    responses: Some("/v1"),
    codec: EFFORT,
    models: &["grok-*"],
    responses_first: &["grok-*-multi-agent*"],
    ..ROW
};
pub const OLLAMA: Compatible = Compatible {
    name: "ollama",
    stems: &["OLLAMA"],
    responses: Some("/v1"),
    codec: EFFORT,
    completions: &["*"],
    keyless: true,
    ..ROW
};
pub const IFLOW: Compatible = Compatible {
    name: "iflow",
    stems: &["IFLOW"],
    root: "https://apis.iflow.cn",
    codec: &dialect(false, false, ReasoningStyle::Template),
    models: &["iflow-*", "qwen3-*", "kimi-k2*", "glm-*", "deepseek-v3*", "deepseek-r1*", "minimax-m*"],
    ..ROW
};
pub const WORKERS_AI: Compatible = Compatible {
    name: "workers-ai",
    stems: &["WORKERS_AI"],
    root: "https://api.cloudflare.com",
    chat: "/client/v4/accounts/-/ai/v1",
    codec: EFFORT,
    models: &["@cf/*", "@hf/*"],
    refusals: WORKERS,
    ..ROW
};

pub static PROVIDERS: &[Compatible] = &[
    Compatible {
        name: "openai",
        stems: &["OPENAI"],
        root: "https://api.openai.com",
        responses: Some("/v1"),
        codec: &Chat::OPENAI,
        models: &[
            "gpt-*",
            "o1*",
            "o3*",
            "o4*",
            "chatgpt-*",
            "codex-*",
            "computer-use-*",
            "ft:*",
            "text-embedding-3-*",
            "text-embedding-ada-*",
            "dall-e-*",
            "davinci-002",
            "babbage-002",
            "!gpt-oss*",
        ],
        completions: &["gpt-3.5-turbo-instruct*", "davinci-002", "babbage-002"],
        // Function tools together with reasoning are refused on Chat by the newer reasoning models.
        responses_first: &["gpt-5*", "gpt-6*", "o1*", "o3*", "o4*", "codex-*", "computer-use-*", "!gpt-*-chat*"],
        ..ROW
    },
    Compatible {
        name: "openrouter",
        stems: &["OPENROUTER"],
        root: "https://openrouter.ai",
        chat: "/api/v1",
        responses: Some("/api/v1"),
        messages: Some("/api/v1"),
        codec: &dialect(false, false, ReasoningStyle::Object),
        models: &["*/*"],
        ..ROW
    },
    Compatible {
        name: "deepseek",
        stems: &["DEEPSEEK"],
        root: "https://api.deepseek.com",
        responses: Some(""),
        messages: Some("/anthropic/v1"),
        codec: THINKING,
        models: &["deepseek-*", "!deepseek-v3*", "!deepseek-r1*"],
        ..ROW
    },
    Compatible {
        // A subscription for coding; keys of the open platform are another provider's.
        name: "kimi",
        stems: &["KIMI_CODE"],
        root: "https://api.kimi.com",
        chat: "/coding/v1",
        messages: Some("/coding/v1"),
        codec: THINKING,
        models: &["kimi-for-coding*", "kimi-k*"],
        refusals: Reading { limits: Scope::Account, ..REFUSALS },
        ..ROW
    },
    Compatible {
        name: "moonshot",
        stems: &["MOONSHOT", "KIMI"],
        root: "https://api.moonshot.ai",
        messages: Some("/anthropic/v1"),
        codec: THINKING,
        models: &["kimi-*", "moonshot-*"],
        refusals: Reading { limits: Scope::Account, ..REFUSALS },
        ..ROW
    },
    Compatible {
        name: "moonshot-cn",
        stems: &["MOONSHOT_CN", "KIMI_CN"],
        root: "https://api.moonshot.cn",
        messages: Some("/anthropic/v1"),
        codec: THINKING,
        models: &["kimi-*", "moonshot-*"],
        refusals: Reading { limits: Scope::Account, ..REFUSALS },
        ..ROW
    },
    Compatible {
        name: "minimax",
        stems: &["MINIMAX"],
        root: "https://api.minimax.io",
        messages: Some("/anthropic/v1"),
        models: &["minimax-*"],
        refusals: MINIMAX,
        ..ROW
    },
    Compatible {
        name: "minimax-cn",
        stems: &["MINIMAX_CN"],
        root: "https://api.minimaxi.com",
        messages: Some("/anthropic/v1"),
        models: &["minimax-*"],
        refusals: MINIMAX,
        ..ROW
    },
    Compatible {
        name: "zhipu",
        stems: &["ZHIPU", "ZHIPUAI", "BIGMODEL"],
        root: "https://open.bigmodel.cn",
        chat: "/api/paas/v4",
        messages: Some("/api/anthropic/v1"),
        codec: THINKING,
        models: &["glm-*"],
        refusals: ZHIPU,
        ..ROW
    },
    Compatible {
        name: "zai",
        stems: &["ZAI"],
        root: "https://api.z.ai",
        chat: "/api/paas/v4",
        messages: Some("/api/anthropic/v1"),
        codec: THINKING,
        models: &["glm-*"],
        refusals: ZHIPU,
        ..ROW
    },
    Compatible {
        name: "siliconflow",
        stems: &["SILICONFLOW"],
        root: "https://api.siliconflow.cn",
        messages: Some("/v1"),
        codec: ENABLE_THINKING,
        models: &["*/*"],
        refusals: SILICONFLOW,
        ..ROW
    },
    Compatible {
        name: "modelscope",
        stems: &["MODELSCOPE"],
        root: "https://api-inference.modelscope.cn",
        messages: Some("/v1"),
        codec: ENABLE_THINKING,
        models: &["*/*"],
        ..ROW
    },
    Compatible {
        name: "dashscope",
        stems: &["DASHSCOPE", "QWEN"],
        root: "https://dashscope.aliyuncs.com",
        chat: "/compatible-mode/v1",
        messages: Some("/apps/anthropic/v1"),
        codec: ENABLE_THINKING,
        models: &["text-embedding-v*", "qwen*", "qwq-*", "qvq-*", "!qwen/*", "!qwen-3-*"],
        ..ROW
    },
    Compatible {
        name: "groq",
        stems: &["GROQ"],
        root: "https://api.groq.com",
        chat: "/openai/v1",
        responses: Some("/openai/v1"),
        codec: &dialect(true, false, ReasoningStyle::Effort),
        models: &[
            "llama-3.*-instant",
            "llama-3.*-versatile",
            "meta-llama/llama-4-*-instruct",
            "openai/gpt-oss-*",
            "moonshotai/kimi-k2-instruct*",
            "qwen/qwen3-32b",
            "groq/compound*",
        ],
        ..ROW
    },
    Compatible {
        name: "mistral",
        stems: &["MISTRAL"],
        root: "https://api.mistral.ai",
        // It refuses members it does not know, and sends usage unasked.
        codec: &Chat { dialect: Dialect { stream_usage: false, ..PLAIN.dialect } },
        models: &[
            "mistral-*",
            "ministral-*",
            "codestral-*",
            "magistral-*",
            "devstral-*",
            "pixtral-*",
            "voxtral-*",
            "open-mi*tral-*",
        ],
        ..ROW
    },
    Compatible {
        name: "together",
        stems: &["TOGETHER", "TOGETHERAI"],
        root: "https://api.together.xyz",
        codec: EFFORT,
        models: &["*/*"],
        ..ROW
    },
    XAI,
    IFLOW,
    WORKERS_AI,
    Compatible {
        name: "github-models",
        stems: &["GITHUB_MODELS"],
        root: "https://models.github.ai",
        chat: "/inference",
        codec: &dialect(true, false, ReasoningStyle::Effort),
        models: &[
            "openai/*",
            "meta/*",
            "mistral-ai/*",
            "microsoft/*",
            "deepseek/*",
            "cohere/*",
            "ai21-labs/*",
            "xai/*",
            "!openai/gpt-oss*",
        ],
        ..ROW
    },
    Compatible {
        name: "qianfan",
        stems: &["QIANFAN", "BAIDU"],
        root: "https://qianfan.baidubce.com",
        chat: "/v2",
        codec: ENABLE_THINKING,
        models: &["ernie-*"],
        ..ROW
    },
    Compatible {
        name: "hunyuan",
        stems: &["HUNYUAN", "TENCENT"],
        root: "https://api.hunyuan.cloud.tencent.com",
        codec: ENABLE_THINKING,
        models: &["hunyuan-*"],
        ..ROW
    },
    Compatible {
        name: "fireworks",
        stems: &["FIREWORKS"],
        root: "https://api.fireworks.ai",
        chat: "/inference/v1",
        codec: EFFORT,
        models: &["accounts/*"],
        ..ROW
    },
    Compatible {
        name: "cerebras",
        stems: &["CEREBRAS"],
        root: "https://api.cerebras.ai",
        codec: &dialect(true, false, ReasoningStyle::Effort),
        models: &["gpt-oss-*", "llama3.1-*", "llama-3.3-70b", "qwen-3-*", "zai-glm-*"],
        ..ROW
    },
    OLLAMA,
    Compatible {
        name: "vllm",
        stems: &["VLLM"],
        responses: Some("/v1"),
        codec: EFFORT,
        completions: &["*"],
        keyless: true,
        ..ROW
    },
    // What a new provider takes: a row like this. Tests alone have it.
    #[cfg(test)]
    Compatible {
        name: "newcomer",
        stems: &["NEWCOMER"],
        root: "https://api.newcomer.example",
        models: &["newcomer-*"],
        ..ROW
    },
];
