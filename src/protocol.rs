//! Wire protocols. Each is a stateless codec with a client-facing half ([`Inbound`]) and a provider-facing half
//! ([`Outbound`]), one file per direction.

pub mod chat;
pub mod code_assist;
pub mod codex;
pub mod converse;
pub mod embed;
pub mod gemini;
pub mod image;
pub mod kiro;
pub mod messages;
pub mod ollama;
pub mod responses;
pub mod workers_ai;

pub mod media;
pub mod seal;
pub mod tools;
pub mod turns;

use std::borrow::Cow;

use crate::call::Call;
use crate::fault::Failure;
use crate::framing::{Broken, Frame, Framing};
use crate::ir::event::{Completion, Event, Sink, Usage};
use crate::ir::{Protocol, Request};
use crate::json;
use crate::pump::Loose;

/// What an answer repeats of its call.
#[derive(Debug, Clone, Copy)]
pub struct Echo<'a> {
    pub call: &'a Call,
    /// The decoded request; absent when its protocol is relayed.
    pub request: Option<&'a Request>,
}

/// The client-facing half of a protocol.
pub trait Inbound: Sync {
    fn decode_request(&self, call: &Call) -> Result<Request, Failure>;
    /// A whole answer.
    fn encode_response(&self, done: &Completion, echo: &Echo<'_>, out: &mut Vec<u8>);
    /// A streamed answer.
    fn encoder(&self, echo: &Echo<'_>) -> Box<dyn Encode>;
    /// An error as the whole body of an answer.
    fn encode_failure(&self, failure: &Failure) -> Vec<u8>;
    /// An error in the middle of a stream that this half did not encode itself: the end of a broken relay.
    /// Ends the stream.
    fn failure_frame(&self, failure: &Failure, out: &mut Vec<u8>);
    /// Bytes that every client of this protocol ignores, sent while a provider is silent. May be empty.
    fn keep_alive(&self, call: &Call) -> &'static [u8];
    fn stream_type(&self, call: &Call) -> &'static str {
        let _ = call;
        "text/event-stream; charset=utf-8"
    }
}

/// Canonical events in, client bytes out.
pub trait Encode {
    fn event(&mut self, event: Event<'_>, out: &mut Vec<u8>);
    /// The answer broke. Writes the protocol's error and ends the stream; never a finish.
    fn failure(&mut self, failure: &Failure, out: &mut Vec<u8>);
    /// One more delta like the one before it, as the inside of a JSON string, escaped as
    /// [`write_escaped`](crate::json::write_escaped) does it. `false`: it has to come as an event.
    fn again(&mut self, inside: &str, out: &mut Vec<u8>) -> bool {
        let _ = (inside, out);
        false
    }
}

/// The provider-facing half of a protocol.
pub trait Outbound: Sync {
    fn protocol(&self) -> Protocol;
    fn framing(&self) -> Framing {
        Framing::Sse
    }
    /// What this wire allows in tool names and kinds; [`tools::fit`] makes the request obey before it is encoded.
    fn tool_rules(&self) -> tools::Rules;
    /// The request's `stream` flag says whether the provider should stream.
    fn encode_request(&self, request: &Request) -> Result<Vec<u8>, Failure>;
    fn decoder(&self) -> Box<dyn Decode>;
    /// A whole answer, as events: one code path for both shapes.
    fn decode_response(&self, body: &[u8], sink: &mut dyn Sink) -> Result<(), StreamError>;
    /// Reads usage, end and errors off a stream that is relayed untouched. What no client speaks is never relayed.
    fn inspector(&self) -> Box<dyn Inspect> {
        Box::new(Unrelayed)
    }
    /// The same for a whole answer.
    fn inspect_response<'a>(&self, body: &'a [u8], report: &mut Report) -> Result<Pass<'a>, StreamError> {
        let _ = (body, report);
        Ok(Pass::Keep)
    }
    /// The provider's own sentence in an error body, if it is in this protocol's shape.
    fn error_message(&self, body: &[u8]) -> Option<String>;
}

