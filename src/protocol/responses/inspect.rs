//! Usage, end and errors of an answer that is relayed untouched.

use super::decode::{Decoder, read_response};
use super::wire::ResponseWire;
use crate::framing::Frame;
use crate::ir::event::{Event, Usage};
use crate::json::{self, Text};
use crate::protocol::{Decode, Inspect, Pass, Report, StreamError};

#[derive(Debug, Default)]
pub(super) struct Inspector;

#[derive(serde::Deserialize)]
struct Tag<'a> {
    #[serde(borrow, rename = "type", default)]
    kind: Option<Text<'a>>,
}

impl Inspect for Inspector {
    fn frame<'a>(&mut self, frame: Frame<'a>, report: &mut Report) -> Result<Pass<'a>, StreamError> {
        if report.finished || frame.data == b"[DONE]" {
            return Ok(Pass::Keep);
        }
        let read;
        let kind = match frame.event {
            Some(kind) => kind,
            None => {
                read = json::read::<Tag<'_>>(frame.data)
                    .map_err(|error| StreamError::Malformed(format!("an event is not JSON: {error}")))?;
                read.kind.as_deref().unwrap_or_default()
            }
        };
        match kind {
            // Progress and the opening of items are not content yet: an overload may still follow.
            "response.output_item.done" => report.started = true,
            kind if kind.ends_with(".delta") => report.started = true,
            "response.completed"
            | "response.incomplete"
            | "response.done"
            | "response.failed"
            | "error"
            | "message"
            | "" => self.end(frame, report)?,
            _ => {}
        }
        Ok(Pass::Keep)
    }
}

impl Inspector {
    /// Frames that may end the answer are read as a translation would read them.
    fn end(&mut self, frame: Frame<'_>, report: &mut Report) -> Result<(), StreamError> {
        let mut usage: Option<Usage> = None;
        let mut finished = false;
        Decoder::default().frame(frame, &mut |event: Event<'_>| match event {
            Event::Usage(said) => usage = Some(said),
            Event::Finish(_) => finished = true,
            Event::Start { .. } | Event::BlockStart { .. } | Event::Delta { .. } | Event::BlockEnd { .. } => {}
        })?;
        report.usage = usage.unwrap_or(report.usage);
        report.finished = finished;
        report.started |= finished;
        Ok(())
    }
}

pub(super) fn inspect_response(body: &[u8], report: &mut Report) -> Result<(), StreamError> {
    let response: ResponseWire<'_> = read_response(body)?;
    if let Some(usage) = response.usage {
        report.usage = usage.into();
    }
    Ok(())
}
