//! Canonical events as a Responses answer.
//!
//! ```text
//! response.created response.in_progress
//!   (output_item.added … deltas … output_item.done)*
//! response.completed | response.incomplete | response.failed
//! ```
//!
//! An item is announced with its first content, not with its block: a seal that arrives in between still finds its way
//! into the call id, and a block that stays empty leaves no trace. It is closed with the event after its end, when it
//! is known whether the answer was cut short in it. Text is escaped once and copied from there.

use super::decode_tools::Namespaces;
use super::envelope::{Envelope, Status};
use super::item::{Kind, Open, Stage, output_text, summary_text};
use super::{failure, seals};
use crate::fault::Failure;
use crate::ir::Issuer;
use crate::ir::event::{Completion, Delta, Event, Finish, Usage};
use crate::json::{Json, write_escaped, write_str, write_u64};
use crate::protocol::{Echo, Encode, seal};

#[derive(Debug)]
pub(super) struct Encoder {
    envelope: Envelope,
    namespaces: Namespaces,
    /// Whether frames are wanted, not just the response object at the end.
    frames: bool,
    sequence: u64,
    /// Index of the next item.
    index: u64,
    /// Finished items, separated by commas.
    output: Vec<u8>,
    open: Option<Open>,
    usage: Usage,
    over: bool,
}

impl Encoder {
    pub(super) fn new(echo: &Echo<'_>, frames: bool) -> Self {
        Self {
            envelope: Envelope::new(echo),
            namespaces: Namespaces::of(&echo.call.body),
            frames,
            sequence: 0,
            index: 0,
            output: Vec::new(),
            open: None,
            usage: Usage::default(),
            over: false,
        }
    }

    /// The beginning of a frame, up to its own members.
    fn begin(&mut self, name: &str, out: &mut Vec<u8>) {
        for bytes in [b"event: ", name.as_bytes(), b"\ndata: {\"type\":\"", name.as_bytes(), b"\",\"sequence_number\":"]
        {
            out.extend_from_slice(bytes);
        }
        write_u64(self.sequence, out);
        self.sequence += 1;
    }

    /// The beginning of a frame about the open item.
    fn begin_item(&mut self, name: &str, out: &mut Vec<u8>) {
        self.begin(name, out);
        out.extend_from_slice(b",\"output_index\":");
        write_u64(self.index, out);
        if let Some(Open { id: Some(id), .. }) = &self.open {
            out.extend_from_slice(b",\"item_id\":\"");
            write_escaped(id, out);
            out.push(b'"');
        }
    }

    fn response(&mut self, name: &str, status: Status<'_>, out: &mut Vec<u8>) {
        self.begin(name, out);
        out.extend_from_slice(b",\"response\":");
        self.envelope.write(status, &self.output, &self.usage, out);
        end(out);
    }

    /// `output_item.added` or `.done` around an item that was just written.
    fn item_frame(&mut self, name: &str, item: &[u8], out: &mut Vec<u8>) {
        self.begin(name, out);
        out.extend_from_slice(b",\"output_index\":");
        write_u64(self.index, out);
        out.extend_from_slice(b",\"item\":");
        out.extend_from_slice(item);
        end(out);
    }

    /// Name the open item, and tell the client of it.
    fn announce(&mut self, out: &mut Vec<u8>) {
        let call = self.envelope.call();
        let Some(open) = self.open.as_mut().filter(|open| open.id.is_none()) else { return };
        let prefix = match &mut open.kind {
            Kind::Text => "msg_",
            Kind::Thinking { .. } => seals::OWN,
            Kind::Call { freeform, call_id, seal, .. } => {
                if let Some(seal) = seal.take() {
                    *call_id = seal::carry(call_id, Some(&seal));
                }
                if *freeform { "ctc_" } else { "fc_" }
            }
            Kind::Image { .. } => "ig_",
            Kind::Opaque { .. } | Kind::Skipped => "",
        };
        // Reasoning sealed by OpenAI is only valid under the id it was sealed with.
        let own = match &open.kind {
            Kind::Thinking { seal: Some(seal) } if seal.issuer == Issuer::OpenAi => seals::split(&seal.value).0,
            _ => None,
        };
        open.id = Some(own.map_or_else(|| format!("{prefix}{call}_{}", self.index), str::to_owned));
        if !self.frames {
            return;
        }
        let mut item = Vec::with_capacity(256);
        open.write(Stage::Added, &self.namespaces, &mut item);
        let (text, thinking) = (matches!(open.kind, Kind::Text), matches!(open.kind, Kind::Thinking { .. }));
        let (image, summary) = (matches!(open.kind, Kind::Image { .. }), open.ended);
        self.item_frame("response.output_item.added", &item, out);
        if text {
            self.begin_item("response.content_part.added", out);
            out.extend_from_slice(b",\"content_index\":0,\"part\":");
            out.extend_from_slice(b"{\"type\":\"output_text\",\"text\":\"\",\"annotations\":[],\"logprobs\":[]}");
            end(out);
        } else if thinking && !summary {
            self.begin_item("response.reasoning_summary_part.added", out);
            out.extend_from_slice(b",\"summary_index\":0,\"part\":{\"type\":\"summary_text\",\"text\":\"\"}");
            end(out);
        } else if image {
            self.begin_item("response.image_generation_call.in_progress", out);
            end(out);
        }
    }

