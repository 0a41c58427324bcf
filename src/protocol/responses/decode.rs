//! What a Responses provider answers, as canonical events.
//!
//! Items come one after another. An item is read from its deltas; one that had none is read whole from its
//! `output_item.done`, and an answer that had neither from the terminal event. Codex's `response.completed` has an
//! empty `output`: nothing is missing then, everything was in the deltas.

use std::collections::HashSet;

use serde_json::Value;
use serde_json::value::RawValue;

use super::wire::{Item, ResponseWire, Tag, Wire};
use super::{decode_tools, failure, seals};
use crate::framing::Frame;
use crate::ir::Protocol;
use crate::ir::event::{Block, Delta, Event, Finish, Sink};
use crate::json::{self, Json};
use crate::protocol::{Decode, StreamError, media, seal};
use crate::pump::Loose;

#[derive(Debug, Default)]
pub(super) struct Decoder {
    started: bool,
    finished: bool,
    /// Index of the next block.
    next: u32,
    open: Option<Open>,
    /// `(output_index, content_index)` of what has been given already.
    seen: HashSet<(u32, u32)>,
    called: bool,
    refused: bool,
    /// Items that were done while another one was still open.
    held: Vec<(u32, Json)>,
}

#[derive(Debug)]
struct Open {
    output: u32,
    content: u32,
    kind: Kind,
    /// Summary part of a reasoning item that was written last.
    summary: u32,
    empty: bool,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Kind {
    Text,
    Thinking,
    Call,
}

/// Parse a payload of a known event.
fn read<'a, T: serde::Deserialize<'a>>(event: &str, raw: Option<&'a RawValue>) -> Result<T, StreamError> {
    let raw = raw.ok_or_else(|| StreamError::Malformed(format!("{event}: payload missing")))?;
    json::decode(raw.get().as_bytes()).map_err(|error| StreamError::Malformed(format!("{event}: {error}")))
}

impl Decode for Decoder {
    fn frame(&mut self, frame: Frame<'_>, sink: &mut dyn Sink) -> Result<(), StreamError> {
        if self.finished || frame.data == b"[DONE]" {
            return Ok(());
        }
        let wire: Wire<'_> = match json::read(frame.data) {
            Ok(wire) => wire,
            Err(error) => {
                // An event we do not know may hold anything; one we know may not.
                let tag = json::read::<Tag<'_>>(frame.data).ok();
                return match tag {
                    Some(tag) if !is_known(&tag.kind) => Ok(()),
                    Some(tag) => Err(StreamError::Malformed(format!("{}: {error}", &*tag.kind))),
                    None => Err(StreamError::Malformed(format!("an event is not JSON: {error}"))),
                };
            }
        };
        let kind = wire.kind.as_deref().or(frame.event).unwrap_or_default();
        self.event(kind, &wire, sink)
    }

    fn end(&mut self, _: &mut dyn Sink) -> Result<(), StreamError> {
        Ok(())
    }

    fn loose(&self) -> Option<Loose> {
        Some(Loose { unread: &["sequence_number", "obfuscation"], counted: &[], inputs: true })
    }
}

/// Whether [`Decoder::event`] reads this event.
fn is_known(kind: &str) -> bool {
    const KNOWN: [&str; 20] = [
        "error",
        "response.completed",
        "response.content_part.done",
        "response.created",
        "response.custom_tool_call_input.delta",
        "response.custom_tool_call_input.done",
        "response.failed",
        "response.function_call_arguments.delta",
        "response.function_call_arguments.done",
        "response.in_progress",
        "response.incomplete",
        "response.output_item.added",
        "response.output_item.done",
        "response.output_text.delta",
        "response.output_text.done",
        "response.reasoning_summary_text.delta",
        "response.reasoning_text.delta",
        "response.refusal.delta",
        "response.refusal.done",
        "response.done",
    ];
    KNOWN.contains(&kind)
}

