//! A provider's answer, streamed or whole, as canonical events.

use super::calls::{Calls, Fragment};
use super::chunk::{Choice, Chunk, ContentPart, Image, Message, ToolCall};
use super::refusal::{is_failure, refusal};
use crate::framing::Frame;
use crate::ir::event::{Block, Blocks, Delta, Event, FinishReason, Sink, Usage};
use crate::json::{self, Text, TextOr};
use crate::protocol::{Decode, StreamError};
use crate::pump::Loose;

/// Waits for the provider's own end before it announces one: usage comes between the finish reason and `[DONE]`.
#[derive(Default)]
pub struct Decoder {
    answer: String,
    started: bool,
    done: bool,
    finish: Option<FinishReason>,
    usage: Usage,
    blocks: Blocks,
    calls: Calls,
}

impl Decode for Decoder {
    fn frame(&mut self, frame: Frame<'_>, sink: &mut dyn Sink) -> Result<(), StreamError> {
        let data = frame.data.trim_ascii();
        if self.done || data.is_empty() {
            return Ok(());
        }
        if data == b"[DONE]" {
            return if self.started { self.complete(sink) } else { Ok(()) };
        }
        if frame.event == Some("error") {
            return Err(refusal(data));
        }
        self.chunk(data, sink)
    }

    fn end(&mut self, sink: &mut dyn Sink) -> Result<(), StreamError> {
        // Some providers forget `[DONE]`; without a finish reason either, the answer was cut.
        if self.done || self.finish.is_none() { Ok(()) } else { self.complete(sink) }
    }

    fn loose(&self) -> Option<Loose> {
        let counted = &["prompt_tokens", "completion_tokens", "total_tokens", "reasoning_tokens", "cached_tokens"];
        Some(Loose { unread: &["created", "obfuscation"], counted, inputs: false })
    }
}

/// A whole answer.
pub fn decode_response(body: &[u8], sink: &mut dyn Sink) -> Result<(), StreamError> {
    let mut decoder = Decoder::default();
    decoder.chunk(body, sink)?;
    if !decoder.started {
        return Err(StreamError::Malformed("no choices".to_owned()));
    }
    decoder.complete(sink)
}

pub(super) fn parse(data: &[u8]) -> Result<Chunk<'_>, StreamError> {
    let chunk: Chunk<'_> = json::decode(data).map_err(|error| StreamError::Malformed(error.to_string()))?;
    if chunk.failed() { Err(refusal(data)) } else { Ok(chunk) }
}

impl Decoder {
    fn chunk(&mut self, data: &[u8], sink: &mut dyn Sink) -> Result<(), StreamError> {
        let Chunk { id, model, choices, mut usage, .. } = parse(data)?;
        // The first chunk of some providers holds neither answer nor names, only their filters' verdict.
        let choices = choices.unwrap_or_default();
        if !self.started && choices.first.is_some() {
            self.started = true;
            self.answer = id.unwrap_or_default().into();
            sink.event(Event::Start { id: &self.answer, model: &model.unwrap_or_default() });
        }
        // We never ask for more than one answer.
        for choice in choices.into_iter().filter(|choice| choice.index.unwrap_or(0) == 0) {
            let Choice { delta, message, finish_reason, usage: inner, .. } = choice;
            usage = usage.or(inner);
            if let Some(message) = delta {
                self.message(message, Position::Own, sink)?;
            }
            if let Some(message) = message {
                self.message(message, Position::Counted, sink)?;
            }
            match finish_reason.as_deref() {
                None | Some("" | "null") => {}
                Some(word) => match is_failure(word) {
                    Some(status) => return Err(StreamError::Refused { status, body: data.to_vec() }),
                    None => self.finish = Some(finish(word)),
                },
            }
        }
        usage.iter().for_each(|usage| self.usage = usage.buckets());
        Ok(())
    }

