//! Canonical events as Ollama's lines, and whole answers as their sum.

use crate::call::Operation;
use crate::fault::Failure;
use crate::ir::event::{Block, Completion, Delta, Event, Finish, Usage, arguments};
use crate::ir::{Media, PartKind, Seal, Source, ToolCall, ToolInput};
use crate::json::{Json, write_escaped, write_str, write_u64};
use crate::protocol::{Echo, Encode, Inbound, seal};

/// What every line begins with.
struct Head {
    /// `{"model":…,"created_at":…`
    bytes: Vec<u8>,
    operation: Operation,
}

impl Head {
    fn new(echo: &Echo<'_>) -> Self {
        let call = echo.call;
        let mut bytes = b"{\"model\":".to_vec();
        write_str(&call.model, &mut bytes);
        bytes.extend_from_slice(b",\"created_at\":\"");
        bytes.extend_from_slice(timestamp(call.created).as_bytes());
        bytes.push(b'"');
        Self { bytes, operation: call.endpoint.operation }
    }

    /// Open a line up to its text, which is written escaped between the quotes.
    fn open(&self, out: &mut Vec<u8>) {
        out.extend_from_slice(&self.bytes);
        out.extend_from_slice(match self.operation {
            Operation::Complete => b",\"response\":\"".as_slice(),
            _ => b",\"message\":{\"role\":\"assistant\",\"content\":\"",
        });
    }

    /// Close the message, if there is one around the text.
    fn close(&self, out: &mut Vec<u8>) {
        if self.operation != Operation::Complete {
            out.push(b'}');
        }
    }
}

pub(super) struct Encoder {
    head: Head,
    open: Open,
    /// Arguments or image data of the open block, until they are whole.
    pending: String,
    calls: u64,
    usage: Usage,
    over: bool,
}

enum Open {
    Nothing,
    Text,
    Thinking,
    Call { id: String, name: String, freeform: bool, seal: Option<Seal> },
    Image,
}

impl Encoder {
    pub(super) fn new(echo: &Echo<'_>) -> Self {
        Self {
            head: Head::new(echo),
            open: Open::Nothing,
            pending: String::new(),
            calls: 0,
            usage: Usage::default(),
            over: false,
        }
    }

    fn delta(&mut self, text: &str, out: &mut Vec<u8>) {
        if text.is_empty() {
            return;
        }
        match self.open {
            Open::Nothing => {}
            Open::Call { .. } | Open::Image => self.pending.push_str(text),
            Open::Text | Open::Thinking => self.line(out, |out| write_escaped(text, out)),
        }
    }

    /// A line of text or of thinking; `inside` writes it.
    fn line(&self, out: &mut Vec<u8>, inside: impl FnOnce(&mut Vec<u8>)) {
        self.head.open(out);
        if matches!(self.open, Open::Thinking) {
            out.extend_from_slice(b"\",\"thinking\":\"");
        }
        inside(out);
        out.push(b'"');
        self.head.close(out);
        out.extend_from_slice(b",\"done\":false}\n");
    }

    fn end(&mut self, out: &mut Vec<u8>) {
        let open = std::mem::replace(&mut self.open, Open::Nothing);
        match open {
            Open::Nothing | Open::Text | Open::Thinking => return,
            Open::Call { id, name, freeform, seal } => {
                let text = std::mem::take(&mut self.pending);
                let input = if freeform { ToolInput::Text(text) } else { ToolInput::Json(arguments(&text)) };
                self.head.open(out);
                out.extend_from_slice(b"\",\"tool_calls\":[");
                write_call(self.calls, &ToolCall { id, name, input, seal }, out);
                self.calls += 1;
            }
            Open::Image => {
                self.head.open(out);
                out.extend_from_slice(b"\",\"images\":[");
                write_str(&self.pending, out);
                self.pending.clear();
            }
        }
        out.push(b']');
        self.head.close(out);
        out.extend_from_slice(b",\"done\":false}\n");
    }
}

impl Encode for Encoder {
    fn event(&mut self, event: Event<'_>, out: &mut Vec<u8>) {
        if self.over {
            return;
        }
        match event {
            Event::Start { .. } => {}
            Event::BlockStart { block, .. } => {
                self.pending.clear();
                self.open = match block {
                    Block::Text => Open::Text,
                    Block::Thinking => Open::Thinking,
                    Block::ToolCall { id, name, freeform } => {
                        Open::Call { id: id.to_owned(), name: name.to_owned(), freeform, seal: None }
                    }
                    Block::Media { mime } if mime.starts_with("image/") => Open::Image,
                    // Other media and other providers' blocks have no place in a message.
                    Block::Media { .. } | Block::Opaque { .. } => Open::Nothing,
                };
            }
            Event::Delta { delta: Delta::Text(text) | Delta::Json(text) | Delta::Data(text), .. } => {
                self.delta(text, out);
            }
            Event::Delta { delta: Delta::Seal(seal), .. } => {
                if let Open::Call { seal: slot, .. } = &mut self.open {
                    *slot = Some(seal.clone());
                }
            }
            Event::BlockEnd { .. } => self.end(out),
            Event::Usage(usage) => self.usage = usage,
            Event::Finish(finish) => {
                self.over = true;
                self.head.open(out);
                out.push(b'"');
                self.head.close(out);
                write_done(finish, &self.usage, out);
                out.push(b'\n');
            }
        }
    }

