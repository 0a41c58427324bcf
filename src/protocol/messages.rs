//! Anthropic Messages. <https://docs.anthropic.com/en/api/messages>

mod decode;
mod encode;
mod failure;
mod frame;
mod inspect;

use super::{Decode, Echo, Encode, Inbound, Inspect, Outbound, Report, StreamError, tools};
use crate::call::Call;
use crate::fault::Failure;
use crate::ir::event::{Completion, Sink};
use crate::ir::{Protocol, Request};

pub struct Messages;

impl Inbound for Messages {
    fn decode_request(&self, _: &Call) -> Result<Request, Failure> {
        Err(Failure::unsupported("model", "this protocol is not translated yet"))
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
    fn encode_request(&self, _: &Request) -> Result<Vec<u8>, Failure> {
        Err(Failure::unsupported("model", "this protocol is not translated yet"))
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
    fn inspect_response(&self, body: &[u8], report: &mut Report) -> Result<(), StreamError> {
        inspect::inspect_response(body, report)
    }
    fn error_message(&self, body: &[u8]) -> Option<String> {
        failure::message(body).or_else(|| super::any_error_message(body))
    }
}
