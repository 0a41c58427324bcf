//! Canonical events, as chunks or as one answer.
//!
//! ```text
//! role  (reasoning_content | content | tool_calls head, fragments… | images)*  finish_reason  usage?  [DONE]
//! ```
//!
//! A chunk's head is the same for the whole stream and written once. A broken stream ends in an `error` chunk, which the
//! official SDKs raise, and without `[DONE]`.

use super::usage::write_usage;
use super::wants_usage;
use crate::call::Call;
use crate::fault::{Failure, Kind};
use crate::ir::event::{Block, Completion, Delta, Event, Finish, Usage};
use crate::ir::{Issuer, Media, PartKind, Seal, Source, ToolCall, ToolInput};
use crate::json::{Array, Object, write_escaped, write_str, write_u64};
use crate::protocol::{Echo, Encode, seal};

pub struct Encoder {
    /// `data: {"id":…,"choices":[`
    head: Vec<u8>,
    id: String,
    created: u64,
    wants_usage: bool,
    usage: Usage,
    calls: u64,
    open: Open,
    /// Of the last thinking block. It travels in the id of the tool call it led to.
    seal: Option<Seal>,
}

/// The block being written.
enum Open {
    /// Nothing, or what needs no end.
    None,
    Thinking,
    /// A tool call whose head waits: its seal belongs into the id.
    Head {
        id: String,
        name: String,
        freeform: bool,
    },
    Call {
        freeform: bool,
    },
    /// Base64 so far. An image is one chunk.
    Media {
        mime: String,
        data: String,
    },
}

impl Encoder {
    pub fn new(echo: &Echo<'_>) -> Self {
        let call = echo.call;
        let mut head = b"data: {".to_vec();
        write_identity(call, "chat.completion.chunk", &mut head);
        head.extend_from_slice(b",\"choices\":[");
        Self {
            head,
            id: call.id.clone(),
            created: call.created,
            wants_usage: wants_usage(call),
            usage: Usage::default(),
            calls: 0,
            open: Open::None,
            seal: None,
        }
    }

    /// One chunk of the one choice; `write` fills the delta.
    fn chunk(&self, out: &mut Vec<u8>, write: impl FnOnce(&mut Vec<u8>)) {
        out.extend_from_slice(&self.head);
        out.extend_from_slice(b"{\"index\":0,\"delta\":{");
        write(out);
        out.extend_from_slice(b"},\"finish_reason\":null}]}\n\n");
    }

    fn text(&self, member: &str, text: &str, out: &mut Vec<u8>) {
        if !text.is_empty() {
            self.chunk(out, |out| {
                out.extend_from_slice(member.as_bytes());
                write_str(text, out);
            });
        }
    }

    /// The head of a tool call that has waited for its seal, if one does.
    fn begin_call(&mut self, own: Option<&Seal>, out: &mut Vec<u8>) {
        let freeform = match self.open {
            Open::Head { freeform, .. } => freeform,
            _ => return,
        };
        let Open::Head { id, name, .. } = std::mem::replace(&mut self.open, Open::Call { freeform }) else { return };
        let carried = seal::carry(&id, own.or(self.seal.take().as_ref()));
        self.chunk(out, |out| {
            out.extend_from_slice(b"\"tool_calls\":[{\"index\":");
            write_u64(self.calls, out);
            out.extend_from_slice(b",\"id\":");
            write_str(&carried, out);
            let [before, after] = if freeform {
                [",\"type\":\"custom\",\"custom\":{\"name\":", ",\"input\":\"\"}}]"]
            } else {
                [",\"type\":\"function\",\"function\":{\"name\":", ",\"arguments\":\"\"}}]"]
            };
            out.extend_from_slice(before.as_bytes());
            write_str(&name, out);
            out.extend_from_slice(after.as_bytes());
        });
        self.calls += 1;
    }

    fn input(&mut self, text: &str, out: &mut Vec<u8>) {
        self.begin_call(None, out);
        let (Open::Call { freeform }, false) = (&self.open, text.is_empty()) else { return };
        let member = if *freeform { ",\"custom\":{\"input\":" } else { ",\"function\":{\"arguments\":" };
        self.chunk(out, |out| {
            out.extend_from_slice(b"\"tool_calls\":[{\"index\":");
            write_u64(self.calls.saturating_sub(1), out);
            out.extend_from_slice(member.as_bytes());
            write_str(text, out);
            out.extend_from_slice(b"}}]");
        });
    }

    fn delta(&mut self, delta: Delta<'_>, out: &mut Vec<u8>) {
        match (delta, &mut self.open) {
            (Delta::Text(text), Open::None) => self.text("\"content\":", text, out),
            (Delta::Text(text), Open::Thinking) => self.text("\"reasoning_content\":", text, out),
            (Delta::Text(text) | Delta::Json(text), Open::Head { .. } | Open::Call { .. }) => self.input(text, out),
            (Delta::Data(more), Open::Media { data, .. }) => data.push_str(more),
            (Delta::Seal(seal), Open::Head { .. }) => self.begin_call(Some(seal), out),
            (Delta::Seal(seal), Open::Thinking) => self.seal = travelling(Some(seal)).cloned(),
            // Without a place to go: seals of text, and those that come after the id is out.
            (Delta::Seal(_) | Delta::Json(_) | Delta::Data(_) | Delta::Text(_), _) => {}
        }
    }

