//! Converse's answers, streamed or whole, as canonical events.

use serde::Deserialize;
use serde_json::value::RawValue;

use crate::framing::Frame;
use crate::ir::event::{Block, Blocks, Delta, Event, Finish, FinishReason, Sink, Usage};
use crate::ir::{Issuer, Seal};
use crate::json::{self, Count, Text};
use crate::protocol::{Decode, StreamError, exception};

#[derive(Debug, Default)]
pub struct Decoder {
    started: bool,
    blocks: Blocks,
    /// Signature of the open thinking block, whole when the block ends.
    signature: String,
    called: bool,
    stop: Option<FinishReason>,
}

/// All events' members.
#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Payload<'a> {
    content_block_index: Option<u32>,
    #[serde(borrow)]
    start: Option<Content<'a>>,
    #[serde(borrow)]
    delta: Option<Content<'a>>,
    #[serde(borrow)]
    stop_reason: Option<Text<'a>>,
    usage: Option<TokenUsage>,
    #[serde(borrow)]
    output: Option<Output<'a>>,
}

#[derive(Deserialize)]
struct Output<'a> {
    #[serde(borrow)]
    message: Option<Message<'a>>,
}

#[derive(Deserialize)]
struct Message<'a> {
    #[serde(borrow)]
    content: Vec<Content<'a>>,
}

/// A block, its beginning or a piece of it: one of the members.
#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Content<'a> {
    #[serde(borrow)]
    text: Option<Text<'a>>,
    #[serde(borrow)]
    tool_use: Option<ToolUse<'a>>,
    #[serde(borrow)]
    reasoning_content: Option<Reasoning<'a>>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct ToolUse<'a> {
    #[serde(borrow)]
    tool_use_id: Option<Text<'a>>,
    #[serde(borrow)]
    name: Option<Text<'a>>,
    /// An object in a whole answer, a fragment of its text in a stream.
    #[serde(borrow)]
    input: Option<&'a RawValue>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Reasoning<'a> {
    /// In a stream.
    #[serde(borrow)]
    text: Option<Text<'a>>,
    #[serde(borrow)]
    signature: Option<Text<'a>>,
    #[serde(borrow)]
    redacted_content: Option<Text<'a>>,
    /// In a whole answer.
    #[serde(borrow)]
    reasoning_text: Option<ReasoningText<'a>>,
}

#[derive(Deserialize)]
struct ReasoningText<'a> {
    #[serde(borrow)]
    text: Option<Text<'a>>,
    #[serde(borrow)]
    signature: Option<Text<'a>>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct TokenUsage {
    input_tokens: Option<Count>,
    output_tokens: Option<Count>,
    cache_read_input_tokens: Option<Count>,
    cache_write_input_tokens: Option<Count>,
}

impl TokenUsage {
    fn usage(&self) -> Usage {
        let count = |count: Option<Count>| count.unwrap_or_default().0;
        Usage {
            input: count(self.input_tokens),
            cache_read: count(self.cache_read_input_tokens),
            cache_write: count(self.cache_write_input_tokens),
            output: count(self.output_tokens),
            ..Usage::default()
        }
    }
}

impl Decode for Decoder {
    fn frame(&mut self, frame: Frame<'_>, sink: &mut dyn Sink) -> Result<(), StreamError> {
        if let Some(error) = frame.error {
            let body = exception(error, frame.data);
            return Err(StreamError::Refused { status: status(error), body });
        }
        let kind = frame.event.unwrap_or_default();
        let known =
            ["messageStart", "contentBlockStart", "contentBlockDelta", "contentBlockStop", "messageStop", "metadata"];
        if !known.contains(&kind) {
            return Ok(());
        }
        let payload: Payload<'_> =
            json::read(frame.data).map_err(|error| StreamError::Malformed(format!("{kind}: {error}")))?;
        self.start(sink);
        let index = payload.content_block_index.unwrap_or_default();
        match kind {
            "contentBlockStart" => self.begin(index, payload.start.as_ref(), sink)?,
            "contentBlockDelta" => self.delta(index, payload.delta.as_ref(), sink)?,
            "contentBlockStop" => self.close(sink),
            "messageStop" => {
                self.close(sink);
                self.stop = Some(finish(payload.stop_reason.as_deref().unwrap_or("end_turn")));
            }
            _ => {}
        }
        if let Some(usage) = payload.usage {
            sink.event(Event::Usage(usage.usage()));
        }
        Ok(())
    }

    fn end(&mut self, sink: &mut dyn Sink) -> Result<(), StreamError> {
        let reason = self.stop.take().ok_or(StreamError::Cut)?;
        sink.event(Event::Finish(match reason.as_event() {
            Finish::Stop if self.called => Finish::ToolCalls,
            said => said,
        }));
        Ok(())
    }
}