    fn failure(&mut self, failure: &Failure, out: &mut Vec<u8>) {
        if !std::mem::replace(&mut self.over, true) {
            super::Ollama.failure_frame(failure, out);
        }
    }

    fn again(&mut self, inside: &str, out: &mut Vec<u8>) -> bool {
        let is_line = matches!(self.open, Open::Text | Open::Thinking);
        if is_line {
            self.line(out, |out| out.extend_from_slice(inside.as_bytes()));
        }
        is_line
    }
}

/// A whole answer.
pub(super) fn encode_response(done: &Completion, echo: &Echo<'_>, out: &mut Vec<u8>) {
    let head = Head::new(echo);
    let (mut text, mut thinking, mut calls, mut images) = (String::new(), String::new(), Vec::new(), Vec::new());
    for part in &done.parts {
        match &part.kind {
            PartKind::Text(more) => text.push_str(more),
            PartKind::Thinking { text: more, .. } => thinking.push_str(more),
            PartKind::ToolCall(call) => calls.push(call),
            PartKind::Media(media @ Media { source: Source::Base64(data), .. }) if media.is_image() => {
                images.push(data)
            }
            PartKind::Media(_) | PartKind::ToolResult { .. } | PartKind::Opaque { .. } => {}
        }
    }
    head.open(out);
    write_escaped(&text, out);
    out.push(b'"');
    if !thinking.is_empty() {
        out.extend_from_slice(b",\"thinking\":");
        write_str(&thinking, out);
    }
    if !calls.is_empty() {
        out.extend_from_slice(b",\"tool_calls\":[");
        for (index, call) in (0u64..).zip(calls) {
            if index > 0 {
                out.push(b',');
            }
            write_call(index, call, out);
        }
        out.push(b']');
    }
    if !images.is_empty() {
        out.extend_from_slice(b",\"images\":");
        out.extend_from_slice(Json::of(&images).get().as_bytes());
    }
    head.close(out);
    let finish = done.finish.as_ref().map_or(Finish::Stop, |finish| finish.as_event());
    write_done(finish, &done.usage, out);
}

fn write_call(index: u64, call: &ToolCall, out: &mut Vec<u8>) {
    out.extend_from_slice(b"{\"id\":");
    write_str(&seal::carry(&call.id, call.seal.as_ref()), out);
    out.extend_from_slice(b",\"function\":{\"index\":");
    write_u64(index, out);
    out.extend_from_slice(b",\"name\":");
    write_str(&call.name, out);
    out.extend_from_slice(b",\"arguments\":");
    match &call.input {
        ToolInput::Json(json) => out.extend_from_slice(json.get().as_bytes()),
        ToolInput::Text(text) => {
            out.extend_from_slice(b"{\"input\":");
            write_str(text, out);
            out.push(b'}');
        }
    }
    out.extend_from_slice(b"}}");
}

/// The last members of the last line.
fn write_done(finish: Finish<'_>, usage: &Usage, out: &mut Vec<u8>) {
    let reason = match finish {
        Finish::Stop | Finish::ToolCalls => "stop",
        Finish::Length => "length",
        Finish::Filtered => "content_filter",
        Finish::Other(word) => word,
    };
    out.extend_from_slice(b",\"done\":true,\"done_reason\":");
    write_str(reason, out);
    out.extend_from_slice(b",\"total_duration\":1,\"load_duration\":1,\"prompt_eval_count\":");
    write_u64(usage.prompt(), out);
    out.extend_from_slice(b",\"prompt_eval_duration\":1,\"eval_count\":");
    write_u64(usage.completion(), out);
    out.extend_from_slice(b",\"eval_duration\":1}");
}

/// Seconds since the epoch as RFC 3339. <https://howardhinnant.github.io/date_algorithms.html#civil_from_days>
pub(crate) fn timestamp(seconds: u64) -> String {
    let (days, second) = (seconds / 86_400 + 719_468, seconds % 86_400);
    let (era, day_of_era) = (days / 146_097, days % 146_097);
    let year_of_era = (day_of_era - day_of_era / 1_460 + day_of_era / 36_524 - day_of_era / 146_096) / 365;
    let day_of_year = day_of_era - (365 * year_of_era + year_of_era / 4 - year_of_era / 100);
    // March is month 0, so that the day of leap ends the year.
    let month = (5 * day_of_year + 2) / 153;
    let day = day_of_year - (153 * month + 2) / 5 + 1;
    let month = if month < 10 { month + 3 } else { month - 9 };
    let year = era * 400 + year_of_era + u64::from(month <= 2);
    let (hour, minute, second) = (second / 3_600, second / 60 % 60, second % 60);
    format!("{year:04}-{month:02}-{day:02}T{hour:02}:{minute:02}:{second:02}Z")
}

#[cfg(test)]
mod tests {
    use super::timestamp;

    #[test]
    fn seconds_become_dates() {
        let table = [
            (0, "1970-01-01T00:00:00Z"),
            (951_782_399, "2000-02-28T23:59:59Z"),
            (951_782_400, "2000-02-29T00:00:00Z"),
            (951_868_800, "2000-03-01T00:00:00Z"),
            (1_700_000_000, "2023-11-14T22:13:20Z"),
            (4_107_542_400, "2100-03-01T00:00:00Z"),
        ];
        for (seconds, expected) in table {
            assert_eq!(timestamp(seconds), expected);
        }
    }
}
