//! Kiro's events to canonical ones.

use serde::Deserialize;
use serde_json::value::RawValue;

use super::tags::{Kind, Tags};
use crate::framing::Frame;
use crate::ir::event::{Blocks, Event, Finish, FinishReason, Sink, Usage};
use crate::json::{self, Count, Text};
use crate::protocol::{Decode, StreamError, exception};
use crate::tokens;

#[derive(Debug)]
pub struct Decoder {
    context: u64,
    started: bool,
    tags: Tags,
    blocks: Blocks,
    /// Calls so far; the open one is the last.
    calls: u32,
    /// Id of the call whose input is not complete.
    open: Option<String>,
    /// One of the ends was seen, and nothing behind it.
    ended: bool,
    stop: Option<FinishReason>,
    usage: Option<Usage>,
    /// Estimated tokens of the answer so far.
    said: u64,
}

/// All events' members that mean something here.
#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Payload<'a> {
    #[serde(borrow)]
    content: Option<Text<'a>>,
    #[serde(borrow)]
    text: Option<Text<'a>>,
    #[serde(borrow)]
    tool_use_id: Option<Text<'a>>,
    #[serde(borrow)]
    name: Option<Text<'a>>,
    #[serde(borrow)]
    input: Option<&'a RawValue>,
    stop: Option<bool>,
    #[serde(borrow)]
    conversation_id: Option<Text<'a>>,
    token_usage: Option<TokenUsage>,
    #[serde(borrow)]
    stop_reason: Option<Text<'a>>,
    context_usage_percentage: Option<f64>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct TokenUsage {
    uncached_input_tokens: Option<Count>,
    output_tokens: Option<Count>,
    cache_read_input_tokens: Option<Count>,
    cache_write_input_tokens: Option<Count>,
}

impl Decoder {
    pub fn new(context: u64) -> Self {
        Self {
            context,
            started: false,
            tags: Tags::default(),
            blocks: Blocks::default(),
            calls: 0,
            open: None,
            ended: false,
            stop: None,
            usage: None,
            said: 0,
        }
    }

    fn start(&mut self, id: &str, sink: &mut dyn Sink) {
        if !std::mem::replace(&mut self.started, true) {
            sink.event(Event::Start { id, model: "" });
        }
    }

    fn say(&mut self, text: &str, sink: &mut dyn Sink) {
        let Self { tags, blocks, .. } = self;
        tags.push(text, |kind, text| match kind {
            Kind::Text => blocks.text(text, sink),
            Kind::Thinking => blocks.thinking(text, sink),
        });
    }

    fn flush(&mut self, sink: &mut dyn Sink) {
        let Self { tags, blocks, .. } = self;
        tags.flush(|kind, text| match kind {
            Kind::Text => blocks.text(text, sink),
            Kind::Thinking => blocks.thinking(text, sink),
        });
    }

    /// A fragment of a call. Only the first has a name for sure, and some have no id.
    fn call(&mut self, payload: &Payload<'_>, sink: &mut dyn Sink) -> Result<(), StreamError> {
        let id = payload.tool_use_id.as_deref().filter(|id: &&str| !id.is_empty());
        let is_open = self.open.is_some() && id.is_none_or(|id| self.open.as_deref() == Some(id));
        if !is_open {
            if self.open.is_some() {
                return Err(malformed("a tool call begins inside another"));
            }
            let (Some(id), Some(name)) = (id, payload.name.as_deref()) else {
                return Err(malformed("a tool call without id or name"));
            };
            self.flush(sink);
            self.blocks.tool(self.calls, id, name, false, sink);
            self.calls += 1;
            self.open = Some(id.to_owned());
        }
        if let Some(input) = payload.input {
            match serde_json::from_str::<Text<'_>>(input.get()) {
                Ok(fragment) => self.argue(&fragment, sink),
                Err(_) if input.get() == "null" => {}
                Err(_) => self.argue(input.get(), sink),
            }
        }
        if payload.stop == Some(true) {
            self.open = None;
            self.blocks.close(sink);
        }
        Ok(())
    }

    fn argue(&mut self, json: &str, sink: &mut dyn Sink) {
        self.said += tokens::of_text(json);
        self.blocks.arguments(json, sink);
    }

    fn meter(&mut self, payload: &Payload<'_>, sink: &mut dyn Sink) {
        let told = payload.token_usage.as_ref().map(|told| {
            let count = |count: Option<Count>| count.unwrap_or_default().0;
            Usage {
                input: count(told.uncached_input_tokens),
                cache_read: count(told.cache_read_input_tokens),
                cache_write: count(told.cache_write_input_tokens),
                output: count(told.output_tokens),
                ..Usage::default()
            }
        });
        let told_before = self.usage.is_some();
        let usage = match (told, payload.context_usage_percentage) {
            (Some(told), _) => told,
            // How full the context is, answer included: the next best thing to a count.
            (None, Some(percentage)) if !told_before => {
                let all = (percentage.clamp(0.0, 100.0) / 100.0 * self.context as f64) as u64;
                Usage { input: all.saturating_sub(self.said), output: self.said, ..Usage::default() }
            }
            (None, _) => return,
        };
        self.usage = Some(usage);
        sink.event(Event::Usage(usage));
    }
}

