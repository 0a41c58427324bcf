//! Answers from a provider that speaks Messages: streams and whole bodies, both as canonical events.
//!
//! ```text
//! message_start (content_block_start content_block_delta* content_block_stop)* message_delta message_stop
//! ```
//!
//! `ping` may come anywhere, `error` ends everything. <https://docs.anthropic.com/en/docs/build-with-claude/streaming>
//!
//! What providers of this wire do differently, and is understood: no `message_start`; blocks numbered with gaps; a block
//! not stopped before the next, or before `message_delta`; text or tool input already in `content_block_start`; usage
//! only at the end. What is not carried: citations. The explanation of a refusal becomes the last text block, since no
//! other protocol has a place for it beside the answer.

use serde_json::Value;
use serde_json::value::RawValue;

use super::frame::{DELTAS, DeltaIn, MessageIn, StopDetails, Tokens, corrupt, read, read_block, read_response};
use crate::framing::Frame;
use crate::ir::event::{Block, Delta, Event, Finish, FinishReason, Sink};
use crate::ir::{Issuer, Protocol, Seal};
use crate::json::Text;
use crate::protocol::{Decode, StreamError, seal};
use crate::pump::Loose;

#[derive(Debug, Default)]
pub struct Decoder {
    started: bool,
    finished: bool,
    next: u32,
    open: Option<Open>,
    tokens: Tokens,
    stop: Option<FinishReason>,
    explanation: Option<String>,
    called: bool,
}

#[derive(Debug)]
struct Open {
    /// The provider's own number.
    wire: u64,
    index: u32,
    kind: Kind,
}

#[derive(Debug)]
enum Kind {
    Text,
    Thinking {
        signature: String,
    },
    /// `whole`: the input that came with the start; counts unless deltas follow.
    Tool {
        whole: String,
    },
    /// Held back until it is complete.
    Opaque {
        value: Value,
        input: String,
    },
}

impl Decode for Decoder {
    fn frame(&mut self, frame: Frame<'_>, sink: &mut dyn Sink) -> Result<(), StreamError> {
        if self.finished {
            return Ok(());
        }
        let Some(event) = read(frame)? else { return Ok(()) };
        match &*event.kind {
            "content_block_delta" => {
                let delta = event.delta.as_ref().ok_or_else(|| corrupt(&event.kind, "no delta"))?;
                self.delta(event.index.unwrap_or_default(), delta, sink)?;
            }
            "content_block_start" => {
                let raw = event.content_block.ok_or_else(|| corrupt(&event.kind, "no content_block"))?;
                self.start(None, sink);
                self.open(event.index.unwrap_or_default(), raw, sink)?;
            }
            "content_block_stop" => self.close(sink),
            "message_start" => {
                let message = event.message.as_ref().ok_or_else(|| corrupt(&event.kind, "no message"))?;
                self.start(Some(message), sink);
                if let Some(usage) = &message.usage {
                    self.tokens.add(usage);
                    sink.event(Event::Usage(self.tokens.usage()));
                }
            }
            "message_delta" => {
                self.start(None, sink);
                self.close(sink);
                if let Some(delta) = &event.delta {
                    self.stopping(delta.stop_reason.as_deref(), delta.stop_details.as_ref());
                }
                if let Some(usage) = &event.usage {
                    self.tokens.add(usage);
                    sink.event(Event::Usage(self.tokens.usage()));
                }
            }
            // An end without a beginning is events in another order, not an empty answer.
            "message_stop" if !self.started => return Err(corrupt(&event.kind, "before message_start")),
            "message_stop" => self.finish(sink),
            _ => {}
        }
        Ok(())
    }

    /// Nothing is implied: only `message_stop` ends an answer.
    fn end(&mut self, _: &mut dyn Sink) -> Result<(), StreamError> {
        Ok(())
    }

    fn loose(&self) -> Option<Loose> {
        Some(Loose { unread: &[], counted: &[], inputs: true })
    }
}

/// A whole answer.
pub fn decode_response(body: &[u8], sink: &mut dyn Sink) -> Result<(), StreamError> {
    let message = read_response(body)?;
    let content = message.content.as_ref().ok_or_else(|| corrupt("content", "missing"))?;
    let mut decoder = Decoder::default();
    decoder.start(Some(&message), sink);
    for (index, raw) in (0..).zip(content) {
        decoder.open(index, raw, sink)?;
    }
    decoder.close(sink);
    decoder.stopping(message.stop_reason.as_deref(), message.stop_details.as_ref());
    if let Some(usage) = &message.usage {
        decoder.tokens.add(usage);
        sink.event(Event::Usage(decoder.tokens.usage()));
    }
    decoder.finish(sink);
    Ok(())
}

impl Decoder {
    fn start(&mut self, message: Option<&MessageIn<'_>>, sink: &mut dyn Sink) {
        if !std::mem::replace(&mut self.started, true) {
            let text = |text: Option<&Option<Text<'_>>>| text.and_then(Option::as_deref).map(str::to_owned);
            let id = text(message.map(|message| &message.id)).unwrap_or_default();
            let model = text(message.map(|message| &message.model)).unwrap_or_default();
            sink.event(Event::Start { id: &id, model: &model });
        }
    }

