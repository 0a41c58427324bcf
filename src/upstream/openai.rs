//! Everyone who speaks OpenAI's dialects: how a row of the table is asked.
//!
//! A row's addresses and dialect are from the provider's own documentation. `X_BASE_URL` replaces root and chat path
//! together; the other endpoints follow when it ends in the row's chat path (another region, a proxy that keeps paths).

mod table;

pub(super) use table::PLAIN;
pub use table::{CUSTOM, IFLOW, OLLAMA, PROVIDERS, WORKERS_AI, XAI};

use super::refusal::{self, Reading};
use super::{Payload, Refusal, Target, Upstream, ask, bearer, pattern, post, proxied};
use crate::call::{Call, HttpRequest, Operation};
use crate::fault::{Failure, Fault, Millis};
use crate::ir::Protocol;
use crate::json::Json;
use crate::protocol::chat::Chat;
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

    fn is_proxied(&self) -> bool {
        true
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
        let url = proxied(root, call).unwrap_or(url);
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

/// The path of `call` in OpenAI's dialect, behind the version.
pub fn endpoint<'a>(call: &'a Call, payload: &Payload) -> &'a str {
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