impl Decode for Decoder {
    fn frame(&mut self, frame: Frame<'_>, sink: &mut dyn Sink) -> Result<(), StreamError> {
        if let Some(error) = frame.error {
            return Err(StreamError::Refused { status: status(error), body: exception(error, frame.data) });
        }
        let kind = frame.event.unwrap_or_default();
        let known = [
            "assistantResponseEvent",
            "reasoningContentEvent",
            "toolUseEvent",
            "messageStopEvent",
            "metadataEvent",
            "messageMetadataEvent",
            "contextUsageEvent",
            "meteringEvent",
        ];
        if !known.contains(&kind) {
            return Ok(());
        }
        let payload: Payload<'_> = json::read(frame.data).map_err(|error| malformed(&format!("{kind}: {error}")))?;
        self.start(payload.conversation_id.as_deref().unwrap_or_default(), sink);
        match kind {
            "assistantResponseEvent" => {
                let text = payload.content.as_deref().unwrap_or_default();
                if !text.is_empty() {
                    self.ended = false;
                    self.said += tokens::of_text(text);
                    self.say(text, sink);
                }
            }
            "reasoningContentEvent" => {
                let text = payload.text.as_deref().unwrap_or_default();
                if !text.is_empty() {
                    self.ended = false;
                    self.said += tokens::of_text(text);
                    self.blocks.thinking(text, sink);
                }
            }
            "toolUseEvent" => {
                self.ended = false;
                self.call(&payload, sink)?;
            }
            "messageStopEvent" | "contextUsageEvent" | "meteringEvent" => self.ended = true,
            // Metadata also open an answer, with nothing but the conversation's id.
            _ => self.ended |= payload.stop_reason.is_some() || payload.token_usage.is_some(),
        }
        if let Some(reason) = payload.stop_reason.as_deref() {
            self.stop = Some(finish(reason));
        }
        self.meter(&payload, sink);
        Ok(())
    }

    fn end(&mut self, sink: &mut dyn Sink) -> Result<(), StreamError> {
        // Input that never ended is worth nothing, unless the service says itself why it stops there.
        let excused = self.stop == Some(FinishReason::Length);
        if !self.ended || self.open.is_some() && !excused {
            return Err(StreamError::Cut);
        }
        self.flush(sink);
        self.blocks.close(sink);
        let usual = if self.calls > 0 { Finish::ToolCalls } else { Finish::Stop };
        let finish = match self.stop.as_ref().map(FinishReason::as_event) {
            None | Some(Finish::Stop) => usual,
            Some(said) => said,
        };
        sink.event(Event::Finish(finish));
        Ok(())
    }
}

fn malformed(why: &str) -> StreamError {
    StreamError::Malformed(why.to_owned())
}

fn finish(reason: &str) -> FinishReason {
    match reason {
        "END_TURN" | "STOP_SEQUENCE" => FinishReason::Stop,
        "TOOL_USE" => FinishReason::ToolCalls,
        "MAX_TOKENS" | "MODEL_CONTEXT_WINDOW_EXCEEDED" => FinishReason::Length,
        "CONTENT_FILTERED" | "GUARDRAIL_INTERVENED" => FinishReason::Filtered,
        other => FinishReason::Other(other.to_owned()),
    }
}

/// The status an exception has where it answers the request itself.
fn status(exception: &str) -> u16 {
    match exception {
        "ThrottlingException" => 429,
        "ValidationException" => 400,
        "AccessDeniedException" => 403,
        "ResourceNotFoundException" => 404,
        "ConflictException" => 409,
        "ServiceQuotaExceededException" => 402,
        "ServiceUnavailableException" | "ServiceUnavailableError" => 503,
        _ => 500,
    }
}
