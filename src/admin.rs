//! The operator's API, `/admin/api/*`: requests in, replies out, and what the shell has to do besides.
//!
//! Handled inside the object, because that is where the state is. A handler changes [`Control`] and says what else must
//! happen ([`Effect`]), or what the shell has to fetch before there is an answer ([`Errand`]). Errors are
//! `{"error":{"code","message","field"}}`.

mod accounts;
pub mod audit;
pub mod captures;
mod config;
mod credential;
pub mod logins;
pub mod models;
#[cfg(test)]
mod openapi;
pub mod overview;
pub mod probe;
pub mod restore;
pub mod routes;
pub mod session;
mod tokens;
mod transfer;
mod trial;
pub mod usage;

use std::time::Duration;

use serde::{Deserialize, Serialize};
use serde_json::json;

use crate::captures::export::Export;
use crate::control::Control;
use crate::control::lists::Whose;
use crate::fault::{Failure, Kind, Millis};
use crate::json;
use crate::ledger::{Change, Statement};
use crate::oauth::Env;
use crate::upstream::Secret;

/// 4 MiB: an import of ten thousand accounts.
pub const BODY_LIMIT: usize = 4 << 20;

/// What follows `/admin/api/` where this deployment measures itself.
pub const SELF_TEST: &str = "selftest";

/// One request to the API. `path` is what follows `/admin/api/`, decoded.
pub struct Request<'a> {
    pub method: &'a str,
    pub path: &'a str,
    pub query: &'a dyn Fn(&str) -> Option<String>,
    pub header: &'a dyn Fn(&str) -> Option<String>,
    pub body: &'a [u8],
    pub now: Millis,
    /// Different with every call.
    pub random: &'a dyn Fn() -> [u8; 32],
    /// The variables that set up sign-ins.
    pub env: Env<'a>,
    /// The secret `SLUICE_ADMIN_KEY`.
    pub admin_key: Option<&'a Secret>,
}

impl Request<'_> {
    fn read<'b, T: Deserialize<'b>>(&'b self) -> Result<T, Failure> {
        if self.body.len() > BODY_LIMIT {
            return Err(Failure::new(Kind::TooLarge, format!("the request body exceeds {BODY_LIMIT} bytes")));
        }
        let body: &[u8] = if self.body.is_empty() { b"{}" } else { self.body };
        Ok(json::decode(body)?)
    }

    /// How many items of a list, and behind which.
    fn page(&self) -> Result<(usize, Option<String>), Failure> {
        let limit = match (self.query)("limit") {
            None => 50,
            Some(text) => match text.parse() {
                Ok(limit @ 1..=500) => limit,
                _ => return Err(Failure::invalid("limit", "expected a number from 1 to 500")),
            },
        };
        Ok((limit, (self.query)("after")))
    }

    fn nonce(&self) -> [u8; 12] {
        let mut nonce = [0; 12];
        nonce.copy_from_slice(self.random_bytes().split_at(12).0);
        nonce
    }

    /// Names the session without being it; all scripts with the admin key are one.
    fn session(&self) -> String {
        session::name(self)
    }

    fn random_bytes(&self) -> [u8; 32] {
        (self.random)()
    }
}

/// An answer. `body` is JSON; an empty one is none.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Reply {
    pub status: u16,
    pub body: String,
    pub headers: Vec<(&'static str, String)>,
    pub effects: Vec<Effect>,
}

/// What the shell does after the change is stored.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Effect {
    /// Copy this account to KV, or remove it from there.
    Mirror { account: String },
    /// Who changed what. It is in the audit log already.
    Audit(Change),
}

/// Some items of a list.
#[derive(Debug, Serialize)]
pub struct Page<T> {
    pub items: Vec<T>,
    /// What to ask for as `after` to see more; none: these are the last.
    pub next: Option<String>,
}

