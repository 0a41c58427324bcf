//! One client call: what was asked, where, and in which protocol. `route` is a pure table.

use bytes::Bytes;
use serde::{Deserialize, Serialize};

use crate::control::balance;
use crate::fault::{Failure, Kind};
use crate::form;
use crate::ir::Protocol;
use crate::json::Body;

#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Operation {
    /// An answer from a model.
    Generate,
    /// The same to a bare prompt, for which Ollama and OpenAI have endpoints of their own.
    Complete,
    /// How many tokens a prompt has.
    CountTokens,
    /// A vector for every text.
    Embed,
    /// A vector for the one text there is.
    EmbedOne,
    /// A picture of what is described.
    Draw,
    /// A picture of other pictures.
    Redraw,
    /// Whatever a provider has under a path that means nothing here.
    Raw,
}

impl Operation {
    pub fn name(self) -> &'static str {
        match self {
            Self::Generate => "generate",
            Self::Complete => "complete",
            Self::CountTokens => "count_tokens",
            Self::Embed | Self::EmbedOne => "embed",
            Self::Draw => "draw",
            Self::Redraw => "redraw",
            Self::Raw => "raw",
        }
    }
}

/// Where a path leads.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Route {
    Health,
    /// What an Ollama server says of itself, the same to everybody.
    Fixed {
        content_type: &'static str,
        body: &'static str,
    },
    /// The list of models, in the shape of `protocol`; of one provider, if the path named it.
    Models {
        protocol: Protocol,
        provider: Option<String>,
    },
    Model {
        protocol: Protocol,
        id: String,
    },
    /// Ollama asks for one model with a body.
    Show,
    /// What is left of the caller's budget.
    Balance(balance::Page),
    Call(Endpoint),
}

/// What a raw relay repeats of the request's first line.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Line {
    pub method: &'static str,
    /// What follows the version, or the provider's host, and the query without our own key.
    pub path: String,
    /// The path begins at the provider's host, and everything about the request is repeated.
    pub whole: bool,
    /// The one account to ask.
    pub account: Option<String>,
}

/// What the path alone says about a call.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Endpoint {
    pub protocol: Protocol,
    pub operation: Operation,
    /// Gemini puts the model into the path.
    pub model: Option<String>,
    /// Gemini chooses streaming by path.
    pub stream: Option<bool>,
    /// A Gemini stream without `alt=sse` is one JSON array.
    pub json_array: bool,
    /// Of a raw relay.
    pub line: Option<Line>,
    /// `/{provider}/v1/...` pins a provider.
    pub provider: Option<String>,
}

/// The parts of an HTTP request that routing reads. Header names are lower case.
pub struct Head<'a> {
    pub method: &'a str,
    /// Still percent-encoded, without the query.
    pub path: &'a str,
    pub query: &'a str,
    pub header: &'a dyn Fn(&str) -> Option<String>,
}

impl Head<'_> {
    pub fn query(&self, name: &str) -> Option<String> {
        query(self.query, name)
    }
}

/// The first value of `name` in a query.
pub fn query(query: &str, name: &str) -> Option<String> {
    query.split('&').find_map(|pair| {
        let (key, value) = pair.split_once('=').unwrap_or((pair, ""));
        (key == name).then(|| unescape(value))
    })
}

pub fn unescape(text: &str) -> String {
    percent_encoding::percent_decode_str(text).decode_utf8_lossy().into_owned()
}

/// Headers of the client that belong to its protocol, and pass on to a provider of the same.
const RELAYED: &[&str] = &["anthropic-version", "anthropic-beta", "openai-beta"];

/// What a proxied request says of its body and of what it wants back. Everything else a client sends is about its own
/// key, its own connection or itself.
const PROXIED: &[&str] = &[
    "accept",
    "anthropic-beta",
    "anthropic-version",
    "content-encoding",
    "content-range",
    "idempotency-key",
    "if-match",
    "if-none-match",
    "openai-beta",
    "openai-organization",
    "openai-project",
    "prefer",
    "range",
    "x-goog-fieldmask",
    "x-goog-upload-command",
    "x-goog-upload-file-name",
    "x-goog-upload-header-content-length",
    "x-goog-upload-header-content-type",
    "x-goog-upload-offset",
    "x-goog-upload-protocol",
];