    /// Text, summary text or input of the open item.
    fn delta(&mut self, text: &str, out: &mut Vec<u8>) {
        if text.is_empty() || matches!(&self.open, None | Some(Open { kind: Kind::Skipped, .. })) {
            return;
        }
        if self.frames {
            self.announce(out);
        }
        if let Some(Open { kind: Kind::Image { .. }, text: data, .. }) = &mut self.open {
            // Base64 needs no escaping, and the wire sends images whole.
            data.extend_from_slice(text.as_bytes());
            return;
        }
        self.tell(out, |inside| write_escaped(text, inside));
    }

    /// A delta of the open item; `write` adds it to what the item has, escaped.
    fn tell(&mut self, out: &mut Vec<u8>, write: impl FnOnce(&mut Vec<u8>)) {
        let Some(open) = &mut self.open else { return };
        let from = open.text.len();
        let (name, place): (&str, &[u8]) = match &open.kind {
            Kind::Text => ("response.output_text.delta", b",\"content_index\":0,\"logprobs\":[]"),
            Kind::Thinking { .. } => ("response.reasoning_summary_text.delta", b",\"summary_index\":0"),
            Kind::Call { freeform: true, .. } => ("response.custom_tool_call_input.delta", b""),
            Kind::Call { .. } => ("response.function_call_arguments.delta", b""),
            Kind::Image { .. } | Kind::Opaque { .. } | Kind::Skipped => return,
        };
        write(&mut open.text);
        if self.frames {
            self.begin_item(name, out);
            out.extend_from_slice(place);
            out.extend_from_slice(b",\"delta\":\"");
            let written = self.open.as_ref().and_then(|open| open.text.get(from..));
            out.extend_from_slice(written.unwrap_or_default());
            out.push(b'"');
            end(out);
        }
    }

    /// Write the end of the item whose block has ended.
    fn close(&mut self, whole: bool, out: &mut Vec<u8>) {
        if !self.open.as_ref().is_some_and(|open| open.ended) {
            return;
        }
        if let Some(Open { kind: Kind::Call { freeform: false, .. }, text, .. }) = &self.open
            && text.is_empty()
        {
            self.delta("{}", out);
        }
        if self.open.as_ref().is_some_and(Open::is_nothing) {
            self.open = None;
            return;
        }
        self.announce(out);
        if self.frames {
            self.close_parts(out);
        }
        let Some(open) = self.open.take() else { return };
        if !self.output.is_empty() {
            self.output.push(b',');
        }
        let from = self.output.len();
        open.write(if whole { Stage::Done } else { Stage::Cut }, &self.namespaces, &mut self.output);
        if self.frames {
            let item = self.output.split_off(from);
            self.item_frame("response.output_item.done", &item, out);
            self.output.extend_from_slice(&item);
        }
        self.index += 1;
    }

