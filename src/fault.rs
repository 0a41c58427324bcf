//! What went wrong, told to two audiences: [`Fault`] to the pool, [`Failure`] to the client.

use std::time::Duration;

use serde::{Deserialize, Serialize};

use crate::json::JsonError;

/// Milliseconds since the Unix epoch. The core never reads a clock; time is an argument.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Default, Hash, Serialize, Deserialize)]
#[serde(transparent)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
pub struct Millis(pub u64);

impl Millis {
    #[must_use]
    pub fn plus(self, wait: Duration) -> Self {
        Self(self.0.saturating_add(u64::try_from(wait.as_millis()).unwrap_or(u64::MAX)))
    }

    /// Time from `earlier` to `self`; zero when `earlier` is later.
    pub fn since(self, earlier: Self) -> Duration {
        Duration::from_millis(self.0.saturating_sub(earlier.0))
    }

    pub fn seconds(self) -> u64 {
        self.0 / 1000
    }
}

/// How far a limit reaches.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Scope {
    Model,
    Account,
}

/// What a provider's refusal means for the account that met it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Fault {
    /// The request itself is wrong; every account would say the same.
    Rejected,
    /// The credential is not accepted (any more).
    Unauthorized,
    /// The account may not do this: no payment, banned, region, permission.
    Suspended,
    /// A quota is used up until `wait` has passed.
    Quota {
        wait: Option<Duration>,
        scope: Scope,
    },
    RateLimited {
        wait: Option<Duration>,
        scope: Scope,
    },
    /// The provider is busy or broken.
    Overloaded,
    /// This account does not have this model.
    ModelMissing,
    /// No answer: connection refused, reset, cut, timed out.
    Transport,
    /// An answer that is not what its protocol allows.
    Malformed,
}

impl Fault {
    /// Whether another account could succeed where this one failed.
    pub fn fails_over(&self) -> bool {
        !matches!(self, Self::Rejected)
    }

    /// One word for logs and headers.
    pub fn name(&self) -> &'static str {
        match self {
            Self::Rejected => "rejected",
            Self::Unauthorized => "unauthorized",
            Self::Suspended => "suspended",
            Self::Quota { .. } => "quota",
            Self::RateLimited { .. } => "rate_limited",
            Self::Overloaded => "overloaded",
            Self::ModelMissing => "model_missing",
            Self::Transport => "transport",
            Self::Malformed => "malformed",
        }
    }
}

/// The kinds of failure a client can tell apart. Each protocol has its own words for them.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Kind {
    InvalidRequest,
    Unauthorized,
    Forbidden,
    NotFound,
    MethodNotAllowed,
    TooLarge,
    RateLimited,
    /// Money or quota is used up; waiting a little does not help.
    QuotaExceeded,
    /// Our side is not set up or broken.
    Internal,
    /// The provider's side is broken.
    Upstream,
    Overloaded,
    Timeout,
}

impl Kind {
    pub fn status(self) -> u16 {
        match self {
            Self::InvalidRequest => 400,
            Self::Unauthorized => 401,
            Self::Forbidden => 403,
            Self::NotFound => 404,
            Self::MethodNotAllowed => 405,
            Self::TooLarge => 413,
            Self::RateLimited | Self::QuotaExceeded => 429,
            Self::Internal => 500,
            Self::Upstream => 502,
            Self::Overloaded => 503,
            Self::Timeout => 504,
        }
    }

    /// The kind that fits a provider's status.
    pub fn of_status(status: u16) -> Self {
        match status {
            401 => Self::Unauthorized,
            402 => Self::QuotaExceeded,
            403 => Self::Forbidden,
            404 => Self::NotFound,
            405 => Self::MethodNotAllowed,
            413 => Self::TooLarge,
            429 => Self::RateLimited,
            400..=499 => Self::InvalidRequest,
            503 | 529 => Self::Overloaded,
            504 => Self::Timeout,
            _ => Self::Upstream,
        }
    }
}

/// A failure as the client will see it, before it is spelled in the client's protocol.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Failure {
    pub kind: Kind,
    /// Usually [`Kind::status`]; a provider's own status is kept when it is relayed.
    pub status: u16,
    pub message: String,
    /// The field at fault, `messages[3].content[0].source`.
    pub param: Option<String>,
    /// A machine-readable word, where the protocol has a place for one.
    pub code: Option<String>,
    pub retry_after: Option<Duration>,
}

impl Failure {
    pub fn new(kind: Kind, message: impl Into<String>) -> Self {
        Self { kind, status: kind.status(), message: message.into(), param: None, code: None, retry_after: None }
    }

    /// A request we refuse because of the field `param`.
    pub fn invalid(param: impl Into<String>, message: impl Into<String>) -> Self {
        let param = param.into();
        let message = format!("{param}: {}", message.into());
        Self { param: Some(param), ..Self::new(Kind::InvalidRequest, message) }
    }

    /// Meaning the chosen provider's protocol cannot carry.
    pub fn unsupported(param: impl Into<String>, why: impl Into<String>) -> Self {
        Self { code: Some("unsupported_parameter".to_owned()), ..Self::invalid(param, why) }
    }

    #[must_use]
    pub fn code(mut self, code: &str) -> Self {
        self.code = Some(code.to_owned());
        self
    }

    #[must_use]
    pub fn retry_after(mut self, wait: Option<Duration>) -> Self {
        self.retry_after = wait;
        self
    }
}

impl From<JsonError> for Failure {
    fn from(error: JsonError) -> Self {
        let message = error.to_string();
        Self { param: (!error.at.is_empty()).then_some(error.at), ..Self::new(Kind::InvalidRequest, message) }
    }
}
