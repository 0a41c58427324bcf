//! What is measured natively: fixtures as streams of any length, and every pair of a wire and a client.

use std::path::Path;

use bytes::Bytes;
use serde_json::Value;

use sluice::call::{Call, Head, HttpRequest, Route, route};
use sluice::fault::{Failure, Fault, Millis};
use sluice::ir::Protocol;
use sluice::protocol::{Echo, Outbound, chat::Chat, gemini::Gemini, messages::Messages, responses::Responses};
use sluice::pump::{Answering, Pump};
use sluice::upstream::{Credential, Payload, Refusal, Secret, Target, Upstream, payload};

pub const WIRES: [Protocol; 4] = [Protocol::Chat, Protocol::Messages, Protocol::Gemini, Protocol::Responses];
pub const CLIENTS: [Protocol; 5] =
    [Protocol::Chat, Protocol::Messages, Protocol::Gemini, Protocol::Responses, Protocol::Ollama];

pub fn name(protocol: Protocol) -> String {
    format!("{protocol:?}").to_lowercase()
}

/// What an event adds to an answer.
#[derive(Debug, Clone, Copy)]
pub enum Kind {
    Text,
    Thinking,
    Tools,
}

pub const KINDS: [Kind; 3] = [Kind::Text, Kind::Thinking, Kind::Tools];

