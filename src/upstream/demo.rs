//! A provider that exists only in this program: no credential, no network, every protocol's real shape.
//!
//! `SLUICE_DEMO=1` brings its two accounts, `demo-1` and `demo-2`, into the pool. Models:
//!
//! | model | answers |
//! |---|---|
//! | `demo/echo` | the last user text, on the client's own protocol: a relay |
//! | `demo/chat`, `demo/responses`, `demo/messages`, `demo/gemini` | `You said: …`, on that wire: translated for every other client |
//!
//! A request with tools gets a call of the one its last text names, else of the first, with arguments built from the
//! schema; results are quoted in the next answer. A requested JSON schema is filled in. Reasoning is shown when asked
//! for, sealed, and a seal that comes back altered is refused. A token is a word.
//!
//! Options follow the name, each after a `+`: `demo/chat+chunks=200+pace=20+think`.
//!
//! | option | effect |
//! |---|---|
//! | `chunks=N` | N words, each an event of its own |
//! | `pace=MS`, `delay=MS` | wait before every delta; wait before the first byte |
//! | `think` | reasoning, unasked |
//! | `sealed` | refuse a history whose answers have lost their seals |
//! | `calls=N` | N parallel tool calls (2 if the first user text says "two"); 0: none |
//! | `cached=N` | count N prompt tokens as read from a cache |
//! | `who` | answer with the account's name |
//! | `fail=X` | `demo-1` fails, `demo-2` does not |
//! | `failall=X` | both fail |
//! | `retry=S` | `retry-after` of a failure with a status |
//!
//! | X | how it fails |
//! |---|---|
//! | a status from 400 to 599 | refused, in the wire's shape |
//! | `quota` | 429, `insufficient_quota` |
//! | `page` | 502 and a web page |
//! | `event` | 200, then an error instead of content |
//! | `mid` | an error after half of the content |
//! | `cut`, `early` | the connection breaks after half of the content, or before any |
//! | `stall`, `hang` | silence after half of the content, or before any |

mod answer;
mod options;
mod schema;

use std::time::Duration;

use sha2::{Digest, Sha256};

use super::refusal::{self, Reading};
use super::{Payload, Refusal, Target, Upstream, openai, post};
use crate::call::{Call, Endpoint, HttpRequest, Operation};
use crate::fault::{Failure, Fault, Kind, Millis, Scope};
use crate::ir::event::{Collector, Completion, Delta, Event, Sink};
use crate::ir::{Protocol, Request};
use crate::json::Body;
use crate::protocol::chat::Chat;
use crate::protocol::{
    Echo, Encode, Outbound, gemini::Gemini, inbound, messages::Messages, responses::Responses, turns,
};
use options::{Fail, Options};

pub struct Demo;

/// What a list of models shows.
pub const MODELS: &[&str] = &["demo/echo", "demo/chat", "demo/responses", "demo/messages", "demo/gemini"];

/// What the provider does with one request.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Script {
    pub status: u16,
    pub headers: Vec<(String, String)>,
    pub steps: Vec<Step>,
    pub end: End,
}

/// Wait, then send.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Step {
    pub wait_ms: u64,
    pub bytes: Vec<u8>,
}

/// How the body ends.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum End {
    Complete,
    /// The connection breaks.
    Cut,
    /// Nothing more comes, and no end either.
    Stall,
}

/// Addresses of the demo begin with this; whoever sends requests asks [`serve`] instead of the network.
pub const SCHEME: &str = "demo://";

const WIRES: [(&str, Protocol); 4] = [
    ("chat", Protocol::Chat),
    ("responses", Protocol::Responses),
    ("messages", Protocol::Messages),
    ("gemini", Protocol::Gemini),
];

const REFUSALS: Reading = Reading { limits: Scope::Model, codes: &[], sentences: &[] };

/// The demo's clock stands still: the same request, the same answer.
const CREATED: u64 = 1_767_225_600;

