//! Everyone who speaks OpenAI's dialects: a table. A new provider is one row.
//!
//! A row's addresses and dialect are from the provider's own documentation. `X_BASE_URL` replaces root and chat path
//! together; the other endpoints follow when it ends in the row's chat path (another region, a proxy that keeps paths).

use super::refusal::Means::{ModelMissing, Overloaded, Quota, RateLimited, Suspended, Unauthorized};
use super::refusal::{self, Reading};
use super::{Payload, Refusal, Target, Upstream, ask, bearer, pattern, post};
use crate::call::{Call, HttpRequest, Operation};
use crate::fault::{Failure, Fault, Millis, Scope};
use crate::ir::Protocol;
use crate::json::Json;
use crate::protocol::chat::{Chat, Dialect, ReasoningStyle};
use crate::protocol::{Outbound, messages::Messages, responses::Responses};

/// A provider with OpenAI's endpoints, and perhaps Anthropic's.
pub struct Compatible {
    pub name: &'static str,
    /// Stems of its variables, `X` of `X_API_KEY`; in lower case, other names it answers to.
    pub stems: &'static [&'static str],
    /// Scheme and host. Empty: the operator must say where it is.
    pub root: &'static str,
    /// What stands between the root and `/chat/completions`.
    pub chat: &'static str,
    /// The same before `/responses`, where it has that.
    pub responses: Option<&'static str>,
    /// The same before `/messages`.
    pub messages: Option<&'static str>,
    pub codec: &'static Chat,
    /// Whether it can be used without a key.
    pub keyless: bool,
    /// Names it has without being asked; an operator's own list replaces them.
    pub models: &'static [&'static str],
    /// Models to which `/completions` may be said as it is: a bare prompt means something to them.
    pub completions: &'static [&'static str],
    /// Models that only `/responses` serves in full; a client of a third protocol is answered from there.
    pub responses_first: &'static [&'static str],
    pub refusals: Reading,
}

const fn dialect(max_completion_tokens: bool, developer_role: bool, reasoning: ReasoningStyle) -> Chat {
    Chat { dialect: Dialect { max_completion_tokens, developer_role, stream_usage: true, reasoning } }
}

pub(super) const PLAIN: &Chat = &dialect(false, false, ReasoningStyle::Unsupported);
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
    Compatible {
        name: "xai",
        stems: &["XAI", "GROK"],
        root: "https://api.x.ai",
        responses: Some("/v1"),
        codec: EFFORT,
        models: &["grok-*"],
        responses_first: &["grok-*-multi-agent*"],
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
    Compatible {
        name: "ollama",
        stems: &["OLLAMA"],
        responses: Some("/v1"),
        codec: EFFORT,
        completions: &["*"],
        keyless: true,
        ..ROW
    },
    Compatible {
        name: "vllm",
        stems: &["VLLM"],
        responses: Some("/v1"),
        codec: EFFORT,
        completions: &["*"],
        keyless: true,
        ..ROW
    },
];

impl Compatible {
    /// Root of the addresses, and whether the row's paths hold below it.
    fn root<'a>(&'a self, target: &'a Target) -> (&'a str, bool) {
        match &target.base_url {
            None => (self.root, true),
            Some(base) => base.strip_suffix(self.chat).map_or((base, false), |root| (root, true)),
        }
    }

    fn has(&self, wire: Protocol, target: &Target) -> bool {
        let (_, known) = self.root(target);
        match wire {
            Protocol::Chat => true,
            Protocol::Responses => self.responses.is_some_and(|path| known || path == self.chat),
            Protocol::Messages => self.messages.is_some_and(|path| known || path == self.chat),
            Protocol::Gemini | Protocol::Ollama | Protocol::Kiro | Protocol::Converse => false,
        }
    }
}