/// A request, read and routed.
#[derive(Debug, Clone)]
pub struct Call {
    /// Ours, for headers and logs.
    pub id: String,
    pub endpoint: Endpoint,
    /// As the client named it, before aliases.
    pub model: String,
    pub stream: bool,
    pub body: Body,
    /// Protocol headers that a relay passes on: `anthropic-beta`, `anthropic-version`, `openai-beta`.
    pub headers: Vec<(&'static str, String)>,
    /// Hash of what identifies the conversation, so that it stays with one account.
    pub affinity: Option<u64>,
    /// Seconds, for the `created` fields of answers.
    pub created: u64,
}

/// 512: a path of Vertex AI or an ARN of Bedrock, thrice. Providers cut connections over longer addresses.
const MODEL_LIMIT: usize = 512;

impl Call {
    /// Read a request. `id` and `created` are what the pure core cannot make.
    pub fn read(endpoint: Endpoint, body: Bytes, head: &Head<'_>, id: &str, created: u64) -> Result<Self, Failure> {
        let kind = (head.header)("content-type").unwrap_or_default();
        let raw = endpoint.operation == Operation::Raw;
        let is_form = endpoint.operation == Operation::Redraw && form::is_form(&kind);
        let body = if raw || is_form { Body::opaque(body) } else { Body::parse(body)? };
        let model = match &endpoint.model {
            Some(model) => Some(model.clone()),
            None if is_form => {
                let fields = form::fields(&kind, body.bytes());
                let fields = fields.ok_or_else(|| Failure::new(Kind::InvalidRequest, "the form could not be read"))?;
                let model = fields.iter().find(|field| field.name == "model");
                model.map(|field| String::from_utf8_lossy(body.at(&field.span)).into_owned())
            }
            None if raw => Some(String::new()),
            None => body.get::<String>("model")?,
        };
        let model = model.ok_or_else(|| Failure::invalid("model", "is missing"))?;
        if model.is_empty() && !raw {
            return Err(Failure::invalid("model", "is empty"));
        }
        if model.len() > MODEL_LIMIT {
            return Err(Failure::invalid("model", format!("exceeds {MODEL_LIMIT} bytes")));
        }
        let stream = match endpoint.stream {
            Some(stream) => stream,
            // Ollama streams unless it is told not to.
            None => body.get::<bool>("stream")?.unwrap_or(endpoint.protocol == Protocol::Ollama),
        };
        let whole = endpoint.line.as_ref().is_some_and(|line| line.whole);
        let known = if whole { PROXIED } else { RELAYED };
        let mut headers: Vec<_> = known.iter().filter_map(|name| Some((*name, (head.header)(name)?))).collect();
        if (raw || is_form) && !kind.is_empty() {
            headers.push(("content-type", kind));
        }
        Ok(Self { id: id.to_owned(), endpoint, model, stream, body, headers, affinity: None, created })
    }

    pub fn protocol(&self) -> Protocol {
        self.endpoint.protocol
    }

    /// Whether the request is repeated as it is, and so is its answer.
    pub fn is_proxied(&self) -> bool {
        self.endpoint.line.as_ref().is_some_and(|line| line.whole)
    }
}

/// A request to a provider. No `Debug`: it holds a credential.
pub struct HttpRequest {
    pub method: &'static str,
    pub url: String,
    pub headers: Vec<(String, String)>,
    pub body: Bytes,
}

pub struct HttpResponse<B> {
    pub status: u16,
    /// Lower-case names.
    pub headers: Vec<(String, String)>,
    pub body: B,
}

/// The first value of a header in a list of lower-case names.
pub fn header<'a>(headers: &'a [(String, String)], name: &str) -> Option<&'a str> {
    headers.iter().find(|(key, _)| key == name).map(|(_, value)| value.as_str())
}