impl Decoder {
    fn event(&mut self, kind: &str, wire: &Wire<'_>, sink: &mut dyn Sink) -> Result<(), StreamError> {
        let delta = wire.delta.as_deref().unwrap_or_default();
        match kind {
            "response.output_text.delta" => self.text(wire, delta, sink),
            "response.refusal.delta" => {
                self.refused = true;
                self.text(wire, delta, sink);
            }
            "response.output_text.done" | "response.refusal.done" => {
                self.refused |= wire.refusal.is_some();
                let whole = wire.text.as_deref().or(wire.refusal.as_deref()).unwrap_or_default();
                if !self.seen.contains(&(wire.output_index, wire.content_index)) {
                    self.text(wire, whole, sink);
                }
                self.close_at(wire.output_index, wire.content_index, sink);
            }
            "response.content_part.done" => self.close_at(wire.output_index, wire.content_index, sink),
            "response.reasoning_summary_text.delta" => {
                self.thinking(wire.output_index, wire.summary_index, delta, sink)
            }
            "response.reasoning_text.delta" => self.thinking(wire.output_index, wire.content_index, delta, sink),
            "response.function_call_arguments.delta" => self.argument(wire, Delta::Json(delta), sink),
            "response.custom_tool_call_input.delta" => self.argument(wire, Delta::Text(delta), sink),
            "response.function_call_arguments.done" => {
                self.rest(wire, Delta::Json(wire.arguments.as_deref().unwrap_or_default()), sink);
            }
            "response.custom_tool_call_input.done" => {
                self.rest(wire, Delta::Text(wire.input.as_deref().unwrap_or_default()), sink);
            }
            "response.created" | "response.in_progress" => {
                let response: ResponseWire<'_> = read(kind, wire.response)?;
                self.start(&response, sink);
            }
            "response.output_item.added" => {
                let item: Item<'_> = read(kind, wire.item)?;
                self.added(wire.output_index, &item, sink);
            }
            "response.output_item.done" => {
                let item: Item<'_> = read(kind, wire.item)?;
                if self.open.as_ref().is_some_and(|open| open.output != wire.output_index) {
                    self.held.extend(wire.item.map(|raw| (wire.output_index, Json::from(raw))));
                } else {
                    self.done(wire.output_index, &item, wire.item, sink);
                    self.release(sink)?;
                }
            }
            // `response.done` is what the WebSocket dialect and some gateways call it.
            "response.completed" | "response.incomplete" | "response.done" => {
                let response: ResponseWire<'_> = read(kind, wire.response)?;
                self.terminal(kind == "response.incomplete", &response, sink)?;
            }
            "response.failed" => {
                let response: ResponseWire<'_> = read(kind, wire.response)?;
                return Err(match response.error.or(wire.error) {
                    Some(error) => failure::refused(error),
                    None => failure::refused_flat(None, Some("the provider failed to answer"), None),
                });
            }
            "error" => {
                return Err(match wire.error {
                    Some(error) => failure::refused(error),
                    None => failure::refused_flat(wire.code, wire.message.as_deref(), wire.param),
                });
            }
            // An error that was not made for a stream.
            "" => {
                if let Some(error) = wire.error {
                    return Err(failure::refused(error));
                }
                if let Some(detail) = wire.detail {
                    return Err(failure::refused_flat(None, Some(detail.get().trim_matches('"')), None));
                }
            }
            // Progress of built-in tools, annotations, audio, partial images, keep-alives: whatever matters of them
            // is in their item's end.
            _ => {}
        }
        Ok(())
    }

    fn start(&mut self, response: &ResponseWire<'_>, sink: &mut dyn Sink) {
        if !std::mem::replace(&mut self.started, true) {
            let id = response.id.as_deref().unwrap_or_default();
            let model = response.model.as_deref().unwrap_or_default();
            sink.event(Event::Start { id, model });
        }
    }

    /// Open the block of `(output, content)`; `false` while another item's block is open: this item is then taken
    /// whole when it is done.
    fn open(&mut self, output: u32, content: u32, kind: Kind, block: Block<'_>, sink: &mut dyn Sink) -> bool {
        if let Some(open) = &self.open {
            if open.output == output && open.content == content {
                return open.kind == kind;
            }
            if open.output != output {
                return false;
            }
            self.close(sink);
        }
        self.start(&ResponseWire::default(), sink);
        sink.event(Event::BlockStart { index: self.next, block });
        self.next += 1;
        self.seen.insert((output, content));
        self.open = Some(Open { output, content, kind, summary: 0, empty: true });
        true
    }

    fn delta(&mut self, delta: Delta<'_>, sink: &mut dyn Sink) {
        if let Some(open) = &mut self.open {
            open.empty = false;
            sink.event(Event::Delta { index: self.next - 1, delta });
        }
    }

    fn close(&mut self, sink: &mut dyn Sink) {
        if self.open.take().is_some() {
            sink.event(Event::BlockEnd { index: self.next - 1 });
        }
    }

    fn close_at(&mut self, output: u32, content: u32, sink: &mut dyn Sink) {
        if self.open.as_ref().is_some_and(|o| o.output == output && o.content == content && o.kind == Kind::Text) {
            self.close(sink);
        }
    }

