//! What a provider that speaks Messages sends, as it stands on the wire.

use serde::Deserialize;
use serde_json::value::RawValue;

use super::failure;
use crate::framing::Frame;
use crate::ir::event::Usage;
use crate::json::{self, Count, Text};
use crate::protocol::StreamError;

#[derive(Deserialize)]
pub struct FrameIn<'a> {
    #[serde(borrow, rename = "type", default)]
    pub kind: Text<'a>,
    pub index: Option<u64>,
    #[serde(borrow)]
    pub delta: Option<DeltaIn<'a>>,
    #[serde(borrow)]
    pub content_block: Option<&'a RawValue>,
    #[serde(borrow)]
    pub message: Option<MessageIn<'a>>,
    pub usage: Option<UsageIn>,
    #[serde(borrow)]
    pub error: Option<&'a RawValue>,
}

#[derive(Deserialize)]
pub struct MessageIn<'a> {
    #[serde(borrow)]
    pub id: Option<Text<'a>>,
    #[serde(borrow)]
    pub model: Option<Text<'a>>,
    #[serde(borrow)]
    pub content: Option<Vec<&'a RawValue>>,
    #[serde(borrow)]
    pub stop_reason: Option<Text<'a>>,
    #[serde(borrow)]
    pub stop_details: Option<StopDetails<'a>>,
    pub usage: Option<UsageIn>,
    #[serde(borrow)]
    pub error: Option<&'a RawValue>,
}

#[derive(Deserialize)]
pub struct DeltaIn<'a> {
    #[serde(borrow, rename = "type", default)]
    pub kind: Text<'a>,
    #[serde(borrow)]
    pub text: Option<Text<'a>>,
    #[serde(borrow)]
    pub thinking: Option<Text<'a>>,
    #[serde(borrow)]
    pub partial_json: Option<Text<'a>>,
    #[serde(borrow)]
    pub signature: Option<Text<'a>>,
    #[serde(borrow)]
    pub stop_reason: Option<Text<'a>>,
    #[serde(borrow)]
    pub stop_details: Option<StopDetails<'a>>,
}

impl DeltaIn<'_> {
    /// Whether any content came with it.
    pub fn says_something(&self) -> bool {
        let texts = [&self.text, &self.thinking, &self.partial_json, &self.signature];
        texts.into_iter().flatten().any(|text| !text.is_empty())
    }
}

#[derive(Deserialize)]
pub struct StopDetails<'a> {
    #[serde(borrow)]
    pub explanation: Option<Text<'a>>,
}

#[derive(Deserialize, Default)]
pub struct BlockIn<'a> {
    #[serde(borrow, rename = "type")]
    pub kind: Text<'a>,
    #[serde(borrow)]
    pub text: Option<Text<'a>>,
    #[serde(borrow)]
    pub thinking: Option<Text<'a>>,
    #[serde(borrow)]
    pub signature: Option<Text<'a>>,
    #[serde(borrow)]
    pub data: Option<Text<'a>>,
    #[serde(borrow)]
    pub id: Option<Text<'a>>,
    #[serde(borrow)]
    pub name: Option<Text<'a>>,
    #[serde(borrow)]
    pub input: Option<&'a RawValue>,
}

#[derive(Deserialize, Default)]
#[serde(default)]
pub struct UsageIn {
    pub input_tokens: Count,
    pub output_tokens: Count,
    pub cache_read_input_tokens: Count,
    pub cache_creation_input_tokens: Count,
    pub cache_creation: Option<CacheCreation>,
    pub output_tokens_details: Option<OutputDetails>,
}

#[derive(Deserialize, Default)]
#[serde(default)]
pub struct CacheCreation {
    ephemeral_5m_input_tokens: Count,
    ephemeral_1h_input_tokens: Count,
}

#[derive(Deserialize, Default)]
#[serde(default)]
pub struct OutputDetails {
    pub thinking_tokens: Count,
}

/// What the usages seen so far add up to. They are cumulative and the last one counts, which may be less than an earlier
/// guess; but a later one may leave out, or zero, what an earlier one said.
#[derive(Debug, Clone, Copy, Default)]
pub struct Tokens {
    input: u64,
    output: u64,
    thinking: u64,
    read: u64,
    write: u64,
    short: u64,
    long: u64,
}

