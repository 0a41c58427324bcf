//! A provider: where to send, how to sign, what its refusals mean. It reuses protocols; it is not one.

pub mod anthropic;
pub mod antigravity;
pub mod aws;
pub mod azure;
pub mod bedrock;
pub mod claude;
pub mod code_assist;
pub mod codex;
pub mod demo;
pub mod google;
pub mod iflow;
pub mod kiro;
pub mod limits;
pub mod listing;
pub mod ollama;
pub mod openai;
pub mod pattern;
pub mod quota;
pub mod qwen;
pub mod refusal;
pub mod vertex;
pub mod workers_ai;
pub mod xai;

use std::collections::BTreeMap;

use bytes::Bytes;
use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, utf8_percent_encode};

use self::listing::{Listing, Unlisted};
use self::quota::Window;
use crate::call::{Call, HttpRequest, Operation, printable};
use crate::fault::{Failure, Fault, Kind, Millis};
use crate::filter::watch::Looks;
use crate::ir::event::Usage;
use crate::ir::{Protocol, Request, Tool, ToolChoice, ToolKind};
use crate::json::{Json, write_str};
use crate::passing::Passing;
use crate::protocol::tools::{self, Restore};
use crate::protocol::{Outbound, StreamError, embed, gemini, image, inbound, messages, responses, seal, turns};
use crate::route::choose::ROUTER;
use crate::route::preferences;
use crate::rules::parameters::Edit;

/// A value that must never be shown. No `Debug`, `Display` or `Serialize`.
#[derive(Clone, Default)]
pub struct Secret(String);

impl Secret {
    pub fn new(value: impl Into<String>) -> Self {
        Self(value.into())
    }

    /// For the one place that sends it.
    pub fn expose(&self) -> &str {
        &self.0
    }

    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// `text` without the value. What is too short to be a secret stays: it may be an ordinary word.
    pub fn scrub(&self, text: &str) -> String {
        if self.0.len() < 8 { text.to_owned() } else { text.replace(&self.0, "[redacted]") }
    }
}

/// What an account signs its requests with.
#[derive(Clone, Default)]
pub struct Credential {
    /// API key or access token.
    pub access: Secret,
    pub refresh: Option<Secret>,
    pub expires: Option<Millis>,
    /// What else a login gave or a provider needs: `project_id`, `account_id`, `region`, …
    pub details: BTreeMap<String, Secret>,
}

impl Credential {
    pub fn detail(&self, name: &str) -> Option<&str> {
        self.details.get(name).map(Secret::expose).filter(|value| !value.is_empty())
    }
}

/// One account, resolved far enough to be asked.
#[derive(Clone)]
pub struct Target {
    pub account: String,
    pub provider: String,
    pub upstream: &'static dyn Upstream,
    /// Overrides the provider's own address; no trailing slash.
    pub base_url: Option<String>,
    /// The provider's name for the model.
    pub model: String,
    pub headers: Vec<(String, String)>,
    pub credential: Credential,
}

/// A provider's refusal, as it came.
#[derive(Debug, Clone, Copy)]
pub struct Refusal<'a> {
    pub status: u16,
    pub headers: &'a [(String, String)],
    pub body: &'a [u8],
}

