//! What the laws and the golden matrix stand on: fixtures, calls, a provider of one wire, and a client that reads.

use std::path::{Path, PathBuf};
use std::rc::Rc;

use bytes::Bytes;
use serde_json::Value;

use super::amazon::{event, exception};
use crate::call::{Call, Head, HttpRequest, Route, route};
use crate::fault::{Failure, Fault, Millis, Scope};
use crate::filter::Filter;
use crate::framing::{Frame, Framer};
use crate::ir::Protocol;
use crate::ir::Seal;
use crate::ir::event::{Block, Delta, Event, FinishReason, Grammar, Usage};
use crate::passing::{Passing, Ready};
use crate::protocol::chat::Chat;
use crate::protocol::converse::Converse;
use crate::protocol::gemini::Gemini;
use crate::protocol::kiro::Kiro;
use crate::protocol::messages::Messages;
use crate::protocol::ollama::Ollama;
use crate::protocol::responses::Responses;
use crate::protocol::{Echo, Outbound, Report, StreamError};
use crate::pump::{Answering, Pump, failure_of};
use crate::rules::Rule;
use crate::upstream::{Credential, Payload, Refusal, Secret, Target, Upstream, payload};

/// Protocols providers speak.
pub const WIRES: &[Protocol] = &[
    Protocol::Chat,
    Protocol::Messages,
    Protocol::Gemini,
    Protocol::Responses,
    Protocol::Ollama,
    Protocol::Kiro,
    Protocol::Converse,
];
/// Protocols clients speak.
pub const CLIENTS: &[Protocol] =
    &[Protocol::Chat, Protocol::Messages, Protocol::Gemini, Protocol::Responses, Protocol::Ollama];

pub fn wire(protocol: Protocol) -> &'static dyn Outbound {
    match protocol {
        Protocol::Chat => &Chat::OPENAI,
        Protocol::Messages => &Messages,
        Protocol::Gemini => &Gemini,
        Protocol::Responses => &Responses,
        Protocol::Ollama => &Ollama,
        Protocol::Kiro => &Kiro { context: 200_000 },
        Protocol::Converse => &Converse,
    }
}

pub fn name(protocol: Protocol) -> String {
    format!("{protocol:?}").to_lowercase()
}

pub fn folder(path: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests").join(path)
}

/// One file of `tests/fixtures`, by its name without extension.
pub struct Fixture {
    pub name: String,
    pub bytes: Vec<u8>,
}

/// The files of a folder, in the order of their names.
pub fn fixtures(path: &str) -> Vec<Fixture> {
    let entries = std::fs::read_dir(folder("fixtures").join(path)).unwrap();
    let mut paths: Vec<_> = entries.map(|entry| entry.unwrap().path()).collect();
    paths.sort();
    assert!(!paths.is_empty(), "{path}");
    let name = |path: &Path| path.file_stem().unwrap().to_str().unwrap().to_owned();
    let read = |path: &Path| {
        let bytes = std::fs::read(path).unwrap();
        if path.extension().is_some_and(|kind| kind == "events") { messages(&bytes) } else { bytes }
    };
    paths.iter().map(|path| Fixture { name: name(path), bytes: read(path) }).collect()
}

/// The messages of an event stream, one in a line: the event's name, or `!` and the exception's, and the payload.
fn messages(lines: &[u8]) -> Vec<u8> {
    let lines = std::str::from_utf8(lines).unwrap().lines();
    let message = |line: &str| match line.split_once(' ').unwrap() {
        (name, payload) if name.starts_with('!') => exception(&name[1..], payload),
        (name, payload) => event(name, payload),
    };
    lines.flat_map(message).collect()
}

/// The streams of every wire.
pub fn streams() -> Vec<(Protocol, Fixture)> {
    let of = |wire| fixtures(&format!("streams/{}", name(wire))).into_iter().map(move |fixture| (wire, fixture));
    WIRES.iter().copied().flat_map(of).collect()
}

/// What rules and filters make of a call.
pub fn pass(rules: &[Rule], filters: &[Filter], call: &Call) -> Result<Option<Passing>, Failure> {
    Passing::new(&Rc::new(Ready::new(rules, filters)?), [7; 32], call)
}

/// A call as it comes from the client.
pub fn call(method: &str, url: &str, headers: &[(&str, &str)], body: impl Into<Bytes>) -> Result<Call, Failure> {
    let (path, query) = url.split_once('?').unwrap_or((url, ""));
    let header = |name: &str| headers.iter().find(|(key, _)| *key == name).map(|(_, value)| (*value).to_owned());
    let head = Head { method, path, query, header: &header };
    match route(&head)? {
        Route::Call(endpoint) => Call::read(endpoint, body.into(), &head, "req7", 1_790_000_000),
        other => panic!("{url} is no call but {other:?}"),
    }
}

