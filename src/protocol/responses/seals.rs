//! Encrypted reasoning, and the id of the item it came in.
//!
//! OpenAI binds `encrypted_content` to its item id and refuses it under another one; other protocols have no place for
//! that id. So the seal of a reasoning item is `{id}:{encrypted_content}` wherever the id is known.

use crate::ir::{Issuer, Seal};
use crate::protocol::seal;

/// OpenAI's ids are about 55 characters.
const ID_LIMIT: usize = 128;

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
}
