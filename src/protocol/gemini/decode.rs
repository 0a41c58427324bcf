//! A provider's chunks to canonical events, streamed or whole.
//!
//! The texts of a chunk continue those before it. The reason to finish may come with content, alone, or before the usage;
//! so the finish is told when the body ends, and only if a reason was seen.

use serde_json::Value;
use serde_json::value::RawValue;
use sha2::{Digest, Sha256};

use super::chunk::{Chunk, FunctionCall, Metadata, WirePart, each_chunk, each_part};
use crate::framing::Frame;
use crate::ir::event::{Block, Blocks, Delta, Event, Finish, FinishReason, Sink, Usage};
use crate::ir::{Issuer, Protocol, Seal};
use crate::protocol::{Decode, StreamError};
use crate::pump::Loose;

/// The state of one answer. An envelope's decoder takes the chunk out of its wrapper and hands it to
/// [`Decoder::document`].
#[derive(Default)]
pub(crate) struct Decoder {
    blocks: Blocks,
    started: bool,
    /// The open block is a thinking block: it can still take a signature.
    in_thinking: bool,
    /// A signature that came with no block to belong to.
    seal: Option<Seal>,
    id: String,
    calls: u32,
    metadata: Metadata,
    usage: Option<Usage>,
    told: Option<Usage>,
    finish: Option<FinishReason>,
}

impl Decode for Decoder {
    fn frame(&mut self, frame: Frame<'_>, sink: &mut dyn Sink) -> Result<(), StreamError> {
        self.document(frame.data, sink)
    }

    fn end(&mut self, sink: &mut dyn Sink) -> Result<(), StreamError> {
        self.blocks.close(sink);
        self.tell_usage(sink);
        let reason = self.finish.take().ok_or(StreamError::Cut)?;
        sink.event(Event::Finish(match reason.as_event() {
            Finish::Stop if self.calls > 0 => Finish::ToolCalls,
            other => other,
        }));
        Ok(())
    }

    fn loose(&self) -> Option<Loose> {
        let counted = &["promptTokenCount", "candidatesTokenCount", "thoughtsTokenCount", "cachedContentTokenCount"];
        Some(Loose { unread: &["totalTokenCount", "tokenCount"], counted, inputs: false })
    }
}

impl Decoder {
    /// The data of one event, or a whole body.
    pub(crate) fn document(&mut self, json: &[u8], sink: &mut dyn Sink) -> Result<(), StreamError> {
        each_chunk(json, |chunk, whole| self.chunk(&chunk, whole, sink))
    }

    fn chunk(&mut self, chunk: &Chunk<'_>, whole: &[u8], sink: &mut dyn Sink) -> Result<(), StreamError> {
        if let Some(refusal) = chunk.refusal(whole) {
            return Err(refusal);
        }
        if !std::mem::replace(&mut self.started, true) {
            self.id = chunk.response_id.as_deref().unwrap_or_default().to_owned();
            sink.event(Event::Start { id: &self.id, model: chunk.model_version.as_deref().unwrap_or_default() });
        }
        if let Some(metadata) = chunk.usage_metadata {
            self.usage = Some(metadata.onto(&mut self.metadata));
        }
        // What the prompt cost is known before the answer begins, the rest when it is over.
        if !self.blocks.any() {
            self.tell_usage(sink);
        }
        let Some(candidate) = chunk.candidates().find(|candidate| candidate.index.unwrap_or(0) == 0) else {
            if chunk.blocked() {
                self.finish = Some(FinishReason::Filtered);
            }
            return Ok(());
        };
        if let Some(parts) = candidate.content.as_ref().and_then(|content| content.parts) {
            each_part(parts, |part| self.part(&part, sink))?;
        }
        if let Some(word) = candidate.finish() {
            self.finish = Some(finish(word));
            self.close(sink);
            self.tell_usage(sink);
        }
        Ok(())
    }

