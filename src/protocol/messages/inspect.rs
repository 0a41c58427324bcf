//! A look at a relayed answer: usage, end and errors, without translating it.

use serde::Deserialize;

use super::frame::{FrameIn, Tokens, read, read_response};
use crate::framing::Frame;
use crate::json::Text;
use crate::protocol::{Inspect, Pass, Report, StreamError};

#[derive(Debug, Default)]
pub struct Inspector {
    tokens: Tokens,
}

/// Frames that say nothing new once content has been seen.
const DELTA: &str = "content_block_delta";

impl Inspect for Inspector {
    fn frame<'a>(&mut self, frame: Frame<'a>, report: &mut Report) -> Result<Pass<'a>, StreamError> {
        if report.finished || report.started && frame.event == Some(DELTA) {
            return Ok(Pass::Keep);
        }
        let Some(FrameIn { kind, delta, content_block, message, usage, .. }) = read(frame)? else {
            return Ok(Pass::Keep);
        };
        for usage in usage.iter().chain(message.iter().filter_map(|message| message.usage.as_ref())) {
            self.tokens.add(usage);
            report.usage = self.tokens.usage();
        }
        // Not at `message_start`: an overloaded provider sends it, and then the error.
        report.started |= match &*kind {
            DELTA => delta.is_some_and(|delta| delta.says_something()),
            "message_delta" => delta.is_some_and(|delta| delta.stop_reason.is_some()),
            "content_block_start" => content_block.is_some_and(|block| !is_text(block.get())),
            _ => false,
        };
        report.finished |= &*kind == "message_stop";
        Ok(Pass::Keep)
    }
}

/// Text and thinking blocks open empty; all others are content by themselves.
fn is_text(block: &str) -> bool {
    #[derive(Deserialize)]
    struct Tag<'a> {
        #[serde(borrow, rename = "type")]
        kind: Text<'a>,
    }
    let tag: Result<Tag<'_>, _> = serde_json::from_str(block);
    tag.is_ok_and(|tag| matches!(&*tag.kind, "text" | "thinking"))
}

pub fn inspect_response(body: &[u8], report: &mut Report) -> Result<(), StreamError> {
    let message = read_response(body)?;
    if let Some(usage) = &message.usage {
        let mut tokens = Tokens::default();
        tokens.add(usage);
        report.usage = tokens.usage();
    }
    Ok(())
}
