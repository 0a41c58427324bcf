//! `thoughtSignature`: base64 on the wire, so another issuer's seal travels as base64 of its tagged text.

use std::borrow::Cow;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use bytes::Bytes;

use super::wire::standard_base64;
use crate::ir::{Issuer, Seal};
use crate::protocol::seal;

/// Google's stand-in for the signature of a call it did not make itself: a history that began at another model.
/// <https://ai.google.dev/gemini-api/docs/thought-signatures#faqs>
pub const STAND_IN: &str = "skip_thought_signature_validator";

/// Base64 of the tag's first six bytes and the bits of the seventh that do not depend on the eighth.
const HEAD: &[u8] = b"\"X19zZWFsX";

/// A seal as a client's `thoughtSignature`.
pub fn to_client(seal: &Seal) -> Cow<'_, str> {
    if seal.issuer == Issuer::Google && !seal.redacted {
        Cow::Borrowed(&seal.value)
    } else {
        Cow::Owned(STANDARD.encode(seal::tag(seal, Issuer::Google)))
    }
}

/// The inverse. A broken seal of ours is none; everything else is Google's own.
pub fn from_client(signature: &str) -> Option<Seal> {
    match tagged(signature) {
        Some(text) => seal::untag(&text, Issuer::Google),
        None => (!signature.is_empty()).then(|| Seal {
            issuer: Issuer::Google,
            value: signature.to_owned(),
            redacted: false,
        }),
    }
}

fn tagged(signature: &str) -> Option<String> {
    let bytes = STANDARD.decode(standard_base64(signature.to_owned())).ok()?;
    String::from_utf8(bytes).ok().filter(|text| seal::is_tagged(text))
}

/// A relayed body in which the signatures that other issuers gave an earlier turn are replaced by Google's stand-in.
/// Every other byte is kept.
pub fn foreign_out(body: &Bytes) -> Bytes {
    let finder = memchr::memmem::Finder::new(HEAD);
    if finder.find(body).is_none() {
        return body.clone();
    }
    let mut out = Vec::with_capacity(body.len());
    let mut rest: &[u8] = body;
    while let Some(at) = finder.find(rest) {
        let (before, from) = rest.split_at(at + 1);
        let end = memchr::memchr(b'"', from).unwrap_or(from.len());
        let (value, after) = from.split_at(end);
        out.extend_from_slice(before);
        let ours = std::str::from_utf8(value).is_ok_and(|text| tagged(text).is_some());
        out.extend_from_slice(if ours { STAND_IN.as_bytes() } else { value });
        rest = after;
    }
    out.extend_from_slice(rest);
    out.into()
}
