//! Responses.

use super::{Decode, Echo, Encode, Inbound, Inspect, Outbound, Report, StreamError, tools};
use crate::call::Call;
use crate::fault::Failure;
use crate::ir::event::{Completion, Sink};
use crate::ir::{Protocol, Request};

pub struct Responses;

impl Inbound for Responses {
    fn decode_request(&self, _: &Call) -> Result<Request, Failure> {
        Err(Failure::unsupported("model", "this protocol is not translated yet"))
    }
    fn encode_response(&self, _: &Completion, _: &Echo<'_>, _: &mut Vec<u8>) {}
    fn encoder(&self, _: &Echo<'_>) -> Box<dyn Encode> {
        todo!()
    }
    fn encode_failure(&self, failure: &Failure) -> Vec<u8> {
        serde_json::json!({"error": {"message": failure.message}}).to_string().into_bytes()
    }
    fn failure_frame(&self, _: &Failure, _: &mut Vec<u8>) {}
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
            freeform: false,
        }
    }
    fn encode_request(&self, _: &Request) -> Result<Vec<u8>, Failure> {
        Err(Failure::unsupported("model", "this protocol is not translated yet"))
    }
    fn decoder(&self) -> Box<dyn Decode> {
        todo!()
    }
    fn decode_response(&self, _: &[u8], _: &mut dyn Sink) -> Result<(), StreamError> {
        Ok(())
    }
    fn inspector(&self) -> Box<dyn Inspect> {
        todo!()
    }
    fn inspect_response(&self, _: &[u8], _: &mut Report) -> Result<(), StreamError> {
        Ok(())
    }
    fn error_message(&self, body: &[u8]) -> Option<String> {
        super::any_error_message(body)
    }
}
