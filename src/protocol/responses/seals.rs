//! Encrypted reasoning, and the id of the item it came in.
//!
//! OpenAI binds `encrypted_content` to its item id and refuses it under another one; other protocols have no place for
//! that id. So the seal of a reasoning item is `{id}:{encrypted_content}` wherever the id is known.

use bytes::Bytes;
use serde_json::value::RawValue;

use crate::ir::{Issuer, Seal};
use crate::json::{self, Body, Text};
use crate::protocol::seal;

/// OpenAI's ids are about 55 characters.
const ID_LIMIT: usize = 128;

/// What the ids of our own reasoning items begin with, so that they are known again.
pub(super) const OWN: &str = "rs_sluice_";

/// The seal of a reasoning item on this wire.
pub(super) fn join(id: Option<&str>, encrypted: &str) -> Option<Seal> {
    let mut seal = seal::untag(encrypted, Issuer::OpenAi)?;
    if let Some(id) = id
        && seal.issuer == Issuer::OpenAi
        && is_item_id(id)
        && split(&seal.value).0.is_none()
    {
        seal.value = format!("{id}:{}", seal.value);
    }
    Some(seal)
}

/// The inverse of [`join`] on the value of an OpenAI seal.
pub(super) fn split(value: &str) -> (Option<&str>, &str) {
    match value.split_once(':') {
        Some((id, encrypted)) if is_item_id(id) => (Some(id), encrypted),
        _ => (None, value),
    }
}

fn is_item_id(id: &str) -> bool {
    id.starts_with("rs_")
        && id.len() <= ID_LIMIT
        && id.bytes().all(|b| b.is_ascii_alphanumeric() || matches!(b, b'_' | b'-'))
}

/// A relayed body without the reasoning of other providers: an earlier, translated turn put it into the conversation,
/// and OpenAI refuses a request with reasoning that is not its own. Every other byte is kept.
pub(super) fn foreign_out(body: &Bytes) -> Bytes {
    if !seal::may_be_tagged(body) && memchr::memmem::find(body, OWN.as_bytes()).is_none() {
        return body.clone();
    }
    let read = || {
        let body = Body::parse(body.clone()).ok()?;
        let items: Vec<&RawValue> = json::read(body.raw("input")?).ok()?;
        let kept: Vec<&str> = items.iter().map(|item| item.get()).filter(|item| !is_foreign(item)).collect();
        (kept.len() < items.len()).then(|| body.splice(&[("input", Some(&format!("[{}]", kept.join(","))))]))
    };
    read().unwrap_or_else(|| body.clone())
}

fn is_foreign(item: &str) -> bool {
    #[derive(serde::Deserialize)]
    struct Reasoning<'a> {
        #[serde(borrow, rename = "type")]
        kind: Text<'a>,
        #[serde(borrow, default)]
        id: Option<Text<'a>>,
        #[serde(borrow, default)]
        encrypted_content: Option<Text<'a>>,
    }
    let Ok(Reasoning { kind, id, encrypted_content }) = serde_json::from_str(item) else { return false };
    let sealed = encrypted_content.filter(|seal| !seal.is_empty());
    let ours = id.is_some_and(|id| id.starts_with(OWN));
    &*kind == "reasoning" && sealed.map_or(ours, |seal| seal::is_tagged(&seal))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_item_id_travels_with_its_encrypted_content() {
        let seal = join(Some("rs_1"), "gAAA=").unwrap();
        assert_eq!(split(&seal.value), (Some("rs_1"), "gAAA="));
        assert_eq!(join(Some("rs_2"), &seal.value).unwrap(), seal, "the first id is the true one");
        assert_eq!(split(&join(None, "gAAA=").unwrap().value), (None, "gAAA="));
        assert_eq!(split(&join(Some("odd:id"), "gAAA=").unwrap().value), (None, "gAAA="));
    }

    #[test]
    fn a_foreign_seal_is_not_given_an_openai_id() {
        let foreign = Seal { issuer: Issuer::Anthropic, value: "sig".into(), redacted: false };
        assert_eq!(join(Some("rs_1"), &seal::tag(&foreign, Issuer::OpenAi)), Some(foreign));
    }

    #[test]
    fn a_relay_drops_the_reasoning_of_others_and_nothing_else() {
        let foreign =
            seal::tag(&Seal { issuer: Issuer::Anthropic, value: "sig".into(), redacted: false }, Issuer::OpenAi);
        let ours = r#"{"type":"reasoning","id":"rs_1","summary":[],"encrypted_content":"gA"}"#;
        let theirs = format!(r#"{{"type":"reasoning","id":"rs_2","summary":[],"encrypted_content":"{foreign}"}}"#);
        let open = r#"{"type":"reasoning","id":"rs_sluice_7_0","summary":[],"encrypted_content":null}"#;
        let user = r#"{"role":"user",  "content":"hi"}"#;
        let body = |items: &[&str]| Bytes::from(format!(r#"{{"model" : "m", "input":[{}]}}"#, items.join(",")));
        assert_eq!(foreign_out(&body(&[user, &theirs, open, ours])), body(&[user, ours]));
        assert_eq!(foreign_out(&body(&[user, ours])), body(&[user, ours]));
    }
}