    fn part(&mut self, part: &WirePart<'_>, sink: &mut dyn Sink) {
        let signature = part.thought_signature.as_deref().filter(|signature: &&str| !signature.is_empty());
        let seal = signature.map(|value| Seal { issuer: Issuer::Google, value: value.to_owned(), redacted: false });
        if let Some(call) = &part.function_call {
            self.call(call, seal, sink);
        } else if let Some(blob) = &part.inline_data {
            self.in_thinking = false;
            self.blocks.whole(Block::Media { mime: &blob.mime_type }, &[Delta::Data(&blob.data)], sink);
        } else if let Some(value) = own(part, signature) {
            self.in_thinking = false;
            self.blocks.whole(Block::Opaque { owner: Protocol::Gemini, value: &value }, &[], sink);
        } else if part.thought == Some(true) {
            if let Some(text) = part.text.as_deref().filter(|text: &&str| !text.is_empty()) {
                self.blocks.thinking(text, sink);
                self.in_thinking = true;
            }
            self.keep(seal, sink);
        } else {
            self.keep(seal, sink);
            if let Some(text) = part.text.as_deref().filter(|text: &&str| !text.is_empty()) {
                self.blocks.text(text, sink);
                self.in_thinking = false;
            }
        }
    }

    /// A signature seals the reasoning before it. Without any, the next call may need it.
    fn keep(&mut self, seal: Option<Seal>, sink: &mut dyn Sink) {
        match seal {
            Some(seal) if self.in_thinking => self.blocks.seal(&seal, sink),
            Some(seal) => self.seal = Some(seal),
            None => {}
        }
    }

    fn call(&mut self, call: &FunctionCall<'_>, seal: Option<Seal>, sink: &mut dyn Sink) {
        let args = call.args.map_or("{}", RawValue::get);
        let args = if args == "null" { "{}" } else { args };
        let number = self.calls;
        self.calls += 1;
        let given = call.id.as_deref().filter(|id: &&str| !id.is_empty());
        let invented = if given.is_some() { String::new() } else { self.invent(number, &call.name, args) };
        self.blocks.tool(number, given.unwrap_or(&invented), &call.name, false, sink);
        self.in_thinking = false;
        if let Some(seal) = seal.or(self.seal.take()) {
            self.blocks.seal(&seal, sink);
        }
        self.blocks.arguments(args, sink);
        self.blocks.close(sink);
    }

    /// An id for a call that came without: the same answer always has the same ids, and another answer has others.
    fn invent(&self, number: u32, name: &str, args: &str) -> String {
        let is_plain = |c: char| c.is_ascii_alphanumeric() || matches!(c, '-' | '_');
        if (1..=40).contains(&self.id.len()) && self.id.chars().all(is_plain) {
            return format!("call_{}_{number}", self.id);
        }
        let digest = Sha256::new().chain_update(&self.id).chain_update(name).chain_update(args).finalize();
        let digest: String = digest.iter().take(6).map(|byte| format!("{byte:02x}")).collect();
        format!("call_{digest}_{number}")
    }

    fn close(&mut self, sink: &mut dyn Sink) {
        self.in_thinking = false;
        self.blocks.close(sink);
    }

    /// Only between blocks, and only news.
    fn tell_usage(&mut self, sink: &mut dyn Sink) {
        if let Some(usage) = self.usage.filter(|usage| self.told.as_ref() != Some(usage)) {
            self.told = Some(usage);
            sink.event(Event::Usage(usage));
        }
    }
}

/// A part that only Gemini understands, as it would be sent back.
fn own(part: &WirePart<'_>, signature: Option<&str>) -> Option<Value> {
    let (name, raw) = [
        ("executableCode", part.executable_code),
        ("codeExecutionResult", part.code_execution_result),
        ("toolCall", part.tool_call),
        ("toolResponse", part.tool_response),
    ]
    .into_iter()
    .find_map(|(name, raw)| Some((name, raw?)))?;
    let mut value = serde_json::json!({ name: serde_json::from_str::<Value>(raw.get()).unwrap_or_default() });
    if let (Value::Object(members), Some(signature)) = (&mut value, signature) {
        members.insert("thoughtSignature".to_owned(), signature.into());
    }
    Some(value)
}

/// <https://ai.google.dev/api/generate-content#FinishReason>
fn finish(word: &str) -> FinishReason {
    match word {
        // The second is how aimock ends a call; the calls themselves say which end it is.
        "STOP" | "FUNCTION_CALL" => FinishReason::Stop,
        "MAX_TOKENS" => FinishReason::Length,
        "SAFETY"
        | "RECITATION"
        | "BLOCKLIST"
        | "PROHIBITED_CONTENT"
        | "SPII"
        | "IMAGE_SAFETY"
        | "IMAGE_PROHIBITED_CONTENT"
        | "IMAGE_RECITATION"
        | "MODEL_ARMOR" => FinishReason::Filtered,
        other => FinishReason::Other(other.to_owned()),
    }
}