pub trait Upstream: Sync {
    fn name(&self) -> &'static str;
    /// The wire to use for a client of `protocol`: the client's own wherever the provider has it, else its first.
    fn speaks(&self, protocol: Protocol, target: &Target) -> &'static dyn Outbound;
    /// Whether the provider has its own way to do `operation` on the wire it speaks.
    fn supports(&self, operation: Operation, wire: Protocol, target: &Target) -> bool {
        let _ = (wire, target);
        operation == Operation::Generate
    }
    /// Whether any request may be repeated at the provider's host, signed with the account's credential.
    fn is_proxied(&self) -> bool {
        false
    }
    /// Quirks of the provider, applied to the canonical request before it is encoded.
    fn adapt(&self, request: &mut Request) {
        let _ = request;
    }
    /// Members of a relayed body to set or remove, beyond the model.
    fn splices(&self, call: &Call, wire: Protocol) -> Vec<(&'static str, Option<String>)> {
        let _ = (call, wire);
        Vec::new()
    }
    /// Whether the provider takes a client's own words on its wire. What it does not take is translated instead, and
    /// what cannot be translated is refused by name.
    fn takes(&self, call: &Call, wire: Protocol) -> bool {
        let _ = (call, wire);
        true
    }
    /// Whether it answers with a stream, whatever it is asked for.
    fn only_streams(&self) -> bool {
        false
    }
    /// Address and sign.
    fn request(&self, call: &Call, target: &Target, payload: &Payload) -> Result<HttpRequest, Failure>;
    /// Addresses to ask one after another, where the account has none of its own and one of them is not well.
    fn hosts(&self) -> &'static [&'static str] {
        &[]
    }
    /// What a refusal means. Also called for an error inside a 200, with the status it would have had.
    fn classify(&self, refusal: Refusal<'_>, now: Millis) -> Fault;
    /// What an answer tells of the account's allowances beside the answer.
    fn windows(&self, headers: &[(String, String)], now: Millis) -> Vec<Window> {
        let _ = (headers, now);
        Vec::new()
    }
    /// Ask what is left of the account's allowances.
    fn quota_request(&self, target: &Target) -> Option<HttpRequest> {
        let _ = target;
        None
    }
    /// The answer to that; nothing of an answer that says nothing.
    fn quota(&self, status: u16, body: &[u8], now: Millis) -> Vec<Window> {
        let _ = (status, body, now);
        Vec::new()
    }
    /// Ask which models there are: the first page, or the one behind `after`.
    fn models_request(&self, target: &Target, after: Option<&str>) -> Option<HttpRequest> {
        let _ = (target, after);
        None
    }
    /// One page of the answer to that.
    fn models_answer(&self, body: &[u8]) -> Result<Listing, Unlisted> {
        listing::read(body)
    }
}

/// Providers with code of their own, some of them over a row; all others are rows of [`openai::PROVIDERS`] alone.
static OWN: &[&dyn Upstream] = &[
    &anthropic::Anthropic,
    &google::Google,
    &code_assist::CodeAssist,
    &codex::Codex,
    &antigravity::Antigravity,
    &claude::Claude,
    &qwen::Qwen,
    &vertex::Vertex,
    &azure::Azure,
    &bedrock::Bedrock,
    &kiro::Kiro,
    &ollama::Ollama,
    &iflow::Iflow,
    &workers_ai::WorkersAi,
    &xai::Xai,
    &demo::Demo,
];

/// The provider that accounts of `name` belong to. Its own name, not one of those a client may use for it.
pub fn by_name(name: &str) -> Option<&'static dyn Upstream> {
    let own = OWN.iter().copied().find(|own| own.name() == name);
    own.or_else(|| Some(openai::PROVIDERS.iter().find(|row| row.name == name)?))
}

/// What goes to the provider, and how to read what comes back.
pub struct Payload {
    pub wire: &'static dyn Outbound,
    pub body: Bytes,
    pub stream: bool,
    /// The canonical request, when the protocols differ; `None` in a relay.
    pub request: Option<Request>,
    pub restore: Restore,
    pub reading: Reading,
    /// What filters the answer.
    pub looks: Option<Looks>,
    /// How often it has to be sent for all that was asked; the answers come as a list.
    pub copies: u32,
}

/// What the provider's answer is.
#[derive(Debug, Clone, Copy)]
pub enum Reading {
    /// A model's, streamed or whole, in the words of the wire.
    Model,
    /// A body of another kind, and how to make the client's of it.
    Other(Convert),
    /// Bytes of any type, the client's as they come.
    Raw,
}

/// From a provider's whole body, on the wire of this protocol, to the client's.
pub type Convert = fn(&Call, Protocol, &[u8]) -> Result<(Vec<u8>, Usage), StreamError>;

/// The bytes to send: the client's own with a few members spliced when both sides speak one protocol, else a request
/// composed from the canonical form.
pub fn payload(call: &Call, target: &Target) -> Result<Payload, Failure> {
    payload_through(None, call, target)
}

