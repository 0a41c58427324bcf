//! Reads usage, end and errors off an answer that is relayed untouched.

use super::chunk::{Chunk, Metadata, each_chunk, each_part};
use crate::framing::Frame;
use crate::json;
use crate::protocol::{Inspect, Pass, Report, StreamError};

#[derive(Default)]
pub struct Inspector {
    metadata: Metadata,
    /// One bit per candidate: a client may ask for several answers, and all of them must end.
    seen: u64,
    ended: u64,
}

impl Inspect for Inspector {
    fn frame<'a>(&mut self, frame: Frame<'a>, report: &mut Report) -> Result<Pass<'a>, StreamError> {
        self.document(frame.data, report)?;
        Ok(Pass::Keep)
    }
}

impl Inspector {
    pub fn document(&mut self, json: &[u8], report: &mut Report) -> Result<(), StreamError> {
        each_chunk(json, |chunk, whole| self.chunk(&chunk, whole, report))
    }

    fn chunk(&mut self, chunk: &Chunk<'_>, whole: &[u8], report: &mut Report) -> Result<(), StreamError> {
        if let Some(refusal) = chunk.refusal(whole) {
            return Err(refusal);
        }
        if let Some(metadata) = chunk.usage_metadata {
            report.usage = metadata.onto(&mut self.metadata);
        }
        let mut any = false;
        for candidate in chunk.candidates() {
            any = true;
            let bit = 1u64.checked_shl(candidate.index.unwrap_or(0)).unwrap_or(0);
            self.seen |= bit;
            if let (false, Some(parts)) = (report.started, candidate.content.as_ref().and_then(|content| content.parts))
            {
                let mut started = false;
                each_part(parts, |part| started |= part.text.as_deref().is_none_or(|text: &str| !text.is_empty()))?;
                report.started = started;
            }
            if candidate.finish().is_some() {
                self.ended |= bit;
            }
        }
        if self.seen != 0 && self.seen == self.ended || !any && chunk.blocked() {
            report.started = true;
            report.finished = true;
        }
        Ok(())
    }
}

/// Whether a whole answer says how many tokens a prompt has.
pub fn is_count(json: &[u8]) -> bool {
    #[derive(serde::Deserialize)]
    struct Count {
        #[serde(rename = "totalTokens")]
        _total: u64,
    }
    json::read::<Count>(json).is_ok()
}
