//! Question and answer of one call, word for word: the request as filters left it, the answer folded from its frames.
//!
//! The answer is read as the provider gives it, before placeholders are lifted, and through the filters of the answer:
//! what is masked for the client or for the provider is masked here.

use bytes::Bytes;

use crate::call::{Call, Operation};
use crate::filter::masks::Masks;
use crate::filter::watch::{Looks, Watch};
use crate::framing::{Frame, Framer};
use crate::ir::event::{Collector, Completion, Event, FinishReason, Grammar, Sink};
use crate::protocol::tools::{Restore, Restorer};
use crate::protocol::{Decode, Echo, Outbound, StreamError, inbound};
use crate::upstream::{Payload, Reading};

/// 8 MiB of frames: an answer of a hundred thousand tokens, three times. What is longer is not kept.
const LIMIT: usize = 8 << 20;

#[derive(Default)]
pub struct Recorder {
    /// Of a call that is a conversation.
    call: Option<Call>,
    answer: Option<Answer>,
    done: Option<Completion>,
}

/// One call for the books of captures.
#[derive(Debug, Clone, PartialEq)]
pub struct Kept {
    pub request: Bytes,
    /// In the client's own protocol, whole.
    pub answer: Vec<u8>,
    pub finish: String,
}

struct Answer {
    wire: &'static dyn Outbound,
    watch: Option<Watch>,
    shape: Shape,
    output: Output,
    bytes: usize,
}

enum Shape {
    Stream { framer: Framer, decode: Box<dyn Decode> },
    Whole(Vec<u8>),
}

#[derive(Default)]
struct Output {
    restore: Restore,
    pending: Option<String>,
    grammar: Grammar,
    collector: Collector,
    broken: bool,
}

impl Recorder {
    pub fn asks(&mut self, asked: &Call) {
        let speaks = matches!(asked.endpoint.operation, Operation::Generate | Operation::Complete);
        (self.call, self.answer, self.done) = (speaks.then(|| asked.clone()), None, None);
    }

    pub fn answered(&mut self, _: &Call, payload: &Payload, streamed: bool) {
        let Payload { wire, reading: Reading::Model, restore, looks, .. } = payload else { return };
        // Looked at for its words, and nothing given back.
        let finder = looks.as_ref().and_then(|looks| looks.finder.clone());
        let looks = finder.map(|finder| Looks {
            finder: Some(finder),
            masks: Masks::new([0; 32]).into(),
            hits: <_>::default(),
        });
        let shape = if streamed {
            Shape::Stream { framer: Framer::new(wire.framing()), decode: wire.decoder() }
        } else {
            Shape::Whole(Vec::new())
        };
        let output = Output { restore: restore.clone(), ..Output::default() };
        self.answer = Some(Answer { wire: *wire, watch: looks.map(Watch::new), shape, output, bytes: 0 });
    }

    pub fn saw(&mut self, received: &[u8]) {
        let Some(answer) = &mut self.answer else { return };
        answer.bytes += received.len();
        if answer.bytes > LIMIT || answer.push(received).is_err() {
            self.answer = None;
        }
    }

    pub fn ended(&mut self) {
        self.done = self.answer.take().and_then(Answer::end);
    }

    pub fn kept(self) -> Option<Kept> {
        let (call, done) = (self.call?, self.done?);
        let finish = match done.finish.as_ref()? {
            FinishReason::Stop => "stop",
            FinishReason::Length => "length",
            FinishReason::ToolCalls => "tool_calls",
            FinishReason::Filtered => "content_filter",
            FinishReason::Other(word) => word,
        };
        let finish = finish.to_owned();
        // Whole, whichever way the client had it.
        let call = Call { stream: false, ..call };
        let mut answer = Vec::new();
        inbound(call.protocol()).encode_response(&done, &Echo { call: &call, request: None }, &mut answer);
        Some(Kept { request: call.body.bytes().clone(), answer, finish })
    }
}

impl Answer {
    fn push(&mut self, bytes: &[u8]) -> Result<(), StreamError> {
        let Self { watch, shape, output, .. } = self;
        match shape {
            Shape::Whole(body) => {
                body.extend_from_slice(bytes);
                Ok(())
            }
            Shape::Stream { framer, decode } => {
                let mut take = |frame: Frame<'_>| output.run(|sink| decode.frame(frame, sink));
                framer.push(bytes, |frame, _| match watch {
                    Some(watch) => watch.frame(frame, &mut take),
                    None => take(frame),
                })
            }
        }
    }

    fn end(mut self) -> Option<Completion> {
        let Self { wire, watch, shape, output, .. } = &mut self;
        let ended = match shape {
            Shape::Whole(body) => {
                let body = watch.as_ref().map_or(Ok(std::mem::take(body)), |watch| watch.whole(body));
                body.and_then(|body| output.run(|sink| wire.decode_response(&body, sink)))
            }
            Shape::Stream { framer, decode } => {
                let mut take = |frame: Frame<'_>| output.run(|sink| decode.frame(frame, sink));
                let last = framer.finish(|frame, _| match watch {
                    Some(watch) => watch.frame(frame, &mut take),
                    None => take(frame),
                });
                let last = last.and_then(|()| watch.as_mut().map_or(Ok(()), |watch| watch.end(&mut take)));
                last.and_then(|()| output.run(|sink| decode.end(sink)))
            }
        };
        ended.ok().and_then(|()| Completion::of(self.output.collector))
    }
}

impl Output {
    fn run(&mut self, step: impl FnOnce(&mut dyn Sink) -> Result<(), StreamError>) -> Result<(), StreamError> {
        let Self { restore, pending, grammar, collector, broken } = self;
        let mut checked = |event: Event<'_>| {
            *broken |= grammar.event(&event).is_err();
            if !*broken {
                collector.event(event);
            }
        };
        let result = step(&mut Restorer { restore, pending, sink: &mut checked });
        if *broken { Err(StreamError::Cut) } else { result }
    }
}