/// The same through rules and filters, for `call` as they have left it.
pub fn payload_through(passing: Option<&Passing>, call: &Call, target: &Target) -> Result<Payload, Failure> {
    match call.endpoint.operation {
        Operation::Generate | Operation::Complete | Operation::CountTokens => generate(passing, call, target),
        Operation::Embed | Operation::EmbedOne => other(call, target, embed::request, embed::answer),
        Operation::Draw => draw(call, target),
        Operation::Redraw => match image::relayed_form(call, target) {
            Some(body) => raw(call, target, body),
            None => draw(call, target),
        },
        Operation::Raw => raw(call, target, call.body.bytes().clone()),
    }
}

/// Whether the provider itself can do `operation` in the words of a client of `protocol`.
pub fn relays(protocol: Protocol, operation: Operation, target: &Target) -> bool {
    let wire = target.upstream.speaks(protocol, target).protocol();
    wire == protocol && target.upstream.supports(operation, wire, target)
}

fn generate(passing: Option<&Passing>, call: &Call, target: &Target) -> Result<Payload, Failure> {
    let upstream = target.upstream;
    let wire = upstream.speaks(call.protocol(), target);
    let relay = relays(call.protocol(), call.endpoint.operation, target) && upstream.takes(call, wire.protocol());
    let stream = call.stream || upstream.only_streams();
    // What does not count would answer, and be paid for it; and a count has no canonical form.
    if call.endpoint.operation == Operation::CountTokens && !relay {
        return Err(unable(target, "count tokens for this protocol"));
    }
    let looks = passing.and_then(Passing::looks);
    if relay {
        let set = passing.map_or(Ok(Vec::new()), |passing| passing.edits(&target.model, wire))?;
        let body = relay_body(call, target, wire.protocol(), &set);
        return Ok(Payload { looks, ..payload_of(wire, body, stream, Reading::Model) });
    }
    let mut request = inbound(call.protocol()).decode_request(call)?;
    tools::shallow(&request)?;
    target.model.clone_into(&mut request.model);
    request.stream = stream;
    if let Some(passing) = passing {
        passing.adjust(&mut request);
    }
    turns::normalize(&mut request);
    if request.turns.is_empty() && request.system.is_empty() && wire.protocol() != call.protocol() {
        return Err(Failure::invalid(conversation(call), "says nothing"));
    }
    if let Some(name) = unoffered(&request) {
        return Err(Failure::invalid("tool_choice", format!("no tool is called {}", printable(name))));
    }
    upstream.adapt(&mut request);
    let restore = tools::fit(&mut request, wire.tool_rules());
    let body = wire.encode_request(&request)?.into();
    Ok(Payload { request: Some(request), restore, looks, ..payload_of(wire, body, stream, Reading::Model) })
}

/// A tool that must be called and is not there. Those that only a provider understands may have any name.
fn unoffered(request: &Request) -> Option<&str> {
    let Some(ToolChoice::Named(name)) = &request.tool_choice else { return None };
    let may_be = |tool: &Tool| tool.name == *name || matches!(tool.kind, ToolKind::Opaque { .. });
    (!request.tools.iter().any(may_be)).then_some(name)
}

/// Where a client's request has what is said.
fn conversation(call: &Call) -> &'static str {
    match (call.endpoint.operation, call.protocol()) {
        (Operation::Complete, _) => "prompt",
        (_, Protocol::Gemini) => "contents",
        (_, Protocol::Responses) => "input",
        _ => "messages",
    }
}

fn payload_of(wire: &'static dyn Outbound, body: Bytes, stream: bool, reading: Reading) -> Payload {
    Payload { wire, body, stream, request: None, restore: Restore::default(), reading, looks: None, copies: 1 }
}

fn unable(target: &Target, what: &str) -> Failure {
    let message = format!("{} does not {what}", target.provider);
    Failure::new(Kind::NotFound, message).code("unsupported_operation")
}

