//! What must not pass: words, patterns and personal data, in what a client sends and in what it is answered.
//!
//! ```text
//! request ──> masks: personal data becomes placeholders ──> provider
//! answer  <── masks: placeholders become what they were <── watch: words of the answer
//! ```
//!
//! A filter finds, and then flags, refuses or masks. What is found is told by filter and place, never by its text.
//! Filters work on the strings of the JSON that passes, where they stand: one mechanism for relays and translations,
//! and every other byte is kept. Bytes without JSON (files, forms, raw relays) are not filtered.

mod channel;
pub mod fields;
pub mod masks;
pub mod personal;
pub mod request;
pub mod watch;
pub mod words;

use std::ops::Range;

use regex_lite::{Regex, RegexBuilder};
use serde::{Deserialize, Serialize};

use crate::rules::When;
pub use personal::Personal;
use words::Words;

/// One filter, as the operator wrote it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Filter {
    /// What logs and refusals call it.
    pub name: String,
    #[serde(default, skip_serializing_if = "When::is_always")]
    pub when: When,
    /// Only for client tokens and routes that name it.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub optional: bool,
    #[serde(default)]
    pub on: Side,
    pub find: Find,
    pub action: Action,
    /// What placeholders begin with, 2 to 12 capital letters. Personal data has names of its own.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub label: Option<String>,
    /// What a refused client is told.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub message: Option<String>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Side {
    Input,
    Output,
    #[default]
    Both,
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Find {
    /// Literal, wherever they stand; ASCII letters' case does not count.
    Words(Vec<String>),
    /// Regular expressions, without look-around and back-references. In an answer they see [`WINDOW`] bytes at once.
    Patterns(Vec<String>),
    Personal(Vec<Personal>),
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Action {
    /// Only say that it was there.
    Flag,
    /// End the call in an error of the client's protocol.
    Refuse,
    /// In a request, put a placeholder in its place, which the answer gives back; in an answer, a label.
    Mask,
}

/// Something was found.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Hit {
    pub filter: String,
    /// Path of the string in the request, or `answer`.
    pub at: String,
    /// Bytes before it in that string, or in the text of the answer.
    pub position: u64,
}

/// What was found in one call. Bounded: the first find of a filter in a string stands for all of them.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize)]
#[serde(transparent)]
pub struct Hits(Vec<Hit>);

/// More than any usage row should carry.
const HITS: usize = 32;

impl Hits {
    pub fn list(&self) -> &[Hit] {
        &self.0
    }

    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    fn add(&mut self, filter: &str, at: &str, position: u64) {
        if self.0.len() < HITS && !self.0.iter().any(|hit| hit.filter == filter && hit.at == at) {
            self.0.push(Hit { filter: filter.to_owned(), at: at.to_owned(), position });
        }
    }
}

/// A call that a filter ended.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{0}")]
pub struct Refused(pub String);

/// Bytes of an answer that a pattern sees at once, and that are held back for one that masks or refuses.
pub const WINDOW: usize = 256;
/// Memory of one compiled pattern: 1 MiB.
const PATTERN_SIZE: usize = 1 << 20;
const PATTERN_NEST: u32 = 32;

/// Why a filter or a rule cannot be used.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error, Serialize)]
#[error("{name}: {message}")]
pub struct Problem {
    pub name: String,
    pub message: String,
}

impl Problem {
    pub(crate) fn new(name: &str, message: impl Into<String>) -> Self {
        Self { name: name.to_owned(), message: message.into() }
    }
}

pub(crate) fn pattern(source: &str) -> Result<Regex, String> {
    let regex = RegexBuilder::new(source).size_limit(PATTERN_SIZE).nest_limit(PATTERN_NEST).build();
    let regex = regex.map_err(|error| format!("the pattern {source:?} cannot be used: {error}"))?;
    if regex.is_match("") { Err(format!("the pattern {source:?} fits everywhere")) } else { Ok(regex) }
}

/// What one filter does, beside what it finds.
#[derive(Debug)]
struct Deed {
    name: String,
    action: Action,
    label: String,
    message: String,
}

/// The filters of one side, ready to look.
#[derive(Debug)]
pub struct Finder {
    deeds: Vec<Deed>,
    words: Option<Words>,
    /// Filter of each word.
    owners: Vec<usize>,
    patterns: Vec<(usize, Regex)>,
    personal: Vec<(usize, Personal)>,
}

