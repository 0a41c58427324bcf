//! Kiro's conversations (Amazon Q Developer, CodeWhisperer), provider-facing: no client speaks this.
//!
//! ```text
//! assistantResponseEvent* (toolUseEvent+ ("stop": true))* (messageStopEvent | metadataEvent | contextUsageEvent | meteringEvent)+
//! ```
//!
//! Each is a message of an AWS event stream. There is no single last event: some accounts never get a `metadataEvent`,
//! some models no `messageStopEvent`. All accounts get one of the four behind a complete answer, and a stream that the
//! service itself cut off has none of them, so any one that is not followed by more content is the end.
//!
//! Thinking has no place of its own in a request: it is asked for by tags before the instructions, and comes back as
//! text between `<thinking>` tags at the head of the answer (`tags`).
//!
//! **Hints**, dropped: `top_k`, `seed`, penalties, `user`, cache marks, `strict` of a tool, JSON mode without a schema,
//! `parallel_tools`, reasoning of earlier turns, web search tools. **Refused**: stop sequences, a schema for the answer, a
//! tool that must be called, several answers, media that are not inline images, tools that other providers run.

mod decode;
mod request;
mod tags;

use super::{Decode, Outbound, StreamError, tools};
use crate::fault::Failure;
use crate::framing::{Framer, Framing};
use crate::ir::event::Sink;
use crate::ir::{Protocol, Request};

pub struct Kiro {
    /// Tokens the model can hold: Kiro tells how full it is, not how many tokens that were.
    pub context: u64,
}

impl Outbound for Kiro {
    fn protocol(&self) -> Protocol {
        Protocol::Kiro
    }
    fn framing(&self) -> Framing {
        Framing::EventStream
    }
    fn tool_rules(&self) -> tools::Rules {
        tools::Rules {
            name_limit: 64,
            allowed: |c| c.is_ascii_alphanumeric() || matches!(c, '_' | '-'),
            letter_first: true,
            freeform: false,
        }
    }
    fn encode_request(&self, request: &Request) -> Result<Vec<u8>, Failure> {
        request::encode(request)
    }
    fn decoder(&self) -> Box<dyn Decode> {
        Box::new(decode::Decoder::new(self.context))
    }
    /// The same messages, read at once.
    fn decode_response(&self, body: &[u8], sink: &mut dyn Sink) -> Result<(), StreamError> {
        if body.trim_ascii_start().starts_with(b"{") {
            return Err(StreamError::Refused { status: 502, body: body.to_owned() });
        }
        let (mut framer, mut decoder) = (Framer::new(Framing::EventStream), decode::Decoder::new(self.context));
        framer.push(body, |frame, _| decoder.frame(frame, sink))?;
        framer.finish(|frame, _| decoder.frame(frame, sink))?;
        decoder.end(sink)
    }
    fn error_message(&self, body: &[u8]) -> Option<String> {
        super::any_error_message(body)
    }
}
