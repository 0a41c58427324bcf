//! What a fault costs: who rests, for how long, and what ends it.
//!
//! ```text
//!         failure                   time passes            plan
//!  well ----------> open until T ----------------> due ----------> probing
//!   ^                    ^                                          |   |
//!   |                    +-------- failure: the next strike --------+   |
//!   +------------------------------ success ----------------------------+
//! ```
//!
//! | fault | who rests | how long |
//! |---|---|---|
//! | rejected | nobody | |
//! | unauthorized | account | 30 min |
//! | suspended | account | 1 min · 2ⁿ, at most 30 min |
//! | model missing | (account, model) | 10 min |
//! | rate limited, quota | as the limit is scoped | what the provider names, at most 7 days; else 1 s · 2ⁿ, at most 30 min |
//! | overloaded, transport, malformed | (account, model) | 5 s · 2ⁿ, at most 60 s |
//!
//! n counts the strikes before this one. A strike is a failure of an attempt that began after the last strike and ended
//! outside its window; everything else belongs to the burst that opened the window. Strikes of another kind of fault
//! do not count, nor those whose window ended over an hour ago.
//!
//! While a window is open, only calls that began before it can still report: they know nothing newer, they may know of
//! another limit. So a named wait may lengthen an open window and never shortens one the provider named; it does
//! replace a guess about the same kind of limit. A wait of zero names nothing.

use std::collections::BTreeMap;
use std::time::Duration;

use serde::{Deserialize, Serialize};

use crate::fault::{Fault, Millis, Scope};

const SECOND: Duration = Duration::from_secs(1);
const MINUTE: Duration = Duration::from_secs(60);
/// No provider's window is longer; a longer wait is a mistake in a header.
pub const LONGEST: Duration = Duration::from_secs(7 * 24 * 3600);
/// Twice the longest guess: what happened before says nothing about the next failure.
const FORGET: Duration = Duration::from_secs(3600);
/// The slowest first content seen of a reasoning model is about a minute away.
pub const PROBE: Duration = MINUTE;
/// Models of one account that may rest at a time; a client that invents names must not fill the store.
const MODELS: usize = 64;

#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
#[cfg_attr(test, derive(schemars::JsonSchema))]
pub enum Cause {
    RateLimited,
    Quota,
    Overloaded,
    Transport,
    Malformed,
    Suspended,
    Unauthorized,
    ModelMissing,
    Operator,
}

impl Cause {
    /// `None`: the fault is nobody's.
    fn of(fault: &Fault) -> Option<(Self, Scope)> {
        Some(match fault {
            Fault::Rejected => return None,
            Fault::RateLimited { scope, .. } => (Self::RateLimited, *scope),
            Fault::Quota { scope, .. } => (Self::Quota, *scope),
            Fault::Overloaded => (Self::Overloaded, Scope::Model),
            Fault::Transport => (Self::Transport, Scope::Model),
            Fault::Malformed => (Self::Malformed, Scope::Model),
            Fault::ModelMissing => (Self::ModelMissing, Scope::Model),
            Fault::Suspended => (Self::Suspended, Scope::Account),
            Fault::Unauthorized => (Self::Unauthorized, Scope::Account),
        })
    }

    /// Faults whose strikes count together.
    fn is_kin(self, other: Self) -> bool {
        let kind = |cause| match cause {
            Self::RateLimited | Self::Quota => 0,
            Self::Overloaded | Self::Transport | Self::Malformed => 1,
            Self::Suspended => 2,
            Self::Unauthorized => 3,
            Self::ModelMissing => 4,
            Self::Operator => 5,
        };
        kind(self) == kind(other)
    }

    fn guess(self, strikes: u32) -> Duration {
        let double = |first: Duration, most: Duration| first.saturating_mul(1 << strikes.min(20)).min(most);
        match self {
            Self::RateLimited | Self::Quota => double(SECOND, 30 * MINUTE),
            Self::Overloaded | Self::Transport | Self::Malformed => double(5 * SECOND, MINUTE),
            Self::Suspended => double(MINUTE, 30 * MINUTE),
            Self::Unauthorized => 30 * MINUTE,
            Self::ModelMissing | Self::Operator => 10 * MINUTE,
        }
    }

    pub fn words(self) -> &'static str {
        match self {
            Self::RateLimited => "rate limited",
            Self::Quota => "quota used up",
            Self::Overloaded => "provider overloaded",
            Self::Transport => "provider unreachable",
            Self::Malformed => "answers not understood",
            Self::Suspended => "account may not do this",
            Self::Unauthorized => "credential not accepted",
            Self::ModelMissing => "model not available",
            Self::Operator => "put to rest by the operator",
        }
    }
}

fn named(fault: &Fault) -> Option<Duration> {
    match fault {
        Fault::Quota { wait, .. } | Fault::RateLimited { wait, .. } => {
            wait.filter(|wait| *wait >= Duration::from_millis(1)).map(|wait| wait.min(LONGEST))
        }
        _ => None,
    }
}

/// The times of an attempt that failed.
#[derive(Debug, Clone, Copy)]
pub struct When {
    pub began: Millis,
    /// A named wait counts from here.
    pub ended: Millis,
    /// Of the report. Calls that began before it could not know.
    pub now: Millis,
}

impl When {
    fn until(self, cause: Cause, hint: Option<Duration>, strikes: u32) -> Millis {
        hint.map_or_else(|| self.now.plus(cause.guess(strikes)), |wait| self.ended.plus(wait))
    }
}

