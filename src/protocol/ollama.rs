//! Ollama.

use super::{Echo, Encode, Inbound};
use crate::call::Call;
use crate::fault::Failure;
use crate::ir::Request;
use crate::ir::event::Completion;

pub struct Ollama;

impl Inbound for Ollama {
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
