//! A message to the operator's address when an account changes its state, signed as Standard Webhooks are.
//!
//! <https://github.com/standard-webhooks/standard-webhooks/blob/main/spec/standard-webhooks.md>

use std::collections::BTreeMap;
use std::time::Duration;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use hmac::{Hmac, Mac};
use serde::Serialize;
use serde_json::json;
use sha2::{Digest, Sha256};

use crate::call::HttpRequest;
use crate::clients::civil;
use crate::fault::Millis;
use crate::upstream::Secret;

/// An account is not as it was.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Change {
    pub account: String,
    pub provider: String,
    pub label: String,
    pub from: &'static str,
    pub to: &'static str,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub why: Option<String>,
    pub at: Millis,
}

/// The same state of the same account is not told again within five minutes: one that flaps would tell of nothing else.
const QUIET: Duration = Duration::from_secs(300);
/// Messages that are remembered for that.
const REMEMBERED: usize = 1024;
/// How long to wait before another try, each time.
pub const RETRIES: [Duration; 3] = [Duration::from_secs(1), Duration::from_secs(5), Duration::from_secs(25)];

/// What was told, and when.
#[derive(Debug, Default)]
pub struct Told(BTreeMap<(String, &'static str), Millis>);

impl Told {
    /// Whether to tell of a change. It counts as told from here on.
    pub fn is_news(&mut self, change: &Change) -> bool {
        let Change { account, to, at, .. } = change;
        self.0.retain(|_, told| told.plus(QUIET) > *at);
        if self.0.len() >= REMEMBERED {
            return false;
        }
        self.0.insert((account.clone(), to), *at).is_none()
    }
}

/// Where messages go, and what signs them.
#[derive(Clone)]
pub struct Hook {
    pub url: String,
    key: Secret,
}

impl Hook {
    /// `secret`: any text, or `whsec_` and base64.
    pub fn new(url: String, secret: Secret) -> Self {
        Self { url, key: secret }
    }

    /// The same with every try, so that a message that came twice is known by its id.
    pub fn message(&self, change: &Change) -> HttpRequest {
        let body = json!({"type": "account.state", "timestamp": timestamp(change.at), "data": change}).to_string();
        let hash = Sha256::digest(&body);
        let id = hash.iter().take(12).fold("msg_".to_owned(), |id, byte| id + &format!("{byte:02x}"));
        let seconds = change.at.seconds().to_string();
        let signature = self.sign(&format!("{id}.{seconds}.{body}"));
        let headers = vec![
            ("content-type".to_owned(), "application/json".to_owned()),
            ("webhook-id".to_owned(), id),
            ("webhook-timestamp".to_owned(), seconds),
            ("webhook-signature".to_owned(), format!("v1,{signature}")),
        ];
        HttpRequest { method: "POST", url: self.url.clone(), headers, body: body.into() }
    }

    pub(crate) fn sign(&self, text: &str) -> String {
        let secret = self.key.expose();
        let decoded = secret.strip_prefix("whsec_").and_then(|encoded| STANDARD.decode(encoded).ok());
        let key = decoded.unwrap_or_else(|| secret.as_bytes().to_vec());
        // A key of any length will do.
        Hmac::<Sha256>::new_from_slice(&key)
            .map(|mac| STANDARD.encode(mac.chain_update(text).finalize().into_bytes()))
            .unwrap_or_default()
    }
}

/// `1970-01-02T00:00:00Z`
fn timestamp(at: Millis) -> String {
    let (day, rest) = (at.seconds() / 86_400, at.seconds() % 86_400);
    let (year, month, date) = civil(i64::try_from(day).unwrap_or_default());
    format!("{year:04}-{month:02}-{date:02}T{:02}:{:02}:{:02}Z", rest / 3600, rest / 60 % 60, rest % 60)
}
