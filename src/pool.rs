//! Which account answers next. A pure state machine: time is an argument, state is plain data.

use std::collections::BTreeMap;
use std::time::Duration;

use serde::{Deserialize, Serialize};

use crate::fault::{Failure, Fault, Kind, Millis, Scope};
use crate::ir::event::Usage;

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
                Failure::new(Kind::RateLimited, message).code("pool_busy").retry_after(Some(seconds(until)))
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

#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
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
}

#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Outcome {
    #[default]
    Answered,
    Failed(Fault),
    /// The client left. Nobody's fault.
    Cancelled,
}

/// What became of a plan, or of a part of it.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct Settlement {
    pub lease: u64,
    pub attempts: Vec<Attempt>,
    pub usage: Usage,
    /// The call is over; otherwise only its failed attempts are known.
    pub done: bool,
}

/// A row to store: `value` is JSON, `None` removes it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Row {
    pub key: String,
    pub value: Option<String>,
}

/// The Durable Object that knows the accounts of `provider`. One object knows them all: a fallback chain crosses
/// providers and must be one round trip, and one object takes more requests than one Worker's free day has.
pub fn shard(provider: &str) -> String {
    let _ = provider;
    "pool".to_owned()
}

/// Candidates in one plan.
const CANDIDATES: usize = 4;

#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
struct Cooldown {
    until: Millis,
    strikes: u32,
    why: String,
}

#[derive(Debug, Default, Clone, Serialize, Deserialize)]
pub struct Pool {
    #[serde(skip)]
    accounts: Vec<Account>,
    /// By account, then model; the empty model is the whole account.
    cooldowns: BTreeMap<String, BTreeMap<String, Cooldown>>,
    turn: u64,
}

impl Pool {
    pub fn set_accounts(&mut self, accounts: Vec<Account>) {
        self.accounts = accounts;
    }

    pub fn plan(&mut self, ask: &Ask, now: Millis) -> Result<Plan, Denial> {
        let mut candidates: Vec<Candidate> = Vec::new();
        let mut resting: Option<(Millis, String)> = None;
        self.turn = self.turn.wrapping_add(1);
        for tier in &ask.tiers {
            let mut ready: Vec<(&Account, &Goal)> = Vec::new();
            for goal in tier {
                for account in self.accounts.iter().filter(|a| a.enabled && a.provider == goal.provider) {
                    match self.rest(&account.id, &goal.model).filter(|rest| rest.until > now) {
                        None => ready.push((account, goal)),
                        Some(rest) => {
                            if resting.as_ref().is_none_or(|(until, _)| rest.until < *until) {
                                resting = Some((rest.until, rest.why.clone()));
                            }
                        }
                    }
                }
            }
            ready.sort_by_key(|(account, _)| account.priority);
            let top = ready.first().map_or(0, |(first, _)| {
                ready.iter().take_while(|(account, _)| account.priority == first.priority).count()
            });
            if let Some(top) = ready.get_mut(..top).filter(|top| !top.is_empty()) {
                let shift = ask.affinity.unwrap_or(self.turn) % top.len() as u64;
                top.rotate_left(usize::try_from(shift).unwrap_or(0));
            }
            for (account, goal) in ready {
                if candidates.len() < CANDIDATES && !candidates.iter().any(|c| c.account == account.id) {
                    candidates.push(Candidate {
                        account: account.id.clone(),
                        provider: account.provider.clone(),
                        model: goal.model.clone(),
                        probe: false,
                    });
                }
            }
        }
        match (candidates.is_empty(), resting) {
            (false, _) => Ok(Plan { lease: self.turn, candidates }),
            (true, Some((until, why))) => Err(Denial::Cooling { until, why }),
            (true, None) => Err(Denial::NoAccount),
        }
    }

    /// Rows that were saved from [`Pool::changes`], in any order, before or after [`Pool::set_accounts`].
    pub fn load(&mut self, rows: impl IntoIterator<Item = (String, String)>, now: Millis) {
        let _ = (rows.into_iter().count(), now);
    }

    /// What must be stored since the last time this was asked.
    pub fn changes(&mut self) -> Vec<Row> {
        Vec::new()
    }

    /// Forget every rest of `account`: the operator knows better.
    pub fn reset(&mut self, account: &str, now: Millis) {
        let _ = (self.cooldowns.remove(account), now);
    }

    /// Take in what happened. Returns whether anything that must survive a restart has changed.
    pub fn report(&mut self, settlement: &Settlement, now: Millis) -> bool {
        let mut changed = false;
        for attempt in &settlement.attempts {
            changed |= match &attempt.outcome {
                Outcome::Answered => self.succeeded(&attempt.account, &attempt.model),
                Outcome::Failed(fault) => self.failed(&attempt.account, &attempt.model, fault, now),
                Outcome::Cancelled => false,
            };
        }
        changed
    }

    fn succeeded(&mut self, account: &str, model: &str) -> bool {
        let Some(models) = self.cooldowns.get_mut(account) else { return false };
        let changed = models.remove(model).is_some() | models.remove("").is_some();
        if models.is_empty() {
            self.cooldowns.remove(account);
        }
        changed
    }

    fn failed(&mut self, account: &str, model: &str, fault: &Fault, now: Millis) -> bool {
        let Some(scope) = scope(fault) else { return false };
        let key = if scope == Scope::Account { "" } else { model };
        let rest = self.cooldowns.entry(account.to_owned()).or_default().entry(key.to_owned()).or_default();
        let open = rest.until > now;
        if !open || named_wait(fault).is_some() {
            rest.until = rest.until.max(now.plus(wait(fault, rest.strikes)));
            fault.name().clone_into(&mut rest.why);
        }
        // A burst of calls failing inside one window is one strike.
        rest.strikes += u32::from(!open);
        true
    }

    fn rest(&self, account: &str, model: &str) -> Option<&Cooldown> {
        let models = self.cooldowns.get(account)?;
        [models.get(""), models.get(model)].into_iter().flatten().max_by_key(|rest| rest.until)
    }
}

fn scope(fault: &Fault) -> Option<Scope> {
    match fault {
        Fault::Rejected => None,
        Fault::Quota { scope, .. } | Fault::RateLimited { scope, .. } => Some(*scope),
        Fault::Overloaded | Fault::ModelMissing | Fault::Transport | Fault::Malformed => Some(Scope::Model),
        Fault::Unauthorized | Fault::Suspended => Some(Scope::Account),
    }
}

const SECOND: Duration = Duration::from_secs(1);
const MINUTE: Duration = Duration::from_secs(60);
/// No provider's window is longer; a longer wait is a mistake in a header.
const LONGEST: Duration = Duration::from_secs(7 * 24 * 3600);

fn named_wait(fault: &Fault) -> Option<Duration> {
    match fault {
        Fault::Quota { wait, .. } | Fault::RateLimited { wait, .. } => wait.map(|wait| wait.min(LONGEST)),
        _ => None,
    }
}

fn wait(fault: &Fault, strikes: u32) -> Duration {
    let double = |first: Duration, most: Duration| first.saturating_mul(1 << strikes.min(20)).min(most);
    named_wait(fault).unwrap_or_else(|| match fault {
        Fault::Rejected => Duration::ZERO,
        Fault::Unauthorized => 30 * MINUTE,
        Fault::Suspended => double(MINUTE, 30 * MINUTE),
        Fault::ModelMissing => 10 * MINUTE,
        Fault::Quota { .. } | Fault::RateLimited { .. } => double(SECOND, 30 * MINUTE),
        Fault::Overloaded | Fault::Transport | Fault::Malformed => double(5 * SECOND, MINUTE),
    })
}