/// Whose API is spoken; clients refuse to talk to servers older than they know.
const OLLAMA_VERSION: &str = r#"{"version":"0.13.5"}"#;

/// The protocol whose error shape a path expects, known even when the path leads nowhere.
pub fn protocol_of(path: &str) -> Protocol {
    let has = |part: &str| path.split('/').any(|segment| segment == part);
    if has("messages") {
        Protocol::Messages
    } else if has("v1beta") || has("v1beta1") || path.contains("/models/") && path.contains(':') {
        Protocol::Gemini
    } else if has("responses") {
        Protocol::Responses
    } else if path.starts_with("/api/") || path.starts_with("/ollama/api/") {
        Protocol::Ollama
    } else {
        Protocol::Chat
    }
}

/// Find what `head` asks for. A first path segment before an endpoint names a provider.
pub fn route(head: &Head<'_>) -> Result<Route, Failure> {
    let decoded = unescape(head.path);
    let path = decoded.trim_start_matches('/').trim_end_matches('/');
    if path.starts_with("proxy/") {
        return proxy_route(head);
    }
    let direct = endpoint(head, path, None);
    match (&direct, path.split_once('/')) {
        (Err(failure), Some((first, rest))) if failure.kind == Kind::NotFound && may_name_a_provider(first) => {
            match endpoint(head, rest, Some(first.to_owned())) {
                Err(failure) if failure.kind == Kind::NotFound => direct,
                pinned => pinned,
            }
        }
        _ => direct,
    }
}

/// Whether a path segment could be a provider's name and is none of ours.
fn may_name_a_provider(segment: &str) -> bool {
    let version = segment.strip_prefix('v').is_some_and(|rest| rest.starts_with(|c: char| c.is_ascii_digit()));
    let ours = version || ["api", "admin", "console", "proxy"].contains(&segment);
    !ours
        && !segment.is_empty()
        && segment.bytes().all(|c| c.is_ascii_alphanumeric() || matches!(c, b'-' | b'_' | b'.'))
}

