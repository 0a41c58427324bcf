//! OpenAI Responses, also the wire of Codex. <https://platform.openai.com/docs/api-reference/responses>
//!
//! **Hints**, dropped where another protocol has no word for them: `store`, `include`, `metadata` (repeated in the
//! answer), `service_tier`, `truncation`, `prompt_cache_*`, `safety_identifier`'s place, `max_tool_calls` (counts
//! built-in tools only), `top_logprobs`, `stream_options`, `context_management`, `moderation`, `client_metadata`,
//! `text.verbosity`, annotations and ids of earlier items, the description of a namespace, `defer_loading`. Sent to
//! this protocol: `seed`, `top_k`, both penalties and cache marks.
//!
//! **Refused**, because they change the answer: `previous_response_id`, `conversation`, `prompt`, `background`,
//! `item_reference`, a forced built-in tool; and, sent to this protocol, stop sequences, `n` above one, video.
//!
//! **A refusal** of the model is text, and the answer's finish says that it was filtered.
//!
//! **A failure in a stream** is one `response.failed` with an `error` member beside `response`: Codex and other readers
//! of lifecycle events see the former, OpenAI's SDKs raise on the latter, and nobody sees two errors.

mod decode;
mod decode_input;
mod decode_request;
mod decode_tools;
mod encode;
mod encode_input;
mod encode_request;
mod envelope;
mod failure;
mod inspect;
mod item;
mod media;
mod seals;
mod wire;

use bytes::Bytes;

use super::{Decode, Echo, Encode, Inbound, Inspect, Outbound, Pass, Report, StreamError, tools};
use crate::call::Call;
use crate::fault::Failure;
use crate::ir::event::{Completion, Sink};
use crate::ir::{Protocol, Request};

pub struct Responses;

/// A relayed body as OpenAI takes it: without the reasoning that other providers sealed.
pub fn foreign_out(body: &Bytes) -> Bytes {
    seals::foreign_out(body)
}

impl Inbound for Responses {
    fn decode_request(&self, call: &Call) -> Result<Request, Failure> {
        decode_request::decode(call)
    }
    fn encode_response(&self, done: &Completion, echo: &Echo<'_>, out: &mut Vec<u8>) {
        encode::encode_response(done, echo, out);
    }
    fn encoder(&self, echo: &Echo<'_>) -> Box<dyn Encode> {
        Box::new(encode::Encoder::new(echo, true))
    }
    fn encode_failure(&self, failure: &Failure) -> Vec<u8> {
        serde_json::json!({ "error": failure::object(failure) }).to_string().into_bytes()
    }
    fn failure_frame(&self, failure: &Failure, out: &mut Vec<u8>) {
        failure::frame(failure, out);
    }
    fn keep_alive(&self, _: &Call) -> &'static [u8] {
        b": keep-alive\n\n"
    }
}

impl Outbound for Responses {
    fn protocol(&self) -> Protocol {
        Protocol::Responses
    }
    fn tool_rules(&self) -> tools::Rules {
        tools::Rules {
            name_limit: 64,
            allowed: |c| c.is_ascii_alphanumeric() || c == '_' || c == '-',
            letter_first: false,
            freeform: true,
        }
    }
    fn encode_request(&self, request: &Request) -> Result<Vec<u8>, Failure> {
        encode_request::encode(request)
    }
    fn decoder(&self) -> Box<dyn Decode> {
        Box::new(decode::Decoder::default())
    }
    fn decode_response(&self, body: &[u8], sink: &mut dyn Sink) -> Result<(), StreamError> {
        decode::decode_response(body, sink)
    }
    fn inspector(&self) -> Box<dyn Inspect> {
        Box::new(inspect::Inspector)
    }
    fn inspect_response<'a>(&self, body: &'a [u8], report: &mut Report) -> Result<Pass<'a>, StreamError> {
        inspect::inspect_response(body, report)?;
        Ok(Pass::Keep)
    }
    fn error_message(&self, body: &[u8]) -> Option<String> {
        super::any_error_message(body)
    }
}
