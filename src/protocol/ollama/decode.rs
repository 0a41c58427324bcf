//! An Ollama server's lines, streamed or one, as canonical events, and a look at those that are relayed.

use serde::Deserialize;
use serde_json::value::RawValue;
use sha2::{Digest, Sha256};

use crate::framing::Frame;
use crate::ir::event::{Block, Blocks, Delta, Event, Finish, Sink, Usage};
use crate::json::{self, Count, Text};
use crate::protocol::media::sniff_image;
use crate::protocol::{Decode, Inspect, Pass, Report, StreamError};

#[derive(Deserialize)]
struct Line<'a> {
    #[serde(borrow)]
    model: Option<Text<'a>>,
    #[serde(borrow)]
    created_at: Option<Text<'a>>,
    #[serde(borrow)]
    message: Option<Message<'a>>,
    /// Of a bare prompt's answer.
    #[serde(borrow)]
    response: Option<Text<'a>>,
    done: Option<bool>,
    #[serde(borrow)]
    done_reason: Option<Text<'a>>,
    prompt_eval_count: Option<Count>,
    eval_count: Option<Count>,
    #[serde(borrow)]
    error: Option<&'a RawValue>,
}

#[derive(Deserialize)]
struct Message<'a> {
    #[serde(borrow)]
    content: Option<Text<'a>>,
    #[serde(borrow)]
    thinking: Option<Text<'a>>,
    #[serde(borrow)]
    images: Option<Vec<Text<'a>>>,
    #[serde(borrow)]
    tool_calls: Option<Vec<Call<'a>>>,
}

#[derive(Deserialize)]
struct Call<'a> {
    #[serde(borrow)]
    id: Option<Text<'a>>,
    #[serde(borrow)]
    function: Function<'a>,
}

#[derive(Deserialize)]
struct Function<'a> {
    #[serde(borrow)]
    name: Text<'a>,
    #[serde(borrow)]
    arguments: Option<&'a RawValue>,
}

fn read(line: &[u8]) -> Result<Line<'_>, StreamError> {
    let read: Line<'_> = json::read(line).map_err(|error| StreamError::Malformed(error.to_string()))?;
    if read.error.is_some_and(|error| error.get() != "null") {
        return Err(StreamError::Refused { status: 500, body: line.to_owned() });
    }
    Ok(read)
}

impl Line<'_> {
    fn usage(&self) -> Option<Usage> {
        let (input, output) = (self.prompt_eval_count, self.eval_count);
        (input.is_some() || output.is_some()).then(|| Usage {
            input: input.unwrap_or_default().0,
            output: output.unwrap_or_default().0,
            ..Usage::default()
        })
    }
}

#[derive(Debug, Default)]
pub struct Decoder {
    started: bool,
    finished: bool,
    blocks: Blocks,
    calls: u32,
    /// When the answer began, in the server's words: what tells its calls from those of other answers.
    began: String,
}

impl Decode for Decoder {
    fn frame(&mut self, frame: Frame<'_>, sink: &mut dyn Sink) -> Result<(), StreamError> {
        if self.finished {
            return Ok(());
        }
        let line = read(frame.data)?;
        if !std::mem::replace(&mut self.started, true) {
            line.created_at.as_deref().unwrap_or_default().clone_into(&mut self.began);
            sink.event(Event::Start { id: "", model: line.model.as_deref().unwrap_or_default() });
        }
        if let Some(message) = &line.message {
            self.message(message, sink);
        }
        if let Some(text) = line.response.as_deref().filter(|text| !text.is_empty()) {
            self.blocks.text(text, sink);
        }
        if line.done == Some(true) {
            self.blocks.close(sink);
            if let Some(usage) = line.usage() {
                sink.event(Event::Usage(usage));
            }
            sink.event(Event::Finish(match line.done_reason.as_deref().unwrap_or("stop") {
                "stop" | "" if self.calls > 0 => Finish::ToolCalls,
                "stop" | "" => Finish::Stop,
                "length" => Finish::Length,
                "content_filter" => Finish::Filtered,
                other => Finish::Other(other),
            }));
            self.finished = true;
        }
        Ok(())
    }

    fn end(&mut self, _: &mut dyn Sink) -> Result<(), StreamError> {
        if self.finished { Ok(()) } else { Err(StreamError::Cut) }
    }
}

impl Decoder {
    fn message(&mut self, message: &Message<'_>, sink: &mut dyn Sink) {
        let said = |text: &Option<Text<'_>>| text.as_deref().filter(|text| !text.is_empty()).map(str::to_owned);
        if let Some(text) = said(&message.thinking) {
            self.blocks.thinking(&text, sink);
        }
        if let Some(text) = said(&message.content) {
            self.blocks.text(&text, sink);
        }
        for data in message.images.iter().flatten() {
            self.blocks.whole(Block::Media { mime: sniff_image(data) }, &[Delta::Data(data)], sink);
        }
        for call in message.tool_calls.iter().flatten() {
            let arguments = call.function.arguments.map_or("{}", RawValue::get);
            let given = call.id.as_deref().filter(|id: &&str| !id.is_empty());
            let id = given.map_or_else(|| self.invent(&call.function.name, arguments), str::to_owned);
            self.blocks.close(sink);
            self.blocks.tool(self.calls, &id, &call.function.name, false, sink);
            self.blocks.arguments(arguments, sink);
            self.blocks.close(sink);
            self.calls += 1;
        }
    }

    /// An id for a call that came without: the same answer always has the same ids, and another answer has others.
    fn invent(&self, name: &str, arguments: &str) -> String {
        let digest = Sha256::new().chain_update(&self.began).chain_update(name).chain_update(arguments).finalize();
        let digest: String = digest.iter().take(6).map(|byte| format!("{byte:02x}")).collect();
        format!("call_{digest}_{}", self.calls)
    }
}

/// A whole answer is one line.
pub fn whole(body: &[u8], sink: &mut dyn Sink) -> Result<(), StreamError> {
    let mut decoder = Decoder::default();
    decoder.frame(Frame { data: body, ..Frame::default() }, sink)?;
    decoder.end(sink)
}

pub struct Inspector;

impl Inspect for Inspector {
    fn frame<'a>(&mut self, frame: Frame<'a>, report: &mut Report) -> Result<Pass<'a>, StreamError> {
        if report.finished {
            return Ok(Pass::Keep);
        }
        let line = read(frame.data)?;
        let says = |text: &Option<Text<'_>>| text.as_deref().is_some_and(|text| !text.is_empty());
        report.started |= says(&line.response)
            || line.message.as_ref().is_some_and(|message| {
                says(&message.content)
                    || says(&message.thinking)
                    || message.images.as_ref().is_some_and(|images| !images.is_empty())
                    || message.tool_calls.as_ref().is_some_and(|calls| !calls.is_empty())
            });
        if let Some(usage) = line.usage() {
            report.usage = usage;
        }
        if line.done == Some(true) {
            (report.started, report.finished) = (true, true);
        }
        Ok(Pass::Keep)
    }
}