/// A find: where, by which filter, and what its placeholder begins with.
#[derive(Debug, Clone, PartialEq, Eq)]
struct Found {
    span: Range<usize>,
    filter: usize,
    kind: &'static str,
}

impl Finder {
    /// The filters of `side`; `None` if there are none.
    pub fn new(filters: &[Filter], side: Side) -> Result<Option<Self>, Problem> {
        let mut finder =
            Self { deeds: Vec::new(), words: None, owners: Vec::new(), patterns: Vec::new(), personal: Vec::new() };
        let mut words = Vec::new();
        for filter in filters.iter().filter(|filter| filter.on == side || filter.on == Side::Both) {
            let problem = |message: String| Problem::new(&filter.name, message);
            let number = finder.deeds.len();
            match &filter.find {
                Find::Words(list) => {
                    let list = list.iter().filter(|word| !word.is_empty());
                    list.for_each(|word| {
                        words.push(word.as_str());
                        finder.owners.push(number);
                    });
                }
                Find::Patterns(list) => {
                    for source in list {
                        finder.patterns.push((number, pattern(source).map_err(problem)?));
                    }
                }
                Find::Personal(list) => finder.personal.extend(list.iter().map(|personal| (number, *personal))),
            }
            let label = filter.label.clone().unwrap_or_else(|| "MASKED".to_owned());
            if !masks::is_kind(&label) {
                return Err(problem(format!("the label {label:?} is not 2 to 12 capital letters")));
            }
            let message = filter
                .message
                .clone()
                .unwrap_or_else(|| format!("the content filter {} does not allow this", filter.name));
            finder.deeds.push(Deed { name: filter.name.clone(), action: filter.action, label, message });
        }
        if finder.deeds.is_empty() {
            return Ok(None);
        }
        if !words.is_empty() {
            let built = Words::new(words.into_iter());
            finder.words = Some(built.ok_or_else(|| Problem::new("words", "there are too many words"))?);
        }
        Ok(Some(finder))
    }

    /// States of its automaton.
    pub fn weight(&self) -> usize {
        self.words.as_ref().map_or(0, Words::weight)
    }

    fn deed(&self, filter: usize) -> Option<&Deed> {
        self.deeds.get(filter)
    }

    fn action(&self, filter: usize) -> Action {
        self.deed(filter).map_or(Action::Flag, |deed| deed.action)
    }

    /// What stands in the place of a find.
    fn label<'f>(&'f self, found: &Found) -> &'f str {
        if found.kind.is_empty() {
            self.deed(found.filter).map_or("MASKED", |deed| deed.label.as_str())
        } else {
            found.kind
        }
    }

    /// Everything in a whole text.
    fn all(&self, text: &str) -> Vec<Found> {
        let mut all = Vec::new();
        if let Some(words) = &self.words {
            words.read(0, text, |word| all.extend(self.word(word, 0)));
        }
        self.shapes(text, 0, &mut all);
        all
    }

    fn word(&self, word: words::Found, before: usize) -> Option<Found> {
        let filter = *self.owners.get(word.word as usize)?;
        let end = before + word.end;
        Some(Found { span: end.checked_sub(word.length)?..end, filter, kind: "" })
    }

    /// Whether text waits for a pattern that may yet fit.
    fn holds_for_patterns(&self) -> bool {
        self.patterns.iter().any(|(filter, _)| self.action(*filter) != Action::Flag)
    }

    /// Whether anything that has a shape is to read differently.
    fn masks_shapes(&self) -> bool {
        let mut of =
            self.patterns.iter().map(|(filter, _)| filter).chain(self.personal.iter().map(|(filter, _)| filter));
        of.any(|filter| self.action(*filter) == Action::Mask)
    }

    /// Patterns and personal data in `text`, of which the first `context` bytes are only there to be looked at.
    fn shapes(&self, text: &str, context: usize, all: &mut Vec<Found>) {
        for (filter, regex) in &self.patterns {
            let mut at = context;
            while let Some(found) = regex.find_at(text, at) {
                if !found.is_empty() {
                    all.push(Found { span: found.range(), filter: *filter, kind: "" });
                }
                let next = text.get(found.end()..).and_then(|rest| rest.chars().next()).map_or(1, char::len_utf8);
                at = if found.is_empty() { found.end() + next } else { found.end() };
                if at > text.len() {
                    break;
                }
            }
        }
        for (filter, personal) in &self.personal {
            personal.find(text, &mut |span| {
                if span.end > context {
                    all.push(Found { span, filter: *filter, kind: personal.kind() });
                }
            });
        }
    }
}