    fn text(&mut self, wire: &Wire<'_>, text: &str, sink: &mut dyn Sink) {
        if !text.is_empty() && self.open(wire.output_index, wire.content_index, Kind::Text, Block::Text, sink) {
            self.delta(Delta::Text(text), sink);
        }
    }

    fn thinking(&mut self, output: u32, part: u32, text: &str, sink: &mut dyn Sink) {
        if text.is_empty() || !self.open(output, 0, Kind::Thinking, Block::Thinking, sink) {
            return;
        }
        let paragraph = match &mut self.open {
            Some(open) => std::mem::replace(&mut open.summary, part) != part && !open.empty,
            None => false,
        };
        if paragraph {
            self.delta(Delta::Text("\n\n"), sink);
        }
        self.delta(Delta::Text(text), sink);
    }

    /// A fragment of the open call.
    fn argument(&mut self, wire: &Wire<'_>, delta: Delta<'_>, sink: &mut dyn Sink) {
        let (Delta::Json(text) | Delta::Text(text)) = delta else { return };
        if !text.is_empty() && self.is_open(wire.output_index, Kind::Call) {
            self.delta(delta, sink);
        }
    }

    /// The whole input of the open call, if it came without fragments.
    fn rest(&mut self, wire: &Wire<'_>, delta: Delta<'_>, sink: &mut dyn Sink) {
        if self.open.as_ref().is_some_and(|open| open.empty) {
            self.argument(wire, delta, sink);
        }
    }

    fn is_open(&self, output: u32, kind: Kind) -> bool {
        self.open.as_ref().is_some_and(|open| open.output == output && open.kind == kind)
    }

    fn added(&mut self, output: u32, item: &Item<'_>, sink: &mut dyn Sink) {
        if let Some("function_call" | "custom_tool_call") = item.kind.as_deref() {
            self.open_call(output, item, sink);
        }
    }

    fn open_call(&mut self, output: u32, item: &Item<'_>, sink: &mut dyn Sink) -> bool {
        let (Some(id), Some(name)) = (item.call_id.as_deref().or(item.id.as_deref()), item.name.as_deref()) else {
            return false;
        };
        if name.is_empty() || self.seen.contains(&(output, 0)) {
            return false;
        }
        let freeform = item.kind.as_deref() == Some("custom_tool_call");
        let flat = item.namespace.as_deref().filter(|ns| !ns.is_empty()).map(|ns| decode_tools::flat(ns, name));
        let name = flat.as_deref().unwrap_or(name);
        let opened = self.open(output, 0, Kind::Call, Block::ToolCall { id: seal::split(id).0, name, freeform }, sink);
        self.called |= opened;
        opened
    }

    /// Give the items that had to wait.
    fn release(&mut self, sink: &mut dyn Sink) -> Result<(), StreamError> {
        for (output, raw) in std::mem::take(&mut self.held) {
            let raw: &RawValue = serde_json::from_str(raw.get()).map_err(|e| StreamError::Malformed(e.to_string()))?;
            let item: Item<'_> = read("response.output_item.done", Some(raw))?;
            self.done(output, &item, Some(raw), sink);
        }
        Ok(())
    }

    /// An item is complete: end its block, or give it whole if nothing of it was given yet.
    fn done(&mut self, output: u32, item: &Item<'_>, raw: Option<&RawValue>, sink: &mut dyn Sink) {
        let kind = item.kind.as_deref().unwrap_or_default();
        match kind {
            "message" => {
                for (at, content) in (0u32..).zip(item.content.iter().flatten()) {
                    self.refused |= content.refusal.is_some();
                    let text = content.text.as_deref().or(content.refusal.as_deref()).unwrap_or_default();
                    if !text.is_empty()
                        && !self.seen.contains(&(output, at))
                        && self.open(output, at, Kind::Text, Block::Text, sink)
                    {
                        self.delta(Delta::Text(text), sink);
                    }
                }
                self.close(sink);
            }
            "reasoning" => self.reasoning_done(output, item, sink),
            "function_call" | "custom_tool_call" => {
                self.open_call(output, item, sink);
                if self.open.as_ref().is_some_and(|open| open.empty) {
                    match (item.arguments.as_deref(), item.input.as_deref()) {
                        (Some(json), _) if kind == "function_call" && !json.is_empty() => {
                            self.delta(Delta::Json(json), sink);
                        }
                        (_, Some(text)) if kind == "custom_tool_call" && !text.is_empty() => {
                            self.delta(Delta::Text(text), sink);
                        }
                        _ => {}
                    }
                }
                self.close(sink);
            }
            "image_generation_call" => {
                let Some(data) = item.result.as_deref().filter(|data| !data.is_empty()) else { return };
                let mime = match item.output_format.as_deref() {
                    Some("jpeg") => "image/jpeg",
                    Some("webp") => "image/webp",
                    Some("png") => "image/png",
                    _ => media::sniff_image(data),
                };
                self.whole(output, Block::Media { mime }, Some(Delta::Data(data)), sink);
            }
            _ => {
                let value = raw.and_then(|raw| serde_json::from_str::<Value>(raw.get()).ok());
                if let Some(value) = value.filter(|_| !kind.is_empty()) {
                    self.whole(output, Block::Opaque { owner: Protocol::Responses, value: &value }, None, sink);
                }
            }
        }
    }