    /// The `.done` events of what is inside the open item.
    fn close_parts(&mut self, out: &mut Vec<u8>) {
        let Some(open) = &mut self.open else { return };
        let text = std::mem::take(&mut open.text);
        match &open.kind {
            Kind::Text => {
                self.begin_item("response.output_text.done", out);
                out.extend_from_slice(b",\"content_index\":0,\"logprobs\":[],\"text\":\"");
                out.extend_from_slice(&text);
                out.push(b'"');
                end(out);
                self.begin_item("response.content_part.done", out);
                out.extend_from_slice(b",\"content_index\":0,\"part\":");
                output_text(&text, out);
                end(out);
            }
            Kind::Thinking { .. } if !text.is_empty() => {
                self.begin_item("response.reasoning_summary_text.done", out);
                out.extend_from_slice(b",\"summary_index\":0,\"text\":\"");
                out.extend_from_slice(&text);
                out.push(b'"');
                end(out);
                self.begin_item("response.reasoning_summary_part.done", out);
                out.extend_from_slice(b",\"summary_index\":0,\"part\":");
                summary_text(&text, out);
                end(out);
            }
            Kind::Call { freeform, name, .. } => {
                let bare = self.namespaces.split(name).1.to_owned();
                let (event, key): (_, &[u8]) = if *freeform {
                    ("response.custom_tool_call_input.done", b",\"input\":\"")
                } else {
                    ("response.function_call_arguments.done", b",\"arguments\":\"")
                };
                self.begin_item(event, out);
                out.extend_from_slice(b",\"name\":");
                write_str(&bare, out);
                out.extend_from_slice(key);
                out.extend_from_slice(&text);
                out.push(b'"');
                end(out);
            }
            Kind::Image { .. } => {
                self.begin_item("response.image_generation_call.completed", out);
                end(out);
            }
            Kind::Thinking { .. } | Kind::Opaque { .. } | Kind::Skipped => {}
        }
        if let Some(open) = &mut self.open {
            open.text = text;
        }
    }

    fn finish(&mut self, finish: Finish<'_>, out: &mut Vec<u8>) {
        let (status, name) = match finish {
            Finish::Stop | Finish::ToolCalls => (Status::Completed, "response.completed"),
            Finish::Length => (Status::Incomplete { reason: Some("max_output_tokens") }, "response.incomplete"),
            Finish::Filtered => (Status::Incomplete { reason: Some("content_filter") }, "response.incomplete"),
            // The list of reasons is closed, and an end that means something else is not a completion.
            Finish::Other(_) => (Status::Incomplete { reason: None }, "response.incomplete"),
        };
        self.close(matches!(status, Status::Completed), out);
        if self.frames {
            self.response(name, status, out);
        } else {
            self.envelope.write(status, &self.output, &self.usage, out);
        }
        self.over = true;
    }
}

impl Encode for Encoder {
    fn event(&mut self, event: Event<'_>, out: &mut Vec<u8>) {
        if self.over {
            return;
        }
        match event {
            Event::Start { .. } => {
                if self.frames {
                    self.response("response.created", Status::InProgress, out);
                    self.response("response.in_progress", Status::InProgress, out);
                }
            }
            Event::BlockStart { block, .. } => {
                self.close(true, out);
                self.open = Some(Open { kind: Kind::of(block), id: None, text: Vec::new(), ended: false });
                if let Some(Open { kind: Kind::Image { .. }, .. }) = &self.open {
                    self.announce(out);
                }
            }
            Event::Delta { delta: Delta::Text(text) | Delta::Json(text) | Delta::Data(text), .. } => {
                self.delta(text, out);
            }
            Event::Delta { delta: Delta::Seal(seal), .. } => {
                if let Some(Open { kind: Kind::Thinking { seal: slot } | Kind::Call { seal: slot, .. }, .. }) =
                    &mut self.open
                {
                    *slot = Some(seal.clone());
                }
            }
            Event::BlockEnd { .. } => {
                if let Some(open) = &mut self.open {
                    open.ended = true;
                }
            }
            Event::Usage(usage) => self.usage = usage,
            Event::Finish(finish) => self.finish(finish, out),
        }
    }

    fn failure(&mut self, failure: &Failure, out: &mut Vec<u8>) {
        if std::mem::replace(&mut self.over, true) {
            return;
        }
        self.close(true, out);
        self.begin("response.failed", out);
        out.extend_from_slice(b",\"response\":");
        self.envelope.write(Status::Failed(failure), &self.output, &self.usage, out);
        out.extend_from_slice(b",\"error\":");
        out.extend_from_slice(Json::of(&failure::object(failure)).get().as_bytes());
        end(out);
    }

    fn again(&mut self, inside: &str, out: &mut Vec<u8>) -> bool {
        let is_told = match &self.open {
            Some(Open { kind: Kind::Text | Kind::Thinking { .. } | Kind::Call { .. }, id, ended: false, .. }) => {
                self.frames && !self.over && id.is_some()
            }
            _ => false,
        };
        if is_told {
            self.tell(out, |text| text.extend_from_slice(inside.as_bytes()));
        }
        is_told
    }
}

/// A whole answer.
pub(super) fn encode_response(done: &Completion, echo: &Echo<'_>, out: &mut Vec<u8>) {
    let mut encoder = Encoder::new(echo, false);
    done.replay(&mut |event: Event<'_>| encoder.event(event, out));
}

fn end(out: &mut Vec<u8>) {
    out.extend_from_slice(b"}\n\n");
}