/// The shortest request of a client that may be answered with anything.
pub fn simple_call(client: Protocol, stream: bool) -> Call {
    let method = if stream { "streamGenerateContent?alt=sse" } else { "generateContent" };
    let (url, body) = match client {
        Protocol::Chat => (
            "/v1/chat/completions".to_owned(),
            format!(
                r#"{{"model":"m","messages":[{{"role":"user","content":"hi"}}],"stream":{stream},"stream_options":{{"include_usage":true}}}}"#
            ),
        ),
        Protocol::Messages => (
            "/v1/messages".to_owned(),
            format!(
                r#"{{"model":"m","max_tokens":99,"messages":[{{"role":"user","content":"hi"}}],"stream":{stream}}}"#
            ),
        ),
        Protocol::Gemini => (
            format!("/v1beta/models/m:{method}"),
            r#"{"contents":[{"role":"user","parts":[{"text":"hi"}]}]}"#.to_owned(),
        ),
        Protocol::Responses => {
            ("/v1/responses".to_owned(), format!(r#"{{"model":"m","input":"hi","stream":{stream}}}"#))
        }
        Protocol::Ollama => (
            "/api/chat".to_owned(),
            format!(r#"{{"model":"m","messages":[{{"role":"user","content":"hi"}}],"stream":{stream}}}"#),
        ),
        Protocol::Kiro | Protocol::Converse => panic!("no client speaks {client:?}"),
    };
    call("POST", &url, &[], body).unwrap()
}

/// A provider that speaks one wire and refuses in the plainest way.
pub struct Plain(pub Protocol);

static PLAIN: [Plain; 7] = [
    Plain(Protocol::Chat),
    Plain(Protocol::Messages),
    Plain(Protocol::Gemini),
    Plain(Protocol::Responses),
    Plain(Protocol::Ollama),
    Plain(Protocol::Kiro),
    Plain(Protocol::Converse),
];

impl Upstream for Plain {
    fn name(&self) -> &'static str {
        "plain"
    }

    fn speaks(&self, _: Protocol, _: &Target) -> &'static dyn Outbound {
        wire(self.0)
    }

    fn request(&self, _: &Call, target: &Target, payload: &Payload) -> Result<HttpRequest, Failure> {
        let key = ("authorization".to_owned(), format!("Bearer {}", target.credential.access.expose()));
        let account = ("x-account".to_owned(), target.account.clone());
        let url = format!("https://{}.example/{}", target.provider, target.model);
        Ok(HttpRequest { method: "POST", url, headers: vec![key, account], body: payload.body.clone() })
    }

    fn classify(&self, refusal: Refusal<'_>, _: Millis) -> Fault {
        let wait = refusal.headers.iter().find(|(name, _)| name == "retry-after");
        let wait = wait.map(|(_, seconds)| std::time::Duration::from_secs(seconds.parse().unwrap()));
        match refusal.status {
            401 => Fault::Unauthorized,
            402 => Fault::Quota { wait, scope: Scope::Account },
            403 => Fault::Suspended,
            404 => Fault::ModelMissing,
            429 => Fault::RateLimited { wait, scope: Scope::Model },
            ..=499 => Fault::Rejected,
            _ => Fault::Overloaded,
        }
    }
}

pub const SECRET: &str = "sk-canary-000111";

/// An account at a provider of one wire.
pub fn target(wire: Protocol, account: &str, model: &str) -> Target {
    let upstream = PLAIN.iter().find(|plain| plain.0 == wire).unwrap();
    Target {
        account: account.to_owned(),
        provider: name(wire),
        upstream,
        base_url: None,
        model: model.to_owned(),
        headers: Vec::new(),
        credential: Credential { access: Secret::new(SECRET), ..Credential::default() },
    }
}

/// What a client got.
pub struct Played {
    /// Empty if the answer broke before its content.
    pub out: Vec<u8>,
    pub error: Option<StreamError>,
    pub report: Report,
}

impl Played {
    pub fn text(&self) -> &str {
        std::str::from_utf8(&self.out).unwrap()
    }
}

/// A provider's body on its way to a client, as executor and shell drive it.
pub struct Play<'a> {
    pub call: &'a Call,
    pub payload: &'a Payload,
    pub streamed: bool,
}

impl<'a> Play<'a> {
    pub fn new(call: &'a Call, payload: &'a Payload) -> Self {
        Self { call, payload, streamed: true }
    }

    pub fn run<'c>(&self, chunks: impl IntoIterator<Item = &'c [u8]>) -> Played {
        let Self { call, payload, streamed } = *self;
        let secret = &Secret::new(SECRET);
        let mut pump = Pump::new(&Answering { call, payload, streamed, secret });
        let echo = Echo { call, request: payload.request.as_ref() };
        let mut out = Vec::new();
        let pushed = chunks.into_iter().try_for_each(|chunk| pump.chunk(chunk, &mut out));
        let result = pushed.and_then(|()| pump.end(&echo, &mut out));
        if let Err(error) = &result {
            if pump.started() && call.stream {
                pump.fail(&failure_of(error), &mut out);
            } else {
                out.clear();
            }
        }
        Played { out, error: result.err(), report: *pump.report() }
    }
}

