//! Anthropic Messages. <https://docs.anthropic.com/en/api/messages>
//!
//! Hints that go no further than this protocol, in the client's request:
//!
//! | hint | elsewhere |
//! |---|---|
//! | `cache_control` at the top, `context_management`, `compaction`, `diagnostics` | kept for Anthropic, no effect |
//! | `service_tier`, `speed`, `inference_geo`, `billing_policy`, `fallback…`, `betas`, `…_id` | kept for Anthropic, no effect |
//! | `output_config.task_budget`; of tools `defer_loading`, `input_examples`, `eager_input_streaming`, `allowed_callers` | kept for Anthropic, no effect |
//! | `citations`, `context` of documents, `caller`, `toolset_name`, `transformations` | kept for Anthropic, no effect |
//! | `clear_at` and `output_config` of a system message | dropped |
//!
//! What is refused, because it means something that only Anthropic can do: `mcp_servers`, `container`, `thread` (with the
//! code that makes the SDKs send their whole history); by the encoder of another protocol: server tools and their blocks.
//!
//! Hints that Anthropic does not take from other protocols' requests:
//!
//! | hint | here |
//! |---|---|
//! | `seed`, penalties | dropped |
//! | `temperature`, `top_p`, `top_k` | dropped where the model or its thinking refuses them; of the first two, one is sent |
//! | JSON mode without a schema | dropped: who asks for it must also ask for JSON in the prompt, so the request stands |
//! | name, description and strictness of an answer's schema | dropped; the schema itself is sent, its objects closed |
//! | reasoning whose seal is another issuer's | dropped: Anthropic would refuse it |
//! | another protocol's web search | Anthropic's, for Claude; dropped for other makers' models |
//! | cache marks beyond four | the last four are sent |

mod cache;
mod decode;
mod decode_content;
mod decode_request;
mod encode;
mod encode_content;
mod encode_request;
mod encode_tools;
mod failure;
mod frame;
mod inspect;
mod relay;
mod schema;
pub(super) mod thinking;
pub(super) mod turns;

use super::{Decode, Echo, Encode, Inbound, Inspect, Outbound, Pass, Report, StreamError, tools};
use crate::call::Call;
use crate::fault::Failure;
use crate::ir::event::{Completion, Sink};
use crate::ir::{Protocol, Request};

pub use relay::foreign_out;

pub struct Messages;

impl Inbound for Messages {
    fn decode_request(&self, call: &Call) -> Result<Request, Failure> {
        decode_request::decode_request(call)
    }
    fn encode_response(&self, done: &Completion, echo: &Echo<'_>, out: &mut Vec<u8>) {
        encode::encode_response(done, echo, out);
    }
    fn encoder(&self, echo: &Echo<'_>) -> Box<dyn Encode> {
        Box::new(encode::Encoder::new(echo))
    }
    fn encode_failure(&self, failure: &Failure) -> Vec<u8> {
        let mut out = Vec::new();
        failure::write(failure, &mut out);
        out
    }
    fn failure_frame(&self, failure: &Failure, out: &mut Vec<u8>) {
        failure::write_frame(failure, out);
    }
    fn keep_alive(&self, _: &Call) -> &'static [u8] {
        b"event: ping\ndata: {\"type\": \"ping\"}\n\n"
    }
}

impl Outbound for Messages {
    fn protocol(&self) -> Protocol {
        Protocol::Messages
    }
    fn tool_rules(&self) -> tools::Rules {
        tools::Rules {
            name_limit: 128,
            allowed: |c| c.is_ascii_alphanumeric() || c == '_' || c == '-',
            letter_first: false,
            freeform: false,
        }
    }
    fn encode_request(&self, request: &Request) -> Result<Vec<u8>, Failure> {
        encode_request::encode_request(request)
    }
    fn decoder(&self) -> Box<dyn Decode> {
        Box::<decode::Decoder>::default()
    }
    fn decode_response(&self, body: &[u8], sink: &mut dyn Sink) -> Result<(), StreamError> {
        decode::decode_response(body, sink)
    }
    fn inspector(&self) -> Box<dyn Inspect> {
        Box::<inspect::Inspector>::default()
    }
    fn inspect_response<'a>(&self, body: &'a [u8], report: &mut Report) -> Result<Pass<'a>, StreamError> {
        inspect::inspect_response(body, report)?;
        Ok(Pass::Keep)
    }
    fn error_message(&self, body: &[u8]) -> Option<String> {
        failure::message(body).or_else(|| super::any_error_message(body))
    }
}
