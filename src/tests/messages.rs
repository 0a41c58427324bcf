//! The Messages codec: both halves, streams and whole bodies, and the requests of real clients.

mod captures;
mod decoding;
mod encoding;
mod relay;
mod requests_in;
mod requests_out;
mod round_trip;

use bytes::Bytes;
use serde_json::{Value, json};

use crate::call::{Call, Endpoint, Operation};
use crate::framing::{Framer, Framing};
use crate::ir::event::{Block, Delta, Event, Sink};
use crate::ir::{Protocol, Request};
use crate::json::Body;
use crate::protocol::messages::Messages;
use crate::protocol::{Inbound, Outbound, StreamError};

fn call(body: &Value) -> Call {
    let operation = Operation::Generate;
    let protocol = Protocol::Messages;
    Call {
        id: "7".to_owned(),
        endpoint: Endpoint {
            protocol,
            operation,
            model: None,
            stream: None,
            json_array: false,
            line: None,
            provider: None,
        },
        model: body["model"].as_str().unwrap_or_default().to_owned(),
        stream: body["stream"] == true,
        body: Body::parse(Bytes::from(body.to_string())).unwrap(),
        headers: Vec::new(),
        affinity: None,
        created: 0,
    }
}

fn decode(body: &Value) -> Request {
    Messages.decode_request(&call(body)).unwrap()
}

fn encode(request: &Request) -> Value {
    serde_json::from_slice(&Messages.encode_request(request).unwrap()).unwrap()
}

/// Events as lines that can be compared.
#[derive(Default)]
struct Notes(Vec<String>);

impl Sink for Notes {
    fn event(&mut self, event: Event<'_>) {
        self.0.push(match event {
            Event::Start { id, model } => format!("start {id} {model}"),
            Event::BlockStart { index, block } => match block {
                Block::Text => format!("{index} text"),
                Block::Thinking => format!("{index} thinking"),
                Block::ToolCall { id, name, freeform: false } => format!("{index} tool {id} {name}"),
                Block::ToolCall { id, name, freeform: true } => format!("{index} freeform {id} {name}"),
                Block::Media { mime } => format!("{index} media {mime}"),
                Block::Opaque { owner, value } => format!("{index} opaque {owner:?} {value}"),
            },
            Event::Delta { index, delta } => match delta {
                Delta::Text(text) => format!("{index} {text:?}"),
                Delta::Json(json) => format!("{index} json {json}"),
                Delta::Data(data) => format!("{index} data {data}"),
                Delta::Seal(seal) => {
                    let redacted = if seal.redacted { " redacted" } else { "" };
                    format!("{index} seal {:?} {}{redacted}", seal.issuer, seal.value)
                }
            },
            Event::BlockEnd { index } => format!("{index} end"),
            Event::Usage(u) => format!(
                "usage {} read {} write {}+{} out {}+{}",
                u.input, u.cache_read, u.cache_write, u.cache_write_long, u.output, u.reasoning
            ),
            Event::Finish(finish) => format!("finish {finish:?}"),
        });
    }
}

/// A provider's stream, decoded.
fn decode_stream(bytes: &[u8]) -> (Vec<String>, Result<(), StreamError>) {
    let (mut framer, mut decoder, mut notes) = (Framer::new(Framing::Sse), Messages.decoder(), Notes::default());
    let mut result = framer.push(bytes, |frame, _| decoder.frame(frame, &mut notes));
    if result.is_ok() {
        result = framer.finish(|frame, _| decoder.frame(frame, &mut notes)).and_then(|()| decoder.end(&mut notes));
    }
    (notes.0, result)
}

/// Events as Anthropic frames them.
fn sse(events: &[Value]) -> Vec<u8> {
    let frame = |event: &Value| format!("event: {}\ndata: {event}\n\n", event["type"].as_str().unwrap_or("message"));
    events.iter().map(frame).collect::<String>().into_bytes()
}

/// The data of each event in a stream of ours.
fn frames(bytes: &[u8]) -> Vec<Value> {
    let mut frames = Vec::new();
    let mut framer = Framer::new(Framing::Sse);
    let read = framer.push(bytes, |frame, _| -> Result<(), StreamError> {
        let value: Value = serde_json::from_slice(frame.data).unwrap();
        assert_eq!(value["type"].as_str(), frame.event, "the event line repeats the type");
        frames.push(value);
        Ok(())
    });
    read.unwrap();
    frames
}

const START: Event<'_> = Event::Start { id: "up", model: "up" };

fn message_start() -> Value {
    json!({"type": "message_start", "message": {"id": "msg_1", "type": "message", "role": "assistant", "content": [],
        "model": "claude-x", "stop_reason": null, "stop_sequence": null, "usage": {"input_tokens": 25,
        "cache_read_input_tokens": 3, "cache_creation_input_tokens": 7, "output_tokens": 1,
        "cache_creation": {"ephemeral_5m_input_tokens": 5, "ephemeral_1h_input_tokens": 2}}}})
}

fn block(index: u64, block: Value) -> Value {
    json!({"type": "content_block_start", "index": index, "content_block": block})
}

fn delta(index: u64, delta: Value) -> Value {
    json!({"type": "content_block_delta", "index": index, "delta": delta})
}

fn text(index: u64, text: &str) -> Value {
    delta(index, json!({"type": "text_delta", "text": text}))
}

fn stop(index: u64) -> Value {
    json!({"type": "content_block_stop", "index": index})
}

fn message_delta(reason: &str, output: u64) -> Value {
    json!({"type": "message_delta", "delta": {"stop_reason": reason, "stop_sequence": null},
        "usage": {"output_tokens": output}})
}

fn message_stop() -> Value {
    json!({"type": "message_stop"})
}