/// The simplest play of a stream for a client: its call, and what we sent.
pub fn stage(client: Protocol, wire: Protocol, stream: bool) -> (Call, Payload) {
    let call = simple_call(client, stream);
    let payload = payload(&call, &target(wire, "a", "m")).unwrap();
    (call, payload)
}

/// What a reader took from a stream, finished or not.
#[derive(Debug, Default, Clone, PartialEq)]
pub struct Heard {
    pub text: String,
    pub thinking: String,
    /// Name and input.
    pub calls: Vec<(String, String)>,
    pub media: Vec<String>,
    pub seals: Vec<Seal>,
    pub usage: Usage,
    pub finishes: Vec<FinishReason>,
    pub failures: usize,
    /// Frames behind a failure.
    pub afterwards: usize,
    pub broken_grammar: Option<String>,
}

/// What the deltas of the open block belong to.
#[derive(Clone, Copy)]
enum Open {
    Text,
    Thinking,
    Call,
    Media,
    Nothing,
}

/// Read `body` as one who speaks `protocol` does, to its end.
pub fn hear(protocol: Protocol, body: &[u8]) -> Heard {
    if protocol == Protocol::Ollama {
        return hear_lines(body);
    }
    let wire = wire(protocol);
    let (mut heard, mut grammar, mut open) = (Heard::default(), Grammar::default(), Open::Nothing);
    let mut ear = |event: Event<'_>| {
        if let Err(error) = grammar.event(&event) {
            heard.broken_grammar.get_or_insert_with(|| format!("{error}: {event:?}"));
        }
        match event {
            Event::Start { .. } => {}
            Event::BlockStart { block, .. } => {
                open = match block {
                    Block::Text => Open::Text,
                    Block::Thinking => Open::Thinking,
                    Block::ToolCall { name, .. } => {
                        heard.calls.push((name.to_owned(), String::new()));
                        Open::Call
                    }
                    Block::Media { .. } => {
                        heard.media.push(String::new());
                        Open::Media
                    }
                    Block::Opaque { .. } => Open::Nothing,
                }
            }
            Event::Delta { delta: Delta::Seal(seal), .. } => heard.seals.push(seal.clone()),
            Event::Delta { delta: Delta::Text(text) | Delta::Json(text) | Delta::Data(text), .. } => match open {
                Open::Text => heard.text.push_str(text),
                Open::Thinking => heard.thinking.push_str(text),
                Open::Call => heard.calls.last_mut().unwrap().1.push_str(text),
                Open::Media => heard.media.last_mut().unwrap().push_str(text),
                Open::Nothing => {}
            },
            Event::BlockEnd { .. } => open = Open::Nothing,
            Event::Usage(usage) => heard.usage = usage,
            Event::Finish(finish) => heard.finishes.push(finish.into()),
        }
    };
    let (mut decode, mut framer) = (wire.decoder(), Framer::new(wire.framing()));
    let (mut failures, mut afterwards) = (0, 0);
    let mut take = |frame: Frame<'_>, _| -> Result<(), StreamError> {
        if failures > 0 {
            afterwards += 1;
        } else if let Err(error) = decode.frame(frame, &mut ear) {
            assert!(matches!(error, StreamError::Refused { .. }), "an answer that cannot be read: {error}");
            failures += 1;
        }
        Ok(())
    };
    framer.push(body, &mut take).unwrap();
    framer.finish(&mut take).unwrap();
    if failures == 0 && !body.is_empty() {
        decode.end(&mut ear).unwrap();
    }
    (heard.failures, heard.afterwards) = (failures, afterwards);
    heard
}

/// The same for Ollama, as its clients read it: line by line.
fn hear_lines(body: &[u8]) -> Heard {
    let mut heard = Heard::default();
    for line in body.split_inclusive(|byte| *byte == b'\n') {
        let line: Value = serde_json::from_slice(line).unwrap();
        heard.afterwards += heard.failures.min(1);
        heard.failures += usize::from(line.get("error").is_some());
        let text = |member: &str| line["message"][member].as_str().unwrap_or_default();
        heard.text.push_str(text("content"));
        heard.thinking.push_str(text("thinking"));
        for call in line["message"]["tool_calls"].as_array().into_iter().flatten() {
            let function = &call["function"];
            heard.calls.push((function["name"].as_str().unwrap().to_owned(), function["arguments"].to_string()));
        }
        if line["done"] == true {
            let count = |member: &str| line[member].as_u64().unwrap();
            heard.usage = Usage { input: count("prompt_eval_count"), output: count("eval_count"), ..Usage::default() };
            heard.finishes.push(FinishReason::Other(line["done_reason"].as_str().unwrap().to_owned()));
        }
    }
    heard
}
