//! Reasoning seals on wires that have no field for them, or the field of another issuer.
//!
//! A seal travels in an opaque value that the client must echo: a signature field, or the id of a tool call.
//! It is tagged with its issuer, so that it returns to nobody else.

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use bytes::Bytes;

use crate::ir::{Issuer, Seal};

/// Between a tool-call id and its seal. Every character is allowed in every protocol's ids.
const TAG: &str = "__seal_";
/// Larger seals are not carried: the widest recorded Gemini signature is about 5 KiB.
const LIMIT: usize = 16 << 10;

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

/// A tool-call id that carries `seal`, in the alphabet `[A-Za-z0-9_-]`.
pub fn carry(id: &str, seal: Option<&Seal>) -> String {
    match seal {
        Some(seal) if seal.value.len() <= LIMIT => {
            let redacted = if seal.redacted { "r" } else { "" };
            let value = URL_SAFE_NO_PAD.encode(&seal.value);
            format!("{id}{TAG}{}{redacted}_{value}", letter(seal.issuer))
        }
        _ => id.to_owned(),
    }
}

/// The inverse of [`carry`]. An id without a seal, or with a broken one, is returned without it.
pub fn split(id: &str) -> (&str, Option<Seal>) {
    let Some((bare, rest)) = id.split_once(TAG) else { return (id, None) };
    (bare, parse(rest))
}

fn parse(text: &str) -> Option<Seal> {
    let (head, value) = text.split_once('_')?;
    let (head, redacted) = head.strip_suffix('r').map_or((head, false), |head| (head, true));
    let value = String::from_utf8(URL_SAFE_NO_PAD.decode(value).ok()?).ok()?;
    Some(Seal { issuer: issuer(head)?, value, redacted })
}

/// The text for a signature field whose native issuer is `native`: the bare value if the seal is theirs, else tagged.
pub fn tag(seal: &Seal, native: Issuer) -> String {
    if seal.issuer == native && !seal.redacted { seal.value.clone() } else { carry("", Some(seal)) }
}

/// The inverse of [`tag`].
pub fn untag(text: &str, native: Issuer) -> Option<Seal> {
    match text.strip_prefix(TAG) {
        Some(rest) => parse(rest),
        None => (!text.is_empty()).then(|| Seal { issuer: native, value: text.to_owned(), redacted: false }),
    }
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
        let (sealed, after) = from.split_at(run);
        out.extend_from_slice(before);
        // Only a whole, well-formed seal at the end of a JSON string is ours to remove.
        let text = std::str::from_utf8(sealed).unwrap_or_default();
        let ours = after.first() == Some(&b'"') && text.strip_prefix(TAG).and_then(parse).is_some();
        if !ours {
            out.extend_from_slice(sealed);
        }
        rest = after;
    }
    out.extend_from_slice(rest);
    out.into()
}