/// Provider frames in, canonical events out.
pub trait Decode {
    fn frame(&mut self, frame: Frame<'_>, sink: &mut dyn Sink) -> Result<(), StreamError>;
    /// The body ended. Writes what the wire's end implies (an open block's end, the finish that was announced);
    /// never invents a finish the provider did not send.
    fn end(&mut self, sink: &mut dyn Sink) -> Result<(), StreamError>;
    /// How frames may differ that all come to one delta and leave the decoder as the first of them did. `None`: no two
    /// frames are alike.
    fn loose(&self) -> Option<Loose> {
        None
    }
}

/// Provider frames in, nothing out: the relay's eyes.
pub trait Inspect {
    fn frame<'a>(&mut self, frame: Frame<'a>, report: &mut Report) -> Result<Pass<'a>, StreamError>;
}

struct Unrelayed;

impl Inspect for Unrelayed {
    fn frame<'a>(&mut self, _: Frame<'a>, _: &mut Report) -> Result<Pass<'a>, StreamError> {
        Ok(Pass::Keep)
    }
}

/// What the client gets of a relayed frame, or of a whole answer.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Pass<'a> {
    Keep,
    /// The usage chunk of a Chat stream. The client gets it only if it asked for it.
    Usage,
    /// Other data, in the same frame: what was in an envelope, or what its provider forgot.
    Instead(Cow<'a, [u8]>),
}

/// What passing traffic revealed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Report {
    pub usage: Usage,
    /// Content has been seen: the answer is real.
    pub started: bool,
    /// The provider's own end has been seen.
    pub finished: bool,
}

/// Why an answer that began well is not one.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum StreamError {
    /// The provider said so inside a 200. `status` is what it would have been as an HTTP error.
    #[error("the provider reported an error")]
    Refused { status: u16, body: Vec<u8> },
    #[error("malformed answer: {0}")]
    Malformed(String),
    #[error("the answer was cut off")]
    Cut,
    #[error("the provider sent nothing for too long")]
    Stalled,
    #[error("{}", Broken::TooLarge)]
    TooLarge,
    /// A filter of the operator's ended it, in these words.
    #[error("{0}")]
    Withheld(String),
}

impl From<Broken> for StreamError {
    fn from(broken: Broken) -> Self {
        match broken {
            Broken::TooLarge => Self::TooLarge,
            Broken::Corrupt(why) => Self::Malformed(why.to_owned()),
            Broken::Cut => Self::Cut,
        }
    }
}

pub fn inbound(protocol: Protocol) -> &'static dyn Inbound {
    match protocol {
        Protocol::Chat => &chat::Chat::OPENAI,
        Protocol::Responses => &responses::Responses,
        Protocol::Messages => &messages::Messages,
        Protocol::Gemini => &gemini::Gemini,
        Protocol::Ollama => &ollama::Ollama,
        // No client speaks these, so no call has them.
        Protocol::Kiro | Protocol::Converse => &chat::Chat::OPENAI,
    }
}

/// An event stream's exception as the body it would have as an answer of its own: with its name inside.
pub fn exception(name: &str, payload: &[u8]) -> Vec<u8> {
    let mut body: serde_json::Map<String, serde_json::Value> = json::read(payload).unwrap_or_default();
    if body.is_empty() {
        body.insert("message".to_owned(), String::from_utf8_lossy(payload).into());
    }
    body.entry("__type").or_insert_with(|| name.into());
    serde_json::Value::Object(body).to_string().into_bytes()
}

/// The sentence in an error body of unknown shape: `error.message`, `error`, `message`, or an array of such.
pub fn any_error_message(body: &[u8]) -> Option<String> {
    let value: serde_json::Value = json::read(body).ok()?;
    let value = value.get(0).unwrap_or(&value);
    let paths = [
        "/error/message",
        "/error",
        "/message",
        "/Message",
        "/response/error/message",
        "/errors/0/message",
        "/detail",
        "/msg",
        "/base_resp/status_msg",
    ];
    paths.iter().find_map(|path| value.pointer(path)?.as_str()).map(str::to_owned)
}
