//! One stored account: what the operator said of it, and its credential under seal.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use crate::fault::Millis;
use crate::prices;
use crate::refresh::Trouble;

#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(default)]
pub struct Record {
    pub id: String,
    pub provider: String,
    /// For people.
    pub label: String,
    pub kind: Kind,
    /// Lower goes first.
    pub priority: u32,
    pub weight: u32,
    pub enabled: bool,
    /// Models it may serve, `*` for any text; none named: all its provider has.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub allow: Vec<String>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub deny: Vec<String>,
    /// Another address than the provider's own; no trailing slash.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub base_url: Option<String>,
    /// Of a provider without a row of its own: `chat`, `messages` or `gemini`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub protocol: Option<String>,
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    pub headers: BTreeMap<String, String>,
    /// Calls at a time.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub cap: Option<u32>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub group: Option<String>,
    /// Paid by the month: its calls cost nothing, and what they would have cost is saved.
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    pub subscription: bool,
    /// What its models cost, where that is not what everybody pays.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub prices: Option<prices::Document>,
    pub sealed: String,
    /// What may be shown of the credential.
    pub hint: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub expires: Option<Millis>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub refreshed: Option<Millis>,
    /// What went wrong with renewing it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub trouble: Option<Trouble>,
    /// Why only a person can make it work again.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub sign_in: Option<String>,
    pub created: Millis,
    pub updated: Millis,
    /// Grows with every change; of two copies the one with the higher is the newer.
    pub revision: u64,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
#[cfg_attr(test, derive(schemars::JsonSchema), schemars(rename = "CredentialKind"))]
pub enum Kind {
    #[default]
    ApiKey,
    Oauth,
    ServiceAccount,
    /// A server that asks for no credential.
    None,
}

impl Kind {
    pub fn word(self) -> &'static str {
        match self {
            Self::ApiKey => "api_key",
            Self::Oauth => "oauth",
            Self::ServiceAccount => "service_account",
            Self::None => "none",
        }
    }
}

/// `sk-…wxyz`: enough to tell two keys apart, and no more than that.
pub fn hint(secret: &str) -> String {
    let chars: Vec<char> = secret.chars().collect();
    if chars.len() < 16 {
        return "…".to_owned();
    }
    let head: String = chars.iter().take(3).collect();
    let tail: String = chars.iter().skip(chars.len() - 4).collect();
    format!("{head}…{tail}")
}
