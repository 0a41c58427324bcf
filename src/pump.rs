//! One provider answer on its way to the client: relayed as it is, or translated event by event.
//!
//! ```text
//!            +-- Relay: Framer -> Inspect (a look)            the same bytes ---+
//! chunk -----+                                                                  +--> out
//!            +-- Translate: Framer -> Decode -> Restorer -> Grammar -> Encode --+
//! ```
//!
//! Until [`Pump::started`] the caller holds `out` back and may still try another account. Afterwards every error is
//! written into the answer by [`Pump::fail`]. An answer that just stops is an error, whatever was said before.

mod refrain;
mod translation;
mod watched;

use crate::call::Call;
use crate::fault::{Failure, Kind};
use crate::filter::watch::Watch;
use crate::framing::{Framer, sse};
use crate::ir::event::{Collector, Completion, Delta, Event, Grammar, GrammarError, Sink};
use crate::json;
use crate::passing::watch;
use crate::protocol::chat;
use crate::protocol::tools::{Restore, Restorer};
use crate::protocol::{Echo, Encode, Inbound, Inspect, Outbound, Pass, Report, StreamError, inbound};
use crate::upstream::{Convert, Payload, Reading, Secret};
use crate::witness::Shared;
use watched::Input;

pub use refrain::Loose;
use refrain::Seen;
use translation::Translation;

/// 64 MiB: a whole answer with the largest images seen, and half an isolate.
const WHOLE_LIMIT: usize = 64 << 20;

pub struct Pump {
    report: Report,
    failed: bool,
    flow: Flow,
    client: &'static dyn Inbound,
    wire: &'static dyn Outbound,
    /// What a provider that quotes it back must not tell the client.
    secret: Secret,
    /// Filters, in front of everything else.
    watch: Option<Box<Watch>>,
    /// Sees both sides of what passes.
    pub witness: Option<Shared>,
}

enum Flow {
    /// A stream, framed.
    Relay {
        framer: Framer,
        inspect: Box<dyn Inspect>,
        style: Style,
        keep_usage: bool,
        held: Vec<u8>,
        sent: bool,
        /// The last frame was given out.
        kept: bool,
    },
    Translate(Box<Translation>),
    /// Bytes that are nobody's business here.
    Raw,
    /// No answer of a model.
    Other {
        body: Vec<u8>,
        convert: Convert,
    },
    /// A body that means nothing before it is complete.
    WholeRelay {
        body: Vec<u8>,
    },
    WholeTranslate {
        body: Vec<u8>,
        output: Output,
    },
    Done,
}

/// How relayed frames are written.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Style {
    AsTheyCame,
    /// Gemini without `alt=sse`: the data of each frame is an element.
    JsonArray,
}

/// Where translated events go.
struct Output {
    restore: Restore,
    pending: Option<String>,
    grammar: Grammar,
    to: To,
    /// What the last step came to.
    seen: Seen,
}

enum To {
    Stream(Box<dyn Encode>),
    Whole(Box<Collector>),
}

/// What the pump needs to remember of the call for a whole, translated answer.
pub struct Answering<'a> {
    pub call: &'a Call,
    pub payload: &'a Payload,
    /// The provider answered with a stream, by its content type.
    pub streamed: bool,
    pub secret: &'a Secret,
}

impl Pump {
    pub fn new(answering: &Answering<'_>) -> Self {
        let Answering { call, payload, streamed, secret } = *answering;
        let wire = payload.wire;
        let client = inbound(call.protocol());
        let output = |to| Output {
            restore: payload.restore.clone(),
            pending: None,
            grammar: Grammar::default(),
            to,
            seen: Seen::default(),
        };
        let to = || {
            if call.stream {
                To::Stream(client.encoder(&Echo { call, request: payload.request.as_ref() }))
            } else {
                To::Whole(Box::default())
            }
        };
        let framer = || Framer::new(wire.framing());
        let relay = payload.request.is_none();
        let flow = match (payload.reading, relay && streamed == call.stream, streamed) {
            (Reading::Raw, ..) => Flow::Raw,
            (Reading::Other(convert), ..) => Flow::Other { body: Vec::new(), convert },
            (Reading::Model, true, true) => Flow::Relay {
                framer: framer(),
                inspect: wire.inspector(),
                style: if call.endpoint.json_array { Style::JsonArray } else { Style::AsTheyCame },
                keep_usage: chat::wants_usage(call),
                held: Vec::new(),
                sent: false,
                kept: false,
            },
            (Reading::Model, true, false) => Flow::WholeRelay { body: Vec::new() },
            (Reading::Model, false, true) => {
                Flow::Translate(Box::new(Translation::new(framer(), wire.decoder(), output(to()))))
            }
            (Reading::Model, false, false) => Flow::WholeTranslate { body: Vec::new(), output: output(to()) },
        };
        Self {
            report: Report::default(),
            failed: false,
            flow,
            client,
            wire,
            secret: secret.clone(),
            watch: watch(payload.looks.as_ref()),
            witness: None,
        }
    }

