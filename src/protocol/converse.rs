//! Amazon Bedrock's Converse, provider-facing: no client speaks this.
//! <https://docs.aws.amazon.com/bedrock/latest/APIReference/API_runtime_ConverseStream.html>
//!
//! ```text
//! messageStart (contentBlockStart? contentBlockDelta* contentBlockStop)* messageStop metadata
//! ```
//!
//! One grammar for the models of many makers; what a maker alone knows travels in `additionalModelRequestFields`. Here
//! those are Anthropic's: thinking, effort and `top_k`, for models whose name has `claude` in it.
//!
//! **Hints**, dropped: `seed`, penalties, `user`, `parallel_tools`, JSON mode without a schema, reasoning of other
//! makers' models, reasoning that Anthropic did not seal, cache marks beyond four or of models without a cache, web
//! search tools. **Refused**: several answers, media by URL, audio, blocks and tools that other providers run.

mod content;
mod decode;
mod encode;

use super::{Decode, Outbound, StreamError, tools};
use crate::fault::Failure;
use crate::framing::Framing;
use crate::ir::event::Sink;
use crate::ir::{Protocol, Request};

pub struct Converse;

impl Outbound for Converse {
    fn protocol(&self) -> Protocol {
        Protocol::Converse
    }
    fn framing(&self) -> Framing {
        Framing::EventStream
    }
    fn tool_rules(&self) -> tools::Rules {
        tools::Rules {
            name_limit: 64,
            allowed: |c| c.is_ascii_alphanumeric() || matches!(c, '_' | '-'),
            letter_first: false,
            freeform: false,
        }
    }
    fn encode_request(&self, request: &Request) -> Result<Vec<u8>, Failure> {
        encode::encode(request)
    }
    fn decoder(&self) -> Box<dyn Decode> {
        Box::<decode::Decoder>::default()
    }
    fn decode_response(&self, body: &[u8], sink: &mut dyn Sink) -> Result<(), StreamError> {
        decode::whole(body, sink)
    }
    fn error_message(&self, body: &[u8]) -> Option<String> {
        super::any_error_message(body)
    }
}