fn endpoint(head: &Head<'_>, path: &str, provider: Option<String>) -> Result<Route, Failure> {
    let call = |protocol, operation| {
        Ok(Route::Call(Endpoint {
            protocol,
            operation,
            model: None,
            stream: None,
            json_array: false,
            line: None,
            provider: provider.clone(),
        }))
    };
    let whole = |protocol, operation| match call(protocol, operation) {
        Ok(Route::Call(endpoint)) => Ok(Route::Call(Endpoint { stream: Some(false), ..endpoint })),
        other => other,
    };
    let models = |protocol| Ok(Route::Models { protocol, provider: provider.clone() });
    let fixed = |content_type, body| Ok(Route::Fixed { content_type, body });
    let (method, found) = match path {
        "" | "ollama" => ("GET", fixed("text/plain; charset=utf-8", "Ollama is running")),
        "healthz" => ("GET", Ok(Route::Health)),
        "v1/chat/completions" | "chat/completions" => ("POST", call(Protocol::Chat, Operation::Generate)),
        "v1/completions" | "completions" => ("POST", call(Protocol::Chat, Operation::Complete)),
        "v1/embeddings" | "embeddings" => ("POST", whole(Protocol::Chat, Operation::Embed)),
        "v1/images/generations" | "images/generations" => ("POST", whole(Protocol::Chat, Operation::Draw)),
        "v1/images/edits" | "images/edits" => ("POST", whole(Protocol::Chat, Operation::Redraw)),
        "v1/responses" | "responses" => ("POST", call(Protocol::Responses, Operation::Generate)),
        "v1/messages" | "messages" => ("POST", call(Protocol::Messages, Operation::Generate)),
        "v1/messages/count_tokens" | "messages/count_tokens" => {
            ("POST", call(Protocol::Messages, Operation::CountTokens))
        }
        "api/chat" | "ollama/api/chat" => ("POST", call(Protocol::Ollama, Operation::Generate)),
        "api/generate" | "ollama/api/generate" => ("POST", call(Protocol::Ollama, Operation::Complete)),
        "api/embed" | "ollama/api/embed" => ("POST", whole(Protocol::Ollama, Operation::Embed)),
        "api/embeddings" | "ollama/api/embeddings" => ("POST", whole(Protocol::Ollama, Operation::EmbedOne)),
        "api/tags" | "ollama/api/tags" => ("GET", models(Protocol::Ollama)),
        "api/show" | "ollama/api/show" => ("POST", Ok(Route::Show)),
        "api/version" | "ollama/api/version" => ("GET", fixed("application/json", OLLAMA_VERSION)),
        // Nothing is ever loaded into this memory.
        "api/ps" | "ollama/api/ps" => ("GET", fixed("application/json", r#"{"models":[]}"#)),
        "v1/models" | "models" => ("GET", models(models_shape(head))),
        "v1/dashboard/billing/subscription" | "dashboard/billing/subscription" => {
            ("GET", Ok(Route::Balance(balance::Page::Subscription)))
        }
        "v1/dashboard/billing/usage" | "dashboard/billing/usage" => ("GET", Ok(Route::Balance(balance::Page::Usage))),
        "api/v1/key" | "api/v1/auth/key" => ("GET", Ok(Route::Balance(balance::Page::Key))),
        "v1beta/models" => ("GET", models(Protocol::Gemini)),
        _ => match path.split_once("models/") {
            Some((
                "" | "v1/" | "v1beta/" | "v1beta1/" | "v1beta1/publishers/google/" | "v1/publishers/google/",
                rest,
            )) => {
                return model_route(head, path, rest, provider);
            }
            _ => return raw_route(head, path, provider),
        },
    };
    if method == head.method || method == "GET" && head.method == "HEAD" {
        found
    } else {
        Err(wrong_method(head, method))
    }
}

/// Any other path below `v1/`, for a provider that was named: nobody else could know what it means.
fn raw_route(head: &Head<'_>, path: &str, provider: Option<String>) -> Result<Route, Failure> {
    let Some(rest) = path.strip_prefix("v1/") else { return Err(unknown(head)) };
    let strays = |segment: &str| matches!(segment, "" | "." | "..") || segment.contains(char::is_control);
    if rest.contains('\\') || rest.split('/').any(strays) {
        return Err(unknown(head));
    }
    let Some(provider) = provider else {
        let message = format!("{}; a provider's own is at /{{provider}}/{}", unknown(head).message, printable(path));
        return Err(Failure::new(Kind::NotFound, message));
    };
    let Some(method) = ["GET", "POST", "DELETE"].into_iter().find(|method| *method == head.method) else {
        return Err(wrong_method(head, "GET, POST or DELETE"));
    };
    let encoded = head.path.split_once("/v1/").map_or("", |(_, rest)| rest).trim_end_matches('/');
    let path = format!("{encoded}{}", own_query(head));
    Ok(Route::Call(Endpoint {
        protocol: protocol_of(head.path),
        operation: Operation::Raw,
        model: None,
        // It is passed on as it comes.
        stream: Some(true),
        json_array: false,
        line: Some(Line { method, path, whole: false, account: None }),
        provider: Some(provider),
    }))
}

/// `/proxy/{provider}/…` and `/proxy/{provider}@{account}/…`: whatever stands behind it goes to the provider's host.
fn proxy_route(head: &Head<'_>) -> Result<Route, Failure> {
    const METHODS: [&str; 6] = ["GET", "HEAD", "POST", "PUT", "PATCH", "DELETE"];
    let rest = head.path.trim_start_matches('/').strip_prefix("proxy/").ok_or_else(|| unknown(head))?;
    let (named, path) = rest.split_once('/').ok_or_else(|| unknown(head))?;
    let named = unescape(named);
    let (provider, account) = match named.split_once('@') {
        Some((provider, account)) => (provider, Some(account)),
        None => (named.as_str(), None),
    };
    let strays = |segment: &str| matches!(segment, "." | "..") || segment.contains(char::is_control);
    let plain = unescape(path);
    let is_path = !plain.is_empty() && !plain.contains('\\') && !plain.split('/').any(strays);
    if !is_path || !may_name_a_provider(provider) || account.is_some_and(str::is_empty) {
        return Err(unknown(head));
    }
    let Some(method) = METHODS.into_iter().find(|method| *method == head.method) else {
        return Err(wrong_method(head, "GET, HEAD, POST, PUT, PATCH or DELETE"));
    };
    Ok(Route::Call(Endpoint {
        protocol: protocol_of(head.path),
        operation: Operation::Raw,
        model: None,
        stream: Some(true),
        json_array: false,
        line: Some(Line {
            method,
            path: format!("{path}{}", own_query(head)),
            whole: true,
            account: account.map(str::to_owned),
        }),
        provider: Some(provider.to_owned()),
    }))
}

/// The query, with its mark, without our own key.
fn own_query(head: &Head<'_>) -> String {
    let pairs: Vec<&str> = head.query.split('&').filter(|pair| !pair.is_empty() && !pair.starts_with("key=")).collect();
    let mark = if pairs.is_empty() { "" } else { "?" };
    format!("{mark}{}", pairs.join("&"))
}

/// `models/{id}` and `models/{id}:{method}`. A model id may itself contain slashes and colons.
fn model_route(head: &Head<'_>, path: &str, rest: &str, provider: Option<String>) -> Result<Route, Failure> {
    if head.method == "GET" || head.method == "HEAD" {
        let protocol = if path.starts_with("v1beta") { Protocol::Gemini } else { models_shape(head) };
        return Ok(Route::Model { protocol, id: rest.to_owned() });
    }
    if head.method != "POST" {
        return Err(wrong_method(head, "POST"));
    }
    let Some((model, verb)) = rest.rsplit_once(':').filter(|(model, _)| !model.is_empty()) else {
        return Err(unknown(head));
    };
    let (operation, stream) = match verb {
        "generateContent" => (Operation::Generate, false),
        "streamGenerateContent" => (Operation::Generate, true),
        "countTokens" => (Operation::CountTokens, false),
        "embedContent" => (Operation::EmbedOne, false),
        "batchEmbedContents" => (Operation::Embed, false),
        _ => return Err(unknown(head)),
    };
    Ok(Route::Call(Endpoint {
        protocol: Protocol::Gemini,
        operation,
        model: Some(model.to_owned()),
        stream: Some(stream),
        line: None,
        json_array: stream && head.query("alt").as_deref() != Some("sse"),
        provider,
    }))
}

/// `GET /v1/models` is asked by three families of SDKs; their headers tell them apart.
fn models_shape(head: &Head<'_>) -> Protocol {
    if (head.header)("anthropic-version").is_some() {
        Protocol::Messages
    } else if (head.header)("x-goog-api-key").is_some() || head.query("key").is_some() {
        Protocol::Gemini
    } else {
        Protocol::Chat
    }
}

fn unknown(head: &Head<'_>) -> Failure {
    Failure::new(Kind::NotFound, format!("no such endpoint: {} {}", head.method, printable(head.path)))
}

fn wrong_method(head: &Head<'_>, allowed: &str) -> Failure {
    let path = printable(head.path);
    if (head.header)("upgrade").is_some_and(|to| to.eq_ignore_ascii_case("websocket")) {
        // Codex asks for a WebSocket first: told this it sends a POST at once, told 405 it asks seven times more.
        let message = format!("{path} takes {allowed} and speaks no WebSocket");
        return Failure { status: 426, ..Failure::new(Kind::MethodNotAllowed, message) };
    }
    Failure::new(Kind::MethodNotAllowed, format!("{path} takes {allowed}, not {}", head.method))
}

/// A client's text as part of our own sentence: bounded, no control characters.
pub fn printable(text: &str) -> String {
    text.chars().filter(|c| !c.is_control()).take(200).collect()
}