    fn begin(&mut self, block: Block<'_>) {
        self.open = match block {
            Block::Text => Open::None,
            Block::Thinking => Open::Thinking,
            Block::ToolCall { id, name, freeform } => Open::Head { id: id.to_owned(), name: name.to_owned(), freeform },
            Block::Media { mime } => Open::Media { mime: mime.to_owned(), data: String::new() },
            // What only another protocol understands has no reader here.
            Block::Opaque { .. } => Open::None,
        };
    }

    fn end(&mut self, out: &mut Vec<u8>) {
        self.begin_call(None, out);
        if let Open::Media { mime, data } = std::mem::replace(&mut self.open, Open::None) {
            self.chunk(out, |out| write_media(&mime, &data, &self.id, self.created, out));
        }
    }

    fn finish(&self, finish: Finish<'_>, out: &mut Vec<u8>) {
        out.extend_from_slice(&self.head);
        out.extend_from_slice(b"{\"index\":0,\"delta\":{},\"finish_reason\":\"");
        out.extend_from_slice(finish_reason(finish, self.calls > 0).as_bytes());
        out.extend_from_slice(b"\"}]}\n\n");
        if self.wants_usage {
            out.extend_from_slice(&self.head);
            out.extend_from_slice(b"],\"usage\":");
            write_usage(&self.usage, out);
            out.extend_from_slice(b"}\n\n");
        }
        out.extend_from_slice(b"data: [DONE]\n\n");
    }
}

impl Encode for Encoder {
    fn event(&mut self, event: Event<'_>, out: &mut Vec<u8>) {
        match event {
            Event::Start { .. } => {
                self.chunk(out, |out| out.extend_from_slice(b"\"role\":\"assistant\",\"content\":\"\""));
            }
            Event::BlockStart { block, .. } => self.begin(block),
            Event::Delta { delta, .. } => self.delta(delta, out),
            Event::BlockEnd { .. } => self.end(out),
            Event::Usage(usage) => self.usage = usage,
            Event::Finish(finish) => self.finish(finish, out),
        }
    }

    fn failure(&mut self, failure: &Failure, out: &mut Vec<u8>) {
        failure_frame(failure, out);
    }

    fn again(&mut self, inside: &str, out: &mut Vec<u8>) -> bool {
        let write = |member: &[u8], end: &[u8], out: &mut Vec<u8>| {
            self.chunk(out, |out| [member, inside.as_bytes(), end].iter().for_each(|part| out.extend_from_slice(part)));
            true
        };
        match self.open {
            Open::None => write(b"\"content\":\"", b"\"", out),
            Open::Thinking => write(b"\"reasoning_content\":\"", b"\"", out),
            Open::Call { freeform } => {
                let member = if freeform { ",\"custom\":{\"input\":\"" } else { ",\"function\":{\"arguments\":\"" };
                self.chunk(out, |out| {
                    out.extend_from_slice(b"\"tool_calls\":[{\"index\":");
                    write_u64(self.calls.saturating_sub(1), out);
                    [member, inside, "\"}}]"].iter().for_each(|part| out.extend_from_slice(part.as_bytes()));
                });
                true
            }
            Open::Head { .. } | Open::Media { .. } => false,
        }
    }
}

/// Only Google seals calls; what others seal is the thinking, and that they must get back.
fn travelling(seal: Option<&Seal>) -> Option<&Seal> {
    seal.filter(|seal| seal.issuer != Issuer::Google)
}

pub(super) fn write_identity(call: &Call, object: &str, out: &mut Vec<u8>) {
    let prefix = if object == "text_completion" { "cmpl-" } else { "chatcmpl-" };
    out.extend_from_slice(b"\"id\":\"");
    out.extend_from_slice(prefix.as_bytes());
    write_escaped(&call.id, out);
    out.extend_from_slice(b"\",\"object\":");
    write_str(object, out);
    out.extend_from_slice(b",\"created\":");
    write_u64(call.created, out);
    out.extend_from_slice(b",\"model\":");
    write_str(&call.model, out);
}

