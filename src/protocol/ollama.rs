//! Ollama's own API, client-facing: `/api/chat` and `/api/generate`.
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

mod decode_request;
mod encode;

use super::{Echo, Encode, Inbound};
use crate::call::Call;
use crate::fault::Failure;
use crate::ir::Request;
use crate::ir::event::Completion;

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