    pub fn report(&self) -> &Report {
        &self.report
    }

    /// Content has been seen: what was written so far may go to the client.
    pub fn started(&self) -> bool {
        self.report.started
    }

    pub fn failed(&self) -> bool {
        self.failed
    }

    /// Take bytes from the provider, add bytes for the client.
    pub fn chunk(&mut self, chunk: &[u8], out: &mut Vec<u8>) -> Result<(), StreamError> {
        let Some(witness) = self.witness.clone() else { return self.take(chunk, out) };
        let from = out.len();
        let taken = self.take(chunk, out);
        witness.borrow_mut().saw(chunk, out.get(from..).unwrap_or_default());
        taken
    }

    fn take(&mut self, chunk: &[u8], out: &mut Vec<u8>) -> Result<(), StreamError> {
        if self.watch.is_some() && matches!(self.flow, Flow::Relay { .. } | Flow::Translate(_)) {
            return self.watched(Input::Chunk(chunk), out);
        }
        let report = &mut self.report;
        match &mut self.flow {
            Flow::Relay { framer, inspect, style, keep_usage, held, sent, kept } => {
                let mut from = 0;
                if held.is_empty() && framer.is_owed(chunk) {
                    // The LF of a CRLF that the end of a chunk took apart goes where its frame went.
                    from = 1;
                    if *kept && *style == Style::AsTheyCame {
                        out.push(b'\n');
                    }
                }
                framer.push(chunk, |frame, after| {
                    let pass = inspect.frame(frame, report)?;
                    *kept = pass != Pass::Usage || *keep_usage;
                    match (pass, *style) {
                        (Pass::Usage, _) if !*keep_usage => held.clear(),
                        (Pass::Keep | Pass::Usage, Style::AsTheyCame) => {
                            out.append(held);
                            out.extend_from_slice(chunk.get(from..after).unwrap_or_default());
                        }
                        (Pass::Instead(data), Style::AsTheyCame) => {
                            held.extend_from_slice(chunk.get(from..after).unwrap_or_default());
                            sse::replace_data(held, &data, out);
                            held.clear();
                        }
                        (Pass::Keep | Pass::Usage, Style::JsonArray) => element(frame.data, sent, out),
                        (Pass::Instead(data), Style::JsonArray) => element(&data, sent, out),
                    }
                    from = after;
                    Ok::<(), StreamError>(())
                })?;
                if *style == Style::AsTheyCame {
                    // A frame still incomplete stays here: if the stream is cut, the client never sees its half.
                    held.extend_from_slice(chunk.get(from..).unwrap_or_default());
                    if framer.is_between_frames() && !held.is_empty() {
                        out.append(held); // comments, which keep the client's connection alive
                        *kept = true;
                    }
                }
                Ok(())
            }
            Flow::Translate(translation) => translation.chunk(chunk, report, out),
            Flow::Other { body, .. } | Flow::WholeRelay { body } | Flow::WholeTranslate { body, .. } => {
                if body.len() + chunk.len() > WHOLE_LIMIT {
                    return Err(StreamError::Malformed(format!("answer exceeds {WHOLE_LIMIT} bytes")));
                }
                body.extend_from_slice(chunk);
                Ok(())
            }
            Flow::Raw => {
                out.extend_from_slice(chunk);
                report.started |= !chunk.is_empty();
                Ok(())
            }
            Flow::Done => Ok(()),
        }
    }

    /// The provider's body ended. Completes the answer, or says why it is none.
    pub fn end(&mut self, echo: &Echo<'_>, out: &mut Vec<u8>) -> Result<(), StreamError> {
        let from = out.len();
        self.complete(echo, out)?;
        if let Some(witness) = &self.witness {
            witness.borrow_mut().ended(out.get(from..).unwrap_or_default());
        }
        Ok(())
    }

