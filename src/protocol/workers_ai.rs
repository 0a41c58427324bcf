//! What the `AI` binding of Cloudflare answers: OpenAI's Chat from newer models, words of its own from others.
//! <https://developers.cloudflare.com/workers-ai/configuration/bindings/>
//!
//! | of its own | Chat |
//! |---|---|
//! | `response`, a text, or an object where JSON was asked for | `content` |
//! | `tool_calls[].name`, `.arguments` | `tool_calls[].function` |
//! | no word for the end but `[DONE]` | `finish_reason: stop` in a whole answer |

use serde::Deserialize;
use serde_json::value::RawValue;

use super::chat::Chat;
use super::{Decode, Outbound, StreamError, tools};
use crate::fault::Failure;
use crate::framing::Frame;
use crate::ir::event::Sink;
use crate::ir::{Protocol, Request};
use crate::json::{self, Array, Json, Object};

/// Over the dialect that its REST endpoints speak.
pub struct WorkersAi(pub &'static Chat);

#[derive(Deserialize)]
struct Native<'a> {
    #[serde(borrow)]
    choices: Option<&'a RawValue>,
    #[serde(borrow)]
    response: Option<&'a RawValue>,
    #[serde(borrow)]
    tool_calls: Option<Vec<&'a RawValue>>,
    #[serde(borrow)]
    usage: Option<&'a RawValue>,
}

#[derive(Deserialize)]
struct Called<'a> {
    #[serde(borrow)]
    name: Option<&'a RawValue>,
    #[serde(borrow)]
    arguments: Option<&'a RawValue>,
}

/// `data` in the words of Chat, its message under `name`; `None`: it is Chat, or nothing we know.
fn chat(data: &[u8], name: &str) -> Option<Vec<u8>> {
    let native: Native<'_> = json::read(data).ok()?;
    let calls = native.tool_calls.unwrap_or_default();
    if native.choices.is_some() || native.response.is_none() && calls.is_empty() {
        return None;
    }
    let mut out = Vec::with_capacity(data.len() + 96);
    let mut chunk = Object::begin(&mut out);
    let mut choices = Array::begin(chunk.key("choices"));
    let mut choice = Object::begin(choices.item());
    choice.u64("index", 0);
    let mut message = Object::begin(choice.key(name));
    if let Some(response) = native.response.map(RawValue::get) {
        // Where JSON was asked for it comes as JSON; a number may be all that a token is.
        let is_said = response.starts_with('"') || response == "null";
        message
            .raw("content", if is_said { response.to_owned() } else { Json::of(response).get().to_owned() }.as_str());
    }
    if !calls.is_empty() {
        let mut list = Array::begin(message.key("tool_calls"));
        for (at, call) in (0..).zip(calls) {
            write_call(at, call.get(), list.item());
        }
        list.end();
    }
    message.end();
    if name == "message" {
        choice.str("finish_reason", "stop");
    }
    choice.end();
    choices.end();
    if let Some(usage) = native.usage {
        chunk.raw("usage", usage.get());
    }
    chunk.end();
    Some(out)
}

/// Some models call in OpenAI's words here, too.
fn write_call(at: u64, raw: &str, out: &mut Vec<u8>) {
    let called: Called<'_> = serde_json::from_str(raw).unwrap_or(Called { name: None, arguments: None });
    let Some(name) = called.name else { return out.extend_from_slice(raw.as_bytes()) };
    let mut call = Object::begin(out);
    call.u64("index", at);
    let mut function = Object::begin(call.key("function"));
    function.raw("name", name.get());
    function.raw("arguments", called.arguments.map_or("{}", RawValue::get));
    function.end();
    call.end();
}

impl Outbound for WorkersAi {
    fn protocol(&self) -> Protocol {
        Protocol::Chat
    }
    fn tool_rules(&self) -> tools::Rules {
        self.0.tool_rules()
    }
    fn encode_request(&self, request: &Request) -> Result<Vec<u8>, Failure> {
        self.0.encode_request(request)
    }
    fn decoder(&self) -> Box<dyn Decode> {
        Box::new(Decoder(self.0.decoder()))
    }
    fn decode_response(&self, body: &[u8], sink: &mut dyn Sink) -> Result<(), StreamError> {
        self.0.decode_response(chat(body, "message").as_deref().unwrap_or(body), sink)
    }
    fn error_message(&self, body: &[u8]) -> Option<String> {
        self.0.error_message(body)
    }
}

struct Decoder(Box<dyn Decode>);

impl Decode for Decoder {
    fn frame(&mut self, frame: Frame<'_>, sink: &mut dyn Sink) -> Result<(), StreamError> {
        match chat(frame.data, "delta") {
            Some(data) => self.0.frame(Frame { data: &data, ..frame }, sink),
            None => self.0.frame(frame, sink),
        }
    }

    fn end(&mut self, sink: &mut dyn Sink) -> Result<(), StreamError> {
        self.0.end(sink)
    }
}
