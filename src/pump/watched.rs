//! An answer that is filtered: its frames pass the watch before they are relayed or translated.

use super::{Flow, Pump, Style, Translation, complete, element, is_whole};
use crate::framing::{Frame, Framing};
use crate::protocol::{Pass, StreamError};

/// Bytes of a body, or its end.
#[derive(Clone, Copy)]
pub(super) enum Input<'a> {
    Chunk(&'a [u8]),
    End,
}

impl Pump {
    /// Whatever the watch lets through of `input` goes where it would have gone without one. A whole body is changed
    /// when it is complete.
    pub(super) fn watched(&mut self, input: Input<'_>, out: &mut Vec<u8>) -> Result<(), StreamError> {
        let Self { report, flow, wire, watch: Some(watch), .. } = self else { return Ok(()) };
        let framing = wire.framing();
        match flow {
            Flow::Relay { framer, inspect, style, keep_usage, sent, .. } => {
                let mut take = |frame: Frame<'_>| {
                    let pass = inspect.frame(frame, report)?;
                    let data = match &pass {
                        Pass::Usage if !*keep_usage => return Ok(()),
                        Pass::Keep | Pass::Usage => frame.data,
                        Pass::Instead(data) => data,
                    };
                    match style {
                        Style::AsTheyCame => write(framing, frame.event, data, out),
                        Style::JsonArray => element(data, sent, out),
                    }
                    Ok(())
                };
                match input {
                    Input::Chunk(chunk) => framer.push(chunk, |frame, _| watch.frame(frame, &mut take)),
                    Input::End => {
                        let last = framer.finish(|frame, _| match is_whole(frame.data) {
                            true => watch.frame(frame, &mut take),
                            false => Err(StreamError::Cut),
                        });
                        complete(last.and_then(|()| watch.end(&mut take)), true)
                    }
                }
            }
            Flow::Translate(translation) => {
                let Translation { framer, decode, output, .. } = translation.as_mut();
                let mut take = |frame: Frame<'_>| output.run(report, out, |sink| decode.frame(frame, sink));
                match input {
                    Input::Chunk(chunk) => framer.push(chunk, |frame, _| watch.frame(frame, &mut take)),
                    Input::End => {
                        let last = framer.finish(|frame, _| watch.frame(frame, &mut take));
                        complete(last.and_then(|()| watch.end(&mut take)), true)
                    }
                }
            }
            Flow::WholeRelay { body } | Flow::WholeTranslate { body, .. } => {
                if let Input::End = input {
                    *body = watch.whole(body)?;
                }
                Ok(())
            }
            Flow::Raw | Flow::Other { .. } | Flow::Done => Ok(()),
        }
    }
}

/// A frame as the wire has it.
fn write(framing: Framing, event: Option<&str>, data: &[u8], out: &mut Vec<u8>) {
    match framing {
        Framing::Ndjson => {
            out.extend_from_slice(data);
            out.push(b'\n');
        }
        // No client reads binary events: whoever sends them is translated.
        Framing::Sse | Framing::EventStream => {
            if let Some(event) = event {
                out.extend_from_slice(b"event: ");
                out.extend_from_slice(event.as_bytes());
                out.push(b'\n');
            }
            for line in data.split(|byte| *byte == b'\n') {
                out.extend_from_slice(b"data: ");
                out.extend_from_slice(line);
                out.push(b'\n');
            }
            out.push(b'\n');
        }
    }
}
