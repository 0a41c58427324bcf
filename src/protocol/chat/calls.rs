//! Tool calls in a stream, one block after the other.
//!
//! Providers number parallel calls, or forget to; send them whole, in fragments, or fragments of several at a time. The
//! first call is passed on as it comes. What belongs behind it is held until its arguments are a complete object.

use std::collections::VecDeque;

use crate::ir::event::{Blocks, Delta, Event, Sink};
use crate::protocol::StreamError;

/// What one chunk says of one call. Absent and empty are the same.
#[derive(Debug, Clone, Copy, Default)]
pub struct Fragment<'a> {
    pub index: Option<u32>,
    pub id: &'a str,
    pub name: &'a str,
    pub input: &'a str,
    pub freeform: bool,
}

#[derive(Debug, Default)]
pub struct Calls {
    calls: Vec<Call>,
    /// What comes after the open call.
    queue: VecDeque<Held>,
    /// The open call and its block.
    open: Option<(usize, u32)>,
}

#[derive(Debug)]
struct Call {
    index: Option<u32>,
    id: String,
    name: String,
    freeform: bool,
    held: String,
    object: ObjectScan,
    ended: bool,
}

#[derive(Debug)]
enum Held {
    Text(String),
    Thinking(String),
    Call(usize),
}

impl Calls {
    /// Whether there was any.
    pub fn any(&self) -> bool {
        !self.calls.is_empty()
    }

    pub fn text(&mut self, text: &str, blocks: &mut Blocks, sink: &mut dyn Sink) {
        if text.is_empty() {
            return;
        }
        if self.blocks_others() {
            match self.queue.back_mut() {
                Some(Held::Text(held)) => held.push_str(text),
                _ => self.queue.push_back(Held::Text(text.to_owned())),
            }
        } else {
            self.close();
            blocks.text(text, sink);
        }
    }

    pub fn thinking(&mut self, text: &str, blocks: &mut Blocks, sink: &mut dyn Sink) {
        if text.is_empty() {
            return;
        }
        if self.blocks_others() {
            match self.queue.back_mut() {
                Some(Held::Thinking(held)) => held.push_str(text),
                _ => self.queue.push_back(Held::Thinking(text.to_owned())),
            }
        } else {
            self.close();
            blocks.thinking(text, sink);
        }
    }

    /// `answer` makes the ids unique that a provider did not give.
    pub fn fragment(
        &mut self,
        fragment: Fragment<'_>,
        answer: &str,
        blocks: &mut Blocks,
        sink: &mut dyn Sink,
    ) -> Result<(), StreamError> {
        let at = self.find(&fragment).unwrap_or_else(|| {
            let Fragment { index, freeform, .. } = fragment;
            let (id, name, held) = (String::new(), String::new(), String::new());
            self.calls.push(Call { index, id, name, freeform, held, object: ObjectScan::default(), ended: false });
            self.queue.push_back(Held::Call(self.calls.len() - 1));
            self.calls.len() - 1
        });
        let Some(call) = self.calls.get_mut(at) else { return Ok(()) };
        if call.id.is_empty() {
            fragment.id.clone_into(&mut call.id);
        }
        if call.name.is_empty() {
            fragment.name.clone_into(&mut call.name);
        }
        call.object.read(fragment.input);
        match self.open {
            Some((open, index)) if open == at => input(call, index, fragment.input, sink),
            _ if call.ended && !fragment.input.trim().is_empty() => {
                return Err(StreamError::Malformed(format!("tool call {at} goes on after its end")));
            }
            _ => call.held.push_str(fragment.input),
        }
        self.advance(answer, blocks, sink);
        Ok(())
    }

    /// Pass on everything that is held: nothing more will come.
    pub fn flush(&mut self, answer: &str, blocks: &mut Blocks, sink: &mut dyn Sink) -> Result<(), StreamError> {
        loop {
            self.advance(answer, blocks, sink);
            self.close();
            if let Some(Held::Call(at)) = self.queue.front()
                && let Some(call) = self.calls.get(*at).filter(|call| call.name.is_empty())
            {
                if !call.held.trim().is_empty() {
                    return Err(StreamError::Malformed(format!("tool call {at} has no name")));
                }
                self.queue.pop_front();
            }
            if self.queue.is_empty() {
                return Ok(());
            }
        }
    }

