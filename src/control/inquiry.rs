//! What a Worker and the object say to each other about one call.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use super::record::Record;
use crate::access::{Caller, Presented};
use crate::call::{Call, Operation};
use crate::fault::{Failure, Millis};
use crate::filter::Filter;
use crate::ir::Protocol;
use crate::pool::{Candidate, Explanation, Settlement};
use crate::route::Needs;
use crate::route::preferences::Preferences;
use crate::rules::Rule;
use crate::tokens::{self, Bounds};
use crate::upstream::{Credential, Secret, Target};

/// What a Worker wants to know before it asks anybody.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Inquiry {
    pub caller: Caller,
    pub model: String,
    pub protocol: Protocol,
    pub operation: Operation,
    /// Named by the path or a header.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub provider: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub affinity: Option<u64>,
    /// Where the request came from, as the platform saw it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub ip: Option<String>,
    /// What the client says of routing.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub preferences: Option<Preferences>,
    #[serde(default)]
    pub needs: Needs,
    /// The account to ask, named behind the key.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub pin: Option<String>,
    /// The most that the prompt and the answer can have.
    #[serde(default)]
    pub input_tokens: u64,
    #[serde(default)]
    pub max_output: u64,
}

impl Inquiry {
    pub fn of(
        call: &Call,
        Presented { caller, pin }: Presented,
        provider: Option<String>,
        ip: Option<String>,
    ) -> Result<Self, Failure> {
        let Bounds { input, output } = tokens::bounds(call);
        let account = call.endpoint.line.as_ref().and_then(|line| line.account.clone());
        Ok(Self {
            pin: account.or(pin),
            input_tokens: input,
            max_output: output,
            provider: call.endpoint.provider.clone().or(provider),
            affinity: call.affinity,
            ip,
            preferences: Preferences::of(&call.body)?,
            needs: Needs::of(&call.body),
            ..Self::about(caller, call.model.clone(), call.protocol(), call.endpoint.operation)
        })
    }

    /// Nothing but what every call has.
    pub fn about(caller: Caller, model: String, protocol: Protocol, operation: Operation) -> Self {
        Self {
            caller,
            model,
            protocol,
            operation,
            provider: None,
            affinity: None,
            ip: None,
            preferences: None,
            needs: Needs::default(),
            pin: None,
            input_tokens: 0,
            max_output: 0,
        }
    }
}

/// A call whose candidates have all failed.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Stranded {
    pub inquiry: Inquiry,
    pub so_far: Settlement,
}

/// Whom a call would go to, and why.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Explained {
    /// The operator's route that was taken.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub route: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub effort: Option<String>,
    #[serde(flatten)]
    pub explanation: Explanation,
}

/// Which models a list is asked for.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Wanted {
    pub caller: Caller,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub provider: Option<String>,
    /// Only this one, listed or not.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub model: Option<String>,
}

/// The answer to an [`Inquiry`]. No `Debug`: it lends credentials.
#[derive(Clone, Default, Serialize, Deserialize)]
pub struct Grant {
    pub lease: u64,
    pub leads: Vec<Lead>,
    /// Nobody counts tokens for this model: the Worker estimates by itself, and there is no lease.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub estimate: bool,
    /// `None`: the operator.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub payer: Option<Payer>,
    /// For the client: what it has left.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub headers: Vec<(String, String)>,
    /// Those for this call, out of all there are.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub rules: Vec<Rule>,
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub filters: Vec<Filter>,
    /// Without content for so long, another account is asked beside the first.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub hedge_ms: Option<u64>,
}

/// The client that a call is admitted as.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(default)]
pub struct Payer {
    pub id: String,
    pub name: String,
    #[serde(skip_serializing_if = "String::is_empty")]
    pub project: String,
    /// Whether the call is kept word for word.
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    pub capture: bool,
    /// Prompt rules that apply to it, by name.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub rules: Vec<String>,
    /// Whether it may look into what becomes of its calls.
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    pub operator: bool,
}

/// One account to ask.
#[derive(Clone, Serialize, Deserialize)]
pub struct Lead {
    pub candidate: Candidate,
    /// `None`: the Worker knows the account from the deployment's variables.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub lent: Option<Lent>,
}

/// A stored account, as far as it takes to ask it. The refresh token stays where it is.
#[derive(Clone, Default, Serialize, Deserialize)]
#[serde(default)]
pub struct Lent {
    pub provider: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub protocol: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub base_url: Option<String>,
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    pub headers: BTreeMap<String, String>,
    pub access: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub expires: Option<Millis>,
    /// The object can renew it.
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    pub renews: bool,
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    pub details: BTreeMap<String, String>,
}

/// Details that renew a credential and sign no call.
const KEPT: &[&str] = &["private_key", "private_key_id", "client_secret", "id_token", "access_token"];

impl Lent {
    pub fn of(record: &Record, credential: &Credential) -> Self {
        Self {
            provider: record.provider.clone(),
            protocol: record.protocol.clone(),
            base_url: record.base_url.clone(),
            headers: record.headers.clone(),
            access: credential.access.expose().to_owned(),
            expires: credential.expires,
            renews: record.renews(),
            details: credential
                .details
                .iter()
                .filter(|(name, _)| !KEPT.contains(&name.as_str()))
                .map(|(name, value)| (name.clone(), value.expose().to_owned()))
                .collect(),
        }
    }

    /// Whether it has to be renewed before it can be used.
    pub fn is_stale(&self, now: Millis) -> bool {
        self.renews && (self.access.is_empty() || self.expires.is_some_and(|expires| expires <= now))
    }

    /// `None`: this version knows no such provider.
    pub fn target(&self, candidate: &Candidate) -> Option<Target> {
        let upstream = crate::accounts::upstream(&self.provider, self.protocol.as_deref()).ok()?;
        Some(Target {
            account: candidate.account.clone(),
            provider: candidate.provider.clone(),
            upstream,
            base_url: self.base_url.clone(),
            model: candidate.model.clone(),
            headers: self.headers.iter().map(|(name, value)| (name.clone(), value.clone())).collect(),
            credential: Credential {
                access: Secret::new(self.access.as_str()),
                refresh: None,
                expires: self.expires,
                details: self.details.iter().map(|(name, value)| (name.clone(), Secret::new(value.as_str()))).collect(),
            },
        })
    }
}

/// Why a call may not go on, and what else to tell the client.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Denied {
    pub failure: Failure,
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub headers: Vec<(String, String)>,
    /// The number of its row in the usage log, if it has one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub row: Option<u64>,
    /// Whose call it was, as far as that is known.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub token: String,
}

impl From<Failure> for Denied {
    fn from(failure: Failure) -> Self {
        Self { failure, headers: Vec::new(), row: None, token: String::new() }
    }
}
