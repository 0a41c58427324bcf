//! A provider's stream in another protocol: framed, decoded, encoded; and what repeats, copied.

use super::refrain::{Counts, Refrain};
use super::{Output, To, complete};
use crate::framing::Framer;
use crate::protocol::{Decode, Report, StreamError};

pub struct Translation {
    pub framer: Framer,
    pub decode: Box<dyn Decode>,
    pub output: Output,
    refrain: Refrain,
}

impl Translation {
    pub fn new(framer: Framer, decode: Box<dyn Decode>, output: Output) -> Self {
        let loose = match &output.to {
            To::Stream(_) => decode.loose(),
            To::Whole(_) => None,
        };
        Self { framer, decode, output, refrain: Refrain::new(loose) }
    }

    pub fn chunk(&mut self, chunk: &[u8], report: &mut Report, out: &mut Vec<u8>) -> Result<(), StreamError> {
        let Self { framer, decode, output, refrain } = self;
        // Where a frame begins that is whole in this chunk, if one does.
        let mut from = framer.is_between_frames().then(|| repeat(refrain, output, chunk, 0, out));
        let chunk = chunk.get(from.unwrap_or_default()..).unwrap_or_default();
        from = from.map(|_| 0);
        framer.push_ahead(chunk, |frame, after| {
            count(refrain, decode.as_mut(), output, report, out)?;
            output.seen = refrain.look();
            output.run(report, out, |sink| decode.frame(frame, sink))?;
            let seen = std::mem::take(&mut output.seen);
            let at = from.and_then(|from| place(chunk, frame.data)?.checked_sub(from));
            if let (Some(from), Some(at)) = (from, at) {
                let raw = chunk.get(from..after).unwrap_or_default();
                refrain.learn(seen, frame.event, raw, at..at + frame.data.len());
            }
            let behind = repeat(refrain, output, chunk, after, out);
            from = Some(behind);
            Ok(behind)
        })
    }

    /// The provider's body ended.
    pub fn end(&mut self, report: &mut Report, out: &mut Vec<u8>) -> Result<(), StreamError> {
        let Self { framer, decode, output, refrain } = self;
        let last = count(refrain, decode.as_mut(), output, report, out)
            .and_then(|()| framer.finish(|frame, _| output.run(report, out, |sink| decode.frame(frame, sink))));
        let last = complete(last, true).and_then(|()| output.run(report, out, |sink| decode.end(sink)));
        complete(last, output.grammar.finished())
    }
}

/// Copy the frames from `at` on that repeat the last one; where the next begins that does not.
fn repeat(refrain: &mut Refrain, output: &mut Output, chunk: &[u8], mut at: usize, out: &mut Vec<u8>) -> usize {
    let To::Stream(encode) = &mut output.to else { return at };
    while let Some((inside, size)) = refrain.next(chunk.get(at..).unwrap_or_default()) {
        if !encode.again(inside, out) {
            refrain.give_up();
            break;
        }
        refrain.came();
        at += size;
    }
    at
}

/// Read the counts of the last frame that was copied.
fn count(
    refrain: &mut Refrain,
    decode: &mut dyn Decode,
    output: &mut Output,
    report: &mut Report,
    out: &mut Vec<u8>,
) -> Result<(), StreamError> {
    match refrain.counted() {
        Some(counted) => output.run(report, out, |sink| decode.frame(counted.frame(), &mut Counts(sink))),
        None => Ok(()),
    }
}

/// Where `part` begins in `whole`, if it is a part of it.
fn place(whole: &[u8], part: &[u8]) -> Option<usize> {
    let at = part.as_ptr().addr().checked_sub(whole.as_ptr().addr())?;
    (at + part.len() <= whole.len()).then_some(at)
}
