//! Placeholders for what a provider must not see, and the way back.
//!
//! ```text
//! placeholder := KIND '-' 8 hexadecimal digits        EMAIL-7f3a9c21
//! ```
//!
//! The digits are a keyed digest of the value: the same value has the same placeholder in every request, so prompt
//! caches and signed reasoning stay valid, and without the key nobody can find the value by trying. Nothing in a
//! placeholder needs an escape in JSON, Markdown or a URL. Text that happens to look like a placeholder is given one
//! of its own, so that restoring is exact for every text.

use std::collections::HashMap;

use sha2::{Digest, Sha256};

use crate::json::write_escaped;

/// Digits of the digest.
const DIGITS: usize = 8;
/// Letters of a kind.
const KIND: usize = 12;
/// The longest placeholder.
pub const LENGTH: usize = KIND + 1 + DIGITS;
/// More values than any prompt has people in it; beyond it the request is refused, not let through.
const VALUES: usize = 4096;
/// Bytes of all values: 1 MiB.
const ROOM: usize = 1 << 20;

/// What stands for text that only looks like a placeholder.
pub const LOOKALIKE: &str = "TEXT";

/// Why nothing more can be masked.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("more than {VALUES} values, or {ROOM} bytes of them, would have to be masked")]
pub struct Full;

/// The placeholders of one request.
#[derive(Default)]
pub struct Masks {
    key: [u8; 32],
    /// From the digits to kind and value.
    values: HashMap<String, (String, String)>,
    /// From kind and value to the digits.
    known: HashMap<(String, String), String>,
    bytes: usize,
}

/// Whether `kind` may name a placeholder.
pub fn is_kind(kind: &str) -> bool {
    (2..=KIND).contains(&kind.len()) && kind.bytes().all(|b| b.is_ascii_uppercase())
}

/// The key of a deployment's placeholders, from a secret it has anyway.
pub fn key(secret: &str) -> [u8; 32] {
    Sha256::new().chain_update(b"sluice masks\0").chain_update(secret).finalize().into()
}

impl Masks {
    pub fn new(key: [u8; 32]) -> Self {
        Self { key, ..Self::default() }
    }

    pub fn is_empty(&self) -> bool {
        self.values.is_empty()
    }

    /// The placeholder of `value`.
    pub fn hide(&mut self, kind: &str, value: &str) -> Result<String, Full> {
        let known = (kind.to_owned(), value.to_owned());
        if let Some(digits) = self.known.get(&known) {
            return Ok(format!("{kind}-{digits}"));
        }
        if self.values.len() >= VALUES || self.bytes + value.len() > ROOM {
            return Err(Full);
        }
        let free = (0u8..=u8::MAX).map(|salt| self.digits(kind, value, salt)).find(|d| !self.values.contains_key(d));
        let digits = free.ok_or(Full)?;
        self.bytes += value.len();
        self.values.insert(digits.clone(), known.clone());
        let placeholder = format!("{kind}-{digits}");
        self.known.insert(known, digits);
        Ok(placeholder)
    }

    fn digits(&self, kind: &str, value: &str, salt: u8) -> String {
        let mut digest = Sha256::new();
        digest.update(self.key);
        digest.update([salt]);
        digest.update(kind);
        digest.update([0]);
        digest.update(value);
        digest.finalize().iter().take(DIGITS / 2).map(|byte| format!("{byte:02x}")).collect()
    }

    /// The placeholders of this request in `text`: where, and what they stand for.
    pub fn find<'m>(&'m self, text: &str) -> Vec<(std::ops::Range<usize>, &'m str)> {
        let mut found = Vec::new();
        if self.values.is_empty() {
            return found;
        }
        for dash in memchr::memchr_iter(b'-', text.as_bytes()) {
            let Some((kind, value)) = text.get(dash + 1..dash + 1 + DIGITS).and_then(|digits| self.values.get(digits))
            else {
                continue;
            };
            if text.get(..dash).is_some_and(|before| before.ends_with(kind)) {
                found.push((dash - kind.len()..dash + 1 + DIGITS, value.as_str()));
            }
        }
        found
    }

    /// `text` with its values again.
    pub fn restore(&self, text: &str) -> String {
        let mut out = String::with_capacity(text.len());
        let mut from = 0;
        for (span, value) in self.find(text) {
            out.push_str(text.get(from..span.start).unwrap_or_default());
            out.push_str(value);
            from = span.end;
        }
        out.push_str(text.get(from..).unwrap_or_default());
        out
    }

    /// How many bytes at the end of `text` may be the beginning of a placeholder.
    pub fn pending(&self, text: &str) -> usize {
        if self.values.is_empty() || !text.bytes().next_back().is_some_and(is_part) {
            return 0;
        }
        let longest = text.bytes().rev().take(LENGTH - 1).take_while(|b| is_part(*b)).count();
        let tail = |length: &usize| text.get(text.len() - length..).unwrap_or_default();
        (1..=longest).rev().find(|length| self.begins(tail(length))).unwrap_or(0)
    }

    /// Whether a placeholder of this request begins with `text` and goes on behind it.
    fn begins(&self, text: &str) -> bool {
        let begins = |(digits, (kind, _)): (&String, &(String, String))| match text.split_once('-') {
            None => kind.starts_with(text),
            Some((head, tail)) => kind == head && tail.len() < DIGITS && digits.starts_with(tail),
        };
        self.values.iter().any(begins)
    }
}

fn is_part(byte: u8) -> bool {
    byte.is_ascii_uppercase() || byte == b'-' || byte.is_ascii_digit() || matches!(byte, b'a'..=b'f')
}

/// Where in `text` something has the shape of a placeholder, of this request or not.
pub fn lookalikes(text: &str) -> Vec<std::ops::Range<usize>> {
    let mut found: Vec<std::ops::Range<usize>> = Vec::new();
    let bytes = text.as_bytes();
    for dash in memchr::memchr_iter(b'-', bytes) {
        let digits = bytes.get(dash + 1..dash + 1 + DIGITS).unwrap_or_default();
        let is_digits = digits.len() == DIGITS && digits.iter().all(|b| matches!(b, b'0'..=b'9' | b'a'..=b'f'));
        let before = bytes.get(..dash).unwrap_or_default().iter().rev().take(KIND);
        let kind = before.take_while(|b| b.is_ascii_uppercase()).count();
        if is_digits && kind >= 2 {
            found.push(dash - kind..dash + 1 + DIGITS);
        }
    }
    found
}

/// `value` as it stands inside a JSON string.
pub fn escaped(value: &str) -> String {
    let mut out = Vec::with_capacity(value.len());
    write_escaped(value, &mut out);
    String::from_utf8(out).unwrap_or_default()
}
