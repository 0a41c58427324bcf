//! Answers to a client: a whole `GenerateContentResponse`, or a stream of them. <https://ai.google.dev/api/generate-content>
//!
//! A function call is written when it is whole: Gemini has no fragments of arguments. Events end with CRLF as Google's
//! own do, because that is what every Gemini client has been proven against.

use std::borrow::Cow;

use serde_json::{Value, json};

use super::signature;
use crate::call::Endpoint;
use crate::fault::{Failure, Kind};
use crate::ir::event::{Block, Completion, Delta, Event, Finish, FinishReason, Usage, arguments};
use crate::ir::{Media, PartKind, Protocol, Reasoning, Request, Seal, Source, ToolInput};
use crate::json::{Array, Object, write_escaped, write_str};
use crate::protocol::{Echo, Encode};

pub struct Encoder {
    style: Style,
    /// Everything of a chunk behind its parts.
    tail: Vec<u8>,
    shows_thoughts: bool,
    /// An element of the array has been written.
    begun: bool,
    open: Open,
    /// Arguments or base64 of the open block.
    whole: String,
    seal: Option<Seal>,
    usage: Option<Usage>,
    model: String,
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Style {
    Sse,
    JsonArray,
}

enum Open {
    Nothing,
    Text,
    Thinking,
    ToolCall { id: String, name: String, freeform: bool },
    Media { mime: String },
}

impl Encoder {
    pub fn new(echo: &Echo<'_>) -> Self {
        Self {
            style: style(&echo.call.endpoint),
            tail: tail(&echo.call.id, &echo.call.model),
            model: echo.call.model.clone(),
            shows_thoughts: shows_thoughts(echo.request),
            begun: false,
            open: Open::Nothing,
            whole: String::new(),
            seal: None,
            usage: None,
        }
    }

    fn chunk(&mut self, part: impl FnOnce(&mut Vec<u8>), out: &mut Vec<u8>) {
        self.begin(out);
        out.extend_from_slice(b"{\"candidates\":[{\"content\":{\"parts\":[");
        part(out);
        out.extend_from_slice(b"],\"role\":\"model\"},\"index\":0}]");
        out.extend_from_slice(&self.tail);
        self.end(out);
    }

    fn begin(&mut self, out: &mut Vec<u8>) {
        let begun = std::mem::replace(&mut self.begun, true);
        out.extend_from_slice(match self.style {
            Style::Sse => b"data: ",
            Style::JsonArray if begun => b",\n",
            Style::JsonArray => b"[",
        });
    }

    fn end(&self, out: &mut Vec<u8>) {
        if self.style == Style::Sse {
            out.extend_from_slice(b"\r\n\r\n");
        }
    }

    fn delta(&mut self, delta: Delta<'_>, out: &mut Vec<u8>) {
        match (delta, &self.open) {
            (Delta::Text(text), Open::Text) => self.chunk(|out| text_part(text, out), out),
            (Delta::Text(text), Open::Thinking) if self.shows_thoughts => {
                self.chunk(|out| thought_part(text, None, out), out);
            }
            (Delta::Text(_), Open::Thinking | Open::Nothing) => {}
            (Delta::Text(text) | Delta::Json(text) | Delta::Data(text), _) => self.whole.push_str(text),
            (Delta::Seal(seal), Open::Thinking) => self.chunk(|out| thought_part("", Some(seal), out), out),
            (Delta::Seal(seal), _) => self.seal = Some(seal.clone()),
        }
    }

    fn close(&mut self, out: &mut Vec<u8>) {
        let seal = self.seal.take();
        let mut whole = std::mem::take(&mut self.whole);
        match std::mem::replace(&mut self.open, Open::Nothing) {
            Open::ToolCall { id, name, freeform } => {
                let args = args(&whole, freeform);
                self.chunk(|out| call_part(&id, &name, &args, seal.as_ref(), out), out);
            }
            Open::Media { mime } if !whole.is_empty() => self.chunk(|out| data_part(&mime, &whole, out), out),
            Open::Media { .. } | Open::Nothing | Open::Text | Open::Thinking => {}
        }
        whole.clear();
        self.whole = whole;
    }