/// One window. Short names: this is a row of the store.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Rest {
    #[serde(rename = "u")]
    pub until: Millis,
    /// When something last went into this window. Attempts that began earlier belong to its burst.
    #[serde(rename = "s")]
    since: Millis,
    #[serde(rename = "n")]
    pub strikes: u32,
    #[serde(rename = "c")]
    pub cause: Cause,
    /// The provider named the time.
    #[serde(rename = "h", default)]
    named: bool,
    /// The call that is finding out, and until when the others wait for it. A restart forgets it.
    #[serde(skip)]
    pub probe: Option<(u64, Millis)>,
}

impl Rest {
    fn first(cause: Cause, hint: Option<Duration>, when: When) -> Self {
        let until = when.until(cause, hint, 0);
        Self { until, since: when.now, strikes: 1, cause, named: hint.is_some(), probe: None }
    }

    fn fail(&mut self, cause: Cause, hint: Option<Duration>, when: When) -> bool {
        let open = self.until > when.now;
        if !open && when.began >= self.since {
            if !self.cause.is_kin(cause) || when.now.since(self.until) > FORGET {
                self.strikes = 0;
            }
            let until = when.until(cause, hint, self.strikes);
            *self = Self { strikes: self.strikes.saturating_add(1), until, ..Self::first(cause, hint, when) };
            return true;
        }
        let Some(until) = hint.map(|wait| when.ended.plus(wait)) else { return false };
        let replaces = open && !self.named && self.cause.is_kin(cause);
        if until > self.until || replaces {
            *self = Self { until, since: when.now, cause, named: true, ..self.clone() };
            return true;
        }
        false
    }

    /// The wait that the provider named, as near as is known.
    pub fn said(&self) -> Option<Duration> {
        (self.named && self.cause != Cause::Operator).then(|| self.until.since(self.since))
    }

    fn standing(&self, now: Millis) -> Standing {
        // A call can still be out when a late report opens the window again.
        let end = self.probe.map_or(self.until, |(_, end)| end.max(self.until));
        if end > now { Standing::Resting(end) } else { Standing::Due }
    }
}

/// Whether an account may be asked for a model.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Standing {
    Well,
    /// By one call, which finds out.
    Due,
    Resting(Millis),
}

/// All windows of one account.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Health {
    #[serde(rename = "a", default, skip_serializing_if = "Option::is_none")]
    pub whole: Option<Rest>,
    #[serde(rename = "m", default, skip_serializing_if = "BTreeMap::is_empty")]
    pub models: BTreeMap<String, Rest>,
}

impl Health {
    pub fn is_empty(&self) -> bool {
        self.whole.is_none() && self.models.is_empty()
    }

    /// Whether anything is different afterwards.
    pub fn fail(&mut self, model: &str, fault: &Fault, when: When) -> bool {
        let Some((cause, scope)) = Cause::of(fault) else { return false };
        let hint = named(fault);
        let rest = match scope {
            Scope::Account => self.whole.as_mut(),
            Scope::Model => self.models.get_mut(model),
        };
        if let Some(rest) = rest {
            return rest.fail(cause, hint, when);
        }
        let rest = Rest::first(cause, hint, when);
        match scope {
            Scope::Account => self.whole = Some(rest),
            Scope::Model => {
                self.forget(when.now);
                self.models.insert(model.to_owned(), rest);
            }
        }
        true
    }

    /// The operator's word: for `wait` from now, whatever was known before.
    pub fn rest(&mut self, model: Option<&str>, wait: Duration, now: Millis) {
        let rest = Rest::first(Cause::Operator, Some(wait), When { began: now, ended: now, now });
        match model {
            None => self.whole = Some(rest),
            Some(model) => {
                self.forget(now);
                self.models.insert(model.to_owned(), rest);
            }
        }
    }

    /// An answer proves the model, and the account as a whole, unless something went wrong since it began.
    pub fn succeed(&mut self, model: &str, began: Millis) -> bool {
        let proven = |rest: &mut Rest| rest.since < began;
        let whole = self.whole.take_if(proven).is_some();
        let known = self.models.get_mut(model).is_some_and(proven);
        whole | (known && self.models.remove(model).is_some())
    }

    fn forget(&mut self, now: Millis) {
        self.models.retain(|_, rest| rest.until.plus(FORGET) > now);
        if self.models.len() >= MODELS
            && let Some(first) = self.models.iter().min_by_key(|(_, rest)| rest.until).map(|(model, _)| model.clone())
        {
            self.models.remove(&first);
        }
    }

    /// The windows that concern `model`.
    pub fn rests(&self, model: &str) -> impl Iterator<Item = &Rest> {
        self.whole.iter().chain(self.models.get(model))
    }

    pub fn standing(&self, model: &str, now: Millis) -> Standing {
        self.rests(model).map(|rest| rest.standing(now)).max().unwrap_or(Standing::Well)
    }

    /// Why `model` rests, by the window that ends last.
    pub fn why(&self, model: &str) -> Option<Cause> {
        self.rests(model).max_by_key(|rest| rest.until).map(|rest| rest.cause)
    }

    /// Give the one call of this window to `lease`. Whether there was a window.
    pub fn probe(&mut self, model: &str, lease: u64, now: Millis) -> bool {
        let mut found = false;
        for rest in self.whole.iter_mut().chain(self.models.get_mut(model)) {
            rest.probe = Some((lease, now.plus(PROBE)));
            found = true;
        }
        found
    }

    /// `lease` found nothing out.
    pub fn release(&mut self, model: &str, lease: u64) {
        for rest in self.whole.iter_mut().chain(self.models.get_mut(model)) {
            rest.probe.take_if(|(holder, _)| *holder == lease);
        }
    }

    /// Nothing here can matter any more.
    pub fn is_stale(&self, now: Millis) -> bool {
        self.whole.iter().chain(self.models.values()).all(|rest| now.since(rest.until) > LONGEST)
    }
}
