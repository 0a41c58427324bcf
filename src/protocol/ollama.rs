//! Ollama's own API: `/api/chat` and `/api/generate`.
//! <https://github.com/ollama/ollama/blob/main/docs/api.md>
//!
//! ```text
//! {"message": {"content": …}, "done": false}*  {"message": …, "done": true, "done_reason": …}      | {"error": …}
//! ```
//!
//! One JSON object per line. A tool call comes whole. **Hints**, dropped: `keep_alive`, `logprobs`, `top_logprobs`, and
//! of `options` whatever is not temperature, top_p, top_k, num_predict, stop, seed or a penalty of presence or
//! frequency (`num_ctx`, `min_p`, `repeat_penalty`, `mirostat` …: they tune a local engine). **Refused**, because they
//! change the answer: `suffix`, `raw`, `template`, `context`, and a request without a prompt, which only loads a model.
//!
//! Durations are one nanosecond: nothing here measures them, and clients divide by them.
//!
//! **Hints** that an Ollama server never hears from other clients: `user`, cache marks, `parallel_tools`, `strict`, names of
//! media and schemas, seals, web search tools, how hard to think (but for gpt-oss). **Refused**: several answers, a tool
//! that must be called, media that are not inline images, blocks and tools that other providers run.

mod decode;
mod decode_request;
mod encode;
mod encode_request;

use super::{Decode, Echo, Encode, Inbound, Inspect, Outbound, Pass, Report, StreamError, tools};
use crate::call::Call;
use crate::fault::Failure;
use crate::framing::{Frame, Framing};
use crate::ir::event::{Completion, Sink};
use crate::ir::{Protocol, Request};

pub(crate) use encode::timestamp;

pub struct Ollama;

impl Inbound for Ollama {
    fn decode_request(&self, call: &Call) -> Result<Request, Failure> {
        decode_request::decode(call)
    }
    fn encode_response(&self, done: &Completion, echo: &Echo<'_>, out: &mut Vec<u8>) {
        encode::encode_response(done, echo, out);
    }
    fn encoder(&self, echo: &Echo<'_>) -> Box<dyn Encode> {
        Box::new(encode::Encoder::new(echo))
    }
    fn encode_failure(&self, failure: &Failure) -> Vec<u8> {
        serde_json::json!({ "error": failure.message }).to_string().into_bytes()
    }
    fn failure_frame(&self, failure: &Failure, out: &mut Vec<u8>) {
        out.extend_from_slice(&self.encode_failure(failure));
        out.push(b'\n');
    }
    /// White space before the next line: an empty line is an error to Ollama's Python client.
    fn keep_alive(&self, _: &Call) -> &'static [u8] {
        b" "
    }
    fn stream_type(&self, _: &Call) -> &'static str {
        "application/x-ndjson"
    }
}

impl Outbound for Ollama {
    fn protocol(&self) -> Protocol {
        Protocol::Ollama
    }
    fn framing(&self) -> Framing {
        Framing::Ndjson
    }
    fn tool_rules(&self) -> tools::Rules {
        tools::Rules {
            name_limit: 64,
            allowed: |c| c.is_ascii_alphanumeric() || matches!(c, '_' | '-' | '.'),
            letter_first: false,
            freeform: false,
        }
    }
    fn encode_request(&self, request: &Request) -> Result<Vec<u8>, Failure> {
        encode_request::encode(request)
    }
    fn decoder(&self) -> Box<dyn Decode> {
        Box::<decode::Decoder>::default()
    }
    fn decode_response(&self, body: &[u8], sink: &mut dyn Sink) -> Result<(), StreamError> {
        decode::whole(body, sink)
    }
    fn inspector(&self) -> Box<dyn Inspect> {
        Box::new(decode::Inspector)
    }
    fn inspect_response<'a>(&self, body: &'a [u8], report: &mut Report) -> Result<Pass<'a>, StreamError> {
        decode::Inspector.frame(Frame { data: body, ..Frame::default() }, report)
    }
    fn error_message(&self, body: &[u8]) -> Option<String> {
        super::any_error_message(body)
    }
}
