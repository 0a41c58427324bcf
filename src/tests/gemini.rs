//! The Gemini codec, all four directions.

mod answers;
mod captures;
mod history;
mod requests;
mod schema;
mod spec;
mod streams;

use serde_json::{Value, json};

use crate::call::{Call, Head, Route, route};
use crate::framing::{Frame, Framer, Framing};
use crate::ir::event::{Block, Delta, Event, Grammar, Sink};
use crate::ir::{Protocol, Request};
use crate::json::Body;
use crate::protocol::gemini::Gemini;
use crate::protocol::{Echo, Inbound, Outbound, StreamError, turns};
use crate::tests::upstreams;

/// A call as a Gemini client makes it; `verb` is what stands behind the model.
fn call(verb: &str, body: &Value) -> Call {
    let path = format!("/v1beta/models/gemini-2.5-flash:{verb}");
    let (path, query) = path.split_once('?').unwrap_or((&path, ""));
    let head = Head { method: "POST", path, query, header: &|_| None };
    let Ok(Route::Call(endpoint)) = route(&head) else { panic!("{path}") };
    let mut call = upstreams::call(Protocol::Gemini, &json!({}));
    call.model = endpoint.model.clone().unwrap();
    call.stream = endpoint.stream.unwrap();
    call.endpoint = endpoint;
    call.body = Body::parse(body.to_string().into()).unwrap();
    call
}

fn decoded(body: &Value) -> Request {
    Gemini.decode_request(&call("generateContent", body)).unwrap_or_else(|failure| panic!("{failure:?}"))
}

fn refused(body: &Value) -> String {
    let failure = Gemini.decode_request(&call("generateContent", body)).unwrap_err();
    assert_eq!(failure.status, 400);
    failure.message
}

/// As `upstream::payload` would send it.
fn encoded(request: &Request) -> Value {
    let mut request = request.clone();
    turns::normalize(&mut request);
    let body = Gemini.encode_request(&request).unwrap_or_else(|failure| panic!("{failure:?}"));
    serde_json::from_slice(&body).unwrap_or_else(|error| panic!("{error}: {}", String::from_utf8_lossy(&body)))
}

fn user(text: &str) -> Value {
    json!({"role": "user", "parts": [{"text": text}]})
}

/// Events as lines, and a check of their grammar.
#[derive(Default)]
struct Log {
    lines: Vec<String>,
    grammar: Grammar,
}

impl Sink for Log {
    fn event(&mut self, event: Event<'_>) {
        self.grammar.event(&event).unwrap_or_else(|error| panic!("{error}: {event:?} after {:?}", self.lines));
        self.lines.push(match event {
            Event::Start { id, model } => format!("start {id} {model}"),
            Event::BlockStart { block, .. } => match block {
                Block::Text => "text".to_owned(),
                Block::Thinking => "thinking".to_owned(),
                Block::ToolCall { id, name, .. } => format!("call {id} {name}"),
                Block::Media { mime } => format!("media {mime}"),
                Block::Opaque { value, .. } => format!("opaque {value}"),
            },
            Event::Delta { delta, .. } => match delta {
                Delta::Text(text) | Delta::Json(text) | Delta::Data(text) => format!("+{text}"),
                Delta::Seal(seal) => format!("+seal {:?} {}", seal.issuer, seal.value),
            },
            Event::BlockEnd { .. } => "end".to_owned(),
            Event::Usage(usage) => {
                format!("usage {} {} {} {}", usage.input, usage.cache_read, usage.output, usage.reasoning)
            }
            Event::Finish(finish) => format!("finish {finish:?}"),
        });
    }
}

/// What the decoder makes of a stream of chunks.
fn events(chunks: &[Value]) -> Result<Vec<String>, StreamError> {
    let (mut decoder, mut log) = (Gemini.decoder(), Log::default());
    for chunk in chunks {
        decoder.frame(Frame { data: chunk.to_string().as_bytes(), ..Frame::default() }, &mut log)?;
    }
    decoder.end(&mut log)?;
    Ok(log.lines)
}

/// The same, off the wire.
fn events_of(bytes: &[u8]) -> Result<Vec<String>, StreamError> {
    let (mut decoder, mut log) = (Gemini.decoder(), Log::default());
    let mut framer = Framer::new(Framing::Sse);
    framer.push(bytes, |frame, _| decoder.frame(frame, &mut log))?;
    framer.finish(|frame, _| decoder.frame(frame, &mut log))?;
    decoder.end(&mut log)?;
    Ok(log.lines)
}

fn chunk(parts: Value) -> Value {
    json!({"candidates": [{"content": {"parts": parts, "role": "model"}, "index": 0}]})
}

fn last(parts: Value, reason: &str) -> Value {
    json!({"candidates": [{"content": {"parts": parts, "role": "model"}, "finishReason": reason, "index": 0}]})
}

/// What the encoder makes of events.
fn encode(call: &Call, request: Option<&Request>, all: &[Event<'_>]) -> String {
    let mut encoder = Gemini.encoder(&Echo { call, request });
    let mut out = Vec::new();
    all.iter().for_each(|event| encoder.event(*event, &mut out));
    String::from_utf8(out).unwrap()
}
