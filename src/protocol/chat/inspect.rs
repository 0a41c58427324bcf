//! What can be learned from a relayed answer without touching it.

use memchr::memmem::Finder;

use super::chunk::{Choice, Message};
use super::decode::parse;
use super::refusal::{is_failure, refusal};
use crate::framing::Frame;
use crate::json::TextOr;
use crate::protocol::{Inspect, Pass, Report, StreamError};

/// Parses the first frames, and later ones only if a member of interest has a value.
pub struct Inspector {
    members: [Finder<'static>; 3],
    /// A choice has been seen, so `[DONE]` ends an answer and not nothing.
    answered: bool,
}

impl Default for Inspector {
    fn default() -> Self {
        let members = [r#""finish_reason""#, r#""usage""#, r#""error""#];
        Self { members: members.map(Finder::new), answered: false }
    }
}

impl Inspector {
    /// Whether one of the members is there and not `null`. Inside a string its quotes would be escaped, so a match is a
    /// member, or the value of one: then parsing will tell.
    fn interesting(&self, data: &[u8]) -> bool {
        self.members.iter().any(|finder| {
            let needle = finder.needle().len();
            finder.find_iter(data).any(|at| {
                let after = data.get(at + needle..).unwrap_or_default().trim_ascii_start();
                let value = after.strip_prefix(b":").unwrap_or(after).trim_ascii_start();
                !value.starts_with(b"null")
            })
        })
    }
}

impl Inspect for Inspector {
    fn frame<'a>(&mut self, frame: Frame<'a>, report: &mut Report) -> Result<Pass<'a>, StreamError> {
        let data = frame.data.trim_ascii();
        if data.is_empty() {
            return Ok(Pass::Keep);
        }
        if data == b"[DONE]" {
            report.started |= self.answered;
            report.finished |= self.answered;
            return Ok(Pass::Keep);
        }
        if frame.event == Some("error") {
            return Err(refusal(data));
        }
        if report.started && !self.interesting(data) {
            return Ok(Pass::Keep);
        }
        let chunk = parse(data)?;
        let choices = chunk.choices.unwrap_or_default();
        let alone = choices.first.is_none();
        self.answered |= !alone;
        let mut usage = chunk.usage;
        for Choice { delta, message, text, finish_reason, usage: inner, .. } in choices {
            usage = usage.or(inner);
            report.started |= text.is_some_and(|text| !text.is_empty());
            report.started |= delta.or(message).is_some_and(|message| has_content(&message));
            match finish_reason.as_deref() {
                None | Some("" | "null") => {}
                Some(word) => {
                    if let Some(status) = is_failure(word) {
                        return Err(StreamError::Refused { status, body: data.to_vec() });
                    }
                    // `[DONE]` may be missing; what still comes is relayed all the same.
                    (report.started, report.finished) = (true, true);
                }
            }
        }
        let told = usage.is_some();
        usage.iter().for_each(|usage| report.usage = usage.buckets());
        Ok(if alone && told { Pass::Usage } else { Pass::Keep })
    }
}

fn has_content(message: &Message<'_>) -> bool {
    let text = match &message.content {
        Some(TextOr::Text(text)) => !text.is_empty(),
        Some(TextOr::Or(parts)) => !parts.is_empty(),
        None => false,
    };
    let thinking = message.reasoning_content.as_ref().is_some_and(|text| !text.is_empty())
        || matches!(&message.reasoning, Some(TextOr::Text(text)) if !text.is_empty())
        || message.reasoning_details.as_ref().is_some_and(|details| !details.is_empty());
    text || thinking
        || message.refusal.as_ref().is_some_and(|text| !text.is_empty())
        || message.tool_calls.as_ref().is_some_and(|calls| calls.first.is_some())
        || message.function_call.is_some()
        || message.images.as_ref().is_some_and(|images| !images.is_empty())
}

/// The same for a whole answer.
pub fn inspect_response(body: &[u8], report: &mut Report) -> Result<(), StreamError> {
    let chunk = parse(body)?;
    let Some(choice) = chunk.choices.unwrap_or_default().first else {
        return Err(StreamError::Malformed("no choices".to_owned()));
    };
    if let Some(status) = choice.finish_reason.as_deref().and_then(is_failure) {
        return Err(StreamError::Refused { status, body: body.to_vec() });
    }
    chunk.usage.iter().for_each(|usage| report.usage = usage.buckets());
    Ok(())
}