impl Tokens {
    pub fn add(&mut self, usage: &UsageIn) {
        let update = |to: &mut u64, seen: &Count| *to = if seen.0 == 0 { *to } else { seen.0 };
        update(&mut self.input, &usage.input_tokens);
        update(&mut self.output, &usage.output_tokens);
        update(&mut self.read, &usage.cache_read_input_tokens);
        update(&mut self.write, &usage.cache_creation_input_tokens);
        if let Some(split) = &usage.cache_creation {
            update(&mut self.short, &split.ephemeral_5m_input_tokens);
            update(&mut self.long, &split.ephemeral_1h_input_tokens);
        }
        if let Some(details) = &usage.output_tokens_details {
            update(&mut self.thinking, &details.thinking_tokens);
        }
    }

    pub fn usage(&self) -> Usage {
        Usage {
            input: self.input,
            cache_read: self.read,
            cache_write: self.write.saturating_sub(self.long).max(self.short),
            cache_write_long: self.long,
            output: self.output.saturating_sub(self.thinking),
            reasoning: self.thinking.min(self.output),
        }
    }
}

const EVENTS: [&str; 8] = [
    "message_start",
    "content_block_start",
    "content_block_delta",
    "content_block_stop",
    "message_delta",
    "message_stop",
    "ping",
    "error",
];
pub const DELTAS: [&str; 4] = ["text_delta", "thinking_delta", "input_json_delta", "signature_delta"];
const BLOCKS: [&str; 4] = ["text", "thinking", "redacted_thinking", "tool_use"];

/// A frame's event; `None` for one this wire does not know. An error is an error.
pub fn read(frame: Frame<'_>) -> Result<Option<FrameIn<'_>>, StreamError> {
    let event: FrameIn<'_> = match json::decode(frame.data) {
        Ok(event) => event,
        Err(error) => return unreadable(frame.data, &error.to_string()),
    };
    if &*event.kind == "error" || event.kind.is_empty() && event.error.is_some() {
        return Err(refused(frame.data));
    }
    Ok(Some(event))
}

#[derive(Deserialize)]
struct Tag<'a> {
    #[serde(borrow, rename = "type")]
    pub kind: Text<'a>,
    #[serde(borrow)]
    pub delta: Option<&'a RawValue>,
}
/// Only what we know can be corrupt.
fn unreadable<'a>(data: &[u8], error: &str) -> Result<Option<FrameIn<'a>>, StreamError> {
    if data == b"[DONE]" {
        return Ok(None);
    }
    let Ok(Tag { kind, delta }) = json::read(data) else {
        return Err(StreamError::Malformed(error.to_owned()));
    };
    let delta: Option<Tag<'_>> = delta.and_then(|delta| serde_json::from_str(delta.get()).ok());
    match &*kind {
        "error" => Err(refused(data)),
        kind if !EVENTS.contains(&kind) => Ok(None),
        "content_block_delta" if delta.is_some_and(|delta| !DELTAS.contains(&&*delta.kind)) => Ok(None),
        kind => Err(corrupt(kind, error)),
    }
}

/// The message that a body is; an error body is an error, whatever its status was.
pub fn read_response(body: &[u8]) -> Result<MessageIn<'_>, StreamError> {
    let message: MessageIn<'_> =
        json::decode(body).map_err(|error: json::JsonError| StreamError::Malformed(error.to_string()))?;
    if message.error.is_some() { Err(refused(body)) } else { Ok(message) }
}

/// A content block. Of a type we do not know, only the type is read.
pub fn read_block(raw: &RawValue) -> Result<BlockIn<'_>, StreamError> {
    let error = match json::decode(raw.get().as_bytes()) {
        Ok(block) => return Ok(block),
        Err(error) => error.to_string(),
    };
    let Ok(Tag { kind, .. }) = serde_json::from_str(raw.get()) else { return Err(corrupt("content_block", &error)) };
    if BLOCKS.contains(&&*kind) { Err(corrupt(&kind, &error)) } else { Ok(BlockIn { kind, ..BlockIn::default() }) }
}

fn refused(body: &[u8]) -> StreamError {
    StreamError::Refused { status: failure::status(body), body: body.to_vec() }
}

pub fn corrupt(what: &str, why: &str) -> StreamError {
    StreamError::Malformed(format!("{what}: {why}"))
}