    /// The call a fragment belongs to; `None` for a new one.
    fn find(&self, fragment: &Fragment<'_>) -> Option<usize> {
        let Fragment { index, id, name, input, .. } = *fragment;
        let same_slot = |call: &Call| index.is_none() || call.index == index;
        let by_id = || self.calls.iter().rposition(|call| !id.is_empty() && call.id == id && same_slot(call));
        let (at, call) = match by_id() {
            Some(at) => return Some(at),
            None => self.calls.iter().enumerate().rfind(|(_, call)| same_slot(call))?,
        };
        // Some providers give every call the same number, or none, and some repeat a call's name in each fragment.
        let begins_another = !name.is_empty()
            && if id.is_empty() {
                call.object.complete() && !input.is_empty()
                    || index.is_none() && !call.name.is_empty() && call.name != name
            } else {
                !call.id.is_empty()
            };
        (!begins_another).then_some(at)
    }

    /// Whether something new has to wait.
    fn blocks_others(&self) -> bool {
        !self.queue.is_empty()
            || self.open.is_some_and(|(at, _)| self.calls.get(at).is_some_and(|call| !call.complete()))
    }

    fn close(&mut self) {
        if let Some(call) = self.open.take().and_then(|(at, _)| self.calls.get_mut(at)) {
            call.ended = true;
        }
    }

    fn advance(&mut self, answer: &str, blocks: &mut Blocks, sink: &mut dyn Sink) {
        while !self.queue.is_empty() {
            match self.open {
                Some((at, _)) if self.calls.get(at).is_some_and(|call| !call.complete()) => return,
                _ => self.close(),
            }
            match self.queue.front() {
                Some(Held::Call(at)) => {
                    let at = *at;
                    let Some(call) = self.calls.get_mut(at).filter(|call| !call.name.is_empty()) else { return };
                    if call.id.is_empty() {
                        call.id = made_id(answer, at);
                    }
                    let number = u32::try_from(at).unwrap_or(u32::MAX);
                    let index = blocks.tool(number, &call.id, &call.name, call.freeform, sink);
                    let held = std::mem::take(&mut call.held);
                    input(call, index, &held, sink);
                    self.open = Some((at, index));
                }
                Some(Held::Text(text)) => blocks.text(text, sink),
                Some(Held::Thinking(text)) => blocks.thinking(text, sink),
                None => {}
            }
            self.queue.pop_front();
        }
    }
}

impl Call {
    /// Whether its input can be taken for whole. A freeform text has no end of its own: the next thing ends it.
    fn complete(&self) -> bool {
        self.freeform || self.object.complete()
    }
}

fn input(call: &Call, index: u32, text: &str, sink: &mut dyn Sink) {
    if !text.is_empty() {
        let delta = if call.freeform { Delta::Text(text) } else { Delta::Json(text) };
        sink.event(Event::Delta { index, delta });
    }
}

/// An id for a call that came without one: unique in the conversation as long as the answers' ids are.
fn made_id(answer: &str, at: usize) -> String {
    let legal = answer.chars().filter(char::is_ascii_alphanumeric);
    let tail: String = legal.rev().take(24).collect::<Vec<_>>().into_iter().rev().collect();
    if tail.is_empty() { format!("call_{at}") } else { format!("call_{tail}_{at}") }
}

/// Finds the end of a JSON object in fragments of its text.
#[derive(Debug, Default)]
struct ObjectScan {
    depth: u32,
    opened: bool,
    in_string: bool,
    escaped: bool,
}

impl ObjectScan {
    fn read(&mut self, text: &str) {
        for byte in text.bytes() {
            match byte {
                _ if std::mem::take(&mut self.escaped) => {}
                b'\\' => self.escaped = self.in_string,
                b'"' => self.in_string = !self.in_string,
                _ if self.in_string => {}
                b'{' | b'[' => {
                    self.opened = true;
                    self.depth += 1;
                }
                b'}' | b']' => self.depth = self.depth.saturating_sub(1),
                _ => {}
            }
        }
    }

    fn complete(&self) -> bool {
        self.opened && self.depth == 0 && !self.in_string
    }
}
