//! Personal data and secrets in plain text: what they look like, and the sums that tell them from other numbers.
//!
//! Reversible masking forgives a false find; it does not forgive a missed one. Still a number must look like what it is
//! taken for: every order number and timestamp masked would make prompts unreadable.

use std::ops::Range;

use serde::{Deserialize, Serialize};

#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Personal {
    Email,
    /// International with `+`, Chinese mobile, North American.
    Phone,
    /// 13 to 19 digits that pass Luhn's check.
    Card,
    /// The 18 characters of GB 11643, with their check digit and a possible birthday.
    ChineseId,
    /// API keys and tokens by their known beginnings, JSON web tokens, private keys in PEM.
    Key,
}

impl Personal {
    pub fn kind(self) -> &'static str {
        match self {
            Self::Email => "EMAIL",
            Self::Phone => "PHONE",
            Self::Card => "CARD",
            Self::ChineseId => "IDCARD",
            Self::Key => "KEY",
        }
    }

    pub fn find(self, text: &str, found: &mut dyn FnMut(Range<usize>)) {
        match self {
            Self::Email => emails(text.as_bytes(), found),
            Self::Phone => numbers(text.as_bytes(), is_phone, found),
            Self::Card => numbers(text.as_bytes(), is_card, found),
            Self::ChineseId => chinese_ids(text.as_bytes(), found),
            Self::Key => keys(text, found),
        }
    }
}

/// The longest find but for a private key: RFC 5321 gives an address 254 characters.
pub const LENGTH: usize = 254;

/// How many bytes at the end of `text` may be the beginning of a find. A private key in PEM is the exception: in an
/// answer it is found only where it comes in one piece.
pub fn pending(text: &str) -> usize {
    let bytes = text.as_bytes();
    let mut length = 0;
    for (behind, byte) in bytes.iter().rev().take(LENGTH).enumerate() {
        let before = bytes.len().checked_sub(behind + 2).and_then(|at| bytes.get(at));
        let is_part = byte.is_ascii_alphanumeric()
            || b"@._%+-()".contains(byte)
            // Groups of digits may stand apart.
            || *byte == b' ' && before.is_some_and(|b| b.is_ascii_digit() || *b == b')');
        if !is_part {
            break;
        }
        length = behind + 1;
    }
    length
}

fn emails(text: &[u8], found: &mut dyn FnMut(Range<usize>)) {
    let is_local = |b: &u8| b.is_ascii_alphanumeric() || b"._%+-".contains(b);
    let is_domain = |b: &u8| b.is_ascii_alphanumeric() || matches!(b, b'.' | b'-');
    for at in memchr::memchr_iter(b'@', text) {
        let (before, after) = (text.get(..at).unwrap_or_default(), text.get(at + 1..).unwrap_or_default());
        let local = before.iter().rev().take(64).take_while(|b| is_local(b)).count();
        let run = after.get(..after.iter().take(253).take_while(|b| is_domain(b)).count()).unwrap_or_default();
        // The sentence's full stop is not the domain's.
        let domain = run.strip_suffix(b".").unwrap_or(run);
        let domain = domain.strip_suffix(b"-").unwrap_or(domain);
        let mut labels = domain.rsplit(|b| *b == b'.');
        let top = labels.next().unwrap_or_default();
        let has_name = labels.next().is_some_and(|label| !label.is_empty());
        if local > 0 && has_name && top.len() >= 2 && top.iter().all(u8::is_ascii_alphabetic) {
            found(at - local..at + 1 + domain.len());
        }
    }
}

/// Groups of digits that belong together, `+86 138 0013 8000`.
struct Number<'a> {
    plus: bool,
    groups: &'a [Range<usize>],
    text: &'a [u8],
}

impl Number<'_> {
    fn digits(&self) -> impl DoubleEndedIterator<Item = u8> + '_ {
        self.groups.iter().flat_map(|group| self.text.get(group.clone()).unwrap_or_default()).map(|b| b - b'0')
    }

    fn sizes(&self) -> Vec<usize> {
        self.groups.iter().map(Range::len).collect()
    }

    fn starts_with(&self, digits: &[u8]) -> bool {
        self.digits().zip(digits).filter(|(a, b)| a == *b).count() == digits.len()
    }
}

/// More groups than any way of writing a number has.
const GROUPS: usize = 7;

