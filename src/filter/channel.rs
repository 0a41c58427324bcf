//! One stream of text in an answer: read in pieces, looked at as a whole, given out as far as it is settled.

use std::ops::Range;

use super::masks::escaped;
use super::watch::Looks;
use super::{Action, Found, WINDOW, personal};
use crate::protocol::StreamError;

/// Text that waits, at most: a chain of finds that overlap could go on for ever.
const WAITING: usize = 4 * WINDOW;

/// What a pattern that holds text back has not seen yet, at most: it looks at the whole window each time, and a token
/// has four bytes.
const STRIDE: usize = 32;

pub struct Channel {
    pub key: u64,
    /// Number of the last frame that had a word for it.
    pub seen: u64,
    /// Whether its text is JSON, so that values must be written as JSON writes them.
    is_json: bool,
    /// State of the words' automaton.
    state: u32,
    /// The text from `from` on: a window that has been settled and may still be looked at, and what waits.
    text: String,
    from: u64,
    /// How much of `text` has been looked at.
    looked: usize,
    settled: u64,
    /// Words to be masked that are not settled yet.
    words: Vec<(Range<u64>, usize)>,
    /// What is settled and reads differently.
    edits: Vec<(Range<u64>, String)>,
}

impl Channel {
    pub fn new(key: u64, is_json: bool) -> Self {
        Self {
            key,
            seen: 0,
            is_json,
            state: 0,
            text: String::new(),
            from: 0,
            looked: 0,
            settled: 0,
            words: Vec::new(),
            edits: Vec::new(),
        }
    }

    /// How much text has come.
    pub fn read(&self) -> u64 {
        self.from + self.text.len() as u64
    }

    /// How much of it is decided.
    pub fn settled(&self) -> u64 {
        self.settled
    }

    /// Whether anything between two places reads differently.
    pub fn changes(&self, from: u64, to: u64) -> bool {
        self.edits.iter().any(|(span, _)| span.start < to && span.end > from)
    }

    /// What the settled `text` that begins at `from` reads as.
    pub fn told(&self, from: u64, text: &str) -> String {
        let mut told = String::with_capacity(text.len());
        let local = |at: u64| usize::try_from(at.saturating_sub(from)).unwrap_or(usize::MAX).min(text.len());
        let mut at = 0;
        for (span, instead) in &self.edits {
            if span.start >= from + text.len() as u64 || span.end <= from {
                continue;
            }
            told.push_str(text.get(at..local(span.start)).unwrap_or_default());
            if span.start >= from {
                told.push_str(instead);
            }
            at = local(span.end);
        }
        told.push_str(text.get(at..).unwrap_or_default());
        told
    }

    /// Edits before `at` have been told to everybody they concern.
    pub fn forget(&mut self, at: u64) {
        self.edits.retain(|(span, _)| span.end > at);
    }

    pub fn push(&mut self, piece: &str, looks: &Looks) -> Result<(), StreamError> {
        self.text.push_str(piece);
        let waits = looks.finder.as_ref().is_some_and(|finder| finder.holds_for_patterns());
        if waits && self.text.len() - self.looked < STRIDE {
            return Ok(());
        }
        self.look(looks)?;
        let pending = self.pending(looks);
        self.settle(self.text.len() - pending, looks);
        Ok(())
    }

    /// Nothing follows: everything is settled, and what comes next is another text.
    pub fn finish(&mut self, looks: &Looks) -> Result<(), StreamError> {
        self.look(looks)?;
        self.settle(self.text.len(), looks);
        self.state = 0;
        self.from = self.settled;
        self.looked = 0;
        self.text.clear();
        Ok(())
    }

