//! Gemini generateContent. <https://ai.google.dev/api/generate-content>
//!
//! Model and streaming are in the path, not in the body. A streamed answer is a sequence of whole
//! `GenerateContentResponse`s: as SSE with `alt=sse`, as one JSON array without.
//!
//! What a client may say and other providers never hear, because it is a hint: `safetySettings`, `labels`, `store`,
//! `toolConfig.retrievalConfig`, mode `VALIDATED` (taken as `AUTO`), `responseModalities`, `speechConfig`, `imageConfig`,
//! `mediaResolution`, `responseLogprobs` and `logprobs`, `videoMetadata`, `partMetadata`, `behavior` and `response` of a
//! function, `willContinue` and `scheduling` of its result. `cachedContent` is meaning and refused.
//!
//! What other clients may say and Gemini never hears: cache marks, `user`, `parallel_tools`, `strict` of a tool, names
//! of media, the name of an output schema, a penalty of zero, a web search tool of another provider beside functions
//! (Gemini takes either), reasoning sealed by another provider.
//!
//! What Google answers and other clients never see: `groundingMetadata`, `citationMetadata`, `safetyRatings`,
//! `logprobsResult`, token counts by modality, candidates beyond the first.

mod chunk;
mod decode;
mod decode_config;
mod decode_request;
mod dialect;
mod encode;
mod encode_config;
mod encode_request;
mod inspect;
mod schema;
mod signature;
mod wire;

pub(crate) use decode::Decoder;
pub(crate) use signature::foreign_out;

use super::{Decode, Echo, Encode, Inbound, Inspect, Outbound, Pass, Report, StreamError, tools};
use crate::call::Call;
use crate::fault::Failure;
use crate::ir::event::{Completion, Sink};
use crate::ir::{Protocol, Request};

pub struct Gemini;

impl Inbound for Gemini {
    fn decode_request(&self, call: &Call) -> Result<Request, Failure> {
        decode_request::decode(call)
    }
    fn encode_response(&self, done: &Completion, echo: &Echo<'_>, out: &mut Vec<u8>) {
        encode::response(done, echo, out);
    }
    fn encoder(&self, echo: &Echo<'_>) -> Box<dyn Encode> {
        Box::new(encode::Encoder::new(echo))
    }
    fn encode_failure(&self, failure: &Failure) -> Vec<u8> {
        encode::failure(failure)
    }
    fn failure_frame(&self, failure: &Failure, out: &mut Vec<u8>) {
        encode::failure_frame(failure, out);
    }
    fn keep_alive(&self, call: &Call) -> &'static [u8] {
        // White space may stand before an array and between its elements.
        if call.endpoint.json_array { b"\n" } else { b": keep-alive\n\n" }
    }
    fn stream_type(&self, call: &Call) -> &'static str {
        if call.endpoint.json_array { "application/json" } else { "text/event-stream; charset=utf-8" }
    }
}

impl Outbound for Gemini {
    fn protocol(&self) -> Protocol {
        Protocol::Gemini
    }
    fn tool_rules(&self) -> tools::Rules {
        tools::Rules {
            name_limit: 64,
            allowed: |c| c.is_ascii_alphanumeric() || matches!(c, '_' | '.' | ':' | '-'),
            letter_first: true,
            freeform: false,
        }
    }
    fn encode_request(&self, request: &Request) -> Result<Vec<u8>, Failure> {
        encode_request::encode(request)
    }
    fn decoder(&self) -> Box<dyn Decode> {
        Box::new(Decoder::default())
    }
    fn decode_response(&self, body: &[u8], sink: &mut dyn Sink) -> Result<(), StreamError> {
        let mut decoder = Decoder::default();
        decoder.document(body, sink)?;
        decoder.end(sink)
    }
    fn inspector(&self) -> Box<dyn Inspect> {
        Box::new(inspect::Inspector::default())
    }
    fn inspect_response<'a>(&self, body: &'a [u8], report: &mut Report) -> Result<Pass<'a>, StreamError> {
        inspect::Inspector::default().document(body, report)?;
        // A count has no end; anything else without one is not an answer.
        if report.finished || inspect::is_count(body) { Ok(Pass::Keep) } else { Err(StreamError::Cut) }
    }
    fn error_message(&self, body: &[u8]) -> Option<String> {
        super::any_error_message(body)
    }
}
