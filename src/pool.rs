//! Which account answers next. A pure state machine: time is an argument, state is plain data.
//!
//! ```text
//!  Ask ──> plan ──> lanes (one per model and provider): whose turn is it, who rests ──> up to 4 candidates, a lease
//!                     ^                                                                          |
//!  Settlement ──> report ──> cooldowns, probes, affinity, the place of the lease <───────────────+
//! ```
//!
//! Order: the tiers of the ask, then the accounts' priority, then the conversation's own account, then turns by weight. A
//! conversation that moved to another account of the same priority stays there; one that had to leave its priority comes
//! back to it.
//!
//! Stored by the caller, as small rows: cooldowns with their strikes, one row per account; affinity, one row per
//! conversation. A restart forgets leases (every place is free again), probes (a limited account may be probed once
//! more), turns (they begin at a place drawn by weight), up to half an hour of a conversation's hour, and how providers
//! have been doing lately.

mod affinity;
mod cooldown;
mod explain;
mod gauge;
mod lane;
mod lease;
mod operate;
mod plan;
mod report;
mod rows;

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use serde::{Deserialize, Serialize};

use self::affinity::Affinity;
use self::cooldown::Health;
use self::gauge::{Breaker, Firsts};
use self::lane::Lane;
use self::lease::Leases;
use crate::fault::{Failure, Fault, Kind, Millis};
use crate::ir::event::Usage;
use crate::upstream::quota::Window;

pub use self::cooldown::Cause;
pub use self::explain::{Considered, Explanation, Resting, Standing};
pub use self::gauge::Pace;
pub use self::operate::Look;

/// An account as the pool sees it: no credential.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct Account {
    pub id: String,
    pub provider: String,
    /// For people.
    #[serde(skip_serializing_if = "String::is_empty")]
    pub label: String,
    /// Lower goes first.
    pub priority: u32,
    /// Share among equals; with 0 the account is off.
    pub weight: u32,
    pub enabled: bool,
    /// Models it may serve, `*` stands for any text; none named: all.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub allow: Vec<String>,
    /// Models it may not serve, stronger than `allow`.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub deny: Vec<String>,
    /// Calls at a time.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub cap: Option<u32>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub group: Option<String>,
}

impl Default for Account {
    fn default() -> Self {
        Self {
            id: String::new(),
            provider: String::new(),
            label: String::new(),
            priority: 0,
            weight: 1,
            enabled: true,
            allow: Vec::new(),
            deny: Vec::new(),
            cap: None,
            group: None,
        }
    }
}

/// What a call needs of the pool.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct Ask {
    /// In the order they should be tried; accounts of one tier share the load.
    pub tiers: Vec<Vec<Goal>>,
    /// The conversation, which stays with its account while that is well.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub affinity: Option<u64>,
    #[serde(default, skip_serializing_if = "Strategy::is_default")]
    pub strategy: Strategy,
}

/// How equals share the load.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Strategy {
    /// In turn, by weight.
    #[default]
    Weighted,
    /// The first until it is limited, then the second.
    FillFirst,
    /// The one with the fewest calls under way for its weight.
    LeastUsed,
}

impl Strategy {
    fn is_default(&self) -> bool {
        *self == Self::default()
    }
}

/// A provider and its name for the model.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct Goal {
    pub provider: String,
    pub model: String,
    /// Share of this goal in its tier. If no goal of a tier has one, the accounts' weights decide alone.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub weight: Option<u32>,
    /// One account's id, or a group of accounts, to stay within.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub only: Option<String>,
}

#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct Candidate {
    pub account: String,
    pub provider: String,
    pub model: String,
    /// The one call that finds out whether a limited account is back. How it went should be reported as soon as it
    /// is known, not at the end of the answer.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub probe: bool,
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Plan {
    pub lease: u64,
    /// Failover needs no further round trip.
    pub candidates: Vec<Candidate>,
    /// The next is asked beside one that says nothing for so long.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub hedge_ms: Option<u64>,
}

/// Why nobody can be asked.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Denial {
    /// No account of any provider that has the model.
    NoAccount,
    /// All of them rest; the first is back at `until`.
    Cooling { until: Millis, why: String },
    /// All that do not rest have as many calls under way as they may. `until` is a guess.
    Busy { until: Millis },
    /// The pool itself could not be asked.
    Unavailable,
}

/// The code of [`Denial::Busy`].
pub const BUSY: &str = "pool_busy";

impl Denial {
    pub fn failure(&self, now: Millis) -> Failure {
        // A client that comes back a moment early would only be told to wait again: round up.
        let seconds = |until: &Millis| {
            Duration::from_secs(until.since(now).as_millis().div_ceil(1000).try_into().unwrap_or(u64::MAX))
        };
        match self {
            Self::NoAccount => Failure::new(Kind::NotFound, "no account offers this model").code("model_not_found"),
            Self::Busy { until } => {
                let message = "every account for this model has as many calls under way as it may";
                Failure::new(Kind::RateLimited, message).code(BUSY).retry_after(Some(seconds(until)))
            }
            Self::Cooling { until, why } => {
                let wait = seconds(until);
                let message = format!("every account for this model is resting for {} s: {why}", wait.as_secs());
                Failure::new(Kind::RateLimited, message).code("pool_cooling").retry_after(Some(wait))
            }
            Self::Unavailable => Failure::new(Kind::Overloaded, "the account pool could not be reached"),
        }
    }
}

