//! What somebody pastes after a sign-in: an address, whole or in part, or the code a page showed.
//!
//! | pasted | |
//! |---|---|
//! | `http://localhost:1455/auth/callback?code=C&state=S` | whole, with any scheme (`kiro://…`) or none |
//! | `?code=C&state=S`, `code=C&state=S` | what follows the path |
//! | `…/callback#code=C&state=S` | in the fragment |
//! | `…/callback?code=C#S`, `C#S` | the state after the code |
//! | `C` | the code alone, where the provider's page shows nothing else |
//! | `…?error=access_denied&state=S` | a refusal |
//!
//! A parameter that comes twice with two values is refused: nobody can say which one counts.

use percent_encoding::percent_decode_str;

#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Pasted {
    pub outcome: Outcome,
    pub state: Option<String>,
    /// The code came alone, not in an address that lost its state.
    pub bare: bool,
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Outcome {
    Code(String),
    Error(String),
}

#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Unreadable {
    #[error("is empty")]
    Empty,
    #[error("is longer than {LONGEST} characters")]
    TooLong,
    #[error("has no code in it; paste the whole address the browser ended at")]
    NoCode,
    #[error("has {0} twice")]
    Twice(&'static str),
}

/// 8 KiB: the longest code seen is a quarter of it.
const LONGEST: usize = 8 << 10;

pub fn read(text: &str) -> Result<Pasted, Unreadable> {
    if text.len() > LONGEST {
        return Err(Unreadable::TooLong);
    }
    // Terminals and mail programs break long addresses; none of what we look for has a blank in it.
    let text: String = text.chars().filter(|letter| !letter.is_whitespace() && !letter.is_control()).collect();
    let text = text.trim_matches(['"', '\'', '<', '>', '`']).replace("&amp;", "&");
    if text.is_empty() {
        return Err(Unreadable::Empty);
    }
    let (before, fragment) = text.split_once('#').unwrap_or((&text, ""));
    let query = before.split_once('?').map_or(before, |(_, query)| query);
    let found = |name: &'static str| one(name, [query, fragment]);
    let (code, error) = (found("code")?, found("error")?);
    let told = found("error_description")?;
    let mut state = found("state")?;
    // Only a bare word can be a state; `?code=C#_=_` and the like are decoration.
    if state.is_none() && is_word(fragment) {
        state = Some(decode(fragment));
    }
    let (outcome, bare) = match (error, code) {
        (Some(error), _) => {
            let why = told.map_or_else(|| error.clone(), |told| format!("{error}: {}", told.replace('+', " ")));
            (Outcome::Error(why.chars().take(300).collect()), false)
        }
        (None, Some(code)) => (Outcome::Code(code), false),
        (None, None) if is_word(before) => (Outcome::Code(decode(before)), true),
        (None, None) => return Err(Unreadable::NoCode),
    };
    Ok(Pasted { outcome, state, bare })
}

/// The value of a parameter in any of `parts`.
fn one(name: &'static str, parts: [&str; 2]) -> Result<Option<String>, Unreadable> {
    let pairs = parts.into_iter().flat_map(|part| part.split('&'));
    let mut values =
        pairs.filter_map(|pair| pair.split_once('=')).filter(|(key, _)| *key == name).map(|(_, value)| decode(value));
    let first = values.next();
    match &first {
        Some(value) if values.any(|other| other != *value) => Err(Unreadable::Twice(name)),
        Some(value) if value.is_empty() => Ok(None),
        _ => Ok(first),
    }
}

fn decode(text: &str) -> String {
    percent_decode_str(text).decode_utf8_lossy().into_owned()
}

/// What a code or a state looks like: Google's have slashes, and no host name is without a dot or a colon.
fn is_word(text: &str) -> bool {
    let allowed = |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'_' | b'/' | b'+' | b'~' | b'%');
    text.len() >= 8 && text.bytes().all(allowed)
}
