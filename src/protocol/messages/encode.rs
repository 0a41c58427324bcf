//! Answers to a client that speaks Messages: streams and whole bodies.
//!
//! - `message_start` waits for the first event that is not usage, so that providers who know the prompt's tokens early
//!   can say so there; the full usage is repeated, cumulatively, in `message_delta`.
//! - Blocks that would be empty of meaning (reasoning nobody showed or signed, another protocol's opaque blocks) are
//!   left out; indices stay dense.
//! - Media: the wire has no media in answers. An image becomes Markdown with a data URL, which chat surfaces render.
//! - Freeform tool calls, which this wire lacks, become `{"input": …}`.
//! - A seal that comes after a tool call's input has begun is lost: its id has been sent.

use crate::fault::Failure;
use crate::ir::event::{Block, Completion, Delta, Event, Finish, FinishReason, Usage};
use crate::ir::{Issuer, Media, Part, PartKind, Protocol, Seal, Source, ToolInput};
use crate::json::{Array, Object, write_escaped, write_str, write_u64};
use crate::protocol::{Echo, Encode, seal};

use super::failure;

pub struct Encoder {
    id: String,
    model: String,
    /// `message_start` has been written.
    begun: bool,
    called: bool,
    usage: Usage,
    index: u32,
    open: Open,
    scratch: Vec<u8>,
}

#[derive(Debug)]
enum Open {
    Text,
    Thinking {
        begun: bool,
        seal: Option<Seal>,
    },
    Tool {
        begun: bool,
        id: String,
        name: String,
        freeform: bool,
    },
    /// Markdown around a data URL.
    Media,
    Opaque,
    /// Nothing, or a block the client does not get.
    Silent,
}

impl Encoder {
    pub fn new(echo: &Echo<'_>) -> Self {
        Self {
            id: message_id(echo),
            model: echo.call.model.clone(),
            begun: false,
            called: false,
            usage: Usage::default(),
            index: 0,
            open: Open::Silent,
            scratch: Vec::new(),
        }
    }
}

fn message_id(echo: &Echo<'_>) -> String {
    format!("msg_{}", echo.call.id)
}

impl Encode for Encoder {
    fn event(&mut self, event: Event<'_>, out: &mut Vec<u8>) {
        match event {
            Event::Start { .. } => return,
            Event::Usage(usage) => {
                self.usage = usage;
                return;
            }
            _ if !self.begun => self.begin(out),
            _ => {}
        }
        match event {
            Event::BlockStart { block, .. } => self.open_block(block, out),
            Event::Delta { delta, .. } => self.delta(delta, out),
            Event::BlockEnd { .. } => self.close_block(out),
            Event::Finish(finish) => self.finish(finish, out),
            Event::Start { .. } | Event::Usage(_) => {}
        }
    }

    fn failure(&mut self, failure: &Failure, out: &mut Vec<u8>) {
        failure::write_frame(failure, out);
    }

    fn again(&mut self, inside: &str, out: &mut Vec<u8>) -> bool {
        let kind = match self.open {
            Open::Text => TEXT,
            Open::Thinking { begun: true, .. } => THINKING,
            Open::Tool { begun: true, freeform: false, .. } => INPUT,
            _ => return false,
        };
        delta(self.index, kind, out, |value| value.extend_from_slice(inside.as_bytes()));
        true
    }
}

impl Encoder {
    fn begin(&mut self, out: &mut Vec<u8>) {
        self.begun = true;
        out.extend_from_slice(b"event: message_start\ndata: {\"type\":\"message_start\",\"message\":");
        let mut message = Object::begin(out);
        write_head(&mut message, &self.id, &self.model);
        message.raw("content", "[]");
        write_stop(&mut message, None);
        write_usage(&self.usage, true, message.key("usage"));
        message.end();
        out.extend_from_slice(b"}\n\n");
    }