impl Upstream for Demo {
    fn name(&self) -> &'static str {
        "demo"
    }

    fn speaks(&self, protocol: Protocol, target: &Target) -> &'static dyn Outbound {
        let name = target.model.split('+').next().unwrap_or_default();
        let forced = WIRES.iter().find(|(wire, _)| *wire == name).map(|(_, protocol)| *protocol);
        match forced.unwrap_or(protocol) {
            Protocol::Chat | Protocol::Ollama | Protocol::Kiro | Protocol::Converse => &Chat::OPENAI,
            Protocol::Responses => &Responses,
            Protocol::Messages => &Messages,
            Protocol::Gemini => &Gemini,
        }
    }

    fn supports(&self, operation: Operation, wire: Protocol, _: &Target) -> bool {
        match operation {
            Operation::Generate => true,
            Operation::CountTokens => matches!(wire, Protocol::Messages | Protocol::Gemini),
            Operation::Complete
            | Operation::Embed
            | Operation::EmbedOne
            | Operation::Draw
            | Operation::Redraw
            | Operation::Raw => false,
        }
    }

    fn splices(&self, call: &Call, wire: Protocol) -> Vec<(&'static str, Option<String>)> {
        openai::include_usage(call, wire)
    }

    /// `demo://{account}/{wire}/{model}`, and `?stream` for a stream, `?count` for a count.
    fn request(&self, call: &Call, target: &Target, payload: &Payload) -> Result<HttpRequest, Failure> {
        let protocol = payload.wire.protocol();
        let wire = WIRES.iter().find(|(_, known)| *known == protocol).map_or("chat", |(wire, _)| wire);
        let stream = match (call.endpoint.operation, payload.stream) {
            (Operation::CountTokens, _) => "?count",
            (_, true) => "?stream",
            (_, false) => "",
        };
        let url = format!("{SCHEME}{}/{wire}/{}{stream}", target.account, target.model);
        Ok(post(call, target, payload, url, Vec::new()))
    }

    fn classify(&self, refused: Refusal<'_>, now: Millis) -> Fault {
        refusal::classify(refused, REFUSALS, now)
    }
}

/// One request, as its address and body tell it.
struct Visit<'a> {
    account: &'a str,
    call: Call,
    options: Options,
}

/// The answer to one request, decided by the request alone.
pub fn serve(request: &HttpRequest) -> Script {
    let (url, how) = request.url.rsplit_once('?').unwrap_or((&request.url, ""));
    let mut parts = url.strip_prefix(SCHEME).unwrap_or(url).splitn(3, '/');
    let account = parts.next().unwrap_or_default();
    let wire = parts.next().and_then(|wire| WIRES.iter().find(|(name, _)| *name == wire));
    let protocol = wire.map_or(Protocol::Chat, |(_, protocol)| *protocol);
    let refuse = |failure: &Failure| refused(protocol, failure, None);
    let options = match options::parse(parts.next().unwrap_or_default()) {
        Ok(options) => options,
        Err(failure) => return refuse(&failure),
    };
    let call = match call(request, protocol, how == "stream", &options) {
        Ok(call) => call,
        Err(failure) => return refuse(&failure),
    };
    let visit = Visit { account, call, options };
    match visit.options.failure(account) {
        Some(Fail::Status(status)) => {
            let failure = Failure { status, ..Failure::new(Kind::of_status(status), "the demo fails as it was told") };
            let failure = if status == 404 { failure.code("model_not_found") } else { failure };
            refused(protocol, &failure, visit.options.retry)
        }
        Some(Fail::Quota) => {
            let failure = Failure::new(Kind::QuotaExceeded, "the demo's quota is used up").code("insufficient_quota");
            refused(protocol, &failure, visit.options.retry)
        }
        Some(Fail::Page) => script(502, "text/html", vec![b"<html><h1>502 Bad Gateway</h1></html>".to_vec()]),
        fail => match decode(&visit.call) {
            Ok(asked) if how == "count" => {
                let name = if protocol == Protocol::Gemini { "totalTokens" } else { "input_tokens" };
                let count = serde_json::json!({ name: answer::prompt(&asked) });
                script(200, "application/json", vec![count.to_string().into_bytes()])
            }
            Ok(asked) => visit.answer(&asked, fail),
            Err(failure) => refuse(&failure),
        },
    }
}

fn decode(call: &Call) -> Result<Request, Failure> {
    let mut asked = inbound(call.protocol()).decode_request(call)?;
    turns::normalize(&mut asked);
    Ok(asked)
}

fn call(request: &HttpRequest, protocol: Protocol, stream: bool, options: &Options) -> Result<Call, Failure> {
    let digest = Sha256::digest(&request.body);
    let id: String = digest.iter().take(8).map(|byte| format!("{byte:02x}")).collect();
    let endpoint = Endpoint {
        protocol,
        operation: Operation::Generate,
        model: (protocol == Protocol::Gemini).then(|| options.name.clone()),
        stream: Some(stream),
        json_array: false,
        line: None,
        provider: None,
    };
    Ok(Call {
        id: format!("demo-{id}"),
        endpoint,
        model: options.name.clone(),
        stream,
        body: Body::parse(request.body.clone())?,
        headers: Vec::new(),
        affinity: None,
        created: CREATED,
    })
}

fn script(status: u16, kind: &str, bodies: Vec<Vec<u8>>) -> Script {
    Script {
        status,
        headers: vec![("content-type".to_owned(), kind.to_owned())],
        steps: bodies.into_iter().map(|bytes| Step { wait_ms: 0, bytes }).collect(),
        end: End::Complete,
    }
}

