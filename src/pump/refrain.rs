//! Frames that say the same as the one before, but for their text: most of every long answer.
//!
//! A provider sends each piece of text in the same words. When a frame has come to nothing but one delta, whose text is
//! one string in it, the next frame that differs only in that string comes to the same with another text. It is
//! recognized by comparing bytes, and the inside of the string is the client's without being decoded and encoded.
//!
//! ```text
//! data: {"choices":[{"index":0,"delta":{"content":"Hel"}}]}        decoded; one delta, "Hel"
//! data: {"choices":[{"index":0,"delta":{"content":"lo"}}]}         the same but for the text: copied
//! ```
//!
//! This holds because a decoder that has come to one delta is left by a second such frame as it was left by the first;
//! so the second follows upon the first, and any frame that is decoded ends the refrain.
//! Members that a decoder does not read may differ too, and so may counts that add up to nothing: of these the last one
//! counts, and the frame with it is decoded when the refrain ends. Text with escapes that we would write otherwise, and
//! everything else that is different in any way, takes the usual way.

use std::ops::Range;

use crate::framing::Frame;
use crate::ir::event::{Delta, Event, Sink};
use crate::json::strings::{Leaf, Step, walk};
use crate::json::{canonical, same};

/// What may differ between two frames beside the text, by names of members.
#[derive(Debug, Clone, Copy)]
pub struct Loose {
    /// Strings and numbers that this wire's decoder never reads.
    pub unread: &'static [&'static str],
    /// Numbers that replace those of the frame before.
    pub counted: &'static [&'static str],
    /// Whether fragments of a call's input leave nothing behind, either.
    pub inputs: bool,
}

/// Frames learned in a row that never came again, until none are learned any more.
const VAIN: u8 = 16;

pub struct Refrain {
    loose: Option<Loose>,
    pattern: Option<Pattern>,
    vain: u8,
    /// The last frame with counts that have not been read yet.
    counted: Vec<u8>,
}

struct Pattern {
    /// The frame it was learned from, as it came.
    frame: Vec<u8>,
    /// Where frames may differ, in order.
    slots: Vec<(Range<usize>, Slot)>,
    event: Option<String>,
    /// The data of the frame: where it begins, and what stands behind it.
    data: (usize, usize),
    counts: bool,
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Slot {
    Text,
    /// The inside of a string that nobody reads.
    Word,
    Number {
        counts: bool,
    },
}

/// What decoding comes to.
#[derive(Default)]
pub struct Seen {
    /// Of whom anything is to be learned.
    loose: Option<Loose>,
    events: usize,
    /// The text of the one delta, if it can be a refrain.
    text: Option<String>,
}

impl Seen {
    pub fn from(loose: Option<Loose>) -> Self {
        Self { loose, ..Self::default() }
    }

    pub fn event(&mut self, event: &Event<'_>) {
        let Some(loose) = self.loose else { return };
        self.events += 1;
        self.text = match event {
            Event::Delta { delta: Delta::Text(text), .. } => Some((*text).to_owned()),
            Event::Delta { delta: Delta::Json(text), .. } if loose.inputs => Some((*text).to_owned()),
            _ => None,
        };
    }
}

/// Takes a frame's events a second time: its text has been given already.
pub struct Counts<'a>(pub &'a mut dyn Sink);

impl Sink for Counts<'_> {
    fn event(&mut self, event: Event<'_>) {
        if let Event::Usage(_) = event {
            self.0.event(event);
        }
    }
}

impl Refrain {
    pub fn new(loose: Option<Loose>) -> Self {
        Self { loose, pattern: None, vain: 0, counted: Vec::new() }
    }

    /// A frame is about to be decoded: whatever it does to the decoder, it ends the refrain. What to look for in it.
    pub fn look(&mut self) -> Seen {
        self.pattern = None;
        Seen::from(self.loose.filter(|_| self.vain < VAIN))
    }