/// What is not a conversation. Only two wires have such things: OpenAI's, on the Chat side of a provider, and Gemini's.
fn other(
    call: &Call,
    target: &Target,
    compose: fn(&Call, Protocol, &str) -> Result<Vec<u8>, Failure>,
    convert: Convert,
) -> Result<Payload, Failure> {
    let wire = target.upstream.speaks(Protocol::Chat, target);
    let (operation, protocol) = (call.endpoint.operation, wire.protocol());
    if !target.upstream.supports(operation, protocol, target) {
        return Err(unable(
            target,
            if matches!(operation, Operation::Draw | Operation::Redraw) { "make images" } else { "embed" },
        ));
    }
    if call.body.get::<bool>("stream")? == Some(true) {
        return Err(Failure::unsupported("stream", "the answer comes in one piece"));
    }
    // Gemini's batches name the model in every item.
    let renamed = protocol == Protocol::Gemini && target.model != call.model;
    let body = if protocol == call.protocol() && !renamed {
        relay_body(call, target, protocol, &[])
    } else {
        compose(call, protocol, &target.model)?.into()
    };
    Ok(payload_of(wire, body, false, Reading::Other(convert)))
}

fn draw(call: &Call, target: &Target) -> Result<Payload, Failure> {
    let payload = other(call, target, image::request, image::answer)?;
    Ok(Payload { copies: image::copies(call, payload.wire.protocol())?, ..payload })
}

fn raw(call: &Call, target: &Target, body: Bytes) -> Result<Payload, Failure> {
    let wire = target.upstream.speaks(Protocol::Chat, target);
    let supported = match call.is_proxied() {
        true => target.upstream.is_proxied(),
        false => target.upstream.supports(call.endpoint.operation, wire.protocol(), target),
    };
    if !supported {
        return Err(unable(target, "have other endpoints here"));
    }
    Ok(payload_of(wire, body, call.stream, Reading::Raw))
}

fn relay_body(call: &Call, target: &Target, wire: Protocol, set: &[Edit]) -> Bytes {
    let mut edits = target.upstream.splices(call, wire);
    // Gemini's model is in the path; a body that names one too is the client's business.
    if call.endpoint.model.is_none() && target.model != call.model {
        edits.push(("model", Some(Json::of(&target.model).get().to_owned())));
    }
    if target.upstream.name() != ROUTER {
        edits.extend(preferences::members(&call.body).map(|name| (name, None)));
    }
    let set = set.iter().map(|(key, value)| (key.as_str(), value.as_deref()));
    let edits: Vec<_> = edits.iter().map(|(key, value)| (*key, value.as_deref())).chain(set).collect();
    let body = call.body.splice(&edits);
    match wire {
        Protocol::Responses => seal::strip(&responses::foreign_out(&body)),
        Protocol::Gemini => gemini::foreign_out(&seal::strip(&body)),
        Protocol::Messages => seal::strip(&messages::foreign_out(&body)),
        Protocol::Chat | Protocol::Ollama | Protocol::Kiro | Protocol::Converse => seal::strip(&body),
    }
}

const SEGMENT: &AsciiSet = &NON_ALPHANUMERIC.remove(b'-').remove(b'_').remove(b'.').remove(b'~');

/// A name, safe to stand as one segment of a path: a client must not reach another method or host by naming a model.
fn segment(name: &str) -> Result<String, Failure> {
    if name.is_empty() || name.split('.').all(str::is_empty) || name.contains("..") {
        return Err(Failure::invalid("model", "not a name that can stand in an address"));
    }
    Ok(utf8_percent_encode(name, SEGMENT).to_string())
}

/// A body of ours with one more member, the first.
fn member(name: &str, value: &str, body: &Bytes) -> Bytes {
    let rest = body.get(1..).unwrap_or_default();
    let mut out = Vec::with_capacity(body.len() + name.len() + value.len() + 8);
    out.push(b'{');
    write_str(name, &mut out);
    out.push(b':');
    write_str(value, &mut out);
    if !rest.starts_with(b"}") {
        out.push(b',');
    }
    out.extend_from_slice(rest);
    out.into()
}