    /// Find what the new text completes, and report it.
    fn look(&mut self, looks: &Looks) -> Result<(), StreamError> {
        let old = std::mem::replace(&mut self.looked, self.text.len());
        let piece = self.text.get(old..).unwrap_or_default();
        let Some(finder) = looks.finder.as_ref().filter(|_| !piece.is_empty()) else { return Ok(()) };
        let mut found = Vec::new();
        if let Some(words) = &finder.words {
            let from = self.from + old as u64;
            let waiting = &mut self.words;
            self.state = words.read(self.state, piece, |word| {
                let end = from + word.end as u64;
                let owner = finder.owners.get(word.word as usize);
                let (Some(filter), Some(start)) = (owner, end.checked_sub(word.length as u64)) else { return };
                found.push((*filter, start));
                if finder.action(*filter) == Action::Mask {
                    waiting.push((start..end, *filter));
                }
            });
        }
        let mut shapes = Vec::new();
        finder.shapes(&self.text, 0, &mut shapes);
        let new = shapes.into_iter().filter(|find| find.span.end > old);
        found.extend(new.map(|find| (find.filter, self.from + find.span.start as u64)));
        for (filter, position) in found {
            let Some(deed) = finder.deed(filter) else { continue };
            looks.hits.borrow_mut().add(&deed.name, "answer", position);
            if deed.action == Action::Refuse {
                return Err(StreamError::Withheld(deed.message.clone()));
            }
        }
        Ok(())
    }

    /// How many bytes at the end may belong to something that is not complete.
    fn pending(&self, looks: &Looks) -> usize {
        let waiting = self.waiting();
        let mut pending = looks.masks.pending(waiting);
        if let Some(finder) = &looks.finder {
            let holds = |filter: usize| finder.action(filter) != Action::Flag;
            if let Some(words) = &finder.words
                && finder.owners.iter().any(|owner| holds(*owner))
            {
                pending = pending.max(words.pending(self.state));
            }
            if finder.personal.iter().any(|(filter, _)| holds(*filter)) {
                pending = pending.max(personal::pending(waiting));
            }
            if finder.holds_for_patterns() {
                pending = pending.max(WINDOW);
            }
        }
        if waiting.len() > WAITING { 0 } else { pending.min(waiting.len()) }
    }

    fn offset(&self) -> usize {
        usize::try_from(self.settled - self.from).unwrap_or(self.text.len())
    }

    fn waiting(&self) -> &str {
        self.text.get(self.offset()..).unwrap_or_default()
    }

    /// Decide everything before `until`, an offset in `text`, and more where a find reaches beyond it.
    fn settle(&mut self, until: usize, looks: &Looks) {
        let offset = self.offset();
        let mut until = (offset..=until).rev().find(|at| self.text.is_char_boundary(*at)).unwrap_or(until);
        let mut end = offset;
        for (span, instead) in self.changes_from(offset, looks) {
            let start = span.start.max(end);
            if start >= until {
                break;
            }
            if span.end > start {
                until = until.max(span.end);
                end = span.end;
                self.edits.push((self.from + start as u64..self.from + end as u64, instead));
            }
        }
        self.settled = self.from + until as u64;
        let settled = self.settled;
        self.words.retain(|(span, _)| span.end > settled);
        // Patterns look at what is behind them.
        let keep = if looks.finder.is_some() { until.saturating_sub(WINDOW) } else { until };
        let keep = (0..=keep).rev().find(|at| self.text.is_char_boundary(*at)).unwrap_or(0);
        self.text.drain(..keep);
        self.looked = self.looked.saturating_sub(keep);
        self.from += keep as u64;
    }

    /// Everything behind `offset` that is to read differently, as far as is known, in order.
    fn changes_from(&self, offset: usize, looks: &Looks) -> Vec<(Range<usize>, String)> {
        let mut changes: Vec<(Range<usize>, String)> = Vec::new();
        for (span, value) in looks.masks.find(self.waiting()) {
            let value = if self.is_json { escaped(value) } else { value.to_owned() };
            changes.push((span.start + offset..span.end + offset, value));
        }
        if let Some(finder) = &looks.finder {
            let mut found = Vec::new();
            if finder.masks_shapes() {
                finder.shapes(&self.text, offset, &mut found);
            }
            let local = |at: u64| usize::try_from(at.saturating_sub(self.from)).unwrap_or(usize::MAX);
            let word = |(span, filter): &(Range<u64>, usize)| Found {
                span: local(span.start)..local(span.end),
                filter: *filter,
                kind: "",
            };
            found.extend(self.words.iter().map(word));
            found.retain(|find| finder.action(find.filter) == Action::Mask);
            changes.extend(found.iter().map(|find| (find.span.clone(), format!("[{}]", finder.label(find)))));
        }
        changes.sort_by_key(|(span, _)| (span.start, std::cmp::Reverse(span.end)));
        changes
    }
}