    fn open(&mut self, wire: u64, raw: &RawValue, sink: &mut dyn Sink) -> Result<(), StreamError> {
        self.close(sink);
        let read = read_block(raw)?;
        let index = self.next;
        self.next += 1;
        let text = |text: &Option<Text<'_>>| text.as_deref().unwrap_or_default().to_owned();
        let start = |block, sink: &mut dyn Sink| sink.event(Event::BlockStart { index, block });
        let mut said = None;
        let kind = match &*read.kind {
            "text" => {
                start(Block::Text, sink);
                said = read.text;
                Kind::Text
            }
            "thinking" => {
                start(Block::Thinking, sink);
                said = read.thinking;
                Kind::Thinking { signature: text(&read.signature) }
            }
            "redacted_thinking" => {
                start(Block::Thinking, sink);
                let data = read.data.ok_or_else(|| corrupt("redacted_thinking", "no data"))?;
                let seal = Seal { issuer: Issuer::Anthropic, value: data.into(), redacted: true };
                sink.event(Event::Delta { index, delta: Delta::Seal(&seal) });
                Kind::Thinking { signature: String::new() }
            }
            "tool_use" => {
                let (Some(id), Some(name)) = (&read.id, &read.name) else {
                    return Err(corrupt("tool_use", "no id or no name"));
                };
                start(Block::ToolCall { id, name, freeform: false }, sink);
                self.called = true;
                let whole = read.input.map_or("", RawValue::get);
                Kind::Tool { whole: if matches!(whole, "{}" | "null") { String::new() } else { whole.to_owned() } }
            }
            _ => Kind::Opaque { value: serde_json::from_str(raw.get()).unwrap_or_default(), input: String::new() },
        };
        self.open = Some(Open { wire, index, kind });
        if let Some(text) = said.as_deref().filter(|text| !text.is_empty()) {
            sink.event(Event::Delta { index, delta: Delta::Text(text) });
        }
        Ok(())
    }

    fn delta(&mut self, wire: u64, delta: &DeltaIn<'_>, sink: &mut dyn Sink) -> Result<(), StreamError> {
        if !DELTAS.contains(&&*delta.kind) {
            return Ok(());
        }
        let open = self.open.as_mut().filter(|open| open.wire == wire);
        let Some(Open { index, kind, .. }) = open else {
            return Err(corrupt("content_block_delta", &format!("block {wire} is not open")));
        };
        let index = *index;
        let value = match &*delta.kind {
            "text_delta" => &delta.text,
            "thinking_delta" => &delta.thinking,
            "input_json_delta" => &delta.partial_json,
            _ => &delta.signature,
        };
        let value = value.as_deref().ok_or_else(|| corrupt(&delta.kind, "no value"))?;
        if value.is_empty() {
            return Ok(());
        }
        match (&*delta.kind, kind) {
            ("text_delta", Kind::Text) | ("thinking_delta", Kind::Thinking { .. }) => {
                sink.event(Event::Delta { index, delta: Delta::Text(value) });
            }
            ("signature_delta", Kind::Thinking { signature }) => signature.push_str(value),
            ("input_json_delta", Kind::Tool { whole }) => {
                whole.clear();
                sink.event(Event::Delta { index, delta: Delta::Json(value) });
            }
            ("input_json_delta", Kind::Opaque { input, .. }) => input.push_str(value),
            (_, Kind::Opaque { .. }) => {}
            (delta, _) => return Err(corrupt(delta, "in a block of another kind")),
        }
        Ok(())
    }

    fn close(&mut self, sink: &mut dyn Sink) {
        let Some(Open { index, kind, .. }) = self.open.take() else { return };
        let mut delta = |delta| sink.event(Event::Delta { index, delta });
        match kind {
            Kind::Text => {}
            Kind::Thinking { signature } if signature.is_empty() || signature == seal::UNSEALED => {}
            Kind::Thinking { signature } => {
                delta(Delta::Seal(&Seal { issuer: Issuer::Anthropic, value: signature, redacted: false }));
            }
            Kind::Tool { whole } if whole.is_empty() => {}
            Kind::Tool { whole } => delta(Delta::Json(&whole)),
            Kind::Opaque { mut value, input } => {
                if let (Some(block), Ok(input)) = (value.as_object_mut(), serde_json::from_str(&input)) {
                    block.insert("input".to_owned(), input);
                }
                let block = Block::Opaque { owner: Protocol::Messages, value: &value };
                sink.event(Event::BlockStart { index, block });
            }
        }
        sink.event(Event::BlockEnd { index });
    }

    fn stopping(&mut self, reason: Option<&str>, details: Option<&StopDetails<'_>>) {
        if let Some(reason) = reason {
            self.stop = Some(finish(reason).into());
        }
        if let Some(explanation) = details.and_then(|details| details.explanation.as_deref()) {
            self.explanation = Some(explanation.to_owned());
        }
    }

    fn finish(&mut self, sink: &mut dyn Sink) {
        self.start(None, sink);
        self.close(sink);
        if let Some(text) = self.explanation.take().filter(|text| !text.is_empty()) {
            let index = self.next;
            sink.event(Event::BlockStart { index, block: Block::Text });
            sink.event(Event::Delta { index, delta: Delta::Text(&text) });
            sink.event(Event::BlockEnd { index });
        }
        // `message_stop` is the provider's own end, even where it forgot to say why.
        let unsaid = if self.called { Finish::ToolCalls } else { Finish::Stop };
        sink.event(Event::Finish(self.stop.as_ref().map_or(unsaid, FinishReason::as_event)));
        self.finished = true;
    }
}

/// What a `stop_reason` means. `pause_turn` and `compaction` stay the provider's own words.
fn finish(reason: &str) -> Finish<'_> {
    match reason {
        "end_turn" | "stop_sequence" => Finish::Stop,
        "max_tokens" | "model_context_window_exceeded" => Finish::Length,
        "tool_use" => Finish::ToolCalls,
        "refusal" | "sensitive" => Finish::Filtered,
        other => Finish::Other(other),
    }
}
