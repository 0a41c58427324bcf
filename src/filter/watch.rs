//! A provider's answer on its way back: placeholders become what they were, and filters look at the words.
//!
//! ```text
//! frame ──> strings ──> one channel for each stream of text ──> settled ──> frame, its strings changed in place
//!                          |
//!                          +── tail that may be the beginning of a find: its frames wait
//! ```
//!
//! It stands before relay and translation alike and changes only strings, so a relay keeps whatever else its frames
//! hold. A frame waits while the end of its text may be the beginning of something; then the change goes into the frame
//! where the find began, and the frames it reached into lose their share. Text that comes with the answer's end, or
//! that nothing follows for [`STALE`] frames, waits for nothing.

use std::cell::RefCell;
use std::collections::VecDeque;
use std::hash::{DefaultHasher, Hash, Hasher};
use std::ops::Range;
use std::rc::Rc;

use super::channel::Channel;
use super::masks::Masks;
use super::{Finder, Hits, fields};
use crate::framing::Frame;
use crate::json::strings::{self, Leaf, Step};
use crate::protocol::StreamError;

/// A tail waits for so many frames without a word on its channel: more than there are parallel streams in one answer.
const STALE: u64 = 8;
/// Frames that wait, at most. A pattern's window of single letters, and those between them.
const FRAMES: usize = 1024;
/// 4 MiB of frames that wait.
const BYTES: usize = 4 << 20;
/// Streams of text whose end is remembered.
const CHANNELS: usize = 64;

/// What one answer is looked at with.
pub struct Watch {
    looks: Looks,
    channels: Vec<Channel>,
    queue: VecDeque<Held>,
    frames: u64,
}

/// What every channel needs.
#[derive(Clone)]
pub struct Looks {
    pub finder: Option<Rc<Finder>>,
    pub masks: Rc<Masks>,
    pub hits: Rc<RefCell<Hits>>,
}

/// A frame that waits.
struct Held {
    event: Option<String>,
    error: Option<String>,
    data: Vec<u8>,
    segments: Vec<Segment>,
}

/// A string of a frame.
struct Segment {
    span: Range<usize>,
    channel: u64,
    /// Where its text is in its channel.
    from: u64,
    text: String,
    state: State,
}

enum State {
    Waiting,
    Same,
    Changed(String),
}

/// A string found in a frame.
struct Piece {
    span: Range<usize>,
    path: u64,
    text: String,
    is_json: bool,
}

impl Watch {
    pub fn new(looks: Looks) -> Self {
        Self { looks, channels: Vec::new(), queue: VecDeque::new(), frames: 0 }
    }

