//! The canonical request: what every client protocol decodes into and every provider protocol is encoded from.
//!
//! *Meaning* has a field here. *Spelling* (a member that only one protocol knows) is kept in [`Extras`] or
//! [`PartKind::Opaque`] and written back only by the protocol that owns it.

pub mod event;

use serde_json::{Map, Value};

use crate::json::Json;

/// A wire grammar.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, serde::Serialize, serde::Deserialize)]
#[serde(rename_all = "snake_case")]
#[cfg_attr(test, derive(schemars::JsonSchema))]
pub enum Protocol {
    Chat,
    Responses,
    Messages,
    Gemini,
    Ollama,
    /// Kiro's conversations; only a provider speaks this.
    Kiro,
    /// Bedrock's Converse; only a provider speaks this.
    Converse,
}

impl Protocol {
    pub fn name(self) -> &'static str {
        match self {
            Self::Chat => "chat",
            Self::Responses => "responses",
            Self::Messages => "messages",
            Self::Gemini => "gemini",
            Self::Ollama => "ollama",
            Self::Kiro => "kiro",
            Self::Converse => "converse",
        }
    }
}

/// Members a codec read but the canonical form does not model, tagged with their owner.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct Extras(Option<(Protocol, Map<String, Value>)>);

impl Extras {
    pub fn new(owner: Protocol, members: Map<String, Value>) -> Self {
        Self((!members.is_empty()).then_some((owner, members)))
    }

    pub fn of(&self, owner: Protocol) -> Option<&Map<String, Value>> {
        self.0.as_ref().filter(|(who, _)| *who == owner).map(|(_, members)| members)
    }
}

#[derive(Debug, Clone, PartialEq, Default)]
pub struct Request {
    pub model: String,
    pub stream: bool,
    /// Instructions that precede the conversation. Parts, not a string: cache marks live on them.
    pub system: Vec<Part>,
    pub turns: Vec<Turn>,
    pub tools: Vec<Tool>,
    pub tool_choice: Option<ToolChoice>,
    /// `Some(false)`: at most one tool call in the answer.
    pub parallel_tools: Option<bool>,
    pub sampling: Sampling,
    pub reasoning: Option<Reasoning>,
    pub output: Option<OutputFormat>,
    /// End user, as the client named them for the provider's abuse control.
    pub user: Option<String>,
    pub extras: Extras,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Role {
    /// Instructions in the middle of a conversation. Those before the first turn are in [`Request::system`].
    System,
    User,
    Assistant,
}

#[derive(Debug, Clone, PartialEq)]
pub struct Turn {
    pub role: Role,
    pub parts: Vec<Part>,
}

#[derive(Debug, Clone, PartialEq)]
pub struct Part {
    pub kind: PartKind,
    pub cache: Option<Cache>,
    pub extras: Extras,
}

impl Part {
    pub fn text(text: impl Into<String>) -> Self {
        PartKind::Text(text.into()).into()
    }
}

impl From<PartKind> for Part {
    fn from(kind: PartKind) -> Self {
        Self { kind, cache: None, extras: Extras::default() }
    }
}

#[derive(Debug, Clone, PartialEq)]
pub enum PartKind {
    Text(String),
    Thinking {
        text: String,
        seal: Option<Seal>,
    },
    Media(Media),
    ToolCall(ToolCall),
    ToolResult {
        id: String,
        output: Vec<Part>,
        is_error: bool,
    },
    /// A part only `owner` understands. Elsewhere it is unsupported meaning and refused by name.
    Opaque {
        owner: Protocol,
        value: Value,
    },
}

#[derive(Debug, Clone, PartialEq)]
pub struct ToolCall {
    pub id: String,
    pub name: String,
    pub input: ToolInput,
    pub seal: Option<Seal>,
}

#[derive(Debug, Clone, PartialEq)]
pub enum ToolInput {
    /// Arguments of a function tool: always a JSON object.
    Json(Json),
    /// Input of a freeform tool ([`ToolKind::Custom`]).
    Text(String),
}

#[derive(Debug, Clone, PartialEq)]
pub struct Media {
    /// `image/png`, `application/pdf`, `audio/wav`. Of remote bytes the client may say less: `image/*`, or nothing.
    pub mime: String,
    pub source: Source,
    pub name: Option<String>,
}

impl Media {
    pub fn is_image(&self) -> bool {
        self.mime.starts_with("image/")
    }
    pub fn is_audio(&self) -> bool {
        self.mime.starts_with("audio/")
    }
}

#[derive(Debug, Clone, PartialEq)]
pub enum Source {
    /// Standard base64, as every wire carries it.
    Base64(String),
    Url(String),
    /// A file stored at the provider that issued the id.
    File {
        owner: Protocol,
        id: String,
    },
}

/// Who can verify a [`Seal`].
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Issuer {
    Anthropic,
    Google,
    OpenAi,
}

/// Proof of continuity of a reasoning block. Goes back to its issuer and to nobody else.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Seal {
    pub issuer: Issuer,
    pub value: String,
    /// The value *is* the reasoning, encrypted (`redacted_thinking`), not a signature beside it.
    pub redacted: bool,
}