impl Upstream for Compatible {
    fn name(&self) -> &'static str {
        self.name
    }

    fn speaks(&self, protocol: Protocol, target: &Target) -> &'static dyn Outbound {
        let responses_first = pattern::any(self.responses_first, &target.model);
        match protocol {
            Protocol::Messages if self.has(Protocol::Messages, target) => &Messages,
            Protocol::Responses if self.has(Protocol::Responses, target) => &Responses,
            Protocol::Messages | Protocol::Gemini | Protocol::Ollama
                if responses_first && self.has(Protocol::Responses, target) =>
            {
                &Responses
            }
            _ => self.codec,
        }
    }

    fn supports(&self, operation: Operation, wire: Protocol, target: &Target) -> bool {
        match operation {
            Operation::Generate => true,
            Operation::CountTokens => false,
            Operation::Complete => wire == Protocol::Chat && pattern::any(self.completions, &target.model),
            Operation::Embed | Operation::EmbedOne | Operation::Draw | Operation::Redraw | Operation::Raw => {
                wire == Protocol::Chat
            }
        }
    }

    fn splices(&self, call: &Call, wire: Protocol) -> Vec<(&'static str, Option<String>)> {
        if self.codec.dialect.stream_usage { include_usage(call, wire) } else { Vec::new() }
    }

    fn request(&self, call: &Call, target: &Target, payload: &Payload) -> Result<HttpRequest, Failure> {
        let (root, known) = self.root(target);
        let (path, endpoint) = match payload.wire.protocol() {
            Protocol::Responses => (self.responses.unwrap_or(self.chat), "/responses"),
            Protocol::Messages => (self.messages.unwrap_or(self.chat), "/messages"),
            Protocol::Chat | Protocol::Gemini | Protocol::Ollama | Protocol::Kiro | Protocol::Converse => {
                (self.chat, endpoint(call, payload))
            }
        };
        let slash = if endpoint.starts_with('/') { "" } else { "/" };
        let url = format!("{root}{}{slash}{endpoint}", if known { path } else { "" });
        let key = target.credential.access.expose();
        let mut own = Vec::new();
        if !key.is_empty() {
            own.push(("authorization", format!("Bearer {key}")));
        }
        if payload.wire.protocol() == Protocol::Messages {
            // Some of the borrowed Messages endpoints know only Anthropic's own header.
            if !key.is_empty() {
                own.push(("x-api-key", key.to_owned()));
            }
            own.push(("anthropic-version", super::anthropic::VERSION.to_owned()));
        }
        Ok(post(call, target, payload, url, own))
    }

    fn classify(&self, refused: Refusal<'_>, now: Millis) -> Fault {
        refusal::classify(refused, self.refusals, now)
    }

    fn models_request(&self, target: &Target, _: Option<&str>) -> Option<HttpRequest> {
        let (root, known) = self.root(target);
        let own = if target.credential.access.is_empty() { Vec::new() } else { vec![bearer(target)] };
        Some(ask(target, format!("{root}{}/models", if known { self.chat } else { "" }), own, None))
    }
}

fn endpoint<'a>(call: &'a Call, payload: &Payload) -> &'a str {
    match call.endpoint.operation {
        Operation::Complete if payload.request.is_none() => "/completions",
        Operation::Generate | Operation::Complete | Operation::CountTokens => "/chat/completions",
        Operation::Embed | Operation::EmbedOne => "/embeddings",
        Operation::Draw => "/images/generations",
        Operation::Redraw => "/images/edits",
        Operation::Raw => call.endpoint.line.as_ref().map_or("", |line| &line.path),
    }
}

/// Ask a Chat stream for its usage. What the client did not ask for is held back from it by the pump; the books need it
/// all the same.
pub fn include_usage(call: &Call, wire: Protocol) -> Vec<(&'static str, Option<String>)> {
    if wire != Protocol::Chat || !call.stream {
        return Vec::new();
    }
    let Ok(options) = call.body.get::<serde_json::Map<String, serde_json::Value>>("stream_options") else {
        return Vec::new();
    };
    let mut options = options.unwrap_or_default();
    if options.get("include_usage") == Some(&true.into()) {
        return Vec::new();
    }
    options.insert("include_usage".to_owned(), true.into());
    vec![("stream_options", Some(Json::of(&options).get().to_owned()))]
}
