//! Gemini in the envelope of Google's Code Assist: `{"response": …, "traceId": …}` around every answer and every frame.
//!
//! The envelope is no protocol: what is inside is Gemini's, decoded by Gemini's codec and relayed byte for byte. An
//! answer without an envelope (an error, a count of tokens) is taken as it is.

use std::borrow::Cow;

use serde::Deserialize;
use serde_json::value::RawValue;

use super::gemini::{self, Gemini};
use super::{Decode, Inspect, Outbound, Pass, Report, StreamError, tools};
use crate::fault::Failure;
use crate::framing::Frame;
use crate::ir::event::Sink;
use crate::ir::{Protocol, Request};
use crate::json;

pub struct CodeAssist;

#[derive(Deserialize)]
struct Envelope<'a> {
    #[serde(borrow)]
    response: Option<&'a RawValue>,
}

/// What `json` holds, a slice of it; `None` if it is no envelope.
fn inside(json: &[u8]) -> Option<&[u8]> {
    let envelope: Envelope<'_> = json::read(json).ok()?;
    envelope.response.map(|response| response.get().as_bytes()).filter(|inner| inner.starts_with(b"{"))
}

fn pass(inner: Option<&[u8]>) -> Pass<'_> {
    inner.map_or(Pass::Keep, |inner| Pass::Instead(Cow::Borrowed(inner)))
}

impl Outbound for CodeAssist {
    fn protocol(&self) -> Protocol {
        Protocol::Gemini
    }
    fn tool_rules(&self) -> tools::Rules {
        Gemini.tool_rules()
    }
    fn encode_request(&self, request: &Request) -> Result<Vec<u8>, Failure> {
        Gemini.encode_request(request)
    }
    fn decoder(&self) -> Box<dyn Decode> {
        Box::new(Decoder::default())
    }
    fn decode_response(&self, body: &[u8], sink: &mut dyn Sink) -> Result<(), StreamError> {
        Gemini.decode_response(inside(body).unwrap_or(body), sink)
    }
    fn inspector(&self) -> Box<dyn Inspect> {
        Box::new(Inspector(Gemini.inspector()))
    }
    fn inspect_response<'a>(&self, body: &'a [u8], report: &mut Report) -> Result<Pass<'a>, StreamError> {
        let inner = inside(body);
        Gemini.inspect_response(inner.unwrap_or(body), report)?;
        Ok(pass(inner))
    }
    fn error_message(&self, body: &[u8]) -> Option<String> {
        Gemini.error_message(body)
    }
}

#[derive(Default)]
struct Decoder(gemini::Decoder);

impl Decode for Decoder {
    fn frame(&mut self, frame: Frame<'_>, sink: &mut dyn Sink) -> Result<(), StreamError> {
        self.0.document(inside(frame.data).unwrap_or(frame.data), sink)
    }
    fn end(&mut self, sink: &mut dyn Sink) -> Result<(), StreamError> {
        self.0.end(sink)
    }
}

struct Inspector(Box<dyn Inspect>);

impl Inspect for Inspector {
    fn frame<'a>(&mut self, frame: Frame<'a>, report: &mut Report) -> Result<Pass<'a>, StreamError> {
        let inner = inside(frame.data);
        self.0.frame(Frame { data: inner.unwrap_or(frame.data), ..frame }, report)?;
        Ok(pass(inner))
    }
}
