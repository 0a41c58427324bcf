//! The canonical answer: events as they stream, and their fold into a whole.
//!
//! ```text
//! stream := Start (block | Usage)* Finish
//! block  := BlockStart Delta* BlockEnd          blocks never overlap; indices are 0, 1, 2, …
//! ```
//!
//! Events borrow from the frame they were read from; nothing is allocated on the way to the encoder.
//! Failures are not events: they travel as errors, so no encoder can forget them.

use serde_json::Value;

use super::{Media, Part, PartKind, Protocol, Seal, Source, ToolCall, ToolInput};
use crate::json::Json;

#[derive(Debug, Clone, Copy, PartialEq)]
pub enum Event<'a> {
    Start {
        id: &'a str,
        model: &'a str,
    },
    BlockStart {
        index: u32,
        block: Block<'a>,
    },
    Delta {
        index: u32,
        delta: Delta<'a>,
    },
    BlockEnd {
        index: u32,
    },
    /// Cumulative; the last one counts.
    Usage(Usage),
    Finish(Finish<'a>),
}

#[derive(Debug, Clone, Copy, PartialEq)]
pub enum Block<'a> {
    Text,
    Thinking,
    ToolCall {
        id: &'a str,
        name: &'a str,
        freeform: bool,
    },
    /// Bytes follow as [`Delta::Data`].
    Media {
        mime: &'a str,
    },
    Opaque {
        owner: Protocol,
        value: &'a Value,
    },
}