    fn message(&mut self, message: Message<'_>, position: Position, sink: &mut dyn Sink) -> Result<(), StreamError> {
        let Self { answer, blocks, calls, .. } = self;
        // Providers say the same in several fields at once.
        let thinking = match (message.reasoning_content, message.reasoning) {
            (Some(text), _) if !text.is_empty() => Some(text),
            (_, Some(TextOr::Text(text))) if !text.is_empty() => Some(Text(text)),
            _ => None,
        };
        if let Some(text) = thinking {
            calls.thinking(&text, blocks, sink);
        } else {
            let details = message.reasoning_details.into_iter().flatten();
            let texts = details.filter_map(|detail| detail.text.or(detail.summary));
            texts.for_each(|text| calls.thinking(&text, blocks, sink));
        }
        match message.content {
            Some(TextOr::Text(text)) => calls.text(&text, blocks, sink),
            Some(TextOr::Or(parts)) => parts.into_iter().for_each(|part| content_part(part, calls, blocks, sink)),
            None => {}
        }
        if let Some(text) = message.refusal {
            calls.text(&text, blocks, sink);
        }
        for image in message.images.into_iter().flatten() {
            calls.flush(answer, blocks, sink)?;
            show(image, blocks, sink);
        }
        for (at, call) in (0..).zip(message.tool_calls.unwrap_or_default()) {
            let ToolCall { index, id, function, custom } = call;
            let index = if position == Position::Counted { Some(at) } else { index };
            let id = id.as_deref().unwrap_or_default();
            if let Some(custom) = custom {
                let (name, input) = (custom.name.unwrap_or_default(), custom.input.unwrap_or_default());
                let fragment = Fragment { index, id, name: &name, input: &input, freeform: true };
                calls.fragment(fragment, answer, blocks, sink)?;
            } else if let Some(function) = function {
                let (name, input) = (function.name.unwrap_or_default(), written(function.arguments));
                let fragment = Fragment { index, id, name: &name, input: &input.0, freeform: false };
                calls.fragment(fragment, answer, blocks, sink)?;
            }
        }
        if let Some(function) = message.function_call {
            let (name, input) = (function.name.unwrap_or_default(), written(function.arguments));
            let fragment = Fragment { index: Some(0), id: "", name: &name, input: &input.0, freeform: false };
            calls.fragment(fragment, answer, blocks, sink)?;
        }
        Ok(())
    }

    fn complete(&mut self, sink: &mut dyn Sink) -> Result<(), StreamError> {
        self.calls.flush(&self.answer, &mut self.blocks, sink)?;
        self.blocks.close(sink);
        self.done = true;
        if self.usage != Usage::default() {
            sink.event(Event::Usage(self.usage));
        }
        let finish = match self.finish.take() {
            // What a forced call, and a few providers for every call, end with.
            None | Some(FinishReason::Stop) if self.calls.any() => FinishReason::ToolCalls,
            finish => finish.unwrap_or(FinishReason::Stop),
        };
        sink.event(Event::Finish(finish.as_event()));
        Ok(())
    }
}

/// What tells tool calls apart: their own numbers, or their order in a whole answer.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Position {
    Own,
    Counted,
}

fn content_part(part: ContentPart<'_>, calls: &mut Calls, blocks: &mut Blocks, sink: &mut dyn Sink) {
    match part.thinking {
        Some(TextOr::Text(text)) => calls.thinking(&text, blocks, sink),
        Some(TextOr::Or(texts)) => {
            let texts = texts.into_iter().filter_map(|thinking| thinking.text);
            texts.for_each(|text| calls.thinking(&text, blocks, sink));
        }
        None => {}
    }
    if let Some(text) = part.text {
        calls.text(&text, blocks, sink);
    }
}

fn written(arguments: Option<TextOr<'_, serde_json::Map<String, serde_json::Value>>>) -> Text<'_> {
    match arguments {
        Some(TextOr::Text(text)) => Text(text),
        Some(TextOr::Or(object)) => Text(serde_json::Value::Object(object).to_string().into()),
        None => Text::default(),
    }
}

fn show(image: Image<'_>, blocks: &mut Blocks, sink: &mut dyn Sink) {
    let url = match image.image_url {
        Some(TextOr::Text(url)) => url,
        Some(TextOr::Or(image)) => image.url.0,
        None => return,
    };
    match url.strip_prefix("data:").and_then(|rest| rest.split_once(";base64,")) {
        Some((mime, data)) => blocks.whole(Block::Media { mime }, &[Delta::Data(data)], sink),
        // A block holds bytes; an address is left to the reader.
        None => blocks.text(&format!("![image]({url})"), sink),
    }
}

fn finish(word: &str) -> FinishReason {
    match word {
        "stop" | "end_turn" | "eos" | "stop_sequence" => FinishReason::Stop,
        "length" | "max_tokens" | "model_length" => FinishReason::Length,
        "tool_calls" | "function_call" | "tool_use" => FinishReason::ToolCalls,
        "content_filter" | "sensitive" | "safety" | "refusal" => FinishReason::Filtered,
        other => FinishReason::Other(other.to_owned()),
    }
}