    fn finish(&mut self, finish: Finish<'_>, out: &mut Vec<u8>) {
        self.begin(out);
        out.extend_from_slice(b"{\"candidates\":[{\"content\":{\"parts\":[{\"text\":\"\"}],\"role\":\"model\"}");
        finish_members(finish, out);
        out.extend_from_slice(b",\"index\":0}]");
        if let Some(usage) = &self.usage {
            usage_member(usage, out);
        }
        out.extend_from_slice(&self.tail);
        self.end(out);
        if self.style == Style::JsonArray {
            out.extend_from_slice(b"\n]");
        }
    }
}

impl Encode for Encoder {
    fn event(&mut self, event: Event<'_>, out: &mut Vec<u8>) {
        match event {
            Event::Start { id, .. } => {
                if !id.is_empty() {
                    self.tail = tail(id, &self.model);
                }
            }
            Event::BlockStart { block, .. } => {
                self.open = match block {
                    Block::Text => Open::Text,
                    Block::Thinking => Open::Thinking,
                    Block::ToolCall { id, name, freeform } => {
                        Open::ToolCall { id: id.to_owned(), name: name.to_owned(), freeform }
                    }
                    Block::Media { mime } => Open::Media { mime: mime.to_owned() },
                    Block::Opaque { owner: Protocol::Gemini, value: value @ Value::Object(_) } => {
                        self.chunk(|out| value_part(value, out), out);
                        Open::Nothing
                    }
                    // Another provider's own part means nothing here.
                    Block::Opaque { .. } => Open::Nothing,
                };
            }
            Event::Delta { delta, .. } => self.delta(delta, out),
            Event::BlockEnd { .. } => self.close(out),
            Event::Usage(usage) => self.usage = Some(usage),
            Event::Finish(reason) => self.finish(reason, out),
        }
    }

    fn failure(&mut self, failure: &Failure, out: &mut Vec<u8>) {
        self.begin(out);
        out.extend_from_slice(&self::failure(failure));
        self.end(out);
        if self.style == Style::JsonArray {
            out.extend_from_slice(b"\n]");
        }
    }

