//! What is known of models: context, output, modalities, reasoning. A table; a model not in it is not refused.

mod table;

use serde::{Deserialize, Serialize};

use crate::ir::Effort;

pub use table::MODELS;

/// How a model is told how hard to think.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Thinking {
    /// Not in the table.
    Unknown,
    Never,
    /// Tokens from `min` to `max`; `off`: may be switched off; `dynamic`: may decide itself.
    Budget {
        min: u64,
        max: u64,
        off: bool,
        dynamic: bool,
    },
    /// In ascending order.
    Levels {
        levels: &'static [Effort],
        off: bool,
    },
}

/// What a model can be shown, beside text.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
#[cfg_attr(test, derive(schemars::JsonSchema))]
pub enum Modality {
    Image,
    #[serde(rename = "file")]
    Document,
    Audio,
    Video,
}

impl Modality {
    pub const ALL: &[Self] = &[Self::Image, Self::Document, Self::Audio, Self::Video];

    pub fn word(self) -> &'static str {
        match self {
            Self::Image => "image",
            Self::Document => "file",
            Self::Audio => "audio",
            Self::Video => "video",
        }
    }
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Model {
    /// As its maker's own API takes it.
    pub name: &'static str,
    /// Tokens of prompt and answer together.
    pub context: u64,
    /// Tokens of one answer, reasoning included, where the maker says.
    pub output: Option<u64>,
    pub thinking: Thinking,
    pub input: &'static [Modality],
    /// Whether a list of models shows it.
    pub listed: bool,
}

/// The entry for `name`, by whichever name a provider sells it: `vendor/` or `us.anthropic.` in front, a date, `-latest` or `:free` behind,
/// another case, `4.5` for `4-5`. A newer version is not its predecessor: `gpt-5.9` is not `gpt-5`.
pub fn find(name: &str) -> Option<&'static Model> {
    nearest(name, MODELS, |model| model.name)
}

/// The entry of a table that [`find`] would find in it.
pub fn nearest<T>(name: &str, table: &'static [T], own: fn(&T) -> &'static str) -> Option<&'static T> {
    let name = name.rsplit('/').next().unwrap_or_default().to_ascii_lowercase();
    let name = name.rsplit_once("anthropic.").map_or(name.as_str(), |(_, name)| name);
    let name = name.split([':', '@', '(']).next().unwrap_or_default();
    longest(name, table, own).or_else(|| longest(&name.replace('.', "-"), table, own))
}

fn longest<T>(name: &str, table: &'static [T], own: fn(&T) -> &'static str) -> Option<&'static T> {
    let fits = |entry: &&T| {
        let own = stem(own(entry));
        name.split_at_checked(own.len())
            .is_some_and(|(head, rest)| head.eq_ignore_ascii_case(own) && (rest.is_empty() || !is_version(rest)))
    };
    table.iter().filter(fits).max_by_key(|entry| stem(own(entry)).len())
}

/// A name without what only says which edition it is.
fn stem(name: &str) -> &str {
    let name = name.strip_suffix("-latest").or_else(|| name.strip_suffix("-preview")).unwrap_or(name);
    match name.rsplit_once('-') {
        Some((stem, date)) if date.len() == 8 && date.bytes().all(|b| b.is_ascii_digit()) => stem,
        _ => name,
    }
}

/// Whether what stands behind a name makes it another model's: anything that is not a word or a date of its own.
fn is_version(rest: &str) -> bool {
    let Some(word) = rest.strip_prefix('-') else { return true };
    let digits = word.bytes().take_while(u8::is_ascii_digit).count();
    digits == 1 || digits == 2 || word.get(digits..).is_some_and(|rest| digits > 0 && rest.starts_with('.'))
}

pub fn thinking(model: &str) -> Thinking {
    find(model).map_or(Thinking::Unknown, |model| model.thinking)
}

/// The longest answer `model` can give.
pub fn max_output(model: &str) -> Option<u64> {
    find(model)?.output
}
