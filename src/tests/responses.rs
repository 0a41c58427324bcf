//! The Responses codec: requests both ways, streams both ways, and the defects others have in it.

mod answers;
mod captures;
mod crossing;
mod provider;
mod requests;
mod streams;

use bytes::Bytes;
use serde_json::Value;

use crate::call::{Call, Endpoint, Operation};
use crate::framing::{Framer, Framing};
use crate::ir::event::{Collector, Completion, Event, Sink};
use crate::ir::{Protocol, Request};
use crate::json::Body;
use crate::protocol::responses::Responses;
use crate::protocol::{Echo, Inbound, Outbound, StreamError};
use crate::tests::schema;

pub(super) fn call(body: &Value) -> Call {
    let body = Body::parse(Bytes::from(body.to_string())).unwrap();
    Call {
        id: "7".to_owned(),
        endpoint: Endpoint {
            protocol: Protocol::Responses,
            operation: Operation::Generate,
            model: None,
            stream: None,
            json_array: false,
            line: None,
            provider: None,
        },
        model: body.get("model").unwrap().unwrap_or_else(|| "gpt-5".to_owned()),
        stream: body.get("stream").unwrap().unwrap_or(false),
        body,
        headers: Vec::new(),
        affinity: None,
        created: 1_700_000_000,
    }
}

fn decode(body: &Value) -> Request {
    Responses.decode_request(&call(body)).unwrap()
}

fn encode(request: &Request) -> Value {
    serde_json::from_slice(&Responses.encode_request(request).unwrap()).unwrap()
}

/// Run a provider's stream; every event in its debug form.
fn events(stream: &str) -> Result<Vec<String>, StreamError> {
    let mut seen = Vec::new();
    let mut sink = |event: Event<'_>| seen.push(format!("{event:?}"));
    run(stream, &mut sink).map(|()| seen)
}

fn run(stream: &str, sink: &mut dyn Sink) -> Result<(), StreamError> {
    let mut decoder = Responses.decoder();
    let mut framer = Framer::new(Framing::Sse);
    framer.push(stream.as_bytes(), |frame, _| decoder.frame(frame, sink))?;
    framer.finish(|frame, _| decoder.frame(frame, sink))?;
    decoder.end(sink)
}

fn collect(stream: &str) -> Completion {
    let mut collector = Collector::default();
    run(stream, &mut collector).unwrap();
    Completion::of(collector).expect("a finish")
}

/// Encode events for the client that sent `body`.
fn client_stream(body: &Value, events: &[Event<'_>]) -> String {
    let call = call(body);
    let mut encoder = Responses.encoder(&Echo { call: &call, request: None });
    let mut out = Vec::new();
    events.iter().for_each(|event| encoder.event(*event, &mut out));
    String::from_utf8(out).unwrap()
}

/// The frames of a client's stream: name and data.
fn frames(stream: &str) -> Vec<(String, Value)> {
    let mut frames = Vec::new();
    let mut framer = Framer::new(Framing::Sse);
    let mut on = |frame: crate::framing::Frame<'_>, _| -> Result<(), StreamError> {
        let data = serde_json::from_slice(frame.data).expect("every frame is JSON");
        frames.push((frame.event.expect("every frame has a name").to_owned(), data));
        Ok(())
    };
    framer.push(stream.as_bytes(), &mut on).unwrap();
    framer.finish(&mut on).unwrap();
    frames
}

/// What we wrote is what OpenAI publishes.
fn obey(name: &str, values: &[&Value]) {
    let Some(spec) = schema::spec("openai-slim.json") else { return };
    for value in values {
        let found = schema::violations(&spec, name, value);
        assert!(found.is_empty(), "{found:?}: {value}");
    }
}

/// A provider's stream from the data of its frames.
fn sse(frames: &[Value]) -> String {
    frames.iter().map(|data| format!("event: {}\ndata: {data}\n\n", data["type"].as_str().unwrap())).collect()
}