/// A request to cache the prompt up to and including this part.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Cache {
    /// 5 minutes.
    Short,
    /// 1 hour.
    Long,
}

#[derive(Debug, Clone, PartialEq)]
pub struct Tool {
    pub name: String,
    pub description: Option<String>,
    pub kind: ToolKind,
    pub cache: Option<Cache>,
    pub extras: Extras,
}

#[derive(Debug, Clone, PartialEq)]
pub enum ToolKind {
    /// `schema` is a JSON Schema of an object; `strict` asks the provider to enforce it.
    Function { schema: Json, strict: Option<bool> },
    /// Freeform text input, optionally under a grammar; `format` as Responses spells it, `{type, syntax, definition}`.
    Custom { format: Option<Value> },
    /// A tool the provider runs itself (web search, code interpreter …), in its owner's words.
    Opaque { owner: Protocol, value: Value },
}

impl ToolKind {
    /// The one built-in tool that nearly every provider has, whoever's words it is in: `web_search_20250305`,
    /// `web_search_preview`, `googleSearch`.
    pub fn is_web_search(&self) -> bool {
        let Self::Opaque { value, .. } = self else { return false };
        let kind = value.get("type").and_then(Value::as_str).unwrap_or_default();
        kind.starts_with("web_search") || value.get("googleSearch").or(value.get("google_search")).is_some()
    }
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub enum ToolChoice {
    Auto,
    Required,
    None,
    Named(String),
}

#[derive(Debug, Clone, PartialEq, Default)]
pub struct Sampling {
    pub max_tokens: Option<u64>,
    pub temperature: Option<f64>,
    pub top_p: Option<f64>,
    pub top_k: Option<u64>,
    pub stop: Vec<String>,
    pub seed: Option<i64>,
    pub presence_penalty: Option<f64>,
    pub frequency_penalty: Option<f64>,
    /// Number of answers.
    pub n: Option<u32>,
}

/// How hard to think, and whether the client wants to read it. What was said is kept; it is converted late.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Reasoning {
    pub depth: Option<Depth>,
    /// `Some(false)`: think, but do not show; `Some(true)`: show a summary.
    pub visible: Option<bool>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Depth {
    Off,
    /// The model decides.
    Adaptive,
    Effort(Effort),
    /// Tokens.
    Budget(u64),
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Effort {
    Minimal,
    Low,
    Medium,
    High,
    XHigh,
    Max,
}

impl Effort {
    const WORDS: [(Self, &'static str); 6] = [
        (Self::Minimal, "minimal"),
        (Self::Low, "low"),
        (Self::Medium, "medium"),
        (Self::High, "high"),
        (Self::XHigh, "xhigh"),
        (Self::Max, "max"),
    ];

    /// The word that all protocols with words use.
    pub fn word(self) -> &'static str {
        Self::WORDS.iter().find(|(level, _)| *level == self).map_or("medium", |(_, word)| word)
    }

    pub fn parse(word: &str) -> Option<Self> {
        Self::WORDS.iter().find(|(_, known)| *known == word).map(|(level, _)| *level)
    }
}

#[derive(Debug, Clone, PartialEq)]
pub enum OutputFormat {
    JsonObject,
    JsonSchema { name: Option<String>, description: Option<String>, schema: Json, strict: Option<bool> },
}
