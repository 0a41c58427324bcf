//! One client token: what it may do, and the hash of the key that proves it.

use std::net::IpAddr;
use std::time::Duration;

use serde::{Deserialize, Serialize};
use serde_json::Value;

use super::address::Network;
use super::rate::HIGHEST;
use super::window::Window;
use crate::fault::{Failure, Millis};
use crate::prices::Micro;
use crate::upstream::pattern;

/// Longer lists are configuration of another kind.
const LIST: usize = 200;
const NAME: usize = 200;
/// Ten billion dollars.
const MOST_MICRO: Micro = 10_000_000_000_000_000;
/// 14 hours each way, as far as the world's zones go.
const FARTHEST: i16 = 14 * 60;

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Token {
    pub id: String,
    pub terms: Terms,
    /// SHA-256 of the key, in hex.
    pub hash: String,
    /// Keys that were replaced and work a little longer.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub previous: Vec<Previous>,
    /// What may be shown of the key.
    pub hint: String,
    pub created: Millis,
    pub updated: Millis,
    pub revision: u64,
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Previous {
    pub hash: String,
    pub until: Millis,
}

/// What the operator says of a token.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
#[cfg_attr(test, derive(schemars::JsonSchema), schemars(rename = "TokenTerms"))]
pub struct Terms {
    /// For people.
    pub name: String,
    #[serde(skip_serializing_if = "String::is_empty")]
    pub project: String,
    pub enabled: bool,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub expires: Option<Millis>,
    /// Names and patterns of models, with `!` those it may not use; none: all.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub models: Vec<String>,
    /// The same of providers.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub providers: Vec<String>,
    /// Addresses and networks it may be used from; none: all.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub ips: Vec<String>,
    #[serde(skip_serializing_if = "Limits::is_empty")]
    pub limits: Limits,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub budget: Option<Budget>,
    /// Whether its calls are kept word for word.
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    pub capture: bool,
    /// Prompt rules that apply to its calls, by name.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub rules: Vec<String>,
    /// Whether it may send a provider what Sluice does not understand.
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    pub allow_raw: bool,
    /// Whether it may name the account that is asked: `key@account`.
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    pub operator: bool,
}

impl Default for Terms {
    fn default() -> Self {
        Self {
            name: String::new(),
            project: String::new(),
            enabled: true,
            expires: None,
            models: Vec::new(),
            providers: Vec::new(),
            ips: Vec::new(),
            limits: Limits::default(),
            budget: None,
            capture: false,
            rules: Vec::new(),
            allow_raw: false,
            operator: false,
        }
    }
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
pub struct Limits {
    /// Requests a minute.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub rpm: Option<u32>,
    /// Tokens a minute, of prompts and answers.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub tpm: Option<u32>,
    /// Calls at a time.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub concurrency: Option<u32>,
}

impl Limits {
    fn is_empty(&self) -> bool {
        *self == Self::default()
    }
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
pub struct Budget {
    #[serde(skip_serializing_if = "Option::is_none")]
    pub micro: Option<Micro>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub tokens: Option<u64>,
    pub window: Window,
    /// Minutes east of UTC, where its days begin.
    #[serde(skip_serializing_if = "is_zero")]
    pub offset_minutes: i16,
}

fn is_zero(offset: &i16) -> bool {
    *offset == 0
}

/// Derived whenever it is asked for, so that it cannot be stale.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
#[cfg_attr(test, derive(schemars::JsonSchema), schemars(rename = "TokenState"))]
pub enum State {
    Active,
    Disabled,
    Expired,
    Exhausted,
}

impl Token {
    /// Whether `hash` is of a key that works.
    pub fn has(&self, hash: &str, now: Millis) -> bool {
        self.hash == hash || self.previous.iter().any(|old| old.hash == hash && old.until > now)
    }

    /// Give it another key; the one it had works for `keep`.
    pub fn rotate(&mut self, hash: String, hint: String, keep: Duration, now: Millis) {
        self.previous.retain(|old| old.until > now);
        let old = std::mem::replace(&mut self.hash, hash);
        self.hint = hint;
        if !keep.is_zero() {
            self.previous.push(Previous { hash: old, until: now.plus(keep) });
        }
        // Whoever rotates more often than this within a key's last hours has lost them all.
        let surplus = self.previous.len().saturating_sub(8);
        self.previous.drain(..surplus).for_each(drop);
        self.revision += 1;
        self.updated = now;
    }
}

impl Terms {
    /// Whether it may ask `provider` for `model`, which the client called `said`.
    pub fn allows(&self, said: &str, provider: &str, model: &str) -> bool {
        let whole = format!("{provider}/{model}");
        fits(&self.providers, &[provider]) && fits(&self.models, &[said, model, &whole])
    }

    pub fn allows_from(&self, address: Option<IpAddr>) -> bool {
        let mut networks = self.ips.iter().filter_map(|text| Network::parse(text));
        self.ips.is_empty() || address.is_some_and(|address| networks.any(|network| network.contains(address)))
    }

    /// Changed as `patch` says: what it names is replaced, `null` takes it away.
    pub fn patched(&self, patch: &Value) -> Result<Self, Failure> {
        let mut terms = serde_json::to_value(self).unwrap_or_default();
        merge(&mut terms, patch);
        let terms: Self =
            serde_json::from_value(terms).map_err(|error| Failure::invalid("token", error.to_string()))?;
        terms.check()?;
        Ok(terms)
    }

    pub fn check(&self) -> Result<(), Failure> {
        if self.name.trim().is_empty() {
            return Err(Failure::invalid("name", "a token needs a name"));
        }
        let texts = [("name", &self.name), ("project", &self.project)];
        let lists =
            [("models", &self.models), ("providers", &self.providers), ("ips", &self.ips), ("rules", &self.rules)];
        for (field, text) in
            texts.into_iter().chain(lists.iter().flat_map(|(field, list)| list.iter().map(|text| (*field, text))))
        {
            if text.len() > NAME || text.chars().any(char::is_control) {
                return Err(Failure::invalid(field, format!("not plain text of at most {NAME} bytes")));
            }
        }
        if let Some((field, _)) = lists.iter().find(|(_, list)| list.len() > LIST) {
            return Err(Failure::invalid(*field, format!("more than {LIST} entries")));
        }
        if let Some(at) = self.ips.iter().position(|text| Network::parse(text).is_none()) {
            return Err(Failure::invalid(format!("ips[{at}]"), "neither an address nor a network such as 10.0.0.0/8"));
        }
        let Limits { rpm, tpm, concurrency } = self.limits;
        for (field, limit) in [("limits.rpm", rpm), ("limits.tpm", tpm), ("limits.concurrency", concurrency)] {
            if limit.is_some_and(|limit| limit == 0 || limit > HIGHEST) {
                return Err(Failure::invalid(field, format!("not between 1 and {HIGHEST}; leave it out for no limit")));
            }
        }
        match &self.budget {
            Some(Budget { micro: None, tokens: None, .. }) => {
                Err(Failure::invalid("budget", "neither `micro` nor `tokens` is limited"))
            }
            Some(budget) if budget.micro.is_some_and(|micro| micro > MOST_MICRO) => {
                Err(Failure::invalid("budget.micro", format!("more than {MOST_MICRO} micro-dollars")))
            }
            Some(budget) if budget.tokens.is_some_and(|tokens| tokens > MOST_MICRO) => {
                Err(Failure::invalid("budget.tokens", format!("more than {MOST_MICRO} tokens")))
            }
            Some(budget) if budget.offset_minutes.abs() > FARTHEST => {
                Err(Failure::invalid("budget.offset_minutes", format!("more than {FARTHEST} minutes from UTC")))
            }
            _ => Ok(()),
        }
    }
}

/// Whether `patterns` let any of `names` through and shut none of them out.
fn fits(patterns: &[String], names: &[&str]) -> bool {
    let (closing, opening): (Vec<&str>, Vec<&str>) =
        patterns.iter().map(String::as_str).partition(|pattern| pattern.starts_with('!'));
    let shut = closing.iter().filter_map(|pattern| pattern.strip_prefix('!'));
    let shut: Vec<&str> = shut.collect();
    !names.iter().any(|name| pattern::any(&shut, name))
        && (opening.is_empty() || names.iter().any(|name| pattern::any(&opening, name)))
}

/// [RFC 7396](https://www.rfc-editor.org/rfc/rfc7396).
fn merge(target: &mut Value, patch: &Value) {
    let Value::Object(patch) = patch else {
        target.clone_from(patch);
        return;
    };
    if !target.is_object() {
        *target = Value::Object(serde_json::Map::new());
    }
    let Value::Object(target) = target else { return };
    for (name, value) in patch {
        if value.is_null() {
            target.remove(name);
        } else {
            merge(target.entry(name.clone()).or_insert(Value::Null), value);
        }
    }
}