/// A whole answer.
pub fn whole(body: &[u8], sink: &mut dyn Sink) -> Result<(), StreamError> {
    let payload: Payload<'_> = json::read(body).map_err(|error| StreamError::Malformed(error.to_string()))?;
    let Some(message) = payload.output.and_then(|output| output.message) else {
        return Err(StreamError::Refused { status: 502, body: body.to_owned() });
    };
    let mut decoder = Decoder::default();
    decoder.start(sink);
    for (index, content) in (0..).zip(&message.content) {
        decoder.begin(index, Some(content), sink)?;
        decoder.delta(index, Some(content), sink)?;
        decoder.close(sink);
    }
    decoder.stop = payload.stop_reason.as_deref().map(finish);
    if let Some(usage) = payload.usage {
        sink.event(Event::Usage(usage.usage()));
    }
    decoder.end(sink)
}

impl Decoder {
    fn start(&mut self, sink: &mut dyn Sink) {
        if !std::mem::replace(&mut self.started, true) {
            sink.event(Event::Start { id: "", model: "" });
        }
    }

    /// Only tool calls say that they begin.
    fn begin(&mut self, index: u32, content: Option<&Content<'_>>, sink: &mut dyn Sink) -> Result<(), StreamError> {
        let Some(tool) = content.and_then(|content| content.tool_use.as_ref()) else { return Ok(()) };
        let (Some(id), Some(name)) = (&tool.tool_use_id, &tool.name) else {
            return Err(StreamError::Malformed("a tool call without id or name".to_owned()));
        };
        self.close(sink);
        self.called = true;
        self.blocks.tool(index, id, name, false, sink);
        Ok(())
    }

    fn delta(&mut self, index: u32, content: Option<&Content<'_>>, sink: &mut dyn Sink) -> Result<(), StreamError> {
        let Some(content) = content else { return Ok(()) };
        let said = |text: &Option<Text<'_>>| text.as_deref().filter(|text| !text.is_empty()).map(str::to_owned);
        if let Some(text) = said(&content.text) {
            self.blocks.text(&text, sink);
        }
        if let Some(input) = content.tool_use.as_ref().and_then(|tool| tool.input) {
            if !self.blocks.in_tool(index) {
                return Err(StreamError::Malformed("input outside its tool call".to_owned()));
            }
            match serde_json::from_str::<Text<'_>>(input.get()) {
                Ok(fragment) => self.blocks.arguments(&fragment, sink),
                Err(_) => self.blocks.arguments(input.get(), sink),
            }
        }
        if let Some(reasoning) = &content.reasoning_content {
            self.reason(reasoning, sink);
        }
        Ok(())
    }

    fn reason(&mut self, reasoning: &Reasoning<'_>, sink: &mut dyn Sink) {
        let inner = reasoning.reasoning_text.as_ref();
        let text = reasoning.text.as_ref().or_else(|| inner?.text.as_ref());
        let signature = reasoning.signature.as_ref().or_else(|| inner?.signature.as_ref());
        if let Some(text) = text.filter(|text| !text.is_empty()) {
            self.blocks.thinking(text, sink);
        }
        if let Some(signature) = signature.filter(|signature| !signature.is_empty()) {
            // A signature may come without a word of what it signs.
            self.blocks.begin_thinking(sink);
            self.signature.push_str(signature);
        }
        if let Some(data) = &reasoning.redacted_content {
            let seal = Seal { issuer: Issuer::Anthropic, value: data.to_string(), redacted: true };
            self.blocks.whole(Block::Thinking, &[Delta::Seal(&seal)], sink);
        }
    }

    fn close(&mut self, sink: &mut dyn Sink) {
        if !self.signature.is_empty() {
            let value = std::mem::take(&mut self.signature);
            self.blocks.seal(&Seal { issuer: Issuer::Anthropic, value, redacted: false }, sink);
        }
        self.blocks.close(sink);
    }
}

/// <https://docs.aws.amazon.com/bedrock/latest/APIReference/API_runtime_MessageStopEvent.html>
fn finish(reason: &str) -> FinishReason {
    match reason {
        "end_turn" | "stop_sequence" => FinishReason::Stop,
        "tool_use" => FinishReason::ToolCalls,
        "max_tokens" | "model_context_window_exceeded" => FinishReason::Length,
        "guardrail_intervened" | "content_filtered" => FinishReason::Filtered,
        other => FinishReason::Other(other.to_owned()),
    }
}

fn status(exception: &str) -> u16 {
    match exception {
        "throttlingException" => 429,
        "validationException" => 400,
        "serviceUnavailableException" => 503,
        "modelTimeoutException" => 408,
        _ => 500,
    }
}