    /// Take a frame; give out those that wait for nothing any more, in order.
    pub fn frame(
        &mut self,
        frame: Frame<'_>,
        emit: &mut dyn FnMut(Frame<'_>) -> Result<(), StreamError>,
    ) -> Result<(), StreamError> {
        self.frames += 1;
        let Doc { pieces, kind, streams } = read(frame.data);
        if pieces.is_empty() && kind != "ping" {
            // An end of something: nothing goes on behind it.
            self.settle(|_| true)?;
        }
        let mut segments = Vec::with_capacity(pieces.len());
        for Piece { span, path, text, is_json } in pieces {
            let key = path ^ streams;
            if !self.channels.iter().any(|channel| channel.key == key) {
                self.make_room(&mut segments)?;
                self.channels.push(Channel::new(key, is_json));
            }
            let Some(channel) = self.channels.iter_mut().find(|channel| channel.key == key) else { continue };
            channel.seen = self.frames;
            let mut segment = Segment { span, channel: key, from: channel.read(), text, state: State::Waiting };
            channel.push(&segment.text, &self.looks)?;
            segment.resolve(channel);
            segments.push(segment);
        }
        if self.queue.is_empty() && segments.iter().all(|segment| matches!(segment.state, State::Same)) {
            return emit(frame);
        }
        let owned = |text: Option<&str>| text.map(str::to_owned);
        let (event, error) = (owned(frame.event), owned(frame.error));
        self.queue.push_back(Held { event, error, data: frame.data.to_vec(), segments });
        let now = self.frames;
        let bytes: usize = self.queue.iter().map(|held| held.data.len()).sum();
        let full = self.queue.len() > FRAMES || bytes > BYTES;
        self.settle(|channel| full || channel.seen + STALE < now)?;
        self.release(emit)
    }

    /// The answer has ended: nothing waits any more.
    pub fn end(&mut self, emit: &mut dyn FnMut(Frame<'_>) -> Result<(), StreamError>) -> Result<(), StreamError> {
        self.settle(|_| true)?;
        self.release(emit)
    }

    /// A whole answer.
    pub fn whole(&self, body: &[u8]) -> Result<Vec<u8>, StreamError> {
        let mut edits = Vec::new();
        for Piece { span, text, is_json, .. } in read(body).pieces {
            let mut channel = Channel::new(0, is_json);
            channel.push(&text, &self.looks)?;
            channel.finish(&self.looks)?;
            if channel.changes(0, text.len() as u64) {
                edits.push((span, channel.told(0, &text)));
            }
        }
        Ok(strings::replace(body, &edits))
    }

    fn settle(&mut self, ends: impl Fn(&Channel) -> bool) -> Result<(), StreamError> {
        for channel in self.channels.iter_mut().filter(|channel| ends(channel)) {
            channel.finish(&self.looks)?;
        }
        Ok(())
    }

    /// The channel that was silent for longest makes room for a new one.
    fn make_room(&mut self, segments: &mut [Segment]) -> Result<(), StreamError> {
        if self.channels.len() < CHANNELS {
            return Ok(());
        }
        if let Some(oldest) = (0..self.channels.len()).min_by_key(|at| self.channels.get(*at).map(|c| c.seen)) {
            let mut channel = self.channels.swap_remove(oldest);
            channel.finish(&self.looks)?;
            let waiting = self.queue.iter_mut().flat_map(|held| &mut held.segments);
            waiting.chain(segments).for_each(|segment| segment.resolve(&channel));
        }
        Ok(())
    }

    fn release(&mut self, emit: &mut dyn FnMut(Frame<'_>) -> Result<(), StreamError>) -> Result<(), StreamError> {
        for channel in &self.channels {
            for segment in self.queue.iter_mut().flat_map(|held| &mut held.segments) {
                segment.resolve(channel);
            }
        }
        let waits = |segment: &Segment| matches!(segment.state, State::Waiting);
        while self.queue.front().is_some_and(|held| !held.segments.iter().any(waits)) {
            let Some(Held { event, error, data, segments }) = self.queue.pop_front() else { break };
            let edits = segments.into_iter().filter_map(|segment| match segment.state {
                State::Changed(text) => Some((segment.span, text)),
                State::Same | State::Waiting => None,
            });
            let data = strings::replace(&data, &edits.collect::<Vec<_>>());
            emit(Frame { event: event.as_deref(), error: error.as_deref(), data: &data })?;
        }
        let queue = &self.queue;
        for channel in &mut self.channels {
            let mut waiting = queue.iter().flat_map(|held| &held.segments).filter(|segment| waits(segment));
            let first = waiting.find(|segment| segment.channel == channel.key).map(|segment| segment.from);
            channel.forget(first.unwrap_or(channel.settled()));
        }
        Ok(())
    }
}

impl Segment {
    fn end(&self) -> u64 {
        self.from + self.text.len() as u64
    }

    fn resolve(&mut self, channel: &Channel) {
        let waits = matches!(self.state, State::Waiting) && self.channel == channel.key;
        if waits && channel.settled() >= self.end() {
            self.state = if channel.changes(self.from, self.end()) {
                State::Changed(channel.told(self.from, &self.text))
            } else {
                State::Same
            };
        }
    }
}

/// What a frame says.
struct Doc {
    pieces: Vec<Piece>,
    kind: String,
    /// Which of the answer's parallel streams it belongs to.
    streams: u64,
}

fn read(data: &[u8]) -> Doc {
    let mut doc = Doc { pieces: Vec::new(), kind: String::new(), streams: 0 };
    let mut streams = DefaultHasher::new();
    let kind = kind(data);
    // What is not JSON has no strings: it passes as it is.
    let _ = strings::walk(data, &mut |path, leaf, span| match leaf {
        Leaf::Other(number) => {
            if let Some(Step::Key(key)) = path.last()
                && (*key == "index" || key.ends_with("_index") || key.ends_with("Index"))
            {
                (key, number).hash(&mut streams);
            }
        }
        Leaf::Text(quoted) => {
            if fields::is_text(path) {
                let mut hasher = DefaultHasher::new();
                path.hash(&mut hasher);
                doc.pieces.push(Piece {
                    span,
                    path: hasher.finish(),
                    text: quoted.text().into_owned(),
                    is_json: fields::is_json(path, &kind),
                });
            }
        }
    });
    doc.streams = streams.finish();
    doc.kind = kind;
    doc
}

/// What kind of event a frame is, on wires whose events say so.
fn kind(data: &[u8]) -> String {
    let mut kind = String::new();
    let _ = strings::walk(data, &mut |path, leaf, _| {
        if let (Leaf::Text(quoted), [Step::Key("type")]) = (leaf, path) {
            kind = quoted.text().into_owned();
        }
    });
    kind
}