    fn complete(&mut self, echo: &Echo<'_>, out: &mut Vec<u8>) -> Result<(), StreamError> {
        if self.watch.is_some() {
            self.watched(Input::End, out)?;
        }
        let report = &mut self.report;
        match &mut self.flow {
            Flow::Relay { framer, inspect, style, keep_usage, held, sent, .. } => {
                let mut whole = false;
                let last = framer.finish(|frame, _| {
                    whole = is_whole(frame.data);
                    let pass = inspect.frame(frame, report)?;
                    if !whole {
                        return Err(StreamError::Cut);
                    }
                    match (pass, *style) {
                        (Pass::Usage, _) if !*keep_usage => held.clear(),
                        (Pass::Keep | Pass::Usage, Style::JsonArray) => element(frame.data, sent, out),
                        (Pass::Instead(data), Style::JsonArray) => element(&data, sent, out),
                        (Pass::Instead(data), Style::AsTheyCame) => {
                            sse::replace_data(held, &data, out);
                            held.clear();
                        }
                        (Pass::Keep | Pass::Usage, Style::AsTheyCame) => {}
                    }
                    Ok(())
                });
                complete(last, report.finished)?;
                if whole {
                    out.append(held);
                }
                if *style == Style::JsonArray {
                    out.extend_from_slice(if *sent { b"\n]" } else { b"[]" });
                }
            }
            Flow::Translate(translation) => {
                translation.end(report, out)?;
                translation.output.complete(self.client, echo, out)?;
            }
            Flow::Other { body, convert } => {
                let (converted, usage) = convert(echo.call, self.wire.protocol(), body)?;
                *report = Report { usage, started: true, finished: true };
                out.extend_from_slice(&converted);
            }
            Flow::WholeRelay { body } => {
                match self.wire.inspect_response(body, report)? {
                    Pass::Keep | Pass::Usage => out.extend_from_slice(body),
                    Pass::Instead(inner) => out.extend_from_slice(&inner),
                }
                *report = Report { started: true, finished: true, ..*report };
            }
            Flow::WholeTranslate { body, output } => {
                let (wire, from) = (self.wire, out.len());
                let result = output.run(report, out, |sink| wire.decode_response(body, sink));
                let finished = output.grammar.finished();
                if let Err(error) = result.and(if finished { Ok(()) } else { Err(StreamError::Cut) }) {
                    // Half of a whole answer is worth nothing: another account may give all of it.
                    out.truncate(from);
                    *report = Report::default();
                    return Err(error);
                }
                output.complete(self.client, echo, out)?;
            }
            Flow::Raw => *report = Report { started: true, finished: true, ..*report },
            Flow::Done => {}
        }
        self.flow = Flow::Done;
        Ok(())
    }

    /// The provider's body broke off. No harm if the answer was complete by then.
    pub fn broke(&mut self, error: StreamError, echo: &Echo<'_>, out: &mut Vec<u8>) -> Result<(), StreamError> {
        let complete = self.report.finished && self.end(echo, out).is_ok();
        if complete { Ok(()) } else { Err(error) }
    }

    /// The answer broke after it had started: end it with the client protocol's own error. Once, and never behind a
    /// complete answer.
    pub fn fail(&mut self, failure: &Failure, out: &mut Vec<u8>) {
        let failure = &Failure { message: self.secret.scrub(&failure.message), ..failure.clone() };
        match std::mem::replace(&mut self.flow, Flow::Done) {
            Flow::Relay { style: Style::JsonArray, sent, .. } => {
                out.extend_from_slice(if sent { b",\n" } else { b"[" });
                out.extend_from_slice(&self.client.encode_failure(failure));
                out.extend_from_slice(b"\n]");
            }
            Flow::Translate(translation) => {
                // A whole answer has not begun: the caller still owns the status line.
                if let To::Stream(mut encode) = translation.output.to {
                    encode.failure(failure, out);
                }
            }
            Flow::WholeTranslate { output: Output { to: To::Stream(mut encode), .. }, .. } => {
                encode.failure(failure, out);
            }
            Flow::Relay { .. } => self.client.failure_frame(failure, out),
            // Nothing of a whole answer has been sent; the caller still owns the status line.
            Flow::WholeTranslate { .. } | Flow::WholeRelay { .. } | Flow::Other { .. } => {}
            // An answer of an unknown kind has no room for words of ours.
            Flow::Raw => {}
            Flow::Done => return,
        }
        self.failed = true;
    }
}