    fn open_block(&mut self, block: Block<'_>, out: &mut Vec<u8>) {
        self.open = match block {
            Block::Text => {
                start(self.index, out, |block| block.extend_from_slice(br#"{"type":"text","text":""}"#));
                Open::Text
            }
            Block::Thinking => Open::Thinking { begun: false, seal: None },
            Block::ToolCall { id, name, freeform } => {
                self.called = true;
                Open::Tool { begun: false, id: id.to_owned(), name: name.to_owned(), freeform }
            }
            Block::Media { mime } => {
                start(self.index, out, |block| block.extend_from_slice(br#"{"type":"text","text":""}"#));
                let opening = markdown(mime) + "data:" + mime + ";base64,";
                delta(self.index, TEXT, out, |value| write_escaped(&opening, value));
                Open::Media
            }
            Block::Opaque { owner: Protocol::Messages, value } => {
                start(self.index, out, |block| write_value(value, block));
                Open::Opaque
            }
            Block::Opaque { .. } => Open::Silent,
        };
    }

    fn delta(&mut self, said: Delta<'_>, out: &mut Vec<u8>) {
        let index = self.index;
        match (&mut self.open, said) {
            (Open::Text, Delta::Text(text)) => delta(index, TEXT, out, |value| write_escaped(text, value)),
            (Open::Media, Delta::Data(data)) => delta(index, TEXT, out, |value| write_escaped(data, value)),
            (Open::Thinking { begun, .. }, Delta::Text(text)) if !text.is_empty() => {
                begin_thinking(index, begun, out);
                delta(index, THINKING, out, |value| write_escaped(text, value));
            }
            (Open::Thinking { seal, .. }, Delta::Seal(found)) => *seal = Some(found.clone()),
            (Open::Tool { begun, id, name, .. }, Delta::Seal(seal)) => {
                begin_tool(index, begun, id, name, Some(seal), out);
            }
            (Open::Tool { begun, id, name, .. }, Delta::Json(json)) => {
                begin_tool(index, begun, id, name, None, out);
                if !json.is_empty() {
                    delta(index, INPUT, out, |value| write_escaped(json, value));
                }
            }
            (Open::Tool { begun, id, name, freeform: true }, Delta::Text(text)) => {
                self.scratch.clear();
                if begin_tool(index, begun, id, name, None, out) {
                    self.scratch.extend_from_slice(br#"{"input":""#);
                }
                write_escaped(text, &mut self.scratch);
                let json = std::str::from_utf8(&self.scratch).unwrap_or_default();
                delta(index, INPUT, out, |value| write_escaped(json, value));
            }
            // A delta that its block cannot have.
            _ => {}
        }
    }

    fn close_block(&mut self, out: &mut Vec<u8>) {
        let index = self.index;
        match std::mem::replace(&mut self.open, Open::Silent) {
            Open::Silent | Open::Thinking { begun: false, seal: None } => return,
            Open::Thinking { begun: false, seal: Some(seal) } if seal.redacted => {
                start(index, out, |block| write_redacted(&seal, block));
            }
            Open::Thinking { mut begun, seal } => {
                begin_thinking(index, &mut begun, out);
                let signature = signature(seal.as_ref());
                delta(index, SIGNATURE, out, |value| write_escaped(&signature, value));
            }
            Open::Tool { mut begun, id, name, freeform } => {
                let late = begin_tool(index, &mut begun, &id, &name, None, out);
                if freeform {
                    let end = if late { r#"{"input":""}"# } else { "\"}" };
                    delta(index, INPUT, out, |value| write_escaped(end, value));
                }
            }
            Open::Media => delta(index, TEXT, out, |value| value.push(b')')),
            Open::Text | Open::Opaque => {}
        }
        out.extend_from_slice(b"event: content_block_stop\ndata: {\"type\":\"content_block_stop\",\"index\":");
        write_u64(index.into(), out);
        out.extend_from_slice(b"}\n\n");
        self.index += 1;
    }

    fn finish(&mut self, finish: Finish<'_>, out: &mut Vec<u8>) {
        out.extend_from_slice(b"event: message_delta\ndata: {\"type\":\"message_delta\",\"delta\":");
        let mut delta = Object::begin(out);
        write_stop(&mut delta, Some(stop_reason(finish, self.called)));
        delta.end();
        out.extend_from_slice(b",\"usage\":");
        write_usage(&self.usage, false, out);
        out.extend_from_slice(b"}\n\nevent: message_stop\ndata: {\"type\":\"message_stop\"}\n\n");
    }
}

/// Type and member of the deltas.
const TEXT: [&str; 2] = ["text_delta", "text"];
const THINKING: [&str; 2] = ["thinking_delta", "thinking"];
const SIGNATURE: [&str; 2] = ["signature_delta", "signature"];
const INPUT: [&str; 2] = ["input_json_delta", "partial_json"];

fn start(index: u32, out: &mut Vec<u8>, block: impl FnOnce(&mut Vec<u8>)) {
    out.extend_from_slice(b"event: content_block_start\ndata: {\"type\":\"content_block_start\",\"index\":");
    write_u64(index.into(), out);
    out.extend_from_slice(b",\"content_block\":");
    block(out);
    out.extend_from_slice(b"}\n\n");
}

/// `value` writes the inside of a string.
fn delta(index: u32, [kind, member]: [&str; 2], out: &mut Vec<u8>, value: impl FnOnce(&mut Vec<u8>)) {
    out.extend_from_slice(b"event: content_block_delta\ndata: {\"type\":\"content_block_delta\",\"index\":");
    write_u64(index.into(), out);
    out.extend_from_slice(b",\"delta\":{\"type\":\"");
    out.extend_from_slice(kind.as_bytes());
    out.extend_from_slice(b"\",\"");
    out.extend_from_slice(member.as_bytes());
    out.extend_from_slice(b"\":\"");
    value(out);
    out.extend_from_slice(b"\"}}\n\n");
}

fn begin_thinking(index: u32, begun: &mut bool, out: &mut Vec<u8>) {
    if !std::mem::replace(begun, true) {
        start(index, out, |block| {
            block.extend_from_slice(br#"{"type":"thinking","thinking":"","signature":""}"#);
        });
    }
}

/// The block's start waits for its next event: a seal that came with the call rides in the id.
/// Whether it was written now.
fn begin_tool(index: u32, begun: &mut bool, id: &str, name: &str, seal: Option<&Seal>, out: &mut Vec<u8>) -> bool {
    let now = !std::mem::replace(begun, true);
    if now {
        start(index, out, |block| {
            let mut block = Object::begin(block);
            block.str("type", "tool_use");
            block.str("id", &seal::carry(id, seal));
            block.str("name", name);
            block.raw("input", "{}");
            block.end();
        });
    }
    now
}

/// A whole answer.
pub fn encode_response(done: &Completion, echo: &Echo<'_>, out: &mut Vec<u8>) {
    let mut message = Object::begin(out);
    write_head(&mut message, &message_id(echo), &echo.call.model);
    let mut content = Array::begin(message.key("content"));
    done.parts.iter().filter(|part| has_block(part)).for_each(|part| write_block(part, content.item()));
    content.end();
    let called = done.parts.iter().any(|part| matches!(part.kind, PartKind::ToolCall(_)));
    let finish = done.finish.as_ref().map_or(Finish::Stop, FinishReason::as_event);
    write_stop(&mut message, Some(stop_reason(finish, called)));
    write_usage(&done.usage, true, message.key("usage"));
    message.end();
}

/// Whether the client gets anything of a part.
fn has_block(part: &Part) -> bool {
    match &part.kind {
        PartKind::Thinking { text, seal } => !text.is_empty() || seal.is_some(),
        PartKind::Opaque { owner, .. } => *owner == Protocol::Messages,
        PartKind::ToolResult { .. } => false,
        PartKind::Text(_) | PartKind::Media(_) | PartKind::ToolCall(_) => true,
    }
}

fn write_block(part: &Part, out: &mut Vec<u8>) {
    match &part.kind {
        PartKind::Text(text) => write_text(text, out),
        PartKind::Thinking { text, seal: Some(seal) } if text.is_empty() && seal.redacted => write_redacted(seal, out),
        PartKind::Thinking { text, seal } => {
            let mut block = Object::begin(out);
            block.str("type", "thinking");
            block.str("thinking", text);
            block.str("signature", &signature(seal.as_ref()));
            block.end();
        }
        PartKind::ToolCall(call) => {
            let mut block = Object::begin(out);
            block.str("type", "tool_use");
            block.str("id", &seal::carry(&call.id, call.seal.as_ref()));
            block.str("name", &call.name);
            match &call.input {
                ToolInput::Json(json) => block.raw("input", json.get()),
                ToolInput::Text(text) => {
                    let mut input = Object::begin(block.key("input"));
                    input.str("input", text);
                    input.end();
                }
            }
            block.end();
        }
        PartKind::Media(media) => write_text(&linked(media), out),
        PartKind::Opaque { value, .. } => write_value(value, out),
        PartKind::ToolResult { .. } => out.extend_from_slice(b"null"),
    }
}

/// Never empty: reasoning that nobody sealed must be known again when the client sends it back.
fn signature(seal: Option<&Seal>) -> String {
    let tagged = seal.map(|seal| seal::tag(seal, Issuer::Anthropic)).unwrap_or_default();
    if tagged.is_empty() { seal::UNSEALED.to_owned() } else { tagged }
}

fn write_text(text: &str, out: &mut Vec<u8>) {
    let mut block = Object::begin(out);
    block.str("type", "text");
    block.str("text", text);
    block.end();
}

fn write_redacted(seal: &Seal, out: &mut Vec<u8>) {
    let mut block = Object::begin(out);
    block.str("type", "redacted_thinking");
    let own = seal.issuer == Issuer::Anthropic;
    block.str("data", &if own { seal.value.clone() } else { seal::tag(seal, Issuer::Anthropic) });
    block.end();
}

fn write_value(value: &serde_json::Value, out: &mut Vec<u8>) {
    out.extend_from_slice(value.to_string().as_bytes());
}

fn linked(Media { mime, source, .. }: &Media) -> String {
    let open = markdown(mime);
    match source {
        Source::Base64(data) => format!("{open}data:{mime};base64,{data})"),
        Source::Url(address) | Source::File { id: address, .. } => format!("{open}{address})"),
    }
}

fn markdown(mime: &str) -> String {
    let kind = mime.split('/').next().unwrap_or_default();
    if kind == "image" { "![image](".to_owned() } else { format!("[{kind}](") }
}

fn write_head(message: &mut Object<'_>, id: &str, model: &str) {
    message.str("id", id);
    message.str("type", "message");
    message.str("role", "assistant");
    message.str("model", model);
}

/// The members that a message and a `message_delta` share.
fn write_stop(of: &mut Object<'_>, reason: Option<&str>) {
    of.raw("container", "null");
    write_nullable(reason, of.key("stop_reason"));
    of.raw("stop_sequence", "null");
    let refusal = reason == Some("refusal");
    of.raw("stop_details", if refusal { r#"{"type":"refusal","category":null,"explanation":null}"# } else { "null" });
}

fn write_nullable(text: Option<&str>, out: &mut Vec<u8>) {
    match text {
        Some(text) => write_str(text, out),
        None => out.extend_from_slice(b"null"),
    }
}

/// `whole`: of a message; else of a `message_delta`, which has fewer members.
fn write_usage(usage: &Usage, whole: bool, out: &mut Vec<u8>) {
    let mut members = Object::begin(out);
    members.u64("input_tokens", usage.input);
    members.u64("cache_creation_input_tokens", usage.cache_write + usage.cache_write_long);
    members.u64("cache_read_input_tokens", usage.cache_read);
    if whole || usage.cache_write_long > 0 {
        let mut split = Object::begin(members.key("cache_creation"));
        split.u64("ephemeral_5m_input_tokens", usage.cache_write);
        split.u64("ephemeral_1h_input_tokens", usage.cache_write_long);
        split.end();
    }
    members.u64("output_tokens", usage.completion());
    if usage.reasoning > 0 {
        let mut details = Object::begin(members.key("output_tokens_details"));
        details.u64("thinking_tokens", usage.reasoning);
        details.end();
    } else {
        members.raw("output_tokens_details", "null");
    }
    members.raw("server_tool_use", "null");
    if whole {
        members.raw("service_tier", "null");
        members.raw("inference_geo", "null");
    }
    members.end();
}

/// Clients run tools only when told so, and some providers end a round of calls with a plain stop.
fn stop_reason(finish: Finish<'_>, called: bool) -> &'static str {
    match finish {
        Finish::ToolCalls => "tool_use",
        Finish::Stop if called => "tool_use",
        Finish::Stop => "end_turn",
        Finish::Length => "max_tokens",
        Finish::Filtered => "refusal",
        Finish::Other("pause_turn") => "pause_turn",
        Finish::Other("compaction") => "compaction",
        Finish::Other(_) => "end_turn",
    }
}