fn numbers(text: &[u8], is: fn(&Number<'_>) -> bool, found: &mut dyn FnMut(Range<usize>)) {
    let groups = groups(text);
    let mut first = 0;
    while let Some(start) = groups.get(first) {
        let joined = groups.get(first..).unwrap_or_default().windows(2).take(GROUPS - 1);
        let most = 1 + joined.take_while(|pair| matches!(pair, [a, b] if joins(text, a.end..b.start))).count();
        let plus = start.start > 0 && text.get(start.start - 1) == Some(&b'+');
        let fits = |count: &usize| {
            let groups = groups.get(first..first + count).unwrap_or_default();
            is(&Number { plus, groups, text })
        };
        match (1..=most).rev().find(fits) {
            Some(count) => {
                let end = groups.get(first + count - 1).map_or(start.end, |last| last.end);
                found(start.start - usize::from(plus)..end);
                first += count;
            }
            None => first += 1,
        }
    }
}

/// Runs of digits that are not part of a word.
fn groups(text: &[u8]) -> Vec<Range<usize>> {
    let mut groups = Vec::new();
    let mut at = 0;
    while let Some(offset) = text.get(at..).and_then(|rest| rest.iter().position(u8::is_ascii_digit)) {
        let start = at + offset;
        let length = text.get(start..).unwrap_or_default().iter().take_while(|b| b.is_ascii_digit()).count();
        at = start + length;
        let is_word = |b: Option<&u8>| b.is_some_and(|b| b.is_ascii_alphabetic() || *b == b'_');
        if !is_word(start.checked_sub(1).and_then(|at| text.get(at))) && !is_word(text.get(at)) {
            groups.push(start..at);
        }
    }
    groups
}

fn joins(text: &[u8], gap: Range<usize>) -> bool {
    matches!(text.get(gap), Some(b" " | b"-" | b"." | b")" | b") " | b")-" | b" (" | b"(" | b"-("))
}

fn is_card(number: &Number<'_>) -> bool {
    let count = number.digits().count();
    let separated = number.groups.windows(2).all(|pair| match pair {
        [a, b] => matches!(number.text.get(a.end..b.start), Some(b" " | b"-")),
        _ => true,
    });
    let shaped = number.groups.len() == 1 || number.groups.iter().all(|group| (3..=7).contains(&group.len()));
    let issuer = number.digits().next().is_some_and(|first| (2..=6).contains(&first));
    !number.plus && (13..=19).contains(&count) && separated && shaped && issuer && luhn(number)
}

fn luhn(number: &Number<'_>) -> bool {
    let sum: u32 = number
        .digits()
        .rev()
        .enumerate()
        .map(|(place, digit)| {
            let digit = u32::from(digit);
            if place % 2 == 0 { digit } else { digit * 2 / 10 + digit * 2 % 10 }
        })
        .sum();
    sum.is_multiple_of(10)
}

fn is_phone(number: &Number<'_>) -> bool {
    let count = number.digits().count();
    if number.plus {
        return (8..=15).contains(&count);
    }
    let second = number.digits().nth(1).unwrap_or(0);
    match *number.sizes() {
        // The numbers of cards and of people are longer.
        [11] | [3, 4, 4] => number.starts_with(&[1]) && second >= 3,
        [13] | [2, 11] | [2, 3, 4, 4] => number.starts_with(&[8, 6, 1]),
        [3, 3, 4] => number.digits().next().is_some_and(|first| first >= 2),
        [1, 3, 3, 4] => number.starts_with(&[1]),
        _ => false,
    }
}

fn chinese_ids(text: &[u8], found: &mut dyn FnMut(Range<usize>)) {
    let mut at = 0;
    while let Some(offset) = text.get(at..).and_then(|rest| rest.iter().position(u8::is_ascii_digit)) {
        let start = at + offset;
        let run = text.get(start..).unwrap_or_default();
        let digits = run.iter().take_while(|b| b.is_ascii_digit()).count();
        at = start + digits;
        let length = digits + usize::from(matches!(run.get(digits), Some(b'X' | b'x')));
        let is_word = |b: Option<&u8>| b.is_some_and(|b| b.is_ascii_alphanumeric() || *b == b'_');
        let alone = !is_word(start.checked_sub(1).and_then(|at| text.get(at))) && !is_word(run.get(length));
        if alone && length == 18 && run.get(..18).is_some_and(is_chinese_id) {
            found(start..start + 18);
        }
    }
}

/// GB 11643-1999: region, birthday, sequence, and a check character modulo 11.
fn is_chinese_id(id: &[u8]) -> bool {
    const WEIGHTS: [u32; 17] = [7, 9, 10, 5, 8, 4, 2, 1, 6, 3, 7, 9, 10, 5, 8, 4, 2];
    let digit = |at: usize| id.get(at).map_or(0, |b| u32::from(b.wrapping_sub(b'0')));
    let sum: u32 = WEIGHTS.iter().zip(0..).map(|(weight, at)| weight * digit(at)).sum();
    let check = b"10X98765432".get((sum % 11) as usize);
    let two = |at: usize| digit(at) * 10 + digit(at + 1);
    let century = two(6);
    let born = matches!(century, 18..=20) && (1..=12).contains(&two(10)) && (1..=31).contains(&two(12));
    born && id.last().map(u8::to_ascii_uppercase).as_ref() == check
}

/// Beginnings of keys, and how many characters follow at least.
const BEGINNINGS: &[(&str, usize)] = &[
    ("sk-", 20),
    ("sk_live_", 16),
    ("sk_test_", 16),
    ("rk_live_", 16),
    ("whsec_", 24),
    ("ghp_", 30),
    ("gho_", 30),
    ("ghu_", 30),
    ("ghs_", 30),
    ("ghr_", 30),
    ("github_pat_", 30),
    ("glpat-", 20),
    ("AKIA", 16),
    ("ASIA", 16),
    ("AIza", 35),
    ("ya29.", 20),
    ("xoxb-", 20),
    ("xoxp-", 20),
    ("xoxa-", 20),
    ("xapp-", 20),
    ("hf_", 30),
    ("gsk_", 30),
    ("xai-", 40),
    ("pplx-", 30),
    ("tvly-", 20),
    ("npm_", 30),
    ("pypi-", 40),
    ("dop_v1_", 40),
    ("shpat_", 30),
    ("SG.", 40),
    ("eyJ", 40),
];

fn keys(text: &str, found: &mut dyn FnMut(Range<usize>)) {
    let bytes = text.as_bytes();
    let is_part = |b: &u8| b.is_ascii_alphanumeric() || matches!(b, b'_' | b'-' | b'.');
    let mut at = 0;
    while let Some(offset) = bytes.get(at..).and_then(|rest| rest.iter().position(is_part)) {
        let start = at + offset;
        let length = bytes.get(start..).unwrap_or_default().iter().take_while(|b| is_part(b)).count();
        at = start + length;
        let run = text.get(start..at).unwrap_or_default();
        // Something may stand before it: `key.sk-…`, `-sk-…`.
        let starts = run
            .bytes()
            .enumerate()
            .filter(|(at, _)| *at == 0 || run.as_bytes().get(at - 1).is_some_and(|b| !b.is_ascii_alphanumeric()));
        let key = starts.map(|(at, _)| at).find(|at| is_key(run.get(*at..).unwrap_or_default()));
        if let Some(key) = key {
            found(start + key..start + run.trim_end_matches('.').len());
        }
    }
    let mut at = 0;
    while let Some(offset) = text.get(at..).and_then(|rest| rest.find("-----BEGIN ")) {
        let start = at + offset;
        let rest = text.get(start..).unwrap_or_default();
        // The end of the line may be an escaped one, in source code.
        let is_private = rest
            .find("KEY-----")
            .is_some_and(|end| end <= 40 && rest.get(..end).is_some_and(|head| head.ends_with("PRIVATE ")));
        at = start + 11;
        if is_private {
            let Some(end) = rest.find("-----END ") else { return };
            let close = rest.get(end + 9..).and_then(|tail| tail.find("-----"));
            at = close.map_or(text.len(), |close| start + end + 9 + close + 5);
            found(start..at);
        }
    }
}

fn is_key(text: &str) -> bool {
    let has_digit = || text.bytes().any(|b| b.is_ascii_digit());
    let begins = |(begin, least): &(&str, usize)| text.strip_prefix(begin).is_some_and(|rest| rest.len() >= *least);
    BEGINNINGS.iter().any(begins) && has_digit()
}