fn finish_reason(finish: Finish<'_>, called: bool) -> &'static str {
    match finish {
        Finish::ToolCalls => "tool_calls",
        // Agents go by the reason, not by the calls.
        Finish::Stop | Finish::Other(_) if called => "tool_calls",
        Finish::Stop | Finish::Other(_) => "stop",
        Finish::Length => "length",
        Finish::Filtered => "content_filter",
    }
}

/// An image, as OpenRouter has them, or audio, as OpenAI does.
fn write_media(mime: &str, data: &str, id: &str, created: u64, out: &mut Vec<u8>) {
    if mime.starts_with("audio/") {
        out.extend_from_slice(b"\"audio\":");
        let mut audio = Object::begin(out);
        audio.str("id", &format!("audio_{id}"));
        audio.str("data", data);
        audio.str("transcript", "");
        audio.u64("expires_at", created);
        audio.end();
        return;
    }
    out.extend_from_slice(b"\"images\":[");
    write_image(mime, data, out);
    out.push(b']');
}

fn write_image(mime: &str, data: &str, out: &mut Vec<u8>) {
    let mut image = Object::begin(out);
    image.str("type", "image_url");
    let mut url = Object::begin(image.key("image_url"));
    url.str("url", &format!("data:{mime};base64,{data}"));
    url.end();
    image.end();
}

/// A whole answer.
pub fn encode_response(done: &Completion, echo: &Echo<'_>, out: &mut Vec<u8>) {
    let (mut text, mut thinking) = (String::new(), String::new());
    let (mut images, mut audio, mut calls) = (Vec::new(), None, Vec::new());
    let mut pending = None;
    for part in &done.parts {
        match &part.kind {
            PartKind::Text(more) => text.push_str(more),
            PartKind::Thinking { text: more, seal } => {
                thinking.push_str(more);
                pending = travelling(seal.as_ref()).or(pending);
            }
            PartKind::Media(media) if media.is_audio() => audio = Some(media),
            PartKind::Media(media) => images.push(media),
            PartKind::ToolCall(call) => calls.push((call, call.seal.as_ref().or_else(|| pending.take()))),
            PartKind::ToolResult { .. } | PartKind::Opaque { .. } => {}
        }
    }

    out.push(b'{');
    write_identity(echo.call, "chat.completion", out);
    out.extend_from_slice(b",\"choices\":[{\"index\":0,\"message\":");
    let mut message = Object::begin(out);
    message.str("role", "assistant");
    if text.is_empty() && !calls.is_empty() {
        message.raw("content", "null");
    } else {
        message.str("content", &text);
    }
    message.raw("refusal", "null");
    if !thinking.is_empty() {
        message.str("reasoning_content", &thinking);
    }
    if !images.is_empty() {
        let mut list = Array::begin(message.key("images"));
        for Media { mime, source, .. } in images {
            if let Source::Base64(data) = source {
                write_image(mime, data, list.item());
            }
        }
        list.end();
    }
    if let Some(Media { source: Source::Base64(data), .. }) = audio {
        let mut object = Object::begin(message.key("audio"));
        object.str("id", &format!("audio_{}", echo.call.id));
        object.str("data", data);
        object.str("transcript", "");
        object.u64("expires_at", echo.call.created);
        object.end();
    }
    let called = !calls.is_empty();
    if called {
        let mut list = Array::begin(message.key("tool_calls"));
        calls.into_iter().for_each(|(call, seal)| write_call(call, seal, list.item()));
        list.end();
    }
    message.end();
    out.extend_from_slice(b",\"logprobs\":null,\"finish_reason\":");
    let finish = done.finish.as_ref().map_or(Finish::Stop, |finish| finish.as_event());
    write_str(finish_reason(finish, called), out);
    out.extend_from_slice(b"}],\"usage\":");
    write_usage(&done.usage, out);
    out.push(b'}');
}

fn write_call(call: &ToolCall, seal: Option<&Seal>, out: &mut Vec<u8>) {
    let (kind, member, input) = match &call.input {
        ToolInput::Json(json) => ("function", "arguments", json.get()),
        ToolInput::Text(text) => ("custom", "input", text.as_str()),
    };
    let mut object = Object::begin(out);
    object.str("id", &seal::carry(&call.id, seal));
    object.str("type", kind);
    let mut inner = Object::begin(object.key(kind));
    inner.str("name", &call.name);
    inner.str(member, input);
    inner.end();
    object.end();
}

/// An error as a whole body.
pub fn encode_failure(failure: &Failure) -> Vec<u8> {
    let mut out = Vec::new();
    let (kind, code) = words(failure.kind);
    let mut object = Object::begin(&mut out);
    let mut error = Object::begin(object.key("error"));
    error.str("message", &failure.message);
    error.str("type", kind);
    error.value("param", &failure.param);
    error.value("code", &failure.code.as_deref().or(code));
    error.end();
    object.end();
    out
}

pub fn failure_frame(failure: &Failure, out: &mut Vec<u8>) {
    out.extend_from_slice(b"data: ");
    out.extend_from_slice(&encode_failure(failure));
    out.extend_from_slice(b"\n\n");
}

/// OpenAI's type and code for a kind of failure.
fn words(kind: Kind) -> (&'static str, Option<&'static str>) {
    match kind {
        Kind::InvalidRequest | Kind::TooLarge | Kind::MethodNotAllowed | Kind::NotFound => {
            ("invalid_request_error", None)
        }
        Kind::Unauthorized => ("invalid_request_error", Some("invalid_api_key")),
        Kind::Forbidden => ("permission_error", None),
        Kind::RateLimited => ("rate_limit_error", Some("rate_limit_exceeded")),
        Kind::QuotaExceeded => ("insufficient_quota", Some("insufficient_quota")),
        Kind::Internal | Kind::Upstream => ("server_error", None),
        Kind::Overloaded => ("server_error", Some("overloaded")),
        Kind::Timeout => ("server_error", Some("timeout")),
    }
}