/// The fixture of a kind, and words of the frame in it that is repeated.
fn source(wire: Protocol, kind: Kind) -> (&'static str, &'static str) {
    match (wire, kind) {
        (Protocol::Chat, Kind::Text) => ("text", r#""content":"Gr"#),
        (Protocol::Chat, Kind::Thinking) => ("reasoning", r#""reasoning_content":"Let"#),
        (Protocol::Chat, Kind::Tools) => ("tools-parallel", r#"{\"city\""#),
        (Protocol::Messages, Kind::Text) => ("text", "text_delta"),
        (Protocol::Messages, Kind::Thinking) => ("thinking", "thinking_delta"),
        (Protocol::Messages, Kind::Tools) => ("tools-parallel", r#"{\"ci"#),
        (Protocol::Gemini, Kind::Text) => ("text", "parts"),
        (Protocol::Gemini, Kind::Thinking) => ("thoughts-and-calls", r#""thought":true"#),
        (Protocol::Gemini, Kind::Tools) => ("thoughts-and-calls", "functionCall"),
        (Protocol::Responses | Protocol::Ollama | Protocol::Kiro | Protocol::Converse, Kind::Text) => {
            ("text", "output_text.delta")
        }
        (Protocol::Responses | Protocol::Ollama | Protocol::Kiro | Protocol::Converse, Kind::Thinking) => {
            ("reasoning", "reasoning_summary_text.delta")
        }
        (Protocol::Responses | Protocol::Ollama | Protocol::Kiro | Protocol::Converse, Kind::Tools) => {
            ("tools-parallel", r#"{\"city\"","#)
        }
    }
}

fn fixture(path: &str) -> String {
    // Also used by the crate in `bench`, one folder further down.
    let places = Path::new(env!("CARGO_MANIFEST_DIR")).ancestors().map(|root| root.join("tests/fixtures").join(path));
    let found = places.take(2).find_map(|file| std::fs::read_to_string(file).ok());
    found.unwrap_or_else(|| panic!("tests/fixtures/{path} cannot be read"))
}

/// An answer on `wire` in which the event in question comes `count` times, in network chunks of eight frames.
pub fn stream(wire: Protocol, kind: Kind, count: usize) -> Vec<Vec<u8>> {
    let (file, words) = source(wire, kind);
    let text = fixture(&format!("streams/{}/{file}.sse", name(wire)));
    let blank = if text.contains("\r\n") { "\r\n\r\n" } else { "\n\n" };
    let frames: Vec<&str> = text.split_inclusive(blank).collect();
    let at = frames.iter().position(|frame| frame.contains(words));
    let at = at.unwrap_or_else(|| panic!("{} {file}: no frame has {words}", name(wire)));
    let (before, from) = frames.split_at(at);
    // Pieces of arguments must add up to JSON: more of them are white space before the first.
    let [first, ..] = from else { panic!("a frame without an end") };
    let repeated = first.replace(r#""{\"city\"""#, r#""\n  ""#).replace(r#""{\"ci""#, r#""\n  ""#);
    let copies = std::iter::repeat_n(repeated.as_str(), count);
    let all: Vec<&str> = before.iter().copied().chain(copies).chain(from.iter().copied()).collect();
    all.chunks(8).map(|chunk| chunk.concat().into_bytes()).collect()
}

fn call(method: &str, url: &str, body: Bytes) -> Call {
    let (path, query) = url.split_once('?').unwrap_or((url, ""));
    let head = Head { method, path, query, header: &|_| None };
    let Ok(Route::Call(endpoint)) = route(&head) else { panic!("{url} is no call") };
    Call::read(endpoint, body, &head, "id", 1_790_000_000).unwrap_or_else(|failure| panic!("{url}: {failure:?}"))
}

/// A recorded request of a coding agent, or what comes nearest: where it goes and its body.
pub fn request(client: Protocol) -> (String, Bytes) {
    let file = match client {
        Protocol::Chat => "qwen-code-chat",
        Protocol::Messages => "claude-code-image-result",
        Protocol::Gemini => "gemini-cli",
        Protocol::Responses => "codex",
        Protocol::Ollama | Protocol::Kiro | Protocol::Converse => "ollama-py-tool-results",
    };
    let request: Value = serde_json::from_str(&fixture(&format!("requests/{file}.json"))).unwrap_or_default();
    let path = request.get("path").and_then(Value::as_str).unwrap_or_default();
    let body = request.get("body").unwrap_or_else(|| panic!("{file} has no body"));
    (path.to_owned(), body.to_string().into())
}

/// A request read, routed, and written for a provider that speaks `wire`.
pub fn prepare(wire: Protocol, (url, body): &(String, Bytes)) -> (Call, Payload) {
    let call = call("POST", url, body.clone());
    let payload = payload(&call, &target(wire)).unwrap_or_else(|failure| panic!("{url}: {failure:?}"));
    (call, payload)
}

/// The shortest request for a stream.
pub fn short(client: Protocol) -> (String, Bytes) {
    let turns = r#""messages":[{"role":"user","content":"hi"}]"#;
    let (url, body) = match client {
        Protocol::Chat => ("/v1/chat/completions", format!(r#"{{"model":"m","stream":true,{turns}}}"#)),
        Protocol::Messages => ("/v1/messages", format!(r#"{{"model":"m","max_tokens":99,"stream":true,{turns}}}"#)),
        Protocol::Gemini => (
            "/v1beta/models/m:streamGenerateContent?alt=sse",
            r#"{"contents":[{"role":"user","parts":[{"text":"hi"}]}]}"#.to_owned(),
        ),
        Protocol::Responses => ("/v1/responses", r#"{"model":"m","input":"hi","stream":true}"#.to_owned()),
        Protocol::Ollama | Protocol::Kiro | Protocol::Converse => ("/api/chat", format!(r#"{{"model":"m",{turns}}}"#)),
    };
    (url.to_owned(), body.into())
}

/// A whole answer, from the provider's first byte to the client's last.
#[inline(never)]
pub fn answer(call: &Call, payload: &Payload, chunks: &[Vec<u8>]) -> usize {
    let mut pump = Pump::new(&Answering { call, payload, streamed: true, secret: &Secret::default() });
    let (mut out, mut written) = (Vec::new(), 0);
    for chunk in chunks {
        out.clear();
        if let Err(error) = pump.chunk(chunk, &mut out) {
            panic!("{error}");
        }
        written += out.len();
    }
    if let Err(error) = pump.end(&Echo { call, request: payload.request.as_ref() }, &mut out) {
        panic!("{error}");
    }
    written
}

/// A provider of one wire.
struct Plain(Protocol);

static PLAIN: [Plain; 4] =
    [Plain(Protocol::Chat), Plain(Protocol::Messages), Plain(Protocol::Gemini), Plain(Protocol::Responses)];

fn target(wire: Protocol) -> Target {
    let upstream = PLAIN.iter().find(|plain| plain.0 == wire).unwrap_or_else(|| panic!("nobody speaks {wire:?}"));
    Target {
        account: "a".to_owned(),
        provider: "p".to_owned(),
        upstream,
        base_url: None,
        model: "other".to_owned(),
        headers: Vec::new(),
        credential: Credential::default(),
    }
}

impl Upstream for Plain {
    fn name(&self) -> &'static str {
        "plain"
    }

    fn speaks(&self, _: Protocol, _: &Target) -> &'static dyn Outbound {
        match self.0 {
            Protocol::Chat => &Chat::OPENAI,
            Protocol::Messages => &Messages,
            Protocol::Gemini => &Gemini,
            Protocol::Responses | Protocol::Ollama | Protocol::Kiro | Protocol::Converse => &Responses,
        }
    }

    fn request(&self, _: &Call, _: &Target, payload: &Payload) -> Result<HttpRequest, Failure> {
        Ok(HttpRequest { method: "POST", url: String::new(), headers: Vec::new(), body: payload.body.clone() })
    }

    fn classify(&self, _: Refusal<'_>, _: Millis) -> Fault {
        Fault::Rejected
    }
}
