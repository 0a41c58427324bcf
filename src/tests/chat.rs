//! OpenAI Chat Completions, both halves.

mod answers;
mod captures;
mod defects;
mod requests;
mod sent;
mod streams;

use std::sync::LazyLock;

use serde_json::{Value, json};

use super::{schema, upstreams};
use crate::call::Call;
use crate::fault::Failure;
use crate::framing::{Framer, Framing};
use crate::ir::event::{Block, Collector, Completion, Delta, Event, Finish, Grammar, Sink};
use crate::ir::{Protocol, Request};
use crate::protocol::chat::{Chat, Dialect, ReasoningStyle};
use crate::protocol::{Echo, Inbound, Outbound, StreamError};

/// OpenAI's published document, read once.
fn openai() -> Option<&'static Value> {
    static SPEC: LazyLock<Option<Value>> = LazyLock::new(|| schema::spec("openai-slim.json"));
    SPEC.as_ref()
}

fn call(body: &Value) -> Call {
    upstreams::call(Protocol::Chat, body)
}

fn decode(body: &Value) -> Result<Request, Failure> {
    Chat::OPENAI.decode_request(&call(body))
}

/// A request with these messages.
fn messages(messages: Value) -> Request {
    decode(&json!({"model": "m", "messages": messages})).unwrap()
}

/// A request with one user message and these members.
fn with(members: Value) -> Result<Request, Failure> {
    let mut body = json!({"model": "m", "messages": [{"role": "user", "content": "hi"}]});
    body.as_object_mut().unwrap().extend(members.as_object().unwrap().clone());
    decode(&body)
}

const fn dialect(reasoning: ReasoningStyle) -> Chat {
    Chat { dialect: Dialect { max_completion_tokens: false, developer_role: false, stream_usage: true, reasoning } }
}

const PLAIN: Chat = dialect(ReasoningStyle::Unsupported);

fn encode(chat: &Chat, request: &Request) -> Value {
    serde_json::from_slice(&chat.encode_request(request).unwrap()).unwrap()
}

fn refusal(chat: &Chat, request: &Request) -> (String, String) {
    let failure = chat.encode_request(request).unwrap_err();
    assert_eq!(failure.status, 400);
    (failure.param.unwrap(), failure.message)
}

/// Events in a compact notation, checked against the grammar.
#[derive(Default)]
struct Script {
    lines: Vec<String>,
    grammar: Grammar,
}

impl Sink for Script {
    fn event(&mut self, event: Event<'_>) {
        self.grammar.event(&event).unwrap_or_else(|error| panic!("{error}: {event:?} after {:?}", self.lines));
        self.lines.push(match event {
            Event::Start { id, model } => format!("start {id} {model}"),
            Event::BlockStart { block, .. } => match block {
                Block::Text => "[text".to_owned(),
                Block::Thinking => "[thinking".to_owned(),
                Block::ToolCall { id, name, freeform: false } => format!("[call {id} {name}"),
                Block::ToolCall { id, name, freeform: true } => format!("[freeform {id} {name}"),
                Block::Media { mime } => format!("[media {mime}"),
                Block::Opaque { value, .. } => format!("[opaque {value}"),
            },
            Event::Delta { delta: Delta::Seal(seal), .. } => format!("seal {}", seal.value),
            Event::Delta { delta: Delta::Text(text) | Delta::Json(text) | Delta::Data(text), .. } => text.to_owned(),
            Event::BlockEnd { .. } => "]".to_owned(),
            Event::Usage(usage) => format!(
                "usage {} {} {} {} {}",
                usage.input, usage.cache_read, usage.cache_write, usage.output, usage.reasoning
            ),
            Event::Finish(Finish::Other(word)) => format!("finish other {word}"),
            Event::Finish(finish) => format!("finish {finish:?}"),
        });
    }
}

/// Feed SSE bytes to a fresh decoder, to the end of the body.
fn feed(bytes: &[u8], sink: &mut dyn Sink) -> Result<(), StreamError> {
    let mut framer = Framer::new(Framing::Sse);
    let mut decoder = Chat::OPENAI.decoder();
    framer.push(bytes, |frame, _| decoder.frame(frame, sink))?;
    framer.finish(|frame, _| decoder.frame(frame, sink))?;
    decoder.end(sink)
}

/// SSE of these data lines.
fn sse(frames: &[&str]) -> String {
    frames.iter().map(|frame| format!("data: {frame}\n\n")).collect()
}

/// The events of these frames, `[DONE]` included if it is among them.
fn events(frames: &[&str]) -> Result<Vec<String>, StreamError> {
    let mut script = Script::default();
    feed(sse(frames).as_bytes(), &mut script).map(|()| script.lines)
}

/// The events of these deltas of the one choice, as a complete stream, without their start.
fn deltas(deltas: &[Value]) -> Vec<String> {
    let frames: Vec<String> = deltas
        .iter()
        .map(|delta| json!({"id": "x", "model": "m", "choices": [{"delta": delta}]}).to_string())
        .collect();
    let frames: Vec<&str> = frames.iter().map(String::as_str).chain(["[DONE]"]).collect();
    events(&frames).unwrap().split_off(1)
}

/// What a client that asked `body` reads when these events are streamed to it.
fn streamed(body: &Value, events: &[Event<'_>]) -> String {
    let call = call(body);
    let mut encoder = Chat::OPENAI.encoder(&Echo { call: &call, request: None });
    let mut out = Vec::new();
    events.iter().for_each(|event| encoder.event(*event, &mut out));
    String::from_utf8(out).unwrap()
}

/// The chunks of an SSE text, and whether `[DONE]` ended it.
fn chunks(text: &str) -> (Vec<Value>, bool) {
    let data: Vec<&str> = text.split("\n\n").filter_map(|frame| frame.strip_prefix("data: ")).collect();
    let done = data.last() == Some(&"[DONE]");
    let chunks = data.iter().filter(|data| **data != "[DONE]").map(|data| serde_json::from_str(data).unwrap());
    (chunks.collect(), done)
}

fn whole(done: &Completion) -> Value {
    let call = call(&json!({"model": "m"}));
    let mut out = Vec::new();
    Chat::OPENAI.encode_response(done, &Echo { call: &call, request: None }, &mut out);
    serde_json::from_slice(&out).unwrap()
}

fn collected(feed: impl FnOnce(&mut dyn Sink) -> Result<(), StreamError>) -> Completion {
    let mut collector = Collector::default();
    feed(&mut collector).unwrap();
    Completion::of(collector).unwrap()
}