    fn reasoning_done(&mut self, output: u32, item: &Item<'_>, sink: &mut dyn Sink) {
        let seal = item.encrypted_content.as_deref().and_then(|value| seals::join(item.id.as_deref(), value));
        if !self.is_open(output, Kind::Thinking) && !self.seen.contains(&(output, 0)) {
            let parts = item.summary.iter().flatten().chain(match &item.summary {
                Some(summary) if !summary.is_empty() => [].iter(),
                _ => item.content.as_deref().unwrap_or_default().iter(),
            });
            for (at, part) in (0u32..).zip(parts) {
                self.thinking(output, at, part.text.as_deref().unwrap_or_default(), sink);
            }
            if seal.is_some() {
                self.open(output, 0, Kind::Thinking, Block::Thinking, sink);
            }
        }
        if let (Some(seal), true) = (&seal, self.is_open(output, Kind::Thinking)) {
            self.delta(Delta::Seal(seal), sink);
        }
        self.close(sink);
    }

    fn whole(&mut self, output: u32, block: Block<'_>, delta: Option<Delta<'_>>, sink: &mut dyn Sink) {
        if self.seen.contains(&(output, 0)) {
            return;
        }
        self.close(sink);
        // The kind is only asked of blocks that stay open.
        if self.open(output, 0, Kind::Text, block, sink) {
            delta.into_iter().for_each(|delta| self.delta(delta, sink));
            self.close(sink);
        }
    }

    /// The provider's own end.
    fn terminal(
        &mut self,
        incomplete: bool,
        response: &ResponseWire<'_>,
        sink: &mut dyn Sink,
    ) -> Result<(), StreamError> {
        let status = response.status.as_deref();
        if let (Some("failed" | "cancelled"), error) = (status, response.error) {
            return Err(match error {
                Some(error) => failure::refused(error),
                None => failure::refused_flat(None, Some("the provider failed to answer"), None),
            });
        }
        self.start(response, sink);
        self.close(sink);
        self.release(sink)?;
        if self.next == 0 {
            for (at, raw) in (0u32..).zip(response.output.iter().flatten()) {
                let item: Item<'_> = read("output", Some(raw))?;
                self.done(at, &item, Some(raw), sink);
            }
        }
        if let Some(usage) = response.usage {
            sink.event(Event::Usage(usage.into()));
        }
        let finish = if incomplete || status == Some("incomplete") {
            match response.incomplete_details.as_ref().and_then(|details| details.reason.as_deref()) {
                Some("max_output_tokens" | "max_tokens") => Finish::Length,
                Some("content_filter") => Finish::Filtered,
                Some(word) => Finish::Other(word),
                None => Finish::Other("incomplete"),
            }
        } else if self.refused {
            Finish::Filtered
        } else if self.called {
            Finish::ToolCalls
        } else {
            Finish::Stop
        };
        sink.event(Event::Finish(finish));
        self.finished = true;
        Ok(())
    }
}

/// A whole answer.
pub(super) fn decode_response(body: &[u8], sink: &mut dyn Sink) -> Result<(), StreamError> {
    let response = read_response(body)?;
    match response.status.as_deref() {
        None | Some("completed" | "incomplete") => Decoder::default().terminal(false, &response, sink),
        Some(_) => Err(StreamError::Cut),
    }
}

/// A response object that is not an error in disguise.
pub(super) fn read_response(body: &[u8]) -> Result<ResponseWire<'_>, StreamError> {
    let response: ResponseWire<'_> =
        json::decode(body).map_err(|error| StreamError::Malformed(format!("answer: {error}")))?;
    match (response.error, &response.output) {
        (Some(error), _) => Err(failure::refused(error)),
        (None, None) => Err(StreamError::Malformed("answer: output: missing".to_owned())),
        (None, Some(_)) => Ok(response),
    }
}