    fn again(&mut self, inside: &str, out: &mut Vec<u8>) -> bool {
        let end: &[u8] = match self.open {
            Open::Text => b"\"}",
            Open::Thinking if self.shows_thoughts => b"\",\"thought\":true}",
            Open::Thinking => return true,
            Open::Nothing | Open::ToolCall { .. } | Open::Media { .. } => return false,
        };
        let part = [b"{\"text\":\"", inside.as_bytes(), end];
        self.chunk(|out| part.iter().for_each(|bytes| out.extend_from_slice(bytes)), out);
        true
    }
}

pub fn response(done: &Completion, echo: &Echo<'_>, out: &mut Vec<u8>) {
    out.extend_from_slice(b"{\"candidates\":[{\"content\":{\"parts\":");
    let mut parts = Array::begin(out);
    let shows_thoughts = shows_thoughts(echo.request);
    for part in &done.parts {
        match &part.kind {
            PartKind::Text(text) => text_part(text, parts.item()),
            PartKind::Thinking { text, seal } => {
                let text = if shows_thoughts { text.as_str() } else { "" };
                if !text.is_empty() || seal.is_some() {
                    thought_part(text, seal.as_ref(), parts.item());
                }
            }
            PartKind::Media(media) => media_part(media, parts.item()),
            PartKind::ToolCall(call) => {
                let args = match &call.input {
                    ToolInput::Json(json) => Cow::Borrowed(json.get()),
                    ToolInput::Text(text) => Cow::Owned(args(text, true)),
                };
                call_part(&call.id, &call.name, &args, call.seal.as_ref(), parts.item());
            }
            PartKind::Opaque { owner: Protocol::Gemini, value: value @ Value::Object(_) } => {
                value_part(value, parts.item());
            }
            PartKind::Opaque { .. } | PartKind::ToolResult { .. } => {}
        }
    }
    parts.end();
    out.extend_from_slice(b",\"role\":\"model\"}");
    finish_members(done.finish.as_ref().map_or(Finish::Stop, FinishReason::as_event), out);
    out.extend_from_slice(b",\"index\":0}]");
    usage_member(&done.usage, out);
    let id = if done.id.is_empty() { &echo.call.id } else { &done.id };
    out.extend_from_slice(&tail(id, &echo.call.model));
}

/// The members that every chunk of an answer repeats, up to its closing brace.
fn tail(id: &str, model: &str) -> Vec<u8> {
    let mut tail = b",\"modelVersion\":".to_vec();
    write_str(model, &mut tail);
    tail.extend_from_slice(b",\"responseId\":");
    write_str(id, &mut tail);
    tail.push(b'}');
    tail
}

fn style(endpoint: &Endpoint) -> Style {
    if endpoint.json_array { Style::JsonArray } else { Style::Sse }
}

/// A client that said `includeThoughts: false` is not shown any, whatever the provider sends.
fn shows_thoughts(request: Option<&Request>) -> bool {
    let reasoning = request.and_then(|request| request.reasoning);
    !matches!(reasoning, Some(Reasoning { visible: Some(false), .. }))
}

fn args(text: &str, freeform: bool) -> String {
    if freeform { json!({ "input": text }).to_string() } else { arguments(text).get().to_owned() }
}

fn text_part(text: &str, out: &mut Vec<u8>) {
    out.extend_from_slice(b"{\"text\":\"");
    write_escaped(text, out);
    out.extend_from_slice(b"\"}");
}

fn thought_part(text: &str, seal: Option<&Seal>, out: &mut Vec<u8>) {
    let mut part = Object::begin(out);
    part.str("text", text);
    part.bool("thought", true);
    if let Some(seal) = seal {
        part.str("thoughtSignature", &signature::to_client(seal));
    }
    part.end();
}

fn call_part(id: &str, name: &str, args: &str, seal: Option<&Seal>, out: &mut Vec<u8>) {
    let mut part = Object::begin(out);
    let mut call = Object::begin(part.key("functionCall"));
    call.str("id", id);
    call.str("name", name);
    call.raw("args", args);
    call.end();
    if let Some(seal) = seal {
        part.str("thoughtSignature", &signature::to_client(seal));
    }
    part.end();
}

fn data_part(mime: &str, data: &str, out: &mut Vec<u8>) {
    let mut part = Object::begin(out);
    let mut blob = Object::begin(part.key("inlineData"));
    blob.str("mimeType", mime);
    blob.str("data", data);
    blob.end();
    part.end();
}

fn media_part(media: &Media, out: &mut Vec<u8>) {
    let uri = match &media.source {
        Source::Base64(data) => return data_part(&media.mime, data, out),
        Source::Url(uri) | Source::File { id: uri, .. } => uri,
    };
    let mut part = Object::begin(out);
    let mut file = Object::begin(part.key("fileData"));
    if !media.mime.is_empty() {
        file.str("mimeType", &media.mime);
    }
    file.str("fileUri", uri);
    file.end();
    part.end();
}

fn value_part(value: &Value, out: &mut Vec<u8>) {
    out.extend_from_slice(value.to_string().as_bytes());
}

fn finish_members(finish: Finish<'_>, out: &mut Vec<u8>) {
    let (reason, message) = match finish {
        Finish::Stop | Finish::ToolCalls => ("STOP", None),
        Finish::Length => ("MAX_TOKENS", None),
        Finish::Filtered => ("SAFETY", None),
        // Google's own word stays; another provider's is told beside it.
        Finish::Other(word) if word.bytes().all(|b| b.is_ascii_uppercase() || b == b'_') && !word.is_empty() => {
            (word, None)
        }
        Finish::Other(word) => ("OTHER", Some(word)),
    };
    out.extend_from_slice(b",\"finishReason\":");
    write_str(reason, out);
    if let Some(message) = message {
        out.extend_from_slice(b",\"finishMessage\":");
        write_str(message, out);
    }
}

fn usage_member(usage: &Usage, out: &mut Vec<u8>) {
    out.extend_from_slice(b",\"usageMetadata\":");
    let mut metadata = Object::begin(out);
    metadata.u64("promptTokenCount", usage.prompt());
    metadata.u64("candidatesTokenCount", usage.output);
    metadata.u64("totalTokenCount", usage.total());
    if usage.cache_read > 0 {
        metadata.u64("cachedContentTokenCount", usage.cache_read);
    }
    if usage.reasoning > 0 {
        metadata.u64("thoughtsTokenCount", usage.reasoning);
    }
    metadata.end();
}

/// An error as Google spells it. <https://cloud.google.com/apis/design/errors>
pub fn failure(failure: &Failure) -> Vec<u8> {
    let mut details = Vec::new();
    if let Some(param) = &failure.param {
        details.push(json!({
            "@type": "type.googleapis.com/google.rpc.BadRequest",
            "fieldViolations": [{"field": param, "description": failure.message}],
        }));
    }
    // The status of a used-up quota is that of a passing limit; its reason is what tells clients to give up.
    if failure.kind == Kind::QuotaExceeded {
        details.push(json!({"@type": "type.googleapis.com/google.rpc.ErrorInfo", "reason": "QUOTA_EXHAUSTED"}));
    }
    if let Some(wait) = failure.retry_after {
        // Rounded up: a client that comes too early is refused again.
        let seconds = wait.as_millis().div_ceil(1000);
        details.push(json!({
            "@type": "type.googleapis.com/google.rpc.RetryInfo",
            "retryDelay": format!("{seconds}s"),
        }));
    }
    let mut error = json!({"code": failure.status, "message": failure.message, "status": status(failure.kind)});
    if let (Value::Object(error), false) = (&mut error, details.is_empty()) {
        error.insert("details".to_owned(), details.into());
    }
    json!({ "error": error }).to_string().into_bytes()
}

pub fn failure_frame(failure: &Failure, out: &mut Vec<u8>) {
    out.extend_from_slice(b"data: ");
    out.extend_from_slice(&self::failure(failure));
    out.extend_from_slice(b"\r\n\r\n");
}

fn status(kind: Kind) -> &'static str {
    match kind {
        Kind::InvalidRequest | Kind::MethodNotAllowed | Kind::TooLarge => "INVALID_ARGUMENT",
        Kind::Unauthorized => "UNAUTHENTICATED",
        Kind::Forbidden => "PERMISSION_DENIED",
        Kind::NotFound => "NOT_FOUND",
        Kind::RateLimited | Kind::QuotaExceeded => "RESOURCE_EXHAUSTED",
        Kind::Internal => "INTERNAL",
        Kind::Upstream | Kind::Overloaded => "UNAVAILABLE",
        Kind::Timeout => "DEADLINE_EXCEEDED",
    }
}
