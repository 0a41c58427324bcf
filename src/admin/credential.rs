//! A credential as an operator or an importer gives it, and whose it is by the look of it.

use std::collections::BTreeMap;

use serde_json::Value;

use crate::control::record::Kind as AccountKind;
use crate::fault::{Failure, Millis};
use crate::upstream::{Credential, Secret};

/// Members: `api_key` or `access_token`, `refresh_token`, `expires` (ms), `details`; any other text is a detail.
pub type Given = BTreeMap<String, Value>;

pub fn read(given: &Given) -> Result<(Credential, AccountKind), Failure> {
    let mut credential = Credential::default();
    let mut kind = AccountKind::ApiKey;
    for (name, value) in given {
        let field = || format!("credential.{name}");
        match (name.as_str(), value) {
            (_, Value::Null) => {}
            ("api_key", Value::String(text)) => credential.access = secret(text, &field())?,
            ("access_token", Value::String(text)) => {
                kind = AccountKind::Oauth;
                credential.access = secret(text, &field())?;
            }
            ("refresh_token", Value::String(text)) => {
                kind = AccountKind::Oauth;
                credential.refresh = Some(secret(text, &field())?);
            }
            ("expires", Value::Number(number)) => {
                let at = number.as_u64().ok_or_else(|| Failure::invalid(field(), "expected milliseconds"))?;
                credential.expires = Some(Millis(at));
            }
            ("details", Value::Object(members)) => {
                for (name, value) in members {
                    let text = value.as_str().ok_or_else(|| Failure::invalid(field(), "expected texts"))?;
                    credential.details.insert(name.clone(), Secret::new(text));
                }
            }
            ("api_key" | "access_token" | "refresh_token" | "expires" | "details", _) => {
                return Err(Failure::invalid(field(), "has another type"));
            }
            (_, Value::String(text)) => {
                credential.details.insert(name.clone(), Secret::new(text.as_str()));
            }
            _ => return Err(Failure::invalid(field(), "expected a text")),
        }
    }
    if credential.detail("private_key").is_some() {
        kind = AccountKind::ServiceAccount;
    }
    Ok((credential, kind))
}

/// 64 KiB: a service account's key, twenty times.
const LONGEST: usize = 64 << 10;

fn secret(text: &str, field: &str) -> Result<Secret, Failure> {
    let text = text.trim();
    if text.is_empty() || text.len() > LONGEST || text.contains(|c: char| c.is_control()) {
        return Err(Failure::invalid(field, "is not a key that a header could carry"));
    }
    Ok(Secret::new(text))
}

/// Prefixes that one provider alone gives its keys.
const PREFIXES: &[(&str, &str)] = &[
    ("sk-ant-", "anthropic"),
    ("sk-or-", "openrouter"),
    ("sk-proj-", "openai"),
    ("sk-svcacct-", "openai"),
    ("AIza", "google"),
    ("gsk_", "groq"),
    ("xai-", "xai"),
    ("csk-", "cerebras"),
    ("fw_", "fireworks"),
];

/// `None`: several providers give keys like this.
pub fn provider_of(key: &str) -> Option<&'static str> {
    PREFIXES.iter().find(|(prefix, _)| key.starts_with(prefix)).map(|(_, provider)| *provider)
}