    /// The inside of the text of the frame at the head of `bytes`, and where the frame ends. The frame is taken.
    pub fn next<'b>(&mut self, bytes: &'b [u8]) -> Option<(&'b str, usize)> {
        let pattern = self.pattern.as_ref()?;
        let (text, end) = pattern.find(bytes)?;
        let text = std::str::from_utf8(bytes.get(text)?).ok()?;
        if pattern.counts {
            self.counted.clear();
            self.counted.extend_from_slice(bytes.get(..end)?);
        }
        Some((text, end))
    }

    /// The frame whose counts are to be read before anything else is.
    pub fn counted(&mut self) -> Option<Counted> {
        if self.counted.is_empty() {
            return None;
        }
        let Pattern { event, data: (from, behind), .. } = self.pattern.as_ref()?;
        let frame = std::mem::take(&mut self.counted);
        let data = *from..frame.len().checked_sub(*behind)?;
        Some(Counted { event: event.clone(), frame, data })
    }

    /// A frame was decoded. `raw` is all of it, if it came whole, and `data` its data within.
    pub fn learn(&mut self, seen: Seen, event: Option<&str>, raw: &[u8], data: Range<usize>) {
        let Seen { loose: Some(loose), events: 1, text: Some(text) } = seen else { return };
        self.pattern = Pattern::of(loose, &text, event, raw, data);
        self.vain += 1;
    }

    /// The frame that was found has been copied: what was learned was not in vain.
    pub fn came(&mut self) {
        self.vain = 0;
    }

    /// The client's side does not go on in this way: the frame that was found is decoded after all.
    pub fn give_up(&mut self) {
        self.pattern = None;
        self.counted.clear();
    }
}

/// A frame kept for its counts.
pub struct Counted {
    event: Option<String>,
    frame: Vec<u8>,
    data: Range<usize>,
}

impl Counted {
    pub fn frame(&self) -> Frame<'_> {
        let data = self.frame.get(self.data.clone()).unwrap_or_default();
        Frame { event: self.event.as_deref(), error: None, data }
    }
}

impl Pattern {
    fn of(loose: Loose, text: &str, event: Option<&str>, raw: &[u8], data: Range<usize>) -> Option<Self> {
        let mut slots = Vec::new();
        let mut texts = 0;
        walk(raw.get(data.clone())?, &mut |path, leaf, span| {
            let span = span.start + data.start..span.end + data.start;
            let is = |names: &[&str]| matches!(path.last(), Some(Step::Key(key)) if names.contains(key));
            let inside = span.start + 1..span.end.saturating_sub(1);
            match leaf {
                Leaf::Text(quoted) if quoted.text() == text => {
                    texts += 1;
                    slots.push((inside, Slot::Text));
                }
                Leaf::Text(_) if is(loose.unread) => slots.push((inside, Slot::Word)),
                Leaf::Other(word) if is_number(word.as_bytes()) => {
                    if is(loose.unread) {
                        slots.push((span, Slot::Number { counts: false }));
                    } else if is(loose.counted) {
                        slots.push((span, Slot::Number { counts: true }));
                    }
                }
                Leaf::Text(_) | Leaf::Other(_) => {}
            }
        })?;
        let counts = slots.iter().any(|(_, slot)| *slot == Slot::Number { counts: true });
        let data = (data.start, raw.len().checked_sub(data.end)?);
        (texts == 1).then(|| Self { frame: raw.to_vec(), slots, event: event.map(str::to_owned), data, counts })
    }

    /// Where the text of the frame at the head of `bytes` is, and where the frame ends.
    fn find(&self, bytes: &[u8]) -> Option<(Range<usize>, usize)> {
        let (mut at, mut from, mut text) = (0, 0, 0..0);
        for (span, slot) in &self.slots {
            at += literal(self.frame.get(from..span.start)?, bytes.get(at..)?)?;
            from = span.end;
            let rest = bytes.get(at..)?;
            match slot {
                Slot::Text => {
                    let size = canonical(rest).filter(|size| *size > 0)?;
                    text = at..at + size;
                    at += size;
                }
                Slot::Word => at += canonical(rest)?,
                Slot::Number { .. } => {
                    let size = rest.iter().take_while(|byte| byte.is_ascii_digit()).count();
                    at += Some(size).filter(|size| is_number(rest.get(..*size).unwrap_or_default()))?;
                }
            }
        }
        at += literal(self.frame.get(from..)?, bytes.get(at..)?)?;
        Some((text, at))
    }
}

/// How much of `bytes` is `literal`.
fn literal(literal: &[u8], bytes: &[u8]) -> Option<usize> {
    let head = bytes.get(..literal.len())?;
    same(literal, head).then_some(literal.len())
}

/// A whole number as JSON spells it, and not larger than any that is read.
fn is_number(digits: &[u8]) -> bool {
    matches!(digits, [b'0'] | [b'1'..=b'9', ..]) && digits.len() < 16 && digits.iter().all(u8::is_ascii_digit)
}
