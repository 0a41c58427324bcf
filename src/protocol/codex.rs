//! Responses as ChatGPT's Codex service answers: streamed, and with nothing in the `output` of the last event.
//!
//! Readers of deltas miss nothing; readers of the final response would find an empty answer. A relay puts the items that
//! were done into it and changes nothing else.

use std::borrow::Cow;

use bytes::Bytes;
use serde::Deserialize;
use serde_json::value::RawValue;

use super::responses::Responses;
use super::{Decode, Inspect, Outbound, Pass, Report, StreamError, tools};
use crate::fault::Failure;
use crate::framing::Frame;
use crate::ir::event::Sink;
use crate::ir::{Protocol, Request};
use crate::json::{self, Body, Text};

pub struct Codex;

impl Outbound for Codex {
    fn protocol(&self) -> Protocol {
        Protocol::Responses
    }
    fn tool_rules(&self) -> tools::Rules {
        Responses.tool_rules()
    }
    fn encode_request(&self, request: &Request) -> Result<Vec<u8>, Failure> {
        Responses.encode_request(request)
    }
    fn decoder(&self) -> Box<dyn Decode> {
        Responses.decoder()
    }
    fn decode_response(&self, body: &[u8], sink: &mut dyn Sink) -> Result<(), StreamError> {
        Responses.decode_response(body, sink)
    }
    fn inspector(&self) -> Box<dyn Inspect> {
        Box::new(Rebuilding { inner: Responses.inspector(), items: Vec::new(), held: 0 })
    }
    fn inspect_response<'a>(&self, body: &'a [u8], report: &mut Report) -> Result<Pass<'a>, StreamError> {
        Responses.inspect_response(body, report)
    }
    fn error_message(&self, body: &[u8]) -> Option<String> {
        Responses.error_message(body)
    }
}

struct Rebuilding {
    inner: Box<dyn Inspect>,
    /// Items that are done, by their place.
    items: Vec<(u32, String)>,
    held: usize,
}

/// 16 MiB: as much as one event may hold. The last event of a longer answer is left as it came.
const HELD: usize = 16 << 20;

#[derive(Deserialize)]
struct Event<'a> {
    #[serde(borrow, rename = "type", default)]
    kind: Option<Text<'a>>,
    #[serde(default)]
    output_index: u32,
    #[serde(borrow, default)]
    item: Option<&'a RawValue>,
}

impl Inspect for Rebuilding {
    fn frame<'a>(&mut self, frame: Frame<'a>, report: &mut Report) -> Result<Pass<'a>, StreamError> {
        let ended = report.finished;
        let pass = self.inner.frame(frame, report)?;
        if ended {
            return Ok(pass);
        }
        if report.finished {
            return Ok(self.rebuilt(frame.data).map_or(pass, |data| Pass::Instead(Cow::Owned(data))));
        }
        if frame.event.is_none_or(|kind| kind == DONE) {
            self.keep(frame.data);
        }
        Ok(pass)
    }
}

const DONE: &str = "response.output_item.done";

impl Rebuilding {
    fn keep(&mut self, data: &[u8]) {
        let Ok(Event { kind: Some(kind), output_index, item: Some(item) }) = json::read(data) else {
            return;
        };
        if &*kind == DONE {
            self.held += item.get().len();
            if self.held <= HELD {
                self.items.push((output_index, item.get().to_owned()));
            }
        }
    }

    /// The last event with its items; `None` if it needs none, or they are not all there.
    fn rebuilt(&mut self, data: &[u8]) -> Option<Vec<u8>> {
        if self.items.is_empty() || self.held > HELD {
            return None;
        }
        let event = Body::parse(Bytes::copy_from_slice(data)).ok()?;
        let response = Body::parse(Bytes::copy_from_slice(event.raw("response")?)).ok()?;
        let is_empty = |raw: &[u8]| {
            json::read::<Option<Vec<&RawValue>>>(raw).is_ok_and(|items| items.is_none_or(|items| items.is_empty()))
        };
        if !response.raw("output").is_none_or(is_empty) {
            return None;
        }
        self.items.sort_by_key(|(at, _)| *at);
        let items: Vec<&str> = self.items.iter().map(|(_, item)| item.as_str()).collect();
        let response = response.splice(&[("output", Some(&format!("[{}]", items.join(","))))]);
        let response = std::str::from_utf8(&response).ok()?;
        Some(event.splice(&[("response", Some(response))]).to_vec())
    }
}