fn refused(protocol: Protocol, failure: &Failure, retry: Option<u64>) -> Script {
    let failure = failure.clone().retry_after(retry.map(Duration::from_secs));
    let mut script = script(failure.status, "application/json", vec![inbound(protocol).encode_failure(&failure)]);
    script.headers.extend(retry.map(|seconds| ("retry-after".to_owned(), seconds.to_string())));
    script
}

impl Visit<'_> {
    fn answer(&self, asked: &Request, fail: Option<Fail>) -> Script {
        let done = match answer::answer(asked, &self.options, self.account, self.call.protocol()) {
            Ok(done) => done,
            Err(failure) => return refused(self.call.protocol(), &failure, None),
        };
        let mut script =
            if self.call.stream { self.stream(asked, &done, fail) } else { self.whole(asked, &done, fail) };
        if let Some(first) = script.steps.first_mut() {
            first.wait_ms += self.options.delay;
        }
        script
    }

    fn stream(&self, asked: &Request, done: &Completion, fail: Option<Fail>) -> Script {
        let client = inbound(self.call.protocol());
        let mut deltas = 0;
        answer::play(done, &self.options, &mut |event: Event<'_>| {
            deltas += usize::from(matches!(event, Event::Delta { delta: Delta::Text(_) | Delta::Json(_), .. }));
        });
        let keep = match fail {
            Some(Fail::Event | Fail::Early | Fail::Hang) => 0,
            Some(Fail::Mid | Fail::Cut | Fail::Stall) => deltas.div_ceil(2),
            _ => usize::MAX,
        };
        let mut recorder = Recorder {
            encode: client.encoder(&Echo { call: &self.call, request: Some(asked) }),
            pace: self.options.pace,
            keep,
            bytes: Vec::new(),
            steps: Vec::new(),
        };
        if fail != Some(Fail::Hang) {
            answer::play(done, &self.options, &mut recorder);
        }
        let broken = Failure::new(Kind::Overloaded, "the demo breaks off as it was told");
        let end = match fail {
            Some(Fail::Event | Fail::Mid) => {
                recorder.encode.failure(&broken, &mut recorder.bytes);
                End::Complete
            }
            Some(Fail::Cut | Fail::Early) => End::Cut,
            Some(Fail::Stall | Fail::Hang) => End::Stall,
            _ => End::Complete,
        };
        recorder.flush(0);
        Script { steps: recorder.steps, end, ..script(200, client.stream_type(&self.call), Vec::new()) }
    }

    fn whole(&self, asked: &Request, done: &Completion, fail: Option<Fail>) -> Script {
        let client = inbound(self.call.protocol());
        let mut collector = Collector::default();
        answer::play(done, &self.options, &mut collector);
        let mut body = Vec::new();
        if let Some(done) = Completion::of(collector) {
            client.encode_response(&done, &Echo { call: &self.call, request: Some(asked) }, &mut body);
        }
        let half = body.len() / 2;
        let (body, end) = match fail {
            Some(Fail::Event | Fail::Mid) => (
                client.encode_failure(&Failure::new(Kind::Overloaded, "the demo breaks off as it was told")),
                End::Complete,
            ),
            Some(Fail::Cut) => (body.drain(..half).collect(), End::Cut),
            Some(Fail::Stall) => (body.drain(..half).collect(), End::Stall),
            Some(Fail::Early) => (Vec::new(), End::Cut),
            Some(Fail::Hang) => (Vec::new(), End::Stall),
            _ => (body, End::Complete),
        };
        Script { end, ..script(200, "application/json", vec![body]) }
    }
}

/// Encodes events into steps; a delta ends one.
struct Recorder {
    encode: Box<dyn Encode>,
    pace: u64,
    /// Deltas of content until the provider fails.
    keep: usize,
    bytes: Vec<u8>,
    steps: Vec<Step>,
}

impl Recorder {
    fn flush(&mut self, wait_ms: u64) {
        if !self.bytes.is_empty() {
            self.steps.push(Step { wait_ms, bytes: std::mem::take(&mut self.bytes) });
        }
    }
}

impl Sink for Recorder {
    fn event(&mut self, event: Event<'_>) {
        let content = matches!(event, Event::Delta { delta: Delta::Text(_) | Delta::Json(_), .. });
        // Nothing of what comes after the failure: not even the end of a block.
        if self.keep == 0 && !matches!(event, Event::Start { .. }) {
            return;
        }
        self.encode.event(event, &mut self.bytes);
        if content {
            self.keep -= 1;
            self.flush(self.pace);
        }
    }
}