/// What the last step of an answer came to. A last frame that cannot be read is one that was cut.
fn complete(last: Result<(), StreamError>, finished: bool) -> Result<(), StreamError> {
    match last {
        Ok(()) if finished => Ok(()),
        Ok(()) | Err(StreamError::Malformed(_)) => Err(StreamError::Cut),
        Err(error) => Err(error),
    }
}

/// Whether a frame that the end of the body completed is all of what was meant. Every wire's frames are JSON, but for
/// one famous word.
fn is_whole(data: &[u8]) -> bool {
    data == b"[DONE]" || json::read::<serde::de::IgnoredAny>(data).is_ok()
}

fn element(data: &[u8], sent: &mut bool, out: &mut Vec<u8>) {
    // A frame that says nothing is no element.
    if data.trim_ascii().is_empty() {
        return;
    }
    out.extend_from_slice(if std::mem::replace(sent, true) { b",\n" } else { b"[" });
    out.extend_from_slice(data);
}

impl Output {
    /// Run one decoding step with this output as its sink.
    fn run(
        &mut self,
        report: &mut Report,
        out: &mut Vec<u8>,
        step: impl FnOnce(&mut dyn Sink) -> Result<(), StreamError>,
    ) -> Result<(), StreamError> {
        let Self { restore, pending, grammar, to, seen } = self;
        let mut checked = Checked { grammar, report, to, out, seen, broken: None };
        let result = if restore.is_empty() {
            step(&mut checked)
        } else {
            step(&mut Restorer { restore, pending, sink: &mut checked })
        };
        match checked.broken {
            Some(error) => Err(StreamError::Malformed(error.to_string())),
            None => result,
        }
    }

    fn complete(&mut self, client: &dyn Inbound, echo: &Echo<'_>, out: &mut Vec<u8>) -> Result<(), StreamError> {
        if let To::Whole(collector) = &mut self.to {
            let done = Completion::of(*std::mem::take(collector)).ok_or(StreamError::Cut)?;
            client.encode_response(&done, echo, out);
        }
        Ok(())
    }
}

/// The grammar's guard before the encoder: a decoder's mistake becomes an error, not a broken answer.
struct Checked<'a> {
    grammar: &'a mut Grammar,
    report: &'a mut Report,
    to: &'a mut To,
    out: &'a mut Vec<u8>,
    seen: &'a mut Seen,
    broken: Option<GrammarError>,
}

impl Sink for Checked<'_> {
    fn event(&mut self, event: Event<'_>) {
        if self.broken.is_some() {
            return;
        }
        if let Err(error) = self.grammar.event(&event) {
            self.broken = Some(error);
            return;
        }
        self.seen.event(&event);
        match &event {
            Event::Delta { delta: Delta::Text(text) | Delta::Json(text) | Delta::Data(text), .. } => {
                self.report.started |= !text.is_empty();
            }
            Event::Delta { delta: Delta::Seal(_), .. } => {}
            Event::BlockStart { block, .. } => {
                use crate::ir::event::Block;
                self.report.started |= matches!(block, Block::ToolCall { .. } | Block::Opaque { .. });
            }
            Event::Usage(usage) => self.report.usage = *usage,
            Event::Finish(_) => *self.report = Report { started: true, finished: true, ..*self.report },
            Event::Start { .. } | Event::BlockEnd { .. } => {}
        }
        match self.to {
            To::Stream(encode) => encode.event(event, self.out),
            To::Whole(collector) => collector.event(event),
        }
    }
}

/// What a broken answer is to the client, once content has been sent.
pub fn failure_of(error: &StreamError) -> Failure {
    match error {
        StreamError::Refused { status, body } => {
            // The account's troubles are not the client's: its own key and rights are fine.
            let kind = match Kind::of_status(*status) {
                Kind::Unauthorized | Kind::Forbidden => Kind::Upstream,
                kind => kind,
            };
            let message = crate::protocol::any_error_message(body);
            Failure::new(kind, message.unwrap_or_else(|| "the provider reported an error".to_owned()))
        }
        StreamError::Withheld(message) => Failure::new(Kind::InvalidRequest, message.as_str()).code("content_filter"),
        StreamError::Stalled => Failure::new(Kind::Timeout, error.to_string()),
        StreamError::Malformed(_) | StreamError::Cut | StreamError::TooLarge => {
            Failure::new(Kind::Upstream, format!("the provider's answer is incomplete: {error}"))
        }
    }
}
