//! Reasoning seals on wires that have no field for them, or the field of another issuer.
//!
//! A seal travels in an opaque value that the client must echo: a signature field, or the id of a tool call.
//! It is tagged with its issuer, so that it returns to nobody else.

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use bytes::Bytes;
use sha2::{Digest, Sha256};

use crate::ir::{Issuer, Seal};

/// Between a tool-call id and its seal. Every character is allowed in every protocol's ids.
const TAG: &str = "__seal_";
/// Larger seals are not carried: the widest recorded Gemini signature is about 5 KiB.
const LIMIT: usize = 16 << 10;
/// Characters of the check: 24 bits.
const CHECK: usize = 4;

/// Stands where a wire demands a seal and there is none. Nothing can be read from it, and no issuer is sent it.
pub const UNSEALED: &str = "__seal_a_unsealed";

fn letter(issuer: Issuer) -> char {
    match issuer {
        Issuer::Anthropic => 'a',
        Issuer::Google => 'g',
        Issuer::OpenAi => 'o',
    }
}

fn issuer(letter: &str) -> Option<Issuer> {
    match letter {
        "a" => Some(Issuer::Anthropic),
        "g" => Some(Issuer::Google),
        "o" => Some(Issuer::OpenAi),
        _ => None,
    }
}

/// A tool-call id that carries `seal`, in the alphabet `[A-Za-z0-9_-]` if the id keeps to it.
///
/// ```text
/// id __seal_ issuer [r] _ check _ value        check: 4 characters of a digest; value: base64url
/// ```
pub fn carry(id: &str, seal: Option<&Seal>) -> String {
    match seal {
        Some(seal) if seal.value.len() <= LIMIT => {
            let redacted = if seal.redacted { "r" } else { "" };
            let value = URL_SAFE_NO_PAD.encode(&seal.value);
            let check = check(&value);
            let sealed = format!("{}{redacted}_{check}_{value}", letter(seal.issuer));
            // One seal in 2^42 would spell the tag in its own base64.
            if sealed.contains(TAG) { id.to_owned() } else { format!("{id}{TAG}{sealed}") }
        }
        _ => id.to_owned(),
    }
}

/// The inverse of [`carry`]. An id whose seal was cut off by the client is returned without it; an id that only looks
/// similar is returned whole. The last seal counts: a provider that is a gateway itself has put its own before ours.
pub fn split(id: &str) -> (&str, Option<Seal>) {
    match id.rsplit_once(TAG).map(|(bare, rest)| (bare, parse(rest))) {
        Some((bare, Found::Whole(seal))) => (bare, Some(seal)),
        Some((bare, Found::Broken)) => (bare, None),
        Some((_, Found::Foreign)) | None => (id, None),
    }
}

enum Found {
    Whole(Seal),
    /// Ours, but not as it was written.
    Broken,
    Foreign,
}

/// What stands behind a tag.
fn parse(text: &str) -> Found {
    let Some((head, rest)) = text.split_once('_') else { return Found::Foreign };
    let (head, redacted) = head.strip_suffix('r').map_or((head, false), |head| (head, true));
    let Some(issuer) = issuer(head) else { return Found::Foreign };
    let Some((sum, value)) = rest.split_at_checked(CHECK) else { return Found::Broken };
    let Some(value) = value.strip_prefix('_').filter(|value| check(value) == sum) else { return Found::Broken };
    let decoded = URL_SAFE_NO_PAD.decode(value).ok().and_then(|bytes| String::from_utf8(bytes).ok());
    decoded.map_or(Found::Broken, |value| Found::Whole(Seal { issuer, value, redacted }))
}

/// Clients shorten ids. A shortened seal would still be base64, and its issuer would refuse the whole request.
fn check(value: &str) -> String {
    let mut check = URL_SAFE_NO_PAD.encode(Sha256::digest(value.as_bytes()));
    check.truncate(CHECK);
    check
}

/// The text for a signature field whose native issuer is `native`: the bare value if the seal is theirs, else tagged.
pub fn tag(seal: &Seal, native: Issuer) -> String {
    if seal.issuer == native && !seal.redacted { seal.value.clone() } else { carry("", Some(seal)) }
}

/// The inverse of [`tag`].
pub fn untag(text: &str, native: Issuer) -> Option<Seal> {
    match text.strip_prefix(TAG).map(parse) {
        Some(Found::Whole(seal)) => Some(seal),
        Some(Found::Broken) => None,
        Some(Found::Foreign) | None => {
            (!text.is_empty()).then(|| Seal { issuer: native, value: text.to_owned(), redacted: false })
        }
    }
}

/// Whether anything in `body` could be what [`tag`] or [`carry`] write: a cheap look before a dear one.
pub fn may_be_tagged(body: &[u8]) -> bool {
    memchr::memmem::find(body, TAG.as_bytes()).is_some()
}

/// Whether `text` is what [`tag`] writes for the seal of another issuer.
pub fn is_tagged(text: &str) -> bool {
    text.strip_prefix(TAG).is_some_and(|rest| !matches!(parse(rest), Found::Foreign))
}

/// A relayed body without the seals that an earlier, translated turn put into its ids. Every other byte is kept.
pub fn strip(body: &Bytes) -> Bytes {
    let finder = memchr::memmem::Finder::new(TAG);
    if finder.find(body).is_none() {
        return body.clone();
    }
    let mut out = Vec::with_capacity(body.len());
    let mut rest: &[u8] = body;
    while let Some(at) = finder.find(rest) {
        let (before, from) = rest.split_at(at);
        let run = from.iter().take_while(|b| b.is_ascii_alphanumeric() || matches!(b, b'_' | b'-')).count();
        let (word, after) = from.split_at(run);
        out.extend_from_slice(before);
        // Only a whole seal at the end of a JSON string is ours to remove, and only the last of several.
        let text = std::str::from_utf8(word).unwrap_or_default();
        let kept = match (after.first(), text.rsplit_once(TAG)) {
            (Some(b'"'), Some((bare, seal))) if matches!(parse(seal), Found::Whole(_)) => bare.as_bytes(),
            _ => word,
        };
        out.extend_from_slice(kept);
        rest = after;
    }
    out.extend_from_slice(rest);
    out.into()
}