/// Ours, and nobody else's.
pub(crate) const USER_AGENT: &str = concat!("sluice/", env!("CARGO_PKG_VERSION"));

/// A POST of `payload` with what every provider gets: content type, our own name, the client's headers that belong to
/// the wire, and last the operator's, which replace those of the same name.
fn post(call: &Call, target: &Target, payload: &Payload, url: String, own: Vec<(&str, String)>) -> HttpRequest {
    let line = call.endpoint.line.as_ref();
    let accept = if matches!(payload.reading, Reading::Raw) {
        "*/*"
    } else if payload.stream {
        "text/event-stream"
    } else {
        "application/json"
    };
    let mut headers: Vec<(String, String)> = Vec::with_capacity(8);
    let mut set = |name: &str, value: &str| match headers.iter_mut().find(|(known, _)| known == name) {
        Some((_, old)) => value.clone_into(old),
        None => headers.push((name.to_owned(), value.to_owned())),
    };
    if !call.is_proxied() {
        set("content-type", "application/json");
    }
    set("accept", accept);
    set("user-agent", USER_AGENT);
    for (name, value) in &own {
        set(name, value);
    }
    if call.is_proxied() {
        call.headers.iter().for_each(|(name, value)| set(name, value));
    } else if payload.wire.protocol() == call.protocol() {
        for (name, value) in call.headers.iter().filter(|(name, _)| belongs(name, call.protocol())) {
            set(name, value);
        }
    }
    if let (Reading::Raw, Some((_, kind))) =
        (payload.reading, call.headers.iter().find(|(name, _)| *name == "content-type"))
    {
        set("content-type", kind);
    }
    for (name, value) in &target.headers {
        set(&name.to_ascii_lowercase(), value);
    }
    HttpRequest { method: line.map_or("POST", |line| line.method), url, headers, body: payload.body.clone() }
}

/// Where a proxied request goes: its own path on the host of `base`, behind whatever path `base` has before its version.
fn proxied(base: &str, call: &Call) -> Option<String> {
    let line = call.endpoint.line.as_ref().filter(|line| line.whole)?;
    let base = base.trim_end_matches('/');
    let root = match base.rsplit_once('/') {
        Some((root, last))
            if last.strip_prefix('v').is_some_and(|rest| rest.starts_with(|c: char| c.is_ascii_digit())) =>
        {
            root
        }
        _ => base,
    };
    Some(format!("{root}/{}", line.path))
}

/// A question about the account itself, signed with `own`; a GET unless it has a body.
fn ask(target: &Target, url: String, own: Vec<(&str, String)>, body: Option<String>) -> HttpRequest {
    let mut headers: Vec<(String, String)> =
        vec![("accept".to_owned(), "application/json".to_owned()), ("user-agent".to_owned(), USER_AGENT.to_owned())];
    if body.is_some() {
        headers.push(("content-type".to_owned(), "application/json".to_owned()));
    }
    let own = own.into_iter().map(|(name, value)| (name.to_owned(), value));
    let theirs = target.headers.iter().map(|(name, value)| (name.to_ascii_lowercase(), value.clone()));
    for (name, value) in own.chain(theirs) {
        match headers.iter_mut().find(|(known, _)| *known == name) {
            Some((_, old)) => *old = value,
            None => headers.push((name, value)),
        }
    }
    let method = if body.is_some() { "POST" } else { "GET" };
    HttpRequest { method, url, headers, body: body.unwrap_or_default().into() }
}

fn bearer(target: &Target) -> (&'static str, String) {
    ("authorization", format!("Bearer {}", target.credential.access.expose()))
}

/// Whether a client's header means something on `wire`.
fn belongs(name: &str, wire: Protocol) -> bool {
    match wire {
        Protocol::Messages => name.starts_with("anthropic-"),
        Protocol::Chat | Protocol::Responses => name.starts_with("openai-"),
        Protocol::Gemini | Protocol::Ollama | Protocol::Kiro | Protocol::Converse => false,
    }
}
