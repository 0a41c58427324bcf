//! Thinking that comes as text: `<thinking>…</thinking>` at the head of an answer, told apart from what follows it.
//!
//! ```text
//! Head --<thinking>--> Opened (one line end goes) --> Inside --</thinking>--> Behind (white space goes) --> Text
//!   +-- anything else -------------------------------------------------------------------------------------> Text
//! ```
//!
//! Only what might still become a tag is held back, so the cut into deltas does not matter. Inside, a closing tag between
//! quotes or backticks is a mention, not the end.

const OPEN: &str = "<thinking>";
const CLOSE: &str = "</thinking>";

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    Text,
    Thinking,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Place {
    Head,
    Opened,
    Inside,
    Behind,
    Text,
}

#[derive(Debug)]
pub struct Tags {
    place: Place,
    /// What cannot be told yet.
    held: String,
    /// The last character of thinking that was given out.
    last: Option<char>,
}

impl Default for Tags {
    fn default() -> Self {
        Self { place: Place::Head, held: String::new(), last: None }
    }
}

impl Tags {
    pub fn push(&mut self, text: &str, mut on: impl FnMut(Kind, &str)) {
        if self.place == Place::Text {
            return give(Kind::Text, text, &mut on);
        }
        let mut text = std::mem::take(&mut self.held) + text;
        while let Some(rest) = self.step(&text, &mut on) {
            text = rest;
        }
    }

    /// The answer is over, or goes on with something that is no text: nothing held can become a tag any more.
    pub fn flush(&mut self, mut on: impl FnMut(Kind, &str)) {
        let held = std::mem::take(&mut self.held);
        match self.place {
            Place::Inside => match held.strip_suffix(CLOSE) {
                Some(thought) => give(Kind::Thinking, thought, &mut on),
                None => give(Kind::Thinking, &held, &mut on),
            },
            Place::Head | Place::Text => give(Kind::Text, &held, &mut on),
            Place::Opened | Place::Behind => {}
        }
        self.place = Place::Text;
    }

    /// Read on in `text`; what is left of it, if there is more to read.
    fn step(&mut self, text: &str, on: &mut impl FnMut(Kind, &str)) -> Option<String> {
        match self.place {
            Place::Head => {
                let start = text.trim_start();
                if let Some(rest) = start.strip_prefix(OPEN) {
                    self.place = Place::Opened;
                    return Some(rest.to_owned());
                }
                if OPEN.starts_with(start) {
                    text.clone_into(&mut self.held);
                    return None;
                }
                self.place = Place::Text;
                Some(text.to_owned())
            }
            Place::Opened if text.is_empty() => None,
            Place::Opened => {
                self.place = Place::Inside;
                Some(text.strip_prefix('\n').unwrap_or(text).to_owned())
            }
            Place::Inside => self.inside(text, on),
            Place::Behind => {
                let rest = text.trim_start();
                if !rest.is_empty() {
                    self.place = Place::Text;
                    give(Kind::Text, rest, on);
                }
                None
            }
            Place::Text => {
                give(Kind::Text, text, on);
                None
            }
        }
    }

    fn inside(&mut self, text: &str, on: &mut impl FnMut(Kind, &str)) -> Option<String> {
        let Some(at) = text.find(CLOSE) else {
            let keep = (1..CLOSE.len()).rev().find(|&count| {
                let tail = text.len().checked_sub(count).and_then(|from| text.get(from..));
                tail.is_some_and(|tail| CLOSE.starts_with(tail))
            });
            let (said, held) = text.split_at(text.len() - keep.unwrap_or(0));
            self.think(said, on);
            held.clone_into(&mut self.held);
            return None;
        };
        let (said, rest) = text.split_at(at);
        let after = rest.strip_prefix(CLOSE).unwrap_or_default();
        let before = said.chars().next_back().or(self.last);
        let Some(next) = after.chars().next() else {
            // What stands behind the tag may make it a mention.
            self.think(said, on);
            rest.clone_into(&mut self.held);
            return None;
        };
        if before.is_some_and(is_quote) && is_quote(next) {
            let (mention, after) = text.split_at(at + CLOSE.len());
            self.think(mention, on);
            return Some(after.to_owned());
        }
        self.think(said, on);
        self.place = Place::Behind;
        Some(after.to_owned())
    }

    fn think(&mut self, text: &str, on: &mut impl FnMut(Kind, &str)) {
        self.last = text.chars().next_back().or(self.last);
        give(Kind::Thinking, text, on);
    }
}

fn give(kind: Kind, text: &str, on: &mut impl FnMut(Kind, &str)) {
    if !text.is_empty() {
        on(kind, text);
    }
}

fn is_quote(c: char) -> bool {
    matches!(c, '`' | '"' | '\'')
}