#[derive(Debug, Clone, Copy, PartialEq)]
pub enum Delta<'a> {
    /// Of a text, thinking or freeform tool call block.
    Text(&'a str),
    /// A fragment of a function call's arguments.
    Json(&'a str),
    /// Base64 of a media block. Each fragment is a multiple of four characters, except the last.
    Data(&'a str),
    /// Of a thinking or tool call block; of a tool call, before its input.
    Seal(&'a Seal),
}

/// Tokens in disjoint buckets; each protocol's own sums are made when it is encoded.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, serde::Serialize, serde::Deserialize)]
pub struct Usage {
    /// Prompt tokens neither read from nor written to a cache.
    pub input: u64,
    pub cache_read: u64,
    /// Written for 5 minutes, or for as long as the provider decides.
    pub cache_write: u64,
    /// Written for an hour.
    pub cache_write_long: u64,
    /// Visible answer tokens. Where a provider does not tell reasoning apart, all of it.
    pub output: u64,
    pub reasoning: u64,
}

impl Usage {
    pub fn prompt(&self) -> u64 {
        self.input + self.cache_read + self.cache_write + self.cache_write_long
    }
    pub fn completion(&self) -> u64 {
        self.output + self.reasoning
    }
    pub fn total(&self) -> u64 {
        self.prompt() + self.completion()
    }
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Finish<'a> {
    Stop,
    Length,
    ToolCalls,
    Filtered,
    /// The provider's own word, when it means none of the above.
    Other(&'a str),
}

/// Whoever takes events: an encoder, a collector, a test.
pub trait Sink {
    fn event(&mut self, event: Event<'_>);
}

impl<F: FnMut(Event<'_>)> Sink for F {
    fn event(&mut self, event: Event<'_>) {
        self(event);
    }
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum GrammarError {
    #[error("event before the start")]
    NotStarted,
    #[error("second start")]
    Restarted,
    #[error("event outside its block")]
    Orphan,
    #[error("block opened inside another or out of order")]
    Nested,
    #[error("event after the finish")]
    AfterFinish,
}

/// The grammar above, as an automaton. Cheap enough to run on every event in production.
#[derive(Debug, Default)]
pub struct Grammar {
    started: bool,
    open: bool,
    blocks: u32,
    finished: bool,
}

impl Grammar {
    pub fn event(&mut self, event: &Event<'_>) -> Result<(), GrammarError> {
        if self.finished {
            return Err(GrammarError::AfterFinish);
        }
        match event {
            Event::Start { .. } if std::mem::replace(&mut self.started, true) => return Err(GrammarError::Restarted),
            Event::Start { .. } => {}
            _ if !self.started => return Err(GrammarError::NotStarted),
            Event::BlockStart { index, .. } => {
                if self.open || *index != self.blocks {
                    return Err(GrammarError::Nested);
                }
                self.open = true;
                self.blocks += 1;
            }
            Event::Delta { index, .. } | Event::BlockEnd { index } => {
                if !self.open || index + 1 != self.blocks {
                    return Err(GrammarError::Orphan);
                }
                self.open = matches!(event, Event::Delta { .. });
            }
            Event::Usage(_) => {}
            Event::Finish(_) if self.open => return Err(GrammarError::Orphan),
            Event::Finish(_) => self.finished = true,
        }
        Ok(())
    }

    pub fn finished(&self) -> bool {
        self.finished
    }

    /// Index of the open block, for whoever must close it after a failure.
    pub fn open_block(&self) -> Option<u32> {
        self.open.then(|| self.blocks - 1)
    }
}

/// A whole answer: the fold of its events.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct Completion {
    pub id: String,
    pub model: String,
    pub parts: Vec<Part>,
    pub usage: Usage,
    pub finish: Option<FinishReason>,
}

/// [`Finish`], owned.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum FinishReason {
    Stop,
    Length,
    ToolCalls,
    Filtered,
    Other(String),
}

impl FinishReason {
    pub fn as_event(&self) -> Finish<'_> {
        match self {
            Self::Stop => Finish::Stop,
            Self::Length => Finish::Length,
            Self::ToolCalls => Finish::ToolCalls,
            Self::Filtered => Finish::Filtered,
            Self::Other(word) => Finish::Other(word),
        }
    }
}

impl From<Finish<'_>> for FinishReason {
    fn from(finish: Finish<'_>) -> Self {
        match finish {
            Finish::Stop => Self::Stop,
            Finish::Length => Self::Length,
            Finish::ToolCalls => Self::ToolCalls,
            Finish::Filtered => Self::Filtered,
            Finish::Other(word) => Self::Other(word.to_owned()),
        }
    }
}

/// Folds events into a [`Completion`]. Expects a stream that [`Grammar`] accepted.
#[derive(Debug, Default)]
pub struct Collector {
    done: Completion,
    open: Option<Open>,
}

#[derive(Debug)]
struct Open {
    kind: OpenKind,
    text: String,
    seal: Option<Seal>,
}

#[derive(Debug)]
enum OpenKind {
    Text,
    Thinking,
    ToolCall { id: String, name: String, freeform: bool },
    Media { mime: String },
    Opaque { owner: Protocol, value: Value },
}

impl Sink for Collector {
    fn event(&mut self, event: Event<'_>) {
        match event {
            Event::Start { id, model } => {
                id.clone_into(&mut self.done.id);
                model.clone_into(&mut self.done.model);
            }
            Event::BlockStart { block, .. } => {
                let kind = match block {
                    Block::Text => OpenKind::Text,
                    Block::Thinking => OpenKind::Thinking,
                    Block::ToolCall { id, name, freeform } => {
                        OpenKind::ToolCall { id: id.to_owned(), name: name.to_owned(), freeform }
                    }
                    Block::Media { mime } => OpenKind::Media { mime: mime.to_owned() },
                    Block::Opaque { owner, value } => OpenKind::Opaque { owner, value: value.clone() },
                };
                self.open = Some(Open { kind, text: String::new(), seal: None });
            }
            Event::Delta { delta, .. } => {
                if let Some(open) = &mut self.open {
                    match delta {
                        Delta::Text(text) | Delta::Json(text) | Delta::Data(text) => open.text.push_str(text),
                        Delta::Seal(seal) => open.seal = Some(seal.clone()),
                    }
                }
            }
            Event::BlockEnd { .. } => {
                if let Some(open) = self.open.take() {
                    self.done.parts.push(open.close());
                }
            }
            Event::Usage(usage) => self.done.usage = usage,
            Event::Finish(finish) => self.done.finish = Some(finish.into()),
        }
    }
}

impl Open {
    fn close(self) -> Part {
        let Self { kind, text, seal } = self;
        match kind {
            OpenKind::Text => PartKind::Text(text),
            OpenKind::Thinking => PartKind::Thinking { text, seal },
            OpenKind::ToolCall { id, name, freeform } => {
                let input = if freeform { ToolInput::Text(text) } else { ToolInput::Json(arguments(&text)) };
                PartKind::ToolCall(ToolCall { id, name, input, seal })
            }
            OpenKind::Media { mime } => PartKind::Media(Media { mime, source: Source::Base64(text), name: None }),
            OpenKind::Opaque { owner, value } => PartKind::Opaque { owner, value },
        }
        .into()
    }
}

/// Tool arguments as the object every wire demands. A model that streamed something else is quoted, not corrected.
pub fn arguments(text: &str) -> Json {
    if text.trim().is_empty() {
        return Json::empty_object();
    }
    Json::object(text).unwrap_or_else(|| {
        let value = serde_json::from_str(text).unwrap_or_else(|_| Value::String(text.to_owned()));
        Json::of(&serde_json::json!({ "arguments": value }))
    })
}

impl Completion {
    /// The same answer as a stream of events.
    pub fn replay(&self, sink: &mut dyn Sink) {
        sink.event(Event::Start { id: &self.id, model: &self.model });
        // A tool's result is never part of an answer.
        let parts = self.parts.iter().filter(|part| !matches!(part.kind, PartKind::ToolResult { .. }));
        for (index, part) in (0..).zip(parts) {
            let block = match &part.kind {
                PartKind::Text(_) => Block::Text,
                PartKind::Thinking { .. } => Block::Thinking,
                PartKind::ToolCall(call) => Block::ToolCall {
                    id: &call.id,
                    name: &call.name,
                    freeform: matches!(call.input, ToolInput::Text(_)),
                },
                PartKind::Media(media) => Block::Media { mime: &media.mime },
                PartKind::Opaque { owner, value } => Block::Opaque { owner: *owner, value },
                PartKind::ToolResult { .. } => continue,
            };
            sink.event(Event::BlockStart { index, block });
            let mut delta = |delta| sink.event(Event::Delta { index, delta });
            match &part.kind {
                PartKind::Text(text) => delta(Delta::Text(text)),
                PartKind::Thinking { text, seal } => {
                    delta(Delta::Text(text));
                    seal.iter().for_each(|seal| delta(Delta::Seal(seal)));
                }
                PartKind::ToolCall(call) => {
                    // First, as decoders do: some wires carry it in the id.
                    call.seal.iter().for_each(|seal| delta(Delta::Seal(seal)));
                    match &call.input {
                        ToolInput::Json(json) => delta(Delta::Json(json.get())),
                        ToolInput::Text(text) => delta(Delta::Text(text)),
                    }
                }
                PartKind::Media(Media { source: Source::Base64(data), .. }) => delta(Delta::Data(data)),
                PartKind::Media(_) | PartKind::Opaque { .. } | PartKind::ToolResult { .. } => {}
            }
            sink.event(Event::BlockEnd { index });
        }
        sink.event(Event::Usage(self.usage));
        if let Some(finish) = &self.finish {
            sink.event(Event::Finish(finish.as_event()));
        }
    }

    /// What a collector has gathered; `None` without a finish: a truncated answer is not an answer.
    pub fn of(collector: Collector) -> Option<Self> {
        collector.done.finish.is_some().then_some(collector.done)
    }
}

/// Opens and closes blocks for wires that have none of their own (Chat, Gemini, Ollama, Kiro).
#[derive(Debug, Default)]
pub struct Blocks {
    next: u32,
    open: Option<Kind>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Kind {
    Text,
    Thinking,
    /// The wire's own number of the call.
    Tool(u32),
}

impl Blocks {
    pub fn text(&mut self, text: &str, sink: &mut dyn Sink) {
        let index = self.switch(Kind::Text, Block::Text, sink);
        sink.event(Event::Delta { index, delta: Delta::Text(text) });
    }

    /// Open a thinking block, or stay in it, with nothing to say.
    pub fn begin_thinking(&mut self, sink: &mut dyn Sink) {
        self.switch(Kind::Thinking, Block::Thinking, sink);
    }

    pub fn thinking(&mut self, text: &str, sink: &mut dyn Sink) {
        let index = self.switch(Kind::Thinking, Block::Thinking, sink);
        sink.event(Event::Delta { index, delta: Delta::Text(text) });
    }

    /// Whether the wire's call number `call` is the block now open.
    pub fn in_tool(&self, call: u32) -> bool {
        self.open == Some(Kind::Tool(call))
    }

    /// Open the block of a tool call, or go on in it.
    pub fn tool(&mut self, call: u32, id: &str, name: &str, freeform: bool, sink: &mut dyn Sink) -> u32 {
        self.switch(Kind::Tool(call), Block::ToolCall { id, name, freeform }, sink)
    }

    /// A fragment of the open tool call.
    pub fn arguments(&mut self, json: &str, sink: &mut dyn Sink) {
        if self.open.is_some() && !json.is_empty() {
            sink.event(Event::Delta { index: self.next - 1, delta: Delta::Json(json) });
        }
    }

    pub fn seal(&mut self, seal: &Seal, sink: &mut dyn Sink) {
        if self.open.is_some() {
            sink.event(Event::Delta { index: self.next - 1, delta: Delta::Seal(seal) });
        }
    }

    /// A block that arrives whole.
    pub fn whole(&mut self, block: Block<'_>, deltas: &[Delta<'_>], sink: &mut dyn Sink) {
        self.close(sink);
        let index = self.next;
        self.next += 1;
        sink.event(Event::BlockStart { index, block });
        for delta in deltas {
            sink.event(Event::Delta { index, delta: *delta });
        }
        sink.event(Event::BlockEnd { index });
    }

    pub fn close(&mut self, sink: &mut dyn Sink) {
        if self.open.take().is_some() {
            sink.event(Event::BlockEnd { index: self.next - 1 });
        }
    }

    /// Whether anything was ever opened.
    pub fn any(&self) -> bool {
        self.next > 0
    }

    fn switch(&mut self, kind: Kind, block: Block<'_>, sink: &mut dyn Sink) -> u32 {
        if self.open != Some(kind) {
            self.close(sink);
            sink.event(Event::BlockStart { index: self.next, block });
            self.next += 1;
            self.open = Some(kind);
        }
        self.next - 1
    }
}