#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize)]
pub struct Attempt {
    pub account: String,
    pub provider: String,
    pub model: String,
    pub outcome: Outcome,
    /// A success forgives nothing that went wrong after it had begun.
    #[serde(default)]
    pub began: Millis,
    pub ms: u64,
    /// Until the first content.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub first_ms: Option<u64>,
    /// What the provider told of the account's allowances in passing.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub windows: Vec<Window>,
}

#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Outcome {
    #[default]
    Answered,
    Failed(Fault),
    /// The client left. Nobody's fault.
    Cancelled,
    /// Another account, asked beside this one, was the first to say something.
    Beaten,
}

/// What became of a plan, or of a part of it.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize)]
pub struct Settlement {
    pub lease: u64,
    pub attempts: Vec<Attempt>,
    /// Who was asked for nothing, and read the prompt all the same.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub beaten: Vec<Candidate>,
    pub usage: Usage,
    /// The provider did not say what was used.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub estimated: bool,
    /// Rows of the books that whoever reports could not write.
    #[serde(default, skip_serializing_if = "is_none")]
    pub lost: u64,
    /// Calls that whoever reports planned without the object.
    #[serde(default, skip_serializing_if = "is_none")]
    pub alone: u64,
    /// The call is over; otherwise only its failed attempts are known.
    pub done: bool,
}

fn is_none(count: &u64) -> bool {
    *count == 0
}

/// A row to store: `value` is JSON, `None` removes it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Row {
    pub key: String,
    pub value: Option<String>,
}

#[derive(Debug, Default, Clone)]
pub struct Pool {
    /// Every account heard of. A place in this list is never given to another account; those that are gone keep what
    /// is known of them, in case they come back.
    slots: Vec<Slot>,
    ids: BTreeMap<String, u32>,
    /// In the order of the operator's list.
    providers: BTreeMap<String, Vec<u32>>,
    listed: Vec<u32>,
    lanes: Vec<Lane>,
    /// Turns of the goals of a tier.
    credits: BTreeMap<u64, Vec<i64>>,
    affinity: Affinity,
    leases: Leases,
    breakers: BTreeMap<String, Breaker>,
    /// When content begins, by provider and model.
    firsts: BTreeMap<(String, String), Firsts>,
    unsaved: BTreeSet<rows::Key>,
    plans: u64,
}

#[derive(Debug, Default, Clone)]
struct Slot {
    account: Account,
    /// In the operator's list.
    present: bool,
    health: Health,
    /// Leases that count against the cap, oldest first.
    held: BTreeSet<u64>,
    pace: BTreeMap<String, Pace>,
}

impl Pool {
    /// The operator's list. Cheap if nothing has changed; otherwise turns begin anew.
    pub fn set_accounts(&mut self, accounts: Vec<Account>) {
        let listed = self.listed.iter().filter_map(|slot| self.slots.get(*slot as usize)).map(|slot| &slot.account);
        if listed.eq(&accounts) {
            return;
        }
        for slot in &mut self.slots {
            slot.present = false;
        }
        self.listed.clear();
        self.providers.clear();
        self.lanes.clear();
        self.credits.clear();
        for account in accounts {
            let number = self.slot(&account.id);
            let Some(slot) = self.slots.get_mut(number as usize) else { continue };
            if std::mem::replace(&mut slot.present, true) {
                continue;
            }
            self.listed.push(number);
            self.providers.entry(account.provider.clone()).or_default().push(number);
            slot.account = account;
        }
    }

    /// How fast `account` serves `model`, if it was measured.
    pub fn pace(&self, account: &str, model: &str) -> Option<Pace> {
        let slot = self.slots.get(*self.ids.get(account)? as usize)?;
        slot.pace.get(model).copied()
    }

    /// How fast the fastest account of `provider` serves `model`, of those that were measured.
    pub fn best_pace(&self, provider: &str, model: &str) -> Option<Pace> {
        let slots =
            self.providers.get(provider).into_iter().flatten().filter_map(|slot| self.slots.get(*slot as usize));
        let paces = slots.filter_map(|slot| slot.pace.get(model).copied());
        paces.min_by(|a, b| a.first_ms.total_cmp(&b.first_ms))
    }

    /// How long 95 of 100 answers to `ask` took until their first content, if enough of them are known.
    pub fn usual_first_ms(&self, ask: &Ask) -> Option<u64> {
        let mut goals: Vec<(&str, &str)> =
            ask.tiers.iter().flatten().map(|goal| (goal.provider.as_str(), goal.model.as_str())).collect();
        goals.sort_unstable();
        goals.dedup();
        let known = goals
            .iter()
            .filter_map(|(provider, model)| self.firsts.get(&((*provider).to_owned(), (*model).to_owned())));
        gauge::p95(known.flat_map(Firsts::iter))
    }

    /// Whether nearly everything sent to `provider` in the last minute failed.
    pub fn is_broken(&self, provider: &str, now: Millis) -> bool {
        self.breakers.get(provider).is_some_and(|breaker| breaker.is_open(now))
    }

    /// Calls that have not reported their end.
    pub fn under_way(&self) -> usize {
        self.leases.len()
    }

    /// Conversations bound, calls under way, lanes.
    #[cfg(test)]
    pub fn sizes(&self) -> (usize, usize, usize) {
        (self.affinity.len(), self.leases.len(), self.lanes.len())
    }

    /// The place of an account, known or not.
    fn slot(&mut self, id: &str) -> u32 {
        if let Some(slot) = self.ids.get(id) {
            return *slot;
        }
        let number = u32::try_from(self.slots.len()).unwrap_or(u32::MAX);
        let account = Account { id: id.to_owned(), ..Account::default() };
        self.slots.push(Slot { account, ..Slot::default() });
        self.ids.insert(id.to_owned(), number);
        number
    }
}