/// What there must be before there is an answer.
#[derive(Debug, Clone, PartialEq)]
pub enum Errand {
    /// Go on with a sign-in until it waits or ends, then show it with this status.
    Login {
        id: String,
        status: u16,
        effects: Vec<Effect>,
    },
    /// Ask providers for their lists of models.
    Survey(Whose),
    /// Ask an account's provider what is left of its allowances.
    Quota {
        account: String,
    },
    /// One real call, to see whether an account answers.
    Test {
        account: String,
        model: String,
        effects: Vec<Effect>,
    },
    /// Another token for an account, whatever is left of the one it has.
    Renew {
        account: String,
        effects: Vec<Effect>,
    },
    /// Take accounts from their copies in KV, those behind `cursor`.
    Recall {
        cursor: Option<String>,
        dry: bool,
        actor: String,
    },
    /// Measure this deployment.
    SelfTest,
    /// Rows of the books.
    Books {
        statement: Statement,
        shape: usage::Shape,
    },
    Captures {
        errand: crate::captures::Errand,
        effects: Vec<Effect>,
    },
}

/// A request as its handler sees it.
pub struct Asked<'a, 'r> {
    pub request: &'a Request<'r>,
    /// What stands for `{id}` in the path.
    pub id: &'a str,
    /// Who asks: for the audit log.
    pub actor: &'a str,
}

pub enum Outcome {
    Done(Reply),
    Errand(Errand),
    Other(Other),
}

/// An answer that is no document of JSON.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Other {
    /// What happens from now on, as it happens.
    Tail,
    Captures(Export),
    Metrics,
}

impl From<Reply> for Outcome {
    fn from(reply: Reply) -> Self {
        Self::Done(reply)
    }
}

impl Reply {
    pub fn json(status: u16, body: &impl Serialize) -> Self {
        // Our own types serialize.
        Self { status, body: serde_json::to_string(body).unwrap_or_default(), ..Self::default() }
    }

    pub fn nothing() -> Self {
        Self { status: 204, ..Self::default() }
    }

    pub fn failure(failure: &Failure) -> Self {
        let code = failure.code.clone().unwrap_or_else(|| code_of(failure.kind).to_owned());
        let error = json!({"error": {"code": code, "message": failure.message, "field": failure.param}});
        let mut reply = Self::json(failure.status, &error);
        if let Some(wait) = failure.retry_after {
            reply.headers.push(("retry-after", seconds(wait)));
        }
        reply
    }

    #[must_use]
    fn with(mut self, effect: Effect) -> Self {
        self.effects.push(effect);
        self
    }
}

fn seconds(wait: Duration) -> String {
    wait.as_millis().div_ceil(1000).to_string()
}

pub fn code_of(kind: Kind) -> &'static str {
    match kind {
        Kind::InvalidRequest => "invalid_request",
        Kind::Unauthorized => "unauthorized",
        Kind::Forbidden => "forbidden",
        Kind::NotFound => "not_found",
        Kind::MethodNotAllowed => "method_not_allowed",
        Kind::TooLarge => "too_large",
        Kind::RateLimited | Kind::QuotaExceeded => "rate_limited",
        Kind::Internal => "internal",
        Kind::Upstream => "upstream",
        Kind::Overloaded => "unavailable",
        Kind::Timeout => "timeout",
    }
}

/// Answer one request. Never fails: an error is a reply too.
pub fn handle(control: &mut Control, request: &Request<'_>) -> Outcome {
    let outcome = route(control, request).unwrap_or_else(|failure| Reply::failure(&failure).into());
    let effects = match &outcome {
        Outcome::Done(reply) => &reply.effects,
        Outcome::Errand(
            Errand::Captures { effects, .. }
            | Errand::Login { effects, .. }
            | Errand::Test { effects, .. }
            | Errand::Renew { effects, .. },
        ) => effects,
        Outcome::Errand(_) | Outcome::Other(_) => return outcome,
    };
    for effect in effects {
        if let Effect::Audit(change) = effect {
            control.note(change.clone());
        }
    }
    outcome
}

impl Asked<'_, '_> {
    /// That somebody changed something, for the audit log. No secrets in `detail`.
    fn audit(&self, action: &str, subject: impl Into<String>, detail: impl Into<String>) -> Effect {
        let (actor, action) = (self.actor.to_owned(), action.to_owned());
        Effect::Audit(Change { at: self.request.now, actor, action, subject: subject.into(), detail: detail.into() })
    }
}

fn route(control: &mut Control, request: &Request<'_>) -> Result<Outcome, Failure> {
    let found = routes::find(request);
    // A stranger does not hear what there is.
    let actor = if routes::is_open(request.path) { String::new() } else { session::authorize(control, request)? };
    let (route, id) = found?;
    (route.handler)(control, &Asked { request, id, actor: &actor })
}
